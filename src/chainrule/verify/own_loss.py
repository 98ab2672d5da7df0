"""A loss that is a pair of functions: whether its delta is the derivative of its value, by differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import OwnLoss

Array = npt.NDArray[Any]
ROWS, OUTPUTS = 16, 8
"""Rows and outputs that are looked at."""
WIDTHS = (1e-6, 1e-5, 1e-4, 1e-3)
"""Half the distance of the two points, relative to a where that is above 1."""
TOLERANCE = 1e-3
"""The relative error of an entry that passes."""
STEADY = 1e-2
"""Two differences of neighbouring widths agree so far where there is a derivative."""


@dataclass(frozen=True, kw_only=True)
class WrongDelta:
    """An entry of delta that is not the derivative of value."""

    row: int
    output: int
    a: float
    y: float
    delta: float
    difference: float
    """What differences of value give."""


def wrong_delta(pair: OwnLoss, a: Array, y: Array) -> WrongDelta | None:
    """The entry of delta that is farthest from the differences of value; None where no entry is surely wrong.

    An entry is wrong where value has a derivative, which differences of several widths agree on, and where delta is
    another number at each of them; at a corner, where it lies outside of the slopes on either side.

    Args      pair: value(a, y) -> (n,) and delta(a, y) -> (n, k); a, y (n, k)
    """
    rows = np.unique(np.linspace(0, len(a) - 1, min(len(a), ROWS)).astype(int))
    a, y = a[rows].astype(np.float64), y[rows].astype(np.float64)
    with np.errstate(all="ignore"):
        delta = np.asarray(pair[1](a.copy(), y.copy()), np.float64)
        worst, found = 0.0, None
        if np.shape(pair[0](a.copy(), y.copy())) != (len(a),) or delta.shape != a.shape:
            return None  # the first step refuses it by its shapes
        for j in range(min(a.shape[1], OUTPUTS)):
            apart, difference = _compared(pair[0], a, y, j, delta[:, j])
            i = int(np.argmax(apart))
            if apart[i] > worst:
                worst = float(apart[i])
                found = WrongDelta(
                    row=int(rows[i]), output=j, a=float(a[i, j]), y=float(y[i, j]), delta=float(delta[i, j]),
                    difference=float(difference[i]),
                )  # fmt: skip
    return found


def _compared(value: Any, a: Array, y: Array, j: int, delta: Array) -> tuple[Array, Array]:
    """How far delta of one output is from the differences, 0 where it may be right; and the best difference."""
    middle = np.asarray(value(a.copy(), y.copy()))
    noise = 8.0 * float(np.finfo(middle.dtype if middle.dtype.kind == "f" else np.float64).eps)
    apart, spread, found, before = (np.full(len(a), fill) for fill in (np.inf, np.inf, np.nan, np.nan))
    is_resolved = np.zeros(len(a), bool)
    for width in WIDTHS:
        h = width * np.maximum(1.0, np.abs(a[:, j]))
        up, down = (np.asarray(value(_moved(a, j, step), y.copy()), np.float64) for step in (h, -h))
        above, below, central = (up - middle) / h, (middle - down) / h, (up - down) / (2 * h)
        doubt = noise * np.maximum(np.abs(up), np.abs(down)) / h
        low, high = np.minimum(above, below), np.maximum(above, below)
        is_smooth = high - low <= STEADY * np.maximum(np.abs(low), np.abs(high)) + 2 * doubt
        nearest = np.where(is_smooth, central, np.clip(delta, low, high))
        gap = np.maximum(np.abs(nearest - delta) - doubt - TOLERANCE * np.maximum(np.abs(nearest), np.abs(delta)), 0)
        agree = np.abs(central - before) <= STEADY * np.abs(central) + 2 * doubt
        is_resolved |= agree & (doubt <= STEADY * np.maximum(np.abs(central), np.abs(delta)))
        apart = np.fmin(apart, gap)
        finest = high - low + doubt < spread
        spread, found = np.where(finest, high - low + doubt, spread), np.where(finest, central, found)
        before = central
    relative = apart / np.maximum(np.abs(found), np.abs(delta))
    return np.where(is_resolved & np.isfinite(relative), relative, 0.0), found


def _moved(a: Array, j: int, by: Array) -> Array:
    moved = a.copy()
    moved[:, j] += by
    return moved
