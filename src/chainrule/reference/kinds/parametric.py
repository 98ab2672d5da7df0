"""Parametric activations: between the identity and g, as far as alpha of the unit says, which is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.reference.activation import Activation, Array
from chainrule.reference.layer_kind import LayerKind, LayerOfStep, Narration, Share, Tensor, Tensors
from chainrule.text import numpy_lines as code
from chainrule.text.tables import factor, number, wrapped
from chainrule.text.terms import Origin, Term, exact_sum, origin_of
from chainrule.words import sentences


def parametric_forward(z: Array, g_of_z: Array, alpha: Array) -> Array:
    """The identity moved towards g.

        u = z + alpha ⊙ (g(z) − z)

    Arguments: z, g_of_z (n, n_out): pre-activations and g of them; alpha (n_out,): 0 gives the identity, 1 gives g.
    Returns u (n, n_out).

    Source: Holzmüller, Grinsztajn, Steinwart (2024), "Better by default", appendix A.

    Examples
    --------
    >>> z = np.array([[-2.0, 3.0]])
    >>> parametric_forward(z, np.maximum(z, 0), np.array([0.75, 0.5])).tolist()
    [[-0.5, 3.0]]
    """
    return z + alpha * (g_of_z - z)


def parametric_backward(z: Array, g_of_z: Array, alpha: Array, du: Array, pulled: Array) -> tuple[Array, Array]:
    """The gradients of a parametric activation.

        delta = du + alpha ⊙ (du ⊙ g′(z) − du);   dalpha = Σ_i du_i ⊙ (g(z_i) − z_i)

    Arguments: z, g_of_z, alpha as in parametric_forward; du (n, n_out); pulled: du ⊙ g′(z). Returns delta (n, n_out),
    dalpha (n_out,).
    """
    return du + alpha * (pulled - du), (du * (g_of_z - z)).sum(axis=0)


def parametric(g: Activation, name: str) -> LayerKind:
    """The kind that puts z + alpha ⊙ (g(z) − z) in place of g, an activation that acts on each unit alone."""

    def forward(z: Array, tensors: Tensors) -> Array:
        return parametric_forward(z, g.g(z), tensors["alpha"])

    def backward(z: Array, tensors: Tensors, du: Array) -> tuple[Array, dict[str, Array]]:
        h = g.g(z)
        delta, dalpha = parametric_backward(z, h, tensors["alpha"], du, g.pullback(z, h, du))
        return delta, {"alpha": dalpha}

    def R_forward(z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors) -> Array:
        h, alpha = g.g(z), tensors["alpha"]
        return Rz + alpha * (g.pullback(z, h, Rz) - Rz) + Rtensors["alpha"] * (h - z)

    def R_backward(
        z: Array, Rz: Array, tensors: Tensors, Rtensors: Tensors, du: Array, Rdu: Array
    ) -> tuple[Array, dict[str, Array]]:
        h, alpha, Ralpha = g.g(z), tensors["alpha"], Rtensors["alpha"]
        bent = g.pullback(z, h, Rdu) + g.bend(z, h, du, Rz)
        Rdelta = Rdu + alpha * (bent - Rdu) + Ralpha * (g.pullback(z, h, du) - du)
        return Rdelta, {"alpha": (Rdu * (h - z) + du * (g.pullback(z, h, Rz) - Rz)).sum(axis=0)}

    return LayerKind(
        name=name, label=f"parametric {g.name}", call=f"parametric_{g.name}",
        tensors=(Tensor(name="alpha", start=1.0),), mixes=False, forward=forward, backward=backward,
        R_forward=R_forward, R_backward=R_backward, narration=_narration(g),
        side=(lambda z, tensors: g.side(z)) if g.kinks or g.bends else None, of_activation=g.name,
        why={"u": lambda layer, at, dtype: _why_u(g, layer, at), "dalpha": lambda *x: _why_dalpha(g, *x)},
        circuit=lambda c, z, tensors, l: _circuit(g, c, z, tensors, l),
    )  # fmt: skip


def _g_of(g: Activation, z: Array) -> Array:
    return g.g(z.astype(np.float64))


# how it is told ------------------------------------------------------------------------------------------------------


def _narration(g: Activation) -> Narration:
    def unit(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
        l, z, alpha = layer.l, layer.z[row, j], layer.tensors["alpha"][j]
        h = float(_g_of(g, layer.z[row : row + 1])[0, j])
        names = f"{name.entry('u', l, j)} = z + {name.entry('alpha', l, j)}·(f(z) − z)"
        text = f"{names} = {number(z)} + {factor(alpha)} · ({number(h)} − {factor(z)})"
        return wrapped(f"{text} = {number(layer.u[row, j])}", 4, hang=4)

    def error(layer: LayerOfStep, row: int, j: int, name: Any) -> list[str]:
        l, du, alpha = layer.l, layer.du[row, j], layer.tensors["alpha"][j]
        slope = float(g.slope(layer.z[row : row + 1].astype(np.float64))[0, j])
        names = f"{name.entry(name.delta, l, j)} = du·(1 + {name.entry('alpha', l, j)}·(f′(z) − 1))"
        text = f"{names} = {number(du)} · (1 + {factor(alpha)} · ({number(slope)} − 1))"
        return wrapped(f"{text} = {number(layer.delta[row, j])}", 4, hang=4)

    def gradients(layer: LayerOfStep, row: int, j: int, name: Any) -> list[Share]:
        du, z = float(layer.du[row, j]), float(layer.z[row, j])
        h = float(_g_of(g, layer.z[row : row + 1])[0, j])
        words = f"{name.entry('du', layer.l, j)} · (f(z) − z) = {factor(du)} · {factor(h - z)}"
        whole = float(layer.gradients["alpha"][j])
        return [Share(words, du * (h - z), whole, name.entry("dalpha", layer.l, j))]

    return Narration(
        equations=_equations(g), words=sentences("parametric"), unit=unit, error=error, gradients=gradients,
        diagram={"alpha": "Σ_i du{l} ⊙ (f(z{l}) − z{l})"},
    )  # fmt: skip


def _equations(g: Activation) -> dict[str, dict[str, str]]:
    formula = g.formula.replace("{", "{{").replace("}", "}}")
    return {
        "batch": {
            "u": f"u{{l}} = z{{l}} + alpha{{l}} ⊙ (f(z{{l}}) − z{{l}}),   f: {formula}",
            "back": "delta{l} = du{l} ⊙ (1 + alpha{l} ⊙ (f′(z{l}) − 1))",
            "gradients": "dalpha{l} = Σ_i du{l}[i] ⊙ (f(z{l}[i]) − z{l}[i])",
        },
        "note": {
            "u": f"u{{l}} = z{{l}} + alpha{{l}} ⊙ (f(z{{l}}) − z{{l}}),   f: {formula}",
            "back": "δ{l} = du{l} ⊙ (1 + alpha{l} ⊙ (f′(z{l}) − 1))",
            "gradients": "dalpha{l} = Σ_i du{l} ⊙ (f(z{l}) − z{l})",
        },
        "nielsen": {
            "u": f"u^{{l}}_j = z^{{l}}_j + alpha^{{l}}_j (f(z^{{l}}_j) − z^{{l}}_j),   f: {formula}",
            "back": "δ^{l}_j = du^{l}_j (1 + alpha^{l}_j (f′(z^{l}_j) − 1))",
            "gradients": "dalpha^{l}_j = Σ_x du^{l}_j (f(z^{l}_j) − z^{l}_j)",
        },
    }


# where its numbers come from -----------------------------------------------------------------------------------------


def _why_u(g: Activation, layer: LayerOfStep, at: tuple[int, ...]) -> Origin:
    """u[l][i,j] = z + alpha·(f(z) − z)."""
    (i, j), l = at, layer.l
    z, alpha, h = float(layer.z[i, j]), float(layer.tensors["alpha"][j]), float(_g_of(g, layer.z[i : i + 1])[0, j])
    terms = [
        Term(f"z{l}[{i},{j}]", ((f"z{l}[{i},{j}]", z),), z),
        Term(f"alpha{l}[{j}] · (f(z) − z)", ((f"alpha{l}[{j}]", alpha), ("f(z) − z", h - z)), alpha * (h - z)),
    ]
    return origin_of(
        f"u{l}[{i},{j}] = z{l}[{i},{j}] + alpha{l}[{j}]·(f(z) − z),  f: {g.formula}", terms, f"u{l}[{i},{j}]",
        None, False, operands=[f"z{l}[{i},{j}]", f"alpha{l}[{j}]"],
        lines=code.value_alone(exact_sum(terms), layer.u[i, j], "z + alpha·(f(z) − z) in float64"),
    )  # fmt: skip


def _why_dalpha(g: Activation, layer: LayerOfStep, at: tuple[int, ...], dtype: Any) -> Origin:
    """dalpha[l][j] = Σ_i du[l][i,j]·(f(z) − z), one term for every row of the batch."""
    (j,), l = at, layer.l
    du, moved = layer.du[:, j].astype(np.float64), (_g_of(g, layer.z) - layer.z)[:, j]
    terms = [
        Term(f"du{l}[{i},{j}] · (f(z) − z)", ((f"du{l}[{i},{j}]", float(d)), ("f(z) − z", float(m))), float(d * m), i,
             int(layer.rows[i]))
        for i, (d, m) in enumerate(zip(du, moved, strict=True))
    ]  # fmt: skip
    return origin_of(
        f"dalpha{l}[{j}] = Σ_i du{l}[i,{j}]·(f(z{l}[i,{j}]) − z{l}[i,{j}])", terms, f"dalpha{l}[{j}]", None, False,
        operands=[f"du{l}[{i},{j}]" for i in range(len(du))],
        lines=code.product(du, moved, False, dtype, layer.gradients["alpha"][j], f"du{l}", "f(z) − z"),
    )  # fmt: skip


def _circuit(g: Activation, c: Any, z: list[int], tensors: Tensors, l: int) -> list[int]:
    units = []
    for j, z_j in enumerate(z):
        h = c.gate("max", z_j, c.input("0", 0.0, constant=True)) if g.rectifies else c.gate(g.name, z_j)
        moved = c.gate("multiply", c.input(f"alpha{l}[{j}]", float(tensors["alpha"][j])), c.gate("subtract", h, z_j))
        units.append(c.gate("add", z_j, moved, name=f"u{l}[{j}]"))
    return units
