"""The losses of a training as a curve that grows: mean, lowest and highest of equal stretches of steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.report.curves import plain

MOST_POINTS = 600


def size_for(n_steps: int) -> int:
    """Steps of one point in a run of so many: a power of 2, so that it stays while the run grows."""
    size = 1
    while n_steps > MOST_POINTS * size:
        size *= 2
    return size


def points(losses: npt.NDArray[np.float64], size: int, first: int = 0) -> dict[str, Any]:
    """The points from `first` on; the last may be of fewer steps. As the report has them, with `from`."""
    part = losses[first * size :]
    starts = np.arange(0, len(part), size)
    if not len(part):
        return {"size": size, "from": first, "mean": [], "low": [], "high": []}
    lengths = np.diff([*starts, len(part)])
    with np.errstate(all="ignore"):
        found = {
            "mean": np.add.reduceat(part, starts) / lengths,
            "low": np.minimum.reduceat(part, starts),
            "high": np.maximum.reduceat(part, starts),
        }
    return {"size": size, "from": first, **{name: plain(values) for name, values in found.items()}}
