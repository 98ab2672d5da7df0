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
    """Weighted mean and standard deviation (divided by the sum of weights) of finite values; the scale of a constant
    is 1."""
    wide, unit = values.astype(np.float64), 1.0
    mean, scale = _mean_and_scale(wide, weight)
    if not np.isfinite(mean + scale):  # squares or sums overflowed: in units of the largest
        unit = float(np.ldexp(1.0, int(np.frexp(np.abs(wide).max())[1]) - 1))
        mean, scale = _mean_and_scale(wide / unit, moderate(weight))
    return mean * unit, scale * unit


def _mean_and_scale(values: Array, weight: Array | None) -> tuple[float, float]:
    """The corrected two-pass algorithm, to the bit as scikit-learn's StandardScaler has it while it is finite.

    Formula   m = Σ w·x / Σ w;  s² = (Σ w·(x − m)² − (Σ w·(x − m))² / Σ w) / Σ w;  s = 1 where s² is within its own
              rounding error, n·ε·s² + (n·m·ε)² with n = Σ w
    Source    Chan, Golub, LeVeque (1983), Algorithms for computing the sample variance
    """
    w = None if weight is None else weight.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        n = np.float64(len(values)) if w is None else np.add.reduce(w)
        mean = _sum(values, w) / n
        around = values - mean
        variance = (_sum(around * around, w) - _sum(around, w) ** 2 / n) / n
        eps = np.finfo(np.float64).eps
        is_constant = np.isfinite(variance) and variance <= n * eps * variance + (n * mean * eps) ** 2
        return float(mean), 1.0 if is_constant else float(np.sqrt(variance))


def _sum(values: Array, weight: Array | None) -> np.float64:
    return np.float64(np.add.reduce(values) if weight is None else weight @ values)


def counts(codes: Array, n: int, weight: Array | None) -> Array:
    """Sum of weights of each code 0 … n − 1; negative codes are left out."""
    known = codes >= 0
    return np.bincount(codes[known], None if weight is None else weight[known], minlength=n).astype(np.float64)
