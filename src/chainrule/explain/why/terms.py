"""Terms and their sums, as every answer needs them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.explain.why.record import Origin, Term
from chainrule.explain.why.step_context import Array


def products(names: list[tuple[str, str]], x: Array, w: Array, rows: Any = None) -> list[Term]:
    """x_k·w_k as terms with their names; rows: examples where the terms are rows of a batch."""
    with np.errstate(all="ignore"):
        values = x.astype(np.float64) * w.astype(np.float64)
    return [
        Term(f"{p} · {q}", ((p, float(x[k])), (q, float(w[k]))), float(values[k]),
             None if rows is None else k, None if rows is None else int(rows[k]))
        for k, (p, q) in enumerate(names)
    ]  # fmt: skip


def exact_sum(terms: list[Term]) -> float:
    """The sum rounded once; of terms that are no numbers the plain one."""
    values = [term.value for term in terms]
    return math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))


def origin_of(
    symbols: str, terms: list[Term], name: str, totals: Array | None, exact: bool, *,
    steps: list[tuple[str, float]] | None = None, operands: list[str] | None = None, lines: list[str] | None = None,
) -> Origin:  # fmt: skip
    """The origin whose running totals are the engine\'s where they were redone exactly, else those of float64."""
    values = np.array([term.value for term in terms])
    with np.errstate(all="ignore"):
        running = totals if totals is not None and exact else np.cumsum(values)
    return Origin(
        symbols, tuple(terms), name, exact_sum(terms), tuple(steps or ()), tuple(map(float, running)), exact,
        tuple(operands or ()), tuple(lines or ()),
    )  # fmt: skip
