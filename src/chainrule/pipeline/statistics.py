"""Statistics of weighted values, in which a row of weight 2 counts as the row twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import moderate

Array = npt.NDArray[Any]


def quantiles(values: Array, weight: Array | None, shares: Sequence[float] | Array) -> Array:
    """For each share the smallest value that this share of the weight lies at or below: always a value of the data.

    Arguments: values (n,) finite, at least one; weight (n,) ≥ 0 or None for ones; shares in [0, 1].

    Examples
    --------
    >>> quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), [0.5]).tolist()
    [2.0]
    """
    kept = np.ones(len(values)) if weight is None else weight.astype(np.float64)
    values, kept = (values[kept > 0], kept[kept > 0]) if (kept > 0).any() else (values, np.ones(len(values)))
    order = np.argsort(values, kind="stable")
    below = np.cumsum(kept[order])
    places = np.searchsorted(below, np.asarray(shares) * below[-1], side="left")
    result: Array = values[order][np.minimum(places, len(values) - 1)]
    return result


def mean_and_scale(values: Array, weight: Array | None) -> tuple[float, float]:
    """Weighted mean and standard deviation (divided by the sum of weights); the scale of a constant is 1."""
    from sklearn.preprocessing import StandardScaler

    wide, unit = values.reshape(-1, 1).astype(np.float64), 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().fit(wide, sample_weight=weight)
        if not np.isfinite(scaler.mean_[0] + scaler.scale_[0]):  # squares or sums overflowed: in units of the largest
            unit = float(np.ldexp(1.0, int(np.frexp(np.nanmax(np.abs(wide)))[1]) - 1))
            scaler = StandardScaler().fit(wide / unit, sample_weight=moderate(weight))
    return float(scaler.mean_[0]) * unit, float(scaler.scale_[0]) * unit


def counts(codes: Array, n: int, weight: Array | None) -> Array:
    """Sum of weights of each code 0 … n − 1; negative codes are left out."""
    known = codes >= 0
    return np.bincount(codes[known], None if weight is None else weight[known], minlength=n).astype(np.float64)
