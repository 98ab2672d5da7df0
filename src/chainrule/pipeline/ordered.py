"""Categories whose levels have an order: very bad … very good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column

Array = npt.NDArray[Any]
MOST_STEPS = 32
"""Steps from one level to the next that have an input of their own; of more levels those at equal distances."""


@dataclass(frozen=True, kw_only=True)
class OrderedEncoder:
    """The place of a level in its order, an input for each step that it lies beyond, and one for a missing value.

    of K levels, the level k = 0 … K − 1: 2k/(K − 1) − 1, and [k ≥ 1], …, [k ≥ K − 1]
    a missing or unknown level: 0 for all of them, and 1 for missing where training had missing values
    """

    kind: ClassVar[str] = "ordered"
    reads: ClassVar[str] = "category"
    name: str
    levels: tuple[str, ...]
    """From the least to the most."""
    missing: bool

    @classmethod
    def fit(cls, column: Column) -> OrderedEncoder:
        """The order is stated; whether values are missing is found."""
        levels = column.order if isinstance(column.order, tuple) else ()
        return cls(name=column.name, levels=levels, missing=bool((column.values < 0).any()))

    @property
    def steps(self) -> Array:
        """The levels from which on each input is 1."""
        n = len(self.levels) - 1
        return np.unique(np.linspace(1, n, min(n, MOST_STEPS)).round().astype(np.int64)) if n > 1 else np.zeros(0, int)

    @property
    def names(self) -> tuple[str, ...]:
        """The place, the steps, missing."""
        result = (f"{self.name} place", *(f"{self.name} from {self.levels[k]}" for k in self.steps))
        return (*result, f"{self.name} missing") if self.missing else result

    @property
    def proximity(self) -> tuple[float, ...]:
        """The place counts, the steps do not."""
        return (1.0, *(0.0,) * len(self.steps), *(1.0,) * self.missing)

    def encode(self, column: Column) -> Array:
        """(n, width)."""
        place = {level: k for k, level in enumerate(self.levels)}
        ranks = np.array([*(place.get(level, -1) for level in column.levels or ()), -1], np.int64)[column.values]
        known = ranks >= 0
        parts = [np.where(known, 2.0 * ranks / (len(self.levels) - 1) - 1, 0.0)[:, None]]
        parts.append((ranks[:, None] >= self.steps).astype(np.float64))
        if self.missing:
            parts.append((~known)[:, None].astype(np.float64))
        return np.hstack(parts)
