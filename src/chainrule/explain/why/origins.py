"""Where gradients come from (BP3, BP4), and which function explains which kind of number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.explain.why.error_signals import of_da, of_delta, of_du, of_dX
from chainrule.explain.why.expression import TensorEntry
from chainrule.explain.why.layer_kind import of_kind
from chainrule.explain.why.signals import of_a, of_loss, of_X, of_z
from chainrule.explain.why.step_context import StepContext
from chainrule.text import numpy_lines as code
from chainrule.text.sums import chain, running_sum, same_bits
from chainrule.text.terms import Origin, Term, origin_of, products


def of_dW(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """BP4: dW[l][k,j] = Σ_i a[l-1][i,k]·delta[l][i,j], one term for every row of the batch."""
    (k, j), l = e.at, e.l
    x, d = context.record.forward.a[l - 1][:, k], context.record.backward.delta[l][:, j]
    value = context.record.backward.dW[l][k, j]
    names = [(f"a{l - 1}[{i},{k}]", f"delta{l}[{i},{j}]") for i in range(len(x))]
    totals = chain(x, d)
    exact = same_bits(totals[-1], value)
    return value, origin_of(
        f"BP4  dW{l}[{k},{j}] = Σ_i a{l - 1}[i,{k}]·delta{l}[i,{j}]", products(names, x, d, context.rows),
        f"dW{l}[{k},{j}]", totals, exact, operands=[name for pair in names for name in pair],
        lines=code.product(x, d, exact, context.dtype, value, f"a{l - 1}", f"delta{l}"),
    )  # fmt: skip


def of_db(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """BP3: db[l][j] = Σ_i delta[l][i,j], one term for every row of the batch."""
    (j,), l = e.at, e.l
    d, value = context.record.backward.delta[l][:, j], context.record.backward.db[l][j]
    terms = [Term(f"delta{l}[{i},{j}]", ((f"delta{l}[{i},{j}]", float(x)),), float(x), i, int(context.rows[i]))
             for i, x in enumerate(d)]  # fmt: skip
    totals = running_sum(d)
    exact = same_bits(totals[-1], value)
    return value, origin_of(
        f"BP3  db{l}[{j}] = Σ_i delta{l}[i,{j}]", terms, f"db{l}[{j}]", totals, exact,
        operands=[t.name for t in terms], lines=code.plain_sum(d, exact, context.dtype, value, f"delta{l}"),
    )  # fmt: skip


ORIGINS: dict[str, Callable[[StepContext, TensorEntry], tuple[Any, Origin]]] = {
    "z": of_z, "u": of_kind, "a": of_a, "loss": of_loss, "delta": of_delta, "da": of_da, "du": of_du, "dW": of_dW,
    "db": of_db, "X": of_X, "dX": of_dX,
}  # fmt: skip


def origin(context: StepContext, e: TensorEntry) -> tuple[Any, Origin]:
    """The number and where it comes from; the gradients of what a layer's kind learns are explained by the kind."""
    return ORIGINS.get(e.kind, of_kind)(context, e)
