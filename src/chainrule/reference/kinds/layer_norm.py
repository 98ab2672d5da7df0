"""Layer normalisation: every row of z to mean 0 and variance 1 over its units, then a scale and a place of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.layer_kind import LayerKind, LayerOfStep, Narration, Share, Tensor, Tensors
from chainrule.text import numpy_lines as code
from chainrule.text.sums import running_sum, same_bits
from chainrule.text.tables import factor, number, wrapped
from chainrule.text.terms import Origin, Term, exact_sum, origin_of
from chainrule.words import sentences

EPSILON = 1e-5
"""Added to the variance, so that a row of equal numbers has a quotient; PyTorch's LayerNorm has the same."""


def normalised(z: Array) -> tuple[Array, Array]:
    """Rows of mean 0 and variance 1, and what they were divided by.

        x̂ = (z − mean) / √(var + ε), mean and var over the units of a row

    Returns x̂ (n, n_out), √(var + ε) (n, 1).
    """
    centred = z - z.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=1, keepdims=True)  # the rounding of a large mean is all that equal numbers leave
    deviation = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + z.dtype.type(EPSILON))
    deviation[np.isinf(deviation)] = np.nan  # a variance that overflowed would make of every unit a 0
    return centred / deviation, deviation


def layer_norm_forward(z: Array, gain: Array, shift: Array) -> Array:
    """Every row of z brought to mean 0 and variance 1 over its units, then scaled and shifted unit by unit.

        u = gain ⊙ x̂ + shift,   x̂ = (z − mean) / √(var + ε),   ε = 1e-5;
        mean = Σ_j z_j / n_out and var = Σ_j (z_j − mean)² / n_out of each row

    Arguments: z (n, n_out); gain, shift (n_out,). Returns u (n, n_out).

    Source: Ba, Kiros, Hinton (2016), equations 3 and 4; variance and ε as in PyTorch's LayerNorm.

    Examples
    --------
    >>> layer_norm_forward(np.array([[1.0, 3.0, 5.0, 7.0]]), np.full(4, 2.0), np.ones(4)).round(3)
    array([[-1.683,  0.106,  1.894,  3.683]])
    """
    x_hat, _ = normalised(z)
    return gain * x_hat + shift


def layer_norm_backward(z: Array, gain: Array, du: Array) -> tuple[Array, Array, Array]:
    """The gradients of a layer normalisation from ∂J/∂u. Its mean and variance depend on every unit of the row.

        dx̂ = du ⊙ gain;   dgain = Σ_i du_i ⊙ x̂_i;   dshift = Σ_i du_i;
        delta = (dx̂ − mean(dx̂) − x̂ ⊙ mean(dx̂ ⊙ x̂)) / √(var + ε),   means over the units of a row

    Arguments: z (n, n_out): as layer_norm_forward was given it; gain (n_out,); du (n, n_out). Returns delta (n,
    n_out) = ∂J/∂z, dgain (n_out,), dshift (n_out,).

    Source: Ba, Kiros, Hinton (2016); Ioffe, Szegedy (2015), section 3, for the derivative of the quotient.
    """
    x_hat, deviation = normalised(z)
    dx_hat = du * gain
    along = (dx_hat * x_hat).mean(axis=1, keepdims=True)
    delta = (dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * along) / deviation
    return delta, (du * x_hat).sum(axis=0), du.sum(axis=0)


# how the passes change along a direction ------------------------------------------------------------------------


def R_normalised(z: Array, Rz: Array) -> tuple[Array, Array]:
    """The changes of x̂ and of √(var + ε) as z moves along Rz.

        R√ = mean(x̂ ⊙ Rz);   Rx̂ = (Rz − mean(Rz) − x̂ ⊙ R√) / √(var + ε), means over the units of a row

    Returns Rx̂ (n, n_out), R√ (n, 1).
    """
    x_hat, deviation = normalised(z)
    centred = Rz - Rz.mean(axis=1, keepdims=True)
    Rdeviation = (x_hat * centred).mean(axis=1, keepdims=True)
    return (centred - x_hat * Rdeviation) / deviation, Rdeviation


