"""The step at which silent units fell silent: by halving, all units of a layer in one search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.visible import short_repr

Silent = Callable[[int], list[npt.NDArray[np.bool_] | None]]
"""Given a step, which units of every hidden layer are silent before it."""


@dataclass(frozen=True)
class Death:
    """Units of one layer that are silent at the end and fell silent with the update before `step`.

    Attributes
    ----------
    layer : int
        The layer, 1 … L.
    step : int
        The step; 0 where they were silent from the start.
    units : tuple of int
        The units.
    until : int or None
        Where the search was cut short: the step by which they were silent.
    """

    layer: int
    step: int
    units: tuple[int, ...]
    until: int | None = None
    __repr__ = short_repr

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain JSON values.

        Returns
        -------
        dict
            Its attributes by name.
        """
        return {"layer": self.layer, "step": self.step, "units": list(self.units), "until": self.until}


def deaths(silent: Silent, steps: list[int], most_looks: int = 40) -> list[Death]:
    """When the units that are silent at the last of these steps fell silent for good, layer by layer.

    A unit silent at two of the steps and awake between them is not noticed: what is found is a step at which
    the unit fell silent, and after which it was silent at every step examined.
    """
    looks: dict[int, list[npt.NDArray[np.bool_] | None]] = {}

    def look(step: int) -> list[npt.NDArray[np.bool_] | None]:
        if step not in looks:
            looks[step] = silent(step)
        return looks[step]

    found: list[Death] = []
    for place, last in enumerate(look(steps[-1])):
        if last is None or not last.any():
            continue
        units = last.copy()
        for i in range(len(steps) - 1, -1, -1):  # from the end backwards: where the silence began, coarsely
            now = look(steps[i])[place]
            began = units & ~now if now is not None else units
            if began.any():
                found += _refined(look, place, steps[i], steps[i + 1], began, most_looks, looks)
            units = units & ~began
        if units.any():
            found.append(Death(place + 1, steps[0], _places(units)))
    return sorted(found, key=lambda death: (death.step, death.layer))


def _refined(
    look: Silent, place: int, low: int, high: int, units: npt.NDArray[np.bool_], most_looks: int, looks: dict[int, Any]
) -> list[Death]:
    """Units awake at `low` and silent at `high`: between which two neighbouring steps each fell silent."""
    if high - low <= 1:
        return [Death(place + 1, high, _places(units))]
    if len(looks) >= most_looks:
        return [Death(place + 1, low + 1, _places(units), until=high)]
    middle = (low + high) // 2
    now = look(middle)[place]
    early = units & now if now is not None else units & False
    found = []
    if early.any():
        found += _refined(look, place, low, middle, early, most_looks, looks)
    if (units & ~early).any():
        found += _refined(look, place, middle, high, units & ~early, most_looks, looks)
    return found


def _places(units: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(unit) for unit in np.flatnonzero(units))
