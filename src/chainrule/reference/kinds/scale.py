"""The scale layer: every input times a factor of its own that is learned, before the first layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.layer_kind import LayerKind, LayerOfStep, Narration, Share, Tensor, Tensors
from chainrule.text import numpy_lines as code
from chainrule.text.sums import same_bits
from chainrule.text.tables import factor, number, wrapped
from chainrule.text.terms import Origin, Term, origin_of, products
from chainrule.words import sentences


def scale_forward(x: Array, scale: Array) -> Array:
    """Every input times its factor.

        a = scale ⊙ x

    Arguments: x (n, n_in); scale (n_in,). Returns a (n, n_in).

    Source: Holzmüller, Grinsztajn, Steinwart (2024), "Better by default", section 3, the scaling layer of RealMLP.

    Examples
    --------
    >>> scale_forward(np.array([[1.0, 2.0]]), np.array([3.0, 0.5])).tolist()
    [[3.0, 1.0]]
    """
    return x * scale


def scale_backward(x: Array, scale: Array, da: Array) -> tuple[Array, Array]:
    """The gradients of a scale layer.

        dx = da ⊙ scale;   dscale = Σ_i da_i ⊙ x_i

    Arguments: x, da (n, n_in); scale (n_in,). Returns dx (n, n_in), dscale (n_in,).
    """
    return da * scale, (da * x).sum(axis=0)


# the entry's view of them ------------------------------------------------------------------------------------------


def _forward(x: Array, tensors: Tensors) -> Array:
    return scale_forward(x, tensors["scale"])


def _backward(x: Array, tensors: Tensors, da: Array) -> tuple[Array, dict[str, Array]]:
    dx, dscale = scale_backward(x, tensors["scale"], da)
    return dx, {"scale": dscale}


def _R_forward(x: Array, Rx: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
    return x * Rtensors["scale"] + Rx * tensors["scale"]


def _R_backward(
    x: Array, Rx: Array, tensors: Tensors, Rtensors: Tensors, da: Array, Rda: Array
) -> tuple[Array, dict[str, Array]]:
    Rdx = Rda * tensors["scale"] + da * Rtensors["scale"]
    return Rdx, {"scale": (Rda * x + da * Rx).sum(axis=0)}


def _circuit(c: Any, x: list[int], tensors: Tensors, l: int) -> list[int]:
    scale = tensors["scale"]
    return [
        c.gate("multiply", c.input(f"scale{l}[{j}]", float(scale[j])), x_j, name=f"a{l}[{j}]")
        for j, x_j in enumerate(x)
    ]


# how it is told ------------------------------------------------------------------------------------------------------


def _row(layer: LayerOfStep, row: int, name: Any, words: Mapping[str, str]) -> list[str]:
    scale = layer.tensors["scale"]
    return wrapped(words["row"].format(low=number(scale.min()), high=number(scale.max())), 2)


def _unit(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
    l, x, by = layer.l, layer.z[row, j], layer.tensors["scale"][j]
    text = f"{name.entry('a', l, j)} = {name.entry('scale', l, j)} · x[{j}] = {number(by)} · {factor(x)}"
    return wrapped(f"{text} = {number(layer.u[row, j])}", 4, hang=4)


def _error(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
    l, da, by = layer.l, layer.du[row, j], layer.tensors["scale"][j]
    text = f"dx[{j}] = {name.entry('da', l, j)} · {name.entry('scale', l, j)} = {number(da)} · {factor(by)}"
    return wrapped(f"{text} = {number(layer.delta[row, j])}", 4, hang=4)


def _gradients(layer: LayerOfStep, row: int, j: int, name: Any) -> list[Share]:
    l, da, x = layer.l, float(layer.du[row, j]), float(layer.z[row, j])
    words = f"{name.entry('da', l, j)} · x[{j}] = {factor(da)} · {factor(x)}"
    return [Share(words, da * x, float(layer.gradients["scale"][j]), name.entry("dscale", l, j))]


_EQUATIONS = {
    "batch": {
        "u": "a{l} = scale{l} ⊙ x", "back": "dX = da{l} ⊙ scale{l}", "gradients": "dscale{l} = Σ_i da{l}[i] ⊙ x[i]",
    },
    "note": {
        "u": "a{l} = scale{l} ⊙ x", "back": "∂J/∂x = da{l} ⊙ scale{l}", "gradients": "dscale{l} = Σ_i da{l} ⊙ x",
    },
    "nielsen": {
        "u": "a^{l}_j = scale^{l}_j x_j", "back": "∂C/∂x_j = da^{l}_j scale^{l}_j",
        "gradients": "dscale^{l}_j = Σ_x da^{l}_j x_j",
    },
}  # fmt: skip


# where its numbers come from -----------------------------------------------------------------------------------------


def _why_a(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """a[0][i,j] = scale[j]·X[i,j]."""
    (i, j), l = at, layer.l
    by, x, value = layer.tensors["scale"][j], layer.z[i, j], layer.u[i, j]
    names = (f"scale{l}[{j}]", f"X[{i},{j}]")
    terms = products([names], np.asarray([by]), np.asarray([x]))
    return origin_of(
        f"a{l}[{i},{j}] = scale{l}[{j}]·X[{i},{j}]", terms, f"a{l}[{i},{j}]", None,
        same_bits(by * x, value), operands=list(names),
        lines=code.value_alone(float(by) * float(x), value, "scale·x in float64"),
    )  # fmt: skip


def _why_dX(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """dX[i,j] = da[0][i,j]·scale[j]."""
    (i, j), l = at, layer.l
    by, da, value = layer.tensors["scale"][j], layer.du[i, j], layer.delta[i, j]
    names = (f"da{l}[{i},{j}]", f"scale{l}[{j}]")
    return origin_of(
        f"dX[{i},{j}] = {names[0]}·{names[1]}", products([names], np.asarray([da]), np.asarray([by])), f"dX[{i},{j}]",
        None, same_bits(da * by, value), operands=list(names),
        lines=code.value_alone(float(da) * float(by), value, "da·scale in float64"),
    )  # fmt: skip


def _why_dscale(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """dscale[j] = Σ_i da[0][i,j]·X[i,j], one term for every row of the batch."""
    (j,), l = at, layer.l
    da, x = layer.du[:, j].astype(np.float64), layer.z[:, j].astype(np.float64)
    terms = [
        Term(f"da{l}[{i},{j}] · X[{i},{j}]", ((f"da{l}[{i},{j}]", float(d)), (f"x[{i}]", float(v))),
             float(d) * float(v), i, int(layer.rows[i]))
        for i, (d, v) in enumerate(zip(da, x, strict=True))
    ]  # fmt: skip
    return origin_of(
        f"dscale{l}[{j}] = Σ_i da{l}[i,{j}]·X[i,{j}]", terms, f"dscale{l}[{j}]", None, False,
        operands=[f"da{l}[{i},{j}]" for i in range(len(da))],
        lines=code.product(da, x, False, dtype, layer.gradients["scale"][j], f"da{l}", "X"),
    )  # fmt: skip


SCALE = LayerKind(
    name="scale", label="scale layer", call="scale", tensors=(Tensor(name="scale", start=1.0),), mixes=False,
    forward=_forward, backward=_backward, R_forward=_R_forward, R_backward=_R_backward,
    narration=Narration(
        equations=_EQUATIONS, words=sentences("scale_layer"), row=_row, unit=_unit, error=_error,
        gradients=_gradients, diagram={"scale": "Σ_i da{l} ⊙ x"},
    ),
    why={"u": _why_a, "delta": _why_dX, "dscale": _why_dscale}, circuit=_circuit,
)  # fmt: skip
