"""Where the numbers of a layer's kind come from: u, delta back through it, the gradients of what it learns.

The entry of the kind tells it; where it does not, its two passes do: u by itself, delta by what z does to every u,
a gradient by what every row gives to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.step_context import Array, StepContext
from chainrule.reference.layer_kind import LayerKind, LayerOfStep, Tensors
from chainrule.text import numpy_lines as code
from chainrule.text.sums import same_bits
from chainrule.text.terms import Origin, Term, exact_sum, origin_of


def of_kind(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """u[l][i,j], delta[l][i,j] of a layer with a kind, or the gradient of one of its tensors."""
    kind, layer = context.kind(e.l), context.layer(e.l)
    value = _recorded(layer, e)
    if e.kind in kind.why:
        return value, kind.why[e.kind](layer, e.at, context.dtype)
    if e.kind == "u":
        return value, _of_u(kind, layer, e)
    return value, _of_delta(kind, layer, e) if e.kind == "delta" else _of_gradient(kind, layer, e)


def _recorded(layer: LayerOfStep, e: TensorEntry) -> Any:
    array = layer.u if e.kind == "u" else layer.delta if e.kind == "delta" else layer.gradients[e.kind[1:]]
    return array[e.at]


def _wide(tensors: Tensors) -> dict[str, Array]:
    return {name: tensor.astype(np.float64) for name, tensor in tensors.items()}


def _of_u(kind: LayerKind, layer: LayerOfStep, e: TensorEntry) -> Origin:
    """u by the kind's forward pass, done again."""
    (i, j), l, value = e.at, e.l, layer.u[e.at]
    wide = float(kind.forward(layer.z[i : i + 1].astype(np.float64), _wide(layer.tensors))[0, j])
    units = range(layer.z.shape[1]) if kind.mixes else [j]
    came = f"z{l}" if l else "X"
    operands = [f"{came}[{i},{k}]" for k in units]
    operands += [f"{t.name}{l}[{j}]" for t in kind.tensors if layer.tensors[t.name].shape == layer.z.shape[1:]]
    row = f"{came}[{i}]" if kind.mixes else f"{came}[{i},{j}]"
    learned = "".join(f", {t.name}{l}" for t in kind.tensors)
    name = f"{kind.call}({row}{learned})"
    exact = same_bits(kind.forward(layer.z, layer.tensors)[i, j], value)
    label = str(e) if l else f"a0[{i},{j}]"
    return origin_of(
        f"{label} = {name}{f'[{j}]' if kind.mixes else ''}", [Term(name, (), wide)], label, None, exact,
        operands=operands, lines=code.value_alone(wide, value, f"{kind.call} in float64"),
    )  # fmt: skip


def _of_delta(kind: LayerKind, layer: LayerOfStep, e: TensorEntry) -> Origin:
    """delta = Σ_k du_k · ∂u_k/∂z_j over the units of the row."""
    (i, j), l, value = e.at, e.l, layer.delta[e.at]
    effect = kind.effect(layer.z[i].astype(np.float64), _wide(layer.tensors))[j]
    units = range(len(effect)) if kind.mixes else [j]
    du_l, u, z = (f"du{l}", f"u{l}", f"z{l}") if l else ("da0", "a0", "X")
    terms = [
        Term(f"{du_l}[{i},{k}] · ∂{u[0]}_{k}/∂{z[0]}_{j}",
             ((f"{du_l}[{i},{k}]", du), (f"∂{u[0]}/∂{z[0]}", float(effect[k]))), du * float(effect[k]))
        for k, du in ((k, float(layer.du[i, k])) for k in units)
    ]  # fmt: skip
    name = str(e) if l else f"dX[{i},{j}]"
    return origin_of(
        f"BP2  {name} = Σ_k {du_l}[{i},k]·∂{u}[{i},k]/∂{z}[{i},{j}],  {u[0]} = {kind.call}({z[0]})", terms, name, None,
        False, operands=[f"{du_l}[{i},{k}]" for k in units],
        lines=code.value_alone(exact_sum(terms), value, f"back through {kind.call} in float64"),
    )  # fmt: skip


def _of_gradient(kind: LayerKind, layer: LayerOfStep, e: TensorEntry) -> Origin:
    """The gradient of a tensor: what the kind's backward pass gives for every row alone, summed."""
    name, l, tensors = e.kind[1:], e.l, _wide(layer.tensors)
    z, du, value = layer.z.astype(np.float64), layer.du.astype(np.float64), layer.gradients[e.kind[1:]][e.at]
    shares = [float(kind.backward(z[i : i + 1], tensors, du[i : i + 1])[1][name][e.at]) for i in range(len(z))]
    terms = [Term(f"row {i}", (), share, i, int(layer.rows[i])) for i, share in enumerate(shares)]
    at, made = e.at[-1], f"u = {kind.call}(z)" if l else f"a0 = {kind.call}(X)"
    return origin_of(
        f"{e} = Σ_i ∂J_i/∂{name}{l}[{','.join(map(str, e.at))}],  {made}",
        terms, str(e), None, False,
        operands=[f"du{l}[{i},{at}]" for i in range(len(z))] if l and at < z.shape[1] else [],
        lines=code.value_alone(exact_sum(terms), value, "summed over the rows in float64"),
    )  # fmt: skip