def R_layer_norm_forward(z: Array, Rz: Array, gain: Array, Rgain: Array, Rshift: Array) -> Array:
    """The change of u of a layer normalisation: Ru = Rgain ⊙ x̂ + gain ⊙ Rx̂ + Rshift, (n, n_out)."""
    x_hat, _ = normalised(z)
    return Rgain * x_hat + gain * R_normalised(z, Rz)[0] + Rshift


def R_layer_norm_backward(
    z: Array, Rz: Array, gain: Array, Rgain: Array, du: Array, Rdu: Array
) -> tuple[Array, Array, Array]:
    """The changes of delta, dgain and dshift of a layer normalisation, line by line those of layer_norm_backward.

        Rdx̂ = Rdu ⊙ gain + du ⊙ Rgain;   along = mean(dx̂ ⊙ x̂);   Ralong = mean(Rdx̂ ⊙ x̂ + dx̂ ⊙ Rx̂);
        Rdelta = (Rdx̂ − mean(Rdx̂) − Rx̂ ⊙ along − x̂ ⊙ Ralong − delta ⊙ R√) / √(var + ε);
        Rdgain = Σ_i Rdu_i ⊙ x̂_i + du_i ⊙ Rx̂_i;   Rdshift = Σ_i Rdu_i

    Returns Rdelta (n, n_out), Rdgain (n_out,), Rdshift (n_out,).
    """
    x_hat, deviation = normalised(z)
    Rx_hat, Rdeviation = R_normalised(z, Rz)
    dx_hat, Rdx_hat = du * gain, Rdu * gain + du * Rgain
    along = (dx_hat * x_hat).mean(axis=1, keepdims=True)
    Ralong = (Rdx_hat * x_hat + dx_hat * Rx_hat).mean(axis=1, keepdims=True)
    delta = (dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * along) / deviation
    centred = Rdx_hat - Rdx_hat.mean(axis=1, keepdims=True)
    Rdelta = (centred - Rx_hat * along - x_hat * Ralong - delta * Rdeviation) / deviation
    return Rdelta, (Rdu * x_hat + du * Rx_hat).sum(axis=0), Rdu.sum(axis=0)


# the entry's view of them ------------------------------------------------------------------------------------------


def _forward(z: Array, tensors: Tensors) -> Array:
    return layer_norm_forward(z, tensors["gain"], tensors["shift"])


def _backward(z: Array, tensors: Tensors, du: Array) -> tuple[Array, dict[str, Array]]:
    delta, dgain, dshift = layer_norm_backward(z, tensors["gain"], du)
    return delta, {"gain": dgain, "shift": dshift}


