"""Integers that are codes: shop 17 is not more than shop 16, but a different shop.

Whether the numbers of a column name things or measure them is decided by the rows: where the mean target of a value
predicts rows of other folds clearly better than the means of the values beside it, the value is a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, as_category
from chainrule.pipeline.columns import NumberEncoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.statistics import counts

Array = npt.NDArray[Any]

LEAST_ROWS = 100
LEAST_VALUES = 3
ROWS_OF_A_VALUE = 5.0
"""Values must repeat: rows for each of them, on average."""
MOST_ROWS = 50_000
"""Of more rows the first so many decide."""
WINDOWS = (1, 3, 10, 30)
"""Values on either side from which a quantity is predicted."""
LEAST_GAIN = 0.01
"""Share of the squared error of a quantity that the values must save as names,"""
LEAST_SHARE = 0.002
"""share of the variance of the targets, and"""
LEAST_DEVIATIONS = 4.0
"""how many standard errors of its mean over the rows."""
LEAST_ELSEWHERE = 0.1
"""Share of what is saved that the tenth of the values that save most must leave: a step saves at its edge alone."""
PRIOR_ROWS = 3.0
SPIKE = 0.1
"""A value of so large a share of the rows, such as 0 for none, has a mean of its own in a quantity too."""


def values_name(
    values: Array, targets: Array, weight: Array | None, folds: Array, *, beyond: int = LEAST_VALUES - 1
) -> bool:
    """Whether whole numbers predict the targets as names clearly better than as a quantity.

        as a name: ŷ = (Σ w·y + 3·q) / (Σ w + 3) over the rows of the value in other folds
        as a quantity: q, the line through the mean targets of the k values on either side, the value's own left
        out; the best k of 1, 3, 10, 30; of a value of a tenth of the rows its mean

    Arguments: values (n,), NaN = missing; targets (n, n_targets): standardised, 0 where missing; folds (n,): their
    folds, 0 … n_folds − 1; beyond: so many distinct values a number tells apart anyway, by its bins.

    Examples
    --------
    >>> shop, fold = np.arange(600.0) % 20, np.arange(600) // 20 % 5
    >>> y = np.random.default_rng(0).normal(size=20)[np.arange(600) % 20, None]
    >>> values_name(shop, y, None, fold), values_name(shop, shop[:, None] / 20, None, fold)
    (True, False)
    """
    known = np.flatnonzero(~np.isnan(values))[:MOST_ROWS]
    v, y, folds = values[known], targets[known], folds[known]
    w = np.ones(len(known)) if weight is None else weight[known].astype(np.float64)
    if len(v) < LEAST_ROWS or not w.sum() > 0 or not (v == np.floor(v)).all():
        return False
    distinct, codes = np.unique(v, return_inverse=True)
    if len(distinct) <= max(beyond, LEAST_VALUES - 1) or len(v) < ROWS_OF_A_VALUE * len(distinct):
        return False
    quantity, name = _errors(distinct, codes, y, w, folds)
    spread = float((w[:, None] * (y - np.average(y, axis=0, weights=w)) ** 2).sum())
    least = max(LEAST_GAIN * float((w * quantity).sum()), LEAST_SHARE * spread)
    saved = w * (quantity - name)
    deviation = float(np.sqrt(((saved - saved.mean()) ** 2).sum()))
    by_value = np.sort(counts(codes, len(distinct), saved))
    elsewhere = float(by_value[: len(by_value) - -(-len(by_value) // 10)].sum())
    gain = float(saved.sum())
    return gain > max(least, LEAST_DEVIATIONS * deviation) and elsewhere > LEAST_ELSEWHERE * gain


def _errors(distinct: Array, codes: Array, y: Array, w: Array, folds: Array) -> tuple[Array, Array]:
    """The squared error of every row (n,), predicted from other folds: as a quantity, and as a name."""
    n, n_values = len(codes), len(distinct)
    by_window = np.zeros((len(WINDOWS), n))
    named = np.zeros((len(WINDOWS), n))
    for fold in range(int(folds.max()) + 1):
        inside, out = folds != fold, folds == fold
        weights = counts(codes[inside], n_values, w[inside])
        spikes = weights >= SPIKE * weights.sum()
        for k in range(y.shape[1]):
            sums = counts(codes[inside], n_values, (w * y[:, k])[inside])
            for i, window in enumerate(WINDOWS):
                q = _beside(distinct, np.where(spikes, 0.0, weights), np.where(spikes, 0.0, sums), window)
                q = np.where(spikes, sums / np.maximum(weights, 1e-300), q)
                own = (sums + PRIOR_ROWS * q) / (weights + PRIOR_ROWS)
                by_window[i, out] += (y[out, k] - q[codes[out]]) ** 2
                named[i, out] += (y[out, k] - own[codes[out]]) ** 2
    totals = (by_window * w).sum(axis=1)
    best = int(np.argmin(totals))
    return by_window[best], named[best]


def _beside(distinct: Array, weights: Array, sums: Array, window: int) -> Array:
    """For each value the line through the means of the values on either side, weighted, its own left out."""
    x = (distinct - distinct[0]) / max(float(distinct[-1] - distinct[0]), 1e-300)
    moments = np.stack([weights, weights * x, weights * x * x, sums, sums * x])
    total = np.concatenate([np.zeros((5, 1)), np.cumsum(moments, axis=1)], axis=1)
    place = np.arange(len(x))
    first, last = np.maximum(place - window, 0), np.minimum(place + window + 1, len(x))
    s, sx, sxx, t, tx = total[:, last] - total[:, first] - moments
    everything = sums.sum() / max(float(weights.sum()), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_y = sx / s, t / s
        spread = sxx / s - mean_x**2
        slope = np.where(spread > 1e-12, (tx / s - mean_x * mean_y) / spread, 0.0)
        line: Array = mean_y + slope * (x - mean_x)
    return np.where(s > 0, line, everything)


@dataclass(frozen=True)
class CodeEncoder:
    """A whole number that names things: its inputs as a number, then those as a category."""

    kind: ClassVar[str] = "code"
    reads: ClassVar[str] = "number"
    name: str
    number: NumberEncoder
    category: CategoryEncoder

    @classmethod
    def fit(
        cls, column: Column, weight: Array | None, targets: Array | None, folds: Array | None, **how: Any
    ) -> CodeEncoder:
        """Both readings, fitted."""
        number = NumberEncoder.fit(column, weight, **how)
        return cls(column.name, number, CategoryEncoder.fit(as_category(column), weight, targets, folds))

    @property
    def names(self) -> tuple[str, ...]:
        """The number's, then the category's."""
        return (*self.number.names, *self.category.names)

    @property
    def proximity(self) -> tuple[float, ...]:
        """As a number and as a category."""
        return (*self.number.proximity, *self.category.proximity)

    def encode(self, column: Column, folds: Array | None = None) -> Array:
        """(n, width)."""
        return np.hstack([self.number.encode(column), self.category.encode(as_category(column), folds)])
