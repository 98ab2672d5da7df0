"""Sums as the engines take them: one chain of fused multiply-adds, rounded once at every link.

The native engine forms every element of a product as s ← fma(x_k, y_k, s) for k = 0, 1, …, and adds up
biases row after row. Recomputing such a chain gives the same bits on any machine. BLAS, which the
NumPy engine calls, has an order of its own, so its sums are redone in float64 and end in a rounding.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def fused(x: Any, y: Any, s: Any) -> Any:
    """x·y + s rounded once, to the precision of s.

    Examples
    --------
    >>> float(fused(np.float32(0.1), np.float32(10), np.float32(-1)))
    1.4901161193847656e-08
    """
    if not (np.isfinite(x) and np.isfinite(y) and np.isfinite(s)):
        with np.errstate(all="ignore"):
            return type(s)(x * y + s)
    return _rounded(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(s)), s)


def twice_rounded(x: Any, y: Any, s: Any) -> Any:
    """x·y + s by way of float64: the same as `fused` in float32 but for a few in a billion."""
    with np.errstate(all="ignore"):
        return np.float32(np.float64(x) * np.float64(y) + np.float64(s))


def chain(x: Array, y: Array) -> Array:
    """The running totals s_k = fma(x_k, y_k, s_{k−1}) from 0, in the precision of x; (n,)."""
    s, totals = x.dtype.type(0), np.empty_like(x)
    for k, (x_k, y_k) in enumerate(zip(x, y, strict=True)):
        totals[k] = s = fused(x_k, y_k, s)
    return totals


def running_sum(x: Array) -> Array:
    """The running totals of plain additions from 0, in the precision of x."""
    with np.errstate(all="ignore"):
        totals: Array = np.cumsum(x, dtype=x.dtype)
    return totals


def same_bits(x: Any, y: Any) -> bool:
    """Equal to the bit, 0 and −0 apart taken as equal; a NaN equals a NaN."""
    return bool(x == y or (np.isnan(x) and np.isnan(y)))


def _rounded(exact: Fraction, like: Any) -> Any:
    """The nearest number of the precision of `like`, ties to even."""
    if isinstance(like, np.float64):
        try:
            return np.float64(exact.numerator / exact.denominator)  # true division of integers rounds once
        except OverflowError:
            return np.float64(np.inf if exact > 0 else -np.inf)
    # Rounding to odd in float64 first leaves a trace of what was cut off, so float32 rounds as from the exact sum.
    wide = np.float64(exact.numerator / exact.denominator)
    left = exact - Fraction(float(wide)) if np.isfinite(wide) else Fraction(0)
    if left and not int(wide.view(np.uint64)) & 1:
        wide = np.nextafter(wide, np.inf if left > 0 else -np.inf)
    with np.errstate(over="ignore"):
        return np.float32(wide)