def _R_forward(z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
    return R_layer_norm_forward(z, Rz, tensors["gain"], Rtensors["gain"], Rtensors["shift"])


def _R_backward(
    z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors, du: Array, Rdu: Array
) -> tuple[Array, dict[str, Array]]:
    Rdelta, Rdgain, Rdshift = R_layer_norm_backward(z, Rz, tensors["gain"], Rtensors["gain"], du, Rdu)
    return Rdelta, {"gain": Rdgain, "shift": Rdshift}


def _jacobian(z: Array, tensors: Tensors) -> Array:
    x_hat, deviation = normalised(z[None, :])
    n = len(z)
    inner: Array = (np.eye(n) - 1 / n - np.outer(x_hat[0], x_hat[0]) / n) * tensors["gain"] / deviation
    return inner


def _circuit(c: Any, z: list[int], tensors: Tensors, l: int) -> list[int]:
    """u = gain·(z − mean)/√(var + ε) + shift, gate by gate: every unit of the row takes part in every u."""
    share = c.input("1/n", 1 / len(z), constant=True)
    mean = c.gate("multiply", c.add_all(z), share, name=f"mean{l}")
    centred = [c.gate("subtract", unit, mean) for unit in z]
    variance = c.gate("multiply", c.add_all([c.gate("square", x) for x in centred]), share, name=f"var{l}")
    deviation = c.gate("sqrt", c.gate("add", variance, c.input("ε", EPSILON, constant=True)), name=f"deviation{l}")
    gain, shift = tensors["gain"], tensors["shift"]
    return [
        c.gate(
            "add",
            c.gate("multiply", c.input(f"gain{l}[{j}]", float(gain[j])), c.gate("divide", x, deviation)),
            c.input(f"shift{l}[{j}]", float(shift[j])),
            name=f"u{l}[{j}]",
        )
        for j, x in enumerate(centred)
    ]


# how it is numbers ----------------------------------------------------------------------------------------------------


def _x_hat(layer: LayerOfStep, row: int) -> tuple[Array, Array, float]:
    """z and x̂ of a row in float64, and what it was divided by."""
    z = layer.z[row].astype(np.float64)
    x_hat, deviation = normalised(z[None, :])
    return z, x_hat[0], float(deviation[0, 0])


def _row(layer: LayerOfStep, row: int, name: Any, words: Mapping[str, str]) -> list[str]:
    """Mean, variance and the divisor of the row."""
    z, _, deviation = _x_hat(layer, row)
    numbers = words["row"].format(
        z=name.vector("z", layer.l), mean=number(z.mean()), variance=number(z.var()), epsilon=f"{EPSILON:g}",
        deviation=number(deviation),
    )  # fmt: skip
    return wrapped(numbers, 2)


def _unit(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
    """u of one unit with its numbers."""
    l, (z, _, deviation) = layer.l, _x_hat(layer, row)
    gain, shift = layer.tensors["gain"][j], layer.tensors["shift"][j]
    formula = f"{name.entry('gain', l, j)}·({name.entry('z', l, j)} − mean)/√(var + ε) + {name.entry('shift', l, j)}"
    numbers = f"{number(gain)} · ({number(z[j])} − {factor(z.mean())})/{number(deviation)} + {factor(shift)}"
    return wrapped(f"{name.entry('u', l, j)} = {formula} = {numbers} = {number(layer.u[row, j])}", 4, hang=4)


def _error(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
    """delta of one unit out of the errors of all u of the row."""
    l, (_, x_hat, deviation) = layer.l, _x_hat(layer, row)
    du, gain = layer.du[row].astype(np.float64), layer.tensors["gain"]
    dx = du * gain
    mean, along = dx.mean(), (dx * x_hat).mean()
    names = f"dx̂[{j}] = {name.entry('du', l, j)} · {name.entry('gain', l, j)}"
    formula = f"(dx̂[{j}] − mean(dx̂) − x̂[{j}]·mean(dx̂·x̂))/√(var + ε)"
    numbers = f"({number(dx[j])} − {factor(mean)} − {factor(x_hat[j])}·{factor(along)})/{number(deviation)}"
    delta = number(layer.delta[row, j])
    return [
        *wrapped(f"{names} = {factor(du[j])} · {factor(gain[j])} = {number(dx[j])}", 4, hang=4),
        *wrapped(f"{name.entry(name.delta, l, j)} = {formula} = {numbers} = {delta}", 4, hang=4),
    ]


def _gradients(layer: LayerOfStep, row: int, j: int, name: Any) -> list[Share]:
    """dgain and dshift of one unit: this row's part of the sum."""
    l, (_, x_hat, _) = layer.l, _x_hat(layer, row)
    du, label = float(layer.du[row, j]), name.entry("du", l, j)
    words = f"{label} · x̂[{j}] = {factor(du)} · {factor(x_hat[j])}"
    return [
        Share(words, du * float(x_hat[j]), float(layer.gradients["gain"][j]), name.entry("dgain", l, j)),
        Share(label, du, float(layer.gradients["shift"][j]), name.entry("dshift", l, j)),
    ]


_EQUATIONS = {
    "batch": {
        "u": "u{l} = gain{l} ⊙ x̂{l} + shift{l},   x̂{l} = (z{l} − mean)/√(var + ε)",
        "back": "delta{l} = (dx̂ − mean(dx̂) − x̂ ⊙ mean(dx̂ ⊙ x̂))/√(var + ε),   dx̂ = du{l} ⊙ gain{l}",
        "gradients": "dgain{l} = Σ_i du{l}[i] ⊙ x̂{l}[i],   dshift{l} = Σ_i du{l}[i]",
    },
    "note": {
        "u": "u{l} = gain{l} ⊙ x̂{l} + shift{l},   x̂{l} = (z{l} − mean)/√(var + ε)",
        "back": "δ{l} = (dx̂ − mean(dx̂) − x̂ ⊙ mean(dx̂ ⊙ x̂))/√(var + ε),   dx̂ = du{l} ⊙ gain{l}",
        "gradients": "dgain{l} = Σ_i du{l} ⊙ x̂{l},   dshift{l} = Σ_i du{l}",
    },
    "nielsen": {
        "u": "u^{l}_j = gain^{l}_j x̂^{l}_j + shift^{l}_j,   x̂^{l}_j = (z^{l}_j − mean)/√(var + ε)",
        "back": "δ^{l}_j = (dx̂_j − mean(dx̂) − x̂_j · mean(dx̂·x̂))/√(var + ε),   dx̂_j = du^{l}_j gain^{l}_j",
        "gradients": "dgain^{l}_j = Σ_x du^{l}_j x̂^{l}_j,   dshift^{l}_j = Σ_x du^{l}_j",
    },
}


# where its numbers come from -----------------------------------------------------------------------------------------


def _numbers(layer: LayerOfStep, i: int) -> str:
    z, _, by = _x_hat(layer, i)
    return f"x̂ = (z − {z.mean():.7g})/{by:.7g},  √(var + ε) with var = {z.var():.7g}, ε = {EPSILON:g}"


def _why_u(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """u[l][i,j] = gain[l][j]·x̂[i,j] + shift[l][j], x̂ the row of z brought to mean 0 and variance 1."""
    (i, j), l = at, layer.l
    value, (_, x_hat, _), numbers = layer.u[i, j], _x_hat(layer, i), _numbers(layer, i)
    gain, shift = float(layer.tensors["gain"][j]), float(layer.tensors["shift"][j])
    terms = [
        Term(f"gain{l}[{j}] · x̂[{j}]", ((f"gain{l}[{j}]", gain), (f"x̂[{j}]", float(x_hat[j]))), gain * float(x_hat[j])),
        Term(f"shift{l}[{j}]", ((f"shift{l}[{j}]", shift),), shift),
    ]
    lines = ["x_hat = (z - z.mean()) / np.sqrt(z.var() + 1e-5)", f"value = {gain!r} * x_hat[{j}] + {shift!r}"]
    return origin_of(
        f"u{l}[{i},{j}] = gain{l}[{j}]·x̂[{j}] + shift{l}[{j}],  {numbers}", terms, f"u{l}[{i},{j}]", None, False,
        operands=[f"z{l}[{i},{j}]", f"gain{l}[{j}]", f"shift{l}[{j}]"],
        lines=code.of_row("z", layer.z[i], lines, value),
    )  # fmt: skip


def _why_delta(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """delta[l][i,j] = (dx̂_j − mean(dx̂) − x̂_j·mean(dx̂·x̂))/√(var + ε), dx̂ = du·gain."""
    (i, j), l = at, layer.l
    value, (_, x_hat, deviation), given = layer.delta[i, j], _x_hat(layer, i), _numbers(layer, i)
    du, gain = layer.du[i].astype(np.float64), layer.tensors["gain"].astype(np.float64)
    dx = du * gain
    mean, along = float(dx.mean()), float((dx * x_hat).mean())
    terms = [
        Term(f"du{l}[{i},{j}] · gain{l}[{j}]", ((f"du{l}[{i},{j}]", float(du[j])), (f"gain{l}[{j}]", float(gain[j]))),
             float(dx[j])),
        Term("−mean(dx̂)", (), -mean),
        Term(f"−x̂[{j}]·mean(dx̂·x̂)", ((f"−x̂[{j}]", -float(x_hat[j])), ("mean(dx̂·x̂)", along)),
             -float(x_hat[j]) * along),
    ]  # fmt: skip
    wide = exact_sum(terms) / deviation
    return origin_of(
        f"BP2  delta{l}[{i},{j}] = (dx̂[{j}] − mean(dx̂) − x̂[{j}]·mean(dx̂·x̂))/√(var + ε),  dx̂ = du{l}·gain{l},  {given}",
        terms, "Σ", None, False, steps=[(f"/ √(var + ε) = {deviation:.7g}", wide)],
        operands=[f"du{l}[{i},{k}]" for k in range(len(dx))] + [f"gain{l}[{j}]"],
        lines=code.value_alone(wide, value, "(dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))/√(var + ε) in float64"),
    )  # fmt: skip


def _why_dgain(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """dgain[l][j] = Σ_i du[l][i,j]·x̂[i,j], one term for every row of the batch."""
    (j,), l = at, layer.l
    x_hat, du = normalised(layer.z.astype(np.float64))[0][:, j], layer.du[:, j]
    terms = [
        Term(f"du{l}[{i},{j}] · x̂[{i},{j}]", ((f"du{l}[{i},{j}]", float(d)), (f"x̂[{i},{j}]", float(x))),
             float(d) * float(x), i, int(layer.rows[i]))
        for i, (d, x) in enumerate(zip(du, x_hat, strict=True))
    ]  # fmt: skip
    return origin_of(
        f"dgain{l}[{j}] = Σ_i du{l}[i,{j}]·x̂[i,{j}]", terms, f"dgain{l}[{j}]", None, False,
        operands=[f"du{l}[{i},{j}]" for i in range(len(du))],
        lines=code.product(
            du.astype(np.float64), x_hat, False, dtype, layer.gradients["gain"][j], f"du{l}", "x̂"
        ),
    )  # fmt: skip


def _why_dshift(layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """dshift[l][j] = Σ_i du[l][i,j], one term for every row of the batch."""
    (j,), l = at, layer.l
    du, value = layer.du[:, j], layer.gradients["shift"][j]
    terms = [Term(f"du{l}[{i},{j}]", ((f"du{l}[{i},{j}]", float(d)),), float(d), i, int(layer.rows[i]))
             for i, d in enumerate(du)]  # fmt: skip
    totals = running_sum(du)
    exact = same_bits(totals[-1], value)
    return origin_of(
        f"dshift{l}[{j}] = Σ_i du{l}[i,{j}]", terms, f"dshift{l}[{j}]", totals, exact,
        operands=[t.name for t in terms], lines=code.plain_sum(du, exact, dtype, value, f"du{l}"),
    )  # fmt: skip


LAYER_NORM = LayerKind(
    name="layer", label="layer normalisation", call="layer_norm",
    tensors=(Tensor(name="gain", start=1.0), Tensor(name="shift")),
    forward=_forward, backward=_backward, R_forward=_R_forward, R_backward=_R_backward, jacobian=_jacobian,
    narration=Narration(
        equations=_EQUATIONS, words=sentences("layer_norm"), row=_row, unit=_unit, error=_error, gradients=_gradients,
        diagram={"gain": "Σ_i du{l} ⊙ x̂{l}", "shift": "Σ_i du{l}"},
    ),
    why={"u": _why_u, "delta": _why_delta, "dgain": _why_dgain, "dshift": _why_dshift}, circuit=_circuit,
    torch="LayerNorm({n})", torch_tensors={"gain": "weight", "shift": "bias"},
    onnx=f"LayerNormalization(z, gain, shift, axis=-1, epsilon={EPSILON!r})",
    c="layer_norm(z, n, {gain}, {shift}, small)",
)  # fmt: skip
