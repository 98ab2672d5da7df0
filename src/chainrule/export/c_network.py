"""The networks as C: their weights, one function for a forward pass, and what their outputs become."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.export import c_text
from chainrule.export.subject import Format, Subject
from chainrule.network.architecture import Dense
from chainrule.pipeline.target import Classes, Labels, Values, class_text
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named

Array = npt.NDArray[Any]
C = Format(
    name="C",
    has_activation=lambda entry: entry.c is not None,
    has_kind=lambda kind: kind.c is not None,
    entry_field="c=…",
)
TARGET_FIELDS = {
    Classes: ("columns", "classes", "positive", "temperature"),  # which the weights of the networks have already
    Labels: ("columns", "words"),
    Values: ("columns", "mean", "scale", "logarithm", "unit", "high"),
}


def refuse_target(subject: Subject) -> None:
    """SettingsError for what a prediction has beside its point or its probabilities, and C has no text for."""
    loss = subject.architecture.loss
    if loss_named(loss).n_heads > 1:
        raise SettingsError(
            f"loss={loss!r}: predicts levels beside each value, which are not exported to C. Train with a loss of one "
            "output for each target, such as squared_error."
        )
    target = None if subject.pipeline is None else subject.pipeline.target
    if target is None:
        return
    for item in fields(target):
        if item.name not in TARGET_FIELDS.get(type(target), ()) and getattr(target, item.name) is not None:
            raise SettingsError(f"the target has a {item.name}, which is not exported to C. Train without it.")


def returned(subject: Subject) -> str:
    """What the function says it does."""
    if subject.networks[0].kind == "class":
        return "Probabilities go to `out`; the index of the predicted class is returned."
    if subject.networks[0].kind == "labels":
        return "The probability of each label goes to `out`; 0 is returned. From 0.5 on the label is predicted."
    return "Predictions go to `out`; 0 is returned."


def n_predicted(subject: Subject) -> int:
    """How many numbers a prediction has: of one sigmoid of classes two probabilities."""
    a = subject.architecture
    return 2 if _is_one_sigmoid(subject) else a.n_outputs


def names_of_outputs(subject: Subject) -> list[str]:
    """Classes, labels or columns."""
    if subject.pipeline is None:
        return [f"output {j}" for j in range(n_predicted(subject))]
    target = subject.pipeline.target
    return [class_text(name) for name in target.classes] if isinstance(target, Classes) else list(target.columns)


def weights(subject: Subject) -> str:
    """Every tensor of every member, and the table of them."""
    parts, table = [], []
    for k, network in enumerate(subject.networks):
        names = []
        for name, tensor in network.parameters.named():
            names.append(f"{name}_{k}")
            parts.append(c_text.numbers("real", names[-1], tensor))
        table.append("{" + ", ".join(names) + "}")
    n = len(table[0].split(","))
    rows = ",\n  ".join(table)
    parts.append(f"static const real *const members[{len(table)}][{n}] = {{\n  {rows}}};\n")
    return "\n".join(parts)


def forward(subject: Subject) -> str:
    """A function for each activation, and the forward pass of a member."""
    a = subject.architecture
    own = [ACTIVATIONS[name] for name in dict.fromkeys(layer.activation for layer in a.layers)]
    text = "\n".join(
        f"static real activation_{g.name}(real z) {{ return {g.c}; }}\n"
        for g in own
        if g.elementwise and not g.straight
    )
    widest, n_parameters = max(a.sizes[1:]), 0
    lines = [f"  real room[2][{widest}];", "  real *z;", "  int j;"]
    for l, layer in enumerate(a.layers, start=1):
        lines += _layer(layer, l, n_parameters, last=l == len(a.layers), keeps=_is_one_sigmoid(subject))
        n_parameters += len(layer.tensors)
    lines += [f"  for (j = 0; j < {a.n_outputs}; ++j) out[j] = x[j];"]
    keeps = ", real *last_z" if _is_one_sigmoid(subject) else ""
    head = "/* the outputs of a member from the inputs x */\n"
    head += f"static void network(const real *const *tensor, const real *x, real *out{keeps}) {{\n"
    return f"{text}\n{head}" + "\n".join(lines) + "\n}\n"


def _layer(layer: Dense, l: int, first: int, *, last: bool, keeps: bool) -> list[str]:
    """The lines of one layer, whose tensors begin at `first`."""
    g, n, small = ACTIVATIONS[layer.activation], layer.n_out, "SMALL_OUTPUT" if last else "SMALL"
    lines = [
        f"  z = room[{l % 2}];",
        f"  dense(x, tensor[{first}], tensor[{first + 1}], {layer.n_in}, {n}, {small}, z);",
    ]
    if layer.kind is not None and layer.kind.c is not None:
        tensors = {t.name: f"tensor[{first + 2 + i}]" for i, t in enumerate(layer.kind.tensors)}
        lines.append(f"  {_of_row(layer.kind.c.format(**tensors), n, small)};")
    lines += ["  *last_z = z[0];"] if last and keeps else []
    if not g.elementwise:
        lines.append(f"  {_of_row(str(g.c), n, small)};")
    elif not g.straight:
        lines.append(f"  for (j = 0; j < {n}; ++j) z[j] = settled(activation_{g.name}(z[j]), {small});")
    if layer.residual:
        lines.append(f"  for (j = 0; j < {n}; ++j) z[j] = x[j] + z[j];")
    return [*lines, "  x = z;"]


def _of_row(call: str, n: int, small: str) -> str:
    """A call with its row, their number and what counts as 0."""
    name, _, rest = call.partition("(")
    arguments = [{"n": str(n), "small": small}.get(part.strip(), part.strip()) for part in rest.rstrip(")").split(",")]
    return f"{name}({', '.join(arguments)})"


def _is_one_sigmoid(subject: Subject) -> bool:
    """Whether one output gives the probabilities of two classes."""
    a = subject.architecture
    return a.n_outputs == 1 and subject.networks[0].kind == "class" and loss_named(a.loss).of_classes


def combined(subject: Subject) -> str:
    """The lines that make `out` of the inputs x: the mean of the members, and its unit or class."""
    a, k = subject.architecture, len(subject.networks)
    lines = [f"  real y[{a.n_outputs}];"]
    if _is_one_sigmoid(subject):
        g = ACTIVATIONS[a.output]
        rest = f"settled(activation_{g.name}(-z), SMALL_OUTPUT)"
        lines += ["  real z;", "  int m;", "  out[0] = out[1] = 0;", f"  for (m = 0; m < {k}; ++m) {{"]
        lines += ["    network(members[m], x, y, &z);", f"    out[0] += y[0] > (real)0.5 ? {rest} : 1 - y[0];"]
        lines += ["    out[1] += y[0];", "  }"]
        lines += [f"  out[0] /= {k};", f"  out[1] /= {k};"] if k > 1 else []
        return "\n".join([*lines, "  return out[1] >= 0.5;"])
    n = a.n_outputs
    lines += ["  int m, j;", f"  for (j = 0; j < {n}; ++j) out[j] = 0;", f"  for (m = 0; m < {k}; ++m) {{"]
    lines += ["    network(members[m], x, y);", f"    for (j = 0; j < {n}; ++j) out[j] += y[j];", "  }"]
    lines += [f"  for (j = 0; j < {n}; ++j) out[j] /= {k};"] if k > 1 else []
    return "\n".join([*lines, *_decoded(subject)])


def _decoded(subject: Subject) -> list[str]:
    """The lines that end in the class, or in values in their own unit."""
    n, target = subject.architecture.n_outputs, None if subject.pipeline is None else subject.pipeline.target
    if subject.networks[0].kind == "class":
        return ["  m = 0;", f"  for (j = 0; j < {n}; ++j) {{", "    if (out[j] != out[j]) return j;",
                "    if (out[j] > out[m]) m = j;", "  }", "  return m;"]  # fmt: skip
    if not isinstance(target, Values):
        return ["  return 0;"]
    lines = [f"  for (j = 0; j < {n}; ++j) out[j] = out[j] * target_scale[j] + target_mean[j];"]
    if target.logarithm:
        lines += [
            f"  for (j = 0; j < {n}; ++j) {{",
            "    const double v = target_unit[j] * expm1(out[j] > 700 ? 700 : out[j]);",
            "    out[j] = v < 0 ? 0 : v > target_high[j] ? target_high[j] : v;",
            "  }",
        ]
    return [*lines, "  return 0;"]


def target_tables(subject: Subject) -> str:
    """The constants that values are taken back to their unit by."""
    target = None if subject.pipeline is None else subject.pipeline.target
    if not isinstance(target, Values):
        return ""
    names = ["mean", "scale", *(("unit", "high") if target.logarithm else ())]
    return "\n".join(c_text.numbers("double", f"target_{name}", getattr(target, name)) for name in names)


def dtype_of(network: Network) -> type[np.floating[Any]]:
    """The type of its numbers."""
    return np.float32 if network.parameters.flat.itemsize == 4 else np.float64
