"""Categories: an input for each frequent level, and where there are many the mean target of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column
from chainrule.pipeline.statistics import counts
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
RARE_ROWS = 5
"""Levels seen in fewer rows share one input."""
MOST_LEVELS = 64
"""Levels beyond the most frequent 64 share one input."""


@dataclass(frozen=True, kw_only=True)
class CategoryEncoder:
    """One input for each frequent level, one for all rare levels together, one for missing; where there are
    many levels also the mean target of the level.

    A level unknown to training counts as rare; where training had no rare level all its inputs are 0.
    Two levels without a missing value become one input, −1 and +1, unknown 0.

        mean target of a level: (Σ w·y + 10·ȳ) / (Σ w + 10), over rows of other folds for a training row

    Source: Micci-Barreca (2001).
    """

    kind: ClassVar[str] = "category"
    reads: ClassVar[str] = "category"
    name: str
    levels: tuple[str, ...]
    """Levels that have an input of their own, in the order of the inputs."""
    rare: bool
    missing: bool
    means_of: tuple[str, ...]
    """Levels that have a mean target."""
    means: Array
    """(1 + n_folds, n_levels + 1, n_targets), scaled: first of all training rows, then without each fold;
    the last level stands for unknown and missing. Empty where there are few levels."""
    __repr__ = short_repr

    @classmethod
    def fit(
        cls, column: Column, weight: Array | None, targets: Array | None = None, folds: Array | None = None
    ) -> CategoryEncoder:
        """Levels with enough rows (whole weights count as rows repeated), the most frequent where there are too many.

        Arguments: targets (n, n_targets): standardised, 0 where missing; folds (n,): 0 … n_folds − 1.
        """
        levels, codes = column.levels or (), column.values
        repeats = weight if weight is not None and (weight == np.floor(weight)).all() else None
        seen = counts(codes, len(levels), repeats)
        kept = np.flatnonzero(seen >= min(RARE_ROWS, max(1.0, seen.sum() // 20)))
        if len(kept) > MOST_LEVELS:
            kept = np.sort(kept[np.argsort(-counts(codes, len(levels), weight)[kept], kind="stable")[:MOST_LEVELS]])
        means: Array = np.zeros((0, 0, 0))
        means_of: tuple[str, ...] = ()
        if int((seen > 0).sum()) > MOST_LEVELS and targets is not None and folds is not None:
            means_of = tuple(levels)
            means = _level_means(codes, len(levels), targets, weight, folds)
        rare = bool((seen > 0).sum() > len(kept))
        return cls(
            name=column.name,
            levels=tuple(levels[i] for i in kept),
            rare=rare,
            missing=bool((codes < 0).any()),
            means_of=means_of,
            means=means,
        )

    @property
    def is_pair(self) -> bool:
        """Whether one input of −1 and +1 says it all."""
        return len(self.levels) == 2 and not self.rare and not self.missing

    @property
    def names(self) -> tuple[str, ...]:
        """One for each level, (rare), (missing), and the mean targets."""
        if self.is_pair:
            return (f"{self.name}={self.levels[1]}",)
        result = [f"{self.name}={level}" for level in self.levels]
        result += [f"{self.name} {word}" for word, there in (("rare", self.rare), ("missing", self.missing)) if there]
        return (*result, *(f"{self.name} mean {i}" for i in range(self.means.shape[2])))

    @property
    def proximity(self) -> tuple[float, ...]:
        """Two levels are 1 apart; the means, which hold the row's own target, do not count."""
        if self.is_pair:
            return (0.25,)
        return (*(0.5,) * (len(self.levels) + self.rare + self.missing), *(0.0,) * self.means.shape[2])

    def encode(self, column: Column, folds: Array | None = None) -> Array:
        """(n, width); `folds` says of training rows in which fold they were, −1 for none."""
        codes, levels = column.values, column.levels or ()
        slot = {level: i for i, level in enumerate(self.levels)}
        n_levels = len(self.levels)
        other = n_levels if self.rare else -1
        slots = np.array([*(slot.get(level, other) for level in levels), 0], np.int64)[codes]
        slots[codes < 0] = n_levels + self.rare if self.missing else other
        if self.is_pair:
            return np.array([-1.0, 1.0, 0.0])[slots][:, None]  # −1, unknown, is the last of them
        one_hot = np.zeros((len(codes), n_levels + self.rare + self.missing))
        rows = np.flatnonzero(slots >= 0)
        one_hot[rows, slots[rows]] = 1.0
        return np.hstack([one_hot, self._means_of(codes, levels, folds)]) if self.means.size else one_hot

    def _means_of(self, codes: Array, levels: tuple[str, ...], folds: Array | None) -> Array:
        place = {level: i for i, level in enumerate(self.means_of)}
        unknown = len(self.means_of)
        places = np.array([*(place.get(level, unknown) for level in levels), unknown], np.int64)[codes]
        result: Array = self.means[0 if folds is None else folds + 1, places]
        return result


PRIOR_ROWS = 10.0


def _level_means(codes: Array, n_levels: int, targets: Array, weight: Array | None, folds: Array) -> Array:
    n_folds, w = int(folds.max()) + 1, np.ones(len(codes)) if weight is None else weight
    means = np.zeros((1 + n_folds, n_levels + 1, targets.shape[1]))
    for fold in range(-1, n_folds):
        inside = folds != fold
        c, t, u = codes[inside], targets[inside], w[inside]
        total = counts(c, n_levels, u)
        for k in range(targets.shape[1]):
            prior = float(np.average(t[:, k], weights=u)) if u.sum() > 0 else 0.0
            means[fold + 1, :n_levels, k] = (counts(c, n_levels, u * t[:, k]) + PRIOR_ROWS * prior) / (
                total + PRIOR_ROWS
            )
            means[fold + 1, n_levels, k] = prior
    spread = means[0, :n_levels].std(axis=0)
    return means / np.where(spread > 0, spread, 1.0)
