"""Where the numbers of a normalised layer come from: u, delta through the normalisation, dgain, dshift."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explain.why.expression import Entry
from chainrule.explain.why.step_context import Array, StepContext
from chainrule.reference.layers import EPSILON, normalised
from chainrule.text import numpy_lines as code
from chainrule.text.sums import running_sum, same_bits
from chainrule.text.terms import Origin, Term, exact_sum, origin_of


def _row(context: StepContext, l: int, i: int) -> tuple[Array, float, str]:
    """x̂ of a row in float64, what z was divided by, and both in words."""
    z = context.record.forward.z[l][i].astype(np.float64)
    x_hat, deviation = normalised(z[None, :])
    by = float(deviation[0, 0])
    told = f"x̂ = (z − {z.mean():.7g})/{by:.7g},  √(var + ε) with var = {z.var():.7g}, ε = {EPSILON:g}"
    return x_hat[0], by, told


def of_u(context: StepContext, e: Entry) -> tuple[Any, Origin]:
    """u[l][i,j] = gain[l][j]·x̂[i,j] + shift[l][j], x̂ the row of z brought to mean 0 and variance 1."""
    (i, j), l, old = e.at, e.l, context.record.update.old
    value, (x_hat, _, told) = context.record.forward.u[l][i, j], _row(context, l, i)
    gain, shift = float(old.gain[l][j]), float(old.shift[l][j])  # type: ignore[index]
    terms = [
        Term(f"gain{l}[{j}] · x̂[{j}]", ((f"gain{l}[{j}]", gain), ("x̂", float(x_hat[j]))), gain * float(x_hat[j])),
        Term(f"shift{l}[{j}]", ((f"shift{l}[{j}]", shift),), shift),
    ]
    operands = [f"z{l}[{i},{j}]", f"gain{l}[{j}]", f"shift{l}[{j}]"]
    return value, origin_of(
        f"u{l}[{i},{j}] = gain{l}[{j}]·x̂[{j}] + shift{l}[{j}],  {told}", terms, f"u{l}[{i},{j}]", None, False,
        operands=operands, lines=code.normalised(context.record.forward.z[l][i], j, gain, shift, value),
    )  # fmt: skip


def of_normalised_delta(context: StepContext, e: Entry) -> tuple[Any, Origin]:
    """delta[l][i,j] = (dx̂_j − mean(dx̂) − x̂_j·mean(dx̂·x̂))/√(var + ε), dx̂ = du·gain."""
    (i, j), l, b = e.at, e.l, context.record.backward
    value, (x_hat, deviation, told) = b.delta[l][i, j], _row(context, l, i)
    dx = b.du[l][i].astype(np.float64) * context.record.update.old.gain[l].astype(np.float64)  # type: ignore[union-attr]
    mean, along = float(dx.mean()), float((dx * x_hat).mean())
    terms = [
        Term(f"dx̂[{j}] = du·gain", ((f"du{l}[{i},{j}]", float(dx[j])),), float(dx[j])),
        Term("−mean(dx̂)", (), -mean),
        Term(f"−x̂[{j}]·mean(dx̂·x̂)", (("x̂", -float(x_hat[j])), ("mean", along)), -float(x_hat[j]) * along),
    ]
    wide = exact_sum(terms) / deviation
    return value, origin_of(
        f"BP2  delta{l}[{i},{j}] = (dx̂[{j}] − mean(dx̂) − x̂[{j}]·mean(dx̂·x̂))/√(var + ε),  dx̂ = du{l}·gain{l},  {told}",
        terms, "Σ", None, False, steps=[(f"/ √(var + ε) = {deviation:.7g}", wide)],
        operands=[f"du{l}[{i},{k}]" for k in range(len(dx))],
        lines=code.value_alone(wide, value, "(dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂))/√(var + ε) in float64"),
    )  # fmt: skip


def of_dgain(context: StepContext, e: Entry) -> tuple[Any, Origin]:
    """dgain[l][j] = Σ_i du[l][i,j]·x̂[i,j], one term for every row of the batch."""
    (j,), l, b = e.at, e.l, context.record.backward
    x_hat = normalised(context.record.forward.z[l].astype(np.float64))[0][:, j]
    du, value = b.du[l][:, j], b.dgain[l][j]
    terms = [
        Term(f"du{l}[{i},{j}] · x̂[{i},{j}]", ((f"du{l}[{i},{j}]", float(d)), ("x̂", float(x))), float(d) * float(x), i,
             int(context.rows[i]))
        for i, (d, x) in enumerate(zip(du, x_hat, strict=True))
    ]  # fmt: skip
    return value, origin_of(
        f"dgain{l}[{j}] = Σ_i du{l}[i,{j}]·x̂[i,{j}]", terms, f"dgain{l}[{j}]", None, False,
        operands=[f"du{l}[{i},{j}]" for i in range(len(du))],
        lines=code.product(du.astype(np.float64), x_hat, False, context.dtype, value, f"du{l}", "x̂"),
    )  # fmt: skip


def of_dshift(context: StepContext, e: Entry) -> tuple[Any, Origin]:
    """dshift[l][j] = Σ_i du[l][i,j], one term for every row of the batch."""
    (j,), l, b = e.at, e.l, context.record.backward
    du, value = b.du[l][:, j], b.dshift[l][j]
    terms = [Term(f"du{l}[{i},{j}]", ((f"du{l}[{i},{j}]", float(d)),), float(d), i, int(context.rows[i]))
             for i, d in enumerate(du)]  # fmt: skip
    totals = running_sum(du)
    exact = same_bits(totals[-1], value)
    return value, origin_of(
        f"dshift{l}[{j}] = Σ_i du{l}[i,{j}]", terms, f"dshift{l}[{j}]", totals, exact,
        operands=[t.name for t in terms], lines=code.plain_sum(du, exact, context.dtype, value, f"du{l}"),
    )  # fmt: skip
