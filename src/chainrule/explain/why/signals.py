"""Where the numbers of the forward pass come from: z, u, a and the loss, each by its equation.

The terms are exact products in float64. Beside them the engine's own arithmetic is redone: where it
gives the recorded bits, the running totals are the engine's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.layer_kind import of_kind
from chainrule.explain.why.step_context import StepContext
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.text import numpy_lines as code
from chainrule.text.sums import chain, same_bits
from chainrule.text.terms import Origin, Term, origin_of, products

Row = npt.NDArray[np.float64]


def of_z(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """z[l][i,j] = Σ_k a[l-1][i,k]·W[l][k,j] + b[l][j]."""
    (i, j), l, f, old = e.at, e.l, context.record.forward, context.record.update.old
    x, w, b = f.a[l - 1][i], old.W[l][:, j], old.b[l][j]
    value = f.z[l][i, j]
    names = [(f"a{l - 1}[{i},{k}]", f"W{l}[{k},{j}]") for k in range(len(x))]
    terms = [*products(names, x, w), Term(f"b{l}[{j}]", ((f"b{l}[{j}]", float(b)),), float(b))]
    with np.errstate(all="ignore"):
        totals = chain(x, w)
        totals = np.append(totals, totals[-1] + b)
    exact = same_bits(totals[-1], value)
    return value, origin_of(
        f"z{l}[{i},{j}] = Σ_k a{l - 1}[{i},k]·W{l}[k,{j}] + b{l}[{j}]", terms, f"z{l}[{i},{j}]", totals, exact,
        operands=[name for pair in names for name in pair] + [f"b{l}[{j}]"],
        lines=code.product(x, w, exact, context.dtype, value, f"a{l - 1}", f"W{l}", bias=b),
    )  # fmt: skip


def of_a(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """a[l][i,j] = g(z[l][i,j]), ⊙ mask; of softmax e^z_j / Σ_k e^z_k; a[0] is X."""
    (i, j), l, f = e.at, e.l, context.record.forward
    value = f.a[l][i, j]
    if l == 0 and context.has_kind(0):
        return of_kind(context, TensorEntry("u", 0, e.at))
    if l == 0:
        name = f"X[{context.rows[i]},{j}]"
        return value, origin_of(f"a0[{i},{j}] = {name}", [Term(name, (), float(value))], name, None, True)
    on = "u" if context.has_kind(l) else "z"  # what g is applied to
    g, before = ACTIVATIONS[context.activation(l)], f.pre_activation(l)[i]
    z = before.astype(np.float64)
    whole = g.g(z[None, :])[0]
    symbols, terms, operands, steps = _of_g(g, (i, j), l, on, z, whole)
    mask = context.mask(l)
    if mask is not None:
        symbols += f",  · mask{l}[{i},{j}]"
        steps.append((f"· mask = {float(mask[i, j]):.7g}", float(whole[j]) * float(mask[i, j])))
    if context.residual(l):
        came = float(f.a[l - 1][i, j])
        symbols += f",  + a{l - 1}[{i},{j}]: the layer adds its input"
        steps.append((f"+ a{l - 1}[{i},{j}] = {came:.7g}", came + (steps[-1][1] if steps else terms[0].value)))
        operands.append(f"a{l - 1}[{i},{j}]")
    exact = False
    if g.elementwise:
        with np.errstate(all="ignore"):
            redone = g.g(before[j].reshape(1, 1))[0, 0]
            redone = redone if mask is None else redone * mask[i, j]
            exact = same_bits(f.a[l - 1][i, j] + redone if context.residual(l) else redone, value)
    return value, origin_of(
        symbols, terms, "Σ", None, exact, steps=steps, operands=operands,
        lines=code.activation(
            float(whole[j]) if g.numpy is None else g.numpy, before, j, None if mask is None else mask[i, j], value,
            f.a[l - 1][i, j] if context.residual(l) else None, g.numpy_imports, whole=not g.elementwise,
        ),
    )  # fmt: skip


def _of_g(
    g: Activation, at: tuple[int, ...], l: int, on: str, z: Row, whole: Row
) -> tuple[str, list[Term], list[str], list[tuple[str, float]]]:
    """g of unit j of row i: formula, terms, operands, and what follows the sum of the terms."""
    (i, j), names = at, [f"{on}{l}[{at[0]},{k}]" for k in range(len(z))]
    if g.elementwise:
        symbols = f"a{l}[{i},{j}] = g({names[j]}),  {names[j]} = {z[j]:.7g},  g: {g.formula}"
        return symbols, [Term(f"g({names[j]})", (), float(whole[j]))], [names[j]], []
    if _shares_of_exponentials(z, whole):
        terms, quotient = _softmax_terms(names, z, j)
        symbols = f"a{l}[{i},{j}] = e^({names[j]} − max) / Σ_k e^({on}{l}[{i},k] − max),  max = {z.max():.7g}"
        return symbols, terms, names, [(quotient, float(whole[j]))]
    terms = [Term(f"g({on}{l}[{i}])[{j}]", (), float(whole[j]))]
    return f"a{l}[{i},{j}] = g({on}{l}[{i}])[{j}],  g: {g.formula}", terms, names, []


def _shares_of_exponentials(z: Row, a: Row) -> bool:
    """Whether a_j is e^z_j / Σ_k e^z_k."""
    e_z = np.exp(z - z.max())
    return bool(np.allclose(e_z / e_z.sum(), a, rtol=1e-9, atol=0, equal_nan=True))


def _softmax_terms(names: list[str], z: Row, j: int) -> tuple[list[Term], str]:
    """e^(z_k − max) of every unit of a row, and the quotient that unit j takes of their sum, in words."""
    e_z = np.exp(z - z.max())
    terms = [Term(f"e^({name} − max)", (), float(e)) for name, e in zip(names, e_z, strict=True)]
    return terms, f"e^({names[j]} − max) / Σ = {e_z[j]:.7g} / {float(e_z.sum()):.7g}"


def of_X(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """X[i,j] as it came, where an input layer makes a[0] of it."""
    (i, j), value = e.at, context.record.forward.z[0][e.at]
    name = f"data[{context.rows[i]},{j}]"
    return value, origin_of(f"X[{i},{j}] = {name}", [Term(name, (), float(value))], name, None, True)


def of_loss(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """J = Σ_i s_i·loss_i over the rows of the batch, s_i = w_i / Σw."""
    value, losses, scale = context.record.backward.loss, context.wide.row_losses, context.scale.astype(np.float64)
    terms = [
        Term(f"s_{i} · loss_{i}", ((f"s_{i}", float(s)), (f"loss_{i}", float(x))), float(s * x) if s > 0 else 0.0, i,
             int(context.rows[i]))
        for i, (s, x) in enumerate(zip(scale, losses, strict=True))
    ]  # fmt: skip
    return value, origin_of(
        f"J = Σ_i s_i·loss_i,  {loss_named(context.architecture.loss).formula},  s_i = w_i/Σw", terms, "J", None, False,
        operands=[f"a{context.L}[{i},{j}]" for i in range(len(losses)) for j in range(context.architecture.n_outputs)],
        lines=code.loss(losses, scale, value),
    )  # fmt: skip
