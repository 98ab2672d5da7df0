"""The loss of every step in at most a few thousand points: mean, lowest and highest of equal stretches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

MOST_POINTS = 1500


def of_losses(losses: npt.NDArray[np.float64]) -> dict[str, Any]:
    """size: steps of a stretch (the last may be shorter); mean, low, high: lists; null where not finite."""
    n = len(losses)
    size = max(1, -(-n // MOST_POINTS))
    starts = np.arange(0, n, size)
    if n == 0:
        return {"size": 1, "mean": [], "low": [], "high": []}
    lengths = np.diff([*starts, n])
    with np.errstate(all="ignore"):
        record = {"mean": np.add.reduceat(losses, starts) / lengths}
        if size > 1:
            record |= {"low": np.minimum.reduceat(losses, starts), "high": np.maximum.reduceat(losses, starts)}
    return {"size": size, **{name: plain(values) for name, values in record.items()}}


def plain(values: Any) -> list[float | None]:
    """A list for JSON to seven digits: what a curve can show; a number that is not finite is null."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in map(float, values)]
