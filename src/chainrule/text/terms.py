"""Terms and their sums, as every answer needs them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.visible import short_repr

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Term:
    """One summand of a number.

    Parameters
    ----------
    name : str
        What it is, such as "a1[0,4] · W2[4,1]".
    factors : tuple of (str, float)
        Its factors, whose product it is; () where it is no product.
    value : float
        Its value in float64.
    row, example : int, optional
        Its row of the batch, and the index of that row into the X given to `train`, where it has one.
    """

    name: str
    factors: tuple[tuple[str, float], ...]
    value: float
    row: int | None = None
    example: int | None = None
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a number comes from.

    The terms add up to `total` (exactly rounded); then `steps` lead on from the sum to `last`.

    Parameters
    ----------
    symbols : str
        The formula.
    terms : tuple of Term
        The summands.
    sum_name : str
        What their sum is called.
    total : float
        Their sum.
    steps : tuple of (str, float)
        What is done to the sum, and the value after it.
    running : tuple of float
        Totals after each term in the engine's own order, or in float64 where that order is BLAS's.
    exact : bool, default False
        Whether the engine's arithmetic, redone, gives the recorded bits.
    operands : tuple of str
        The numbers it is computed from.
    code : tuple of str
        Lines of NumPy that compute it.
    lines : tuple of str
        Formulas with their numbers, ready to show.
    """

    symbols: str
    terms: tuple[Term, ...]
    sum_name: str
    total: float
    steps: tuple[tuple[str, float], ...] = ()
    running: tuple[float, ...] = ()
    exact: bool = False
    operands: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    """Formulas with their numbers, ready to show."""
    __repr__ = short_repr

    @property
    def last(self) -> float:
        """The number in float64, before the rounding of the engine."""
        return self.steps[-1][1] if self.steps else self.total


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
    """The sum rounded once; for non-finite terms, the plain sum."""
    values = [term.value for term in terms]
    return math.fsum(values) if all(map(math.isfinite, values)) else float(np.sum(values))


def origin_of(
    symbols: str, terms: list[Term], name: str, totals: Array | None, exact: bool, *,
    steps: list[tuple[str, float]] | None = None, operands: list[str] | None = None, lines: list[str] | None = None,
) -> Origin:  # fmt: skip
    """Return the origin of a number that is a sum, with what follows it.

    The running totals are the engine's where they were redone exactly, else those of float64.

    Parameters
    ----------
    symbols : str
        The formula.
    terms : list of Term
        The summands.
    name : str
        What their sum is called.
    totals : ndarray or None
        The running totals, redone in the engine's order.
    exact : bool
        Whether they give the recorded bits.
    steps : list of (str, float), optional
        What is done to the sum, and the value after it.
    operands : list of str, optional
        The numbers it is computed from.
    lines : list of str, optional
        Formulas with their numbers.

    Returns
    -------
    Origin
        The number's origin.

    Examples
    --------
    >>> from chainrule.entries import Term, origin_of
    >>> terms = [Term("2 · 3", (("a", 2.0), ("W", 3.0)), 6.0), Term("b", (("b", 1.0),), 1.0)]
    >>> origin_of("z = a·W + b", terms, "z", None, False).last
    7.0
    """
    values = np.array([term.value for term in terms])
    with np.errstate(all="ignore"):
        running = totals if totals is not None and exact else np.cumsum(values)
    return Origin(
        symbols=symbols,
        terms=tuple(terms),
        sum_name=name,
        total=exact_sum(terms),
        steps=tuple(steps or ()),
        running=tuple(map(float, running)),
        exact=exact,
        operands=tuple(operands or ()),
        code=tuple(lines or ()),
    )
