"""What the nearest training rows say: means of their targets, and how far away they are, as further inputs.

Trees and nearest neighbours find local structure, such as near-repetitions of a row, that a short training of a smooth
network does not. The pipeline then holds training rows and their targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.pipeline.nearest import Nearest, grid_bits, on_grid
from chainrule.pipeline.statistics import mean_and_scale
from chainrule.seeding import Purpose, stream_key, words
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
COUNTS = (1, 5, 15, 50)
"""Of so many nearest rows the means are taken."""
MOST_COUNT = 1_000
"""Of a model file."""
FAR_COUNTS = (1, 5)
"""The distances of these rows are inputs."""
MOST_ROWS = 50_000
"""Training rows that are held; more are sampled."""
MOST_NUMBERS = 1_000_000
"""Their coordinates together: what one row is compared with takes less than a millisecond."""
MOST_DIMENSIONS = 256
"""In more, all rows are about equally far."""
MOST_INPUTS = 40
"""Means of all targets together; of many classes those of fewer counts."""
NUMBERS_AT_ONCE = 4_000_000
LEAST_SCALE = 0.01
"""An input of less spread is not stretched further."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Training rows on a grid, their targets, and how these become inputs of a row.

        mean over the k nearest rows j: (Σ w_j·t_j / Σ w_j − center)·factor
        distance d of the k-th nearest: (d / (1 + d) − center)·factor

    A training row has neighbours of other folds only, so that its own target is never among its inputs; any other row
    has all of them. Rows of weight 0 are not held.
    """

    of: tuple[str, ...]
    """What each target is: a column, or a class of it."""
    counts: tuple[int, ...]
    bits: int
    """Steps of the grid to a unit, as a power of 2."""
    places: Array
    """Inputs of the columns that distances see (d,)."""
    spread: Array
    """By which each of them is multiplied (d,)."""
    rows: Array
    """(n, d) int16."""
    folds: Array
    """The fold of each row (n,) int8."""
    targets: Array
    """(n, n_targets) float32."""
    weight: Array
    """(n,); empty where all rows weigh the same."""
    center: Array
    factor: Array
    __repr__ = short_repr

    @classmethod
    def hold(
        cls,
        X: Array,
        proximity: Array,
        said: tuple[Array, Sequence[str]],
        weight: Array | None,
        folds: Array,
        seed: int,
    ) -> Neighbours:
        """The training rows, or a sample of them, whose inputs are not scaled yet.

        Arguments: X (n, n_inputs): inputs of the columns; proximity (n_inputs,): how much a squared difference counts;
        said: targets (n, n_targets), and what each is; folds (n,).
        """
        targets, of = said
        places = np.flatnonzero(proximity)
        n_most = min(MOST_ROWS, max(MOST_NUMBERS // max(len(places), 1), 1))
        held = _sample(np.arange(len(X)) if weight is None else np.flatnonzero(weight), n_most, seed)
        bits, spread = grid_bits(len(held), len(places)), np.sqrt(proximity[places])
        counts = next(counts for counts in (COUNTS, COUNTS[1:3], COUNTS[2:3]) if len(counts) * len(of) <= MOST_INPUTS)
        width = len(counts) * len(of) + len(FAR_COUNTS)
        return cls(
            of=tuple(of), counts=counts, bits=bits, places=places, spread=spread,
            rows=on_grid(X[held][:, places] * spread, bits), folds=folds[held].astype(np.int8),
            targets=targets[held].astype(np.float32),
            weight=np.zeros(0) if weight is None else weight[held].astype(np.float64),
            center=np.zeros(width), factor=np.ones(width),
        )  # fmt: skip

    def scaled(self, inputs: Array, weight: Array | None) -> Neighbours:
        """The same with inputs of mean 0 and standard deviation 1 over the training rows.

        Arguments: inputs: those of the training rows, not scaled.
        """
        scales = [mean_and_scale(column, weight) for column in inputs.T]
        center, factor = (np.array(part) for part in zip(*scales, strict=True))
        return replace(self, center=center, factor=1 / np.maximum(factor, LEAST_SCALE))

    @property
    def names(self) -> tuple[str, ...]:
        """Of each count the means, then the distances."""
        means = (f"{name}, mean of {k} nearest rows" for k in self.counts for name in self.of)
        return (*means, *(f"distance of nearest row {k}" for k in FAR_COUNTS))

    def __len__(self) -> int:
        return len(self.rows)

    def __getstate__(self) -> dict[str, Any]:
        """Without the searches, which are made again when they are needed."""
        return {name: value for name, value in self.__dict__.items() if name != "_searches"}

    def encode(self, X: Array, folds: Array | None = None) -> Array:
        """(n, width): the inputs of rows, given those of their columns; `folds` says of training rows in which fold
        they were, −1 for none."""
        return (self._found(X, folds) - self.center) * self.factor

    def means(self, x: Array) -> tuple[int, Array]:
        """Of one row: a count, not the first where there are several, and the mean targets of so many nearest rows.

        Arguments: x: the inputs that encode gave (width,).
        """
        place, n = min(1, len(self.counts) - 1), len(self.of)
        raw: Array = x / self.factor + self.center
        return self.counts[place], raw[place * n : (place + 1) * n]

    def _found(self, X: Array, folds: Array | None) -> Array:
        points = on_grid(X[:, self.places] * self.spread, self.bits)
        if folds is None:
            return self._looked_up(points, -1)
        out = np.empty((len(X), len(self.names)))
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            out[rows] = self._looked_up(points[rows], int(fold))
        return out

    def _looked_up(self, points: Array, fold: int) -> Array:
        """Means and distances among the rows of other folds."""
        search, held = self._search(fold)
        k = min(max(self.counts), len(search))
        step = max(1, NUMBERS_AT_ONCE // (k * len(self.of)))
        found = [self._of_nearest(held, *search.of(points[i : i + step], k)) for i in range(0, len(points), step)]
        return np.concatenate(found) if found else np.zeros((0, len(self.names)))

    def _of_nearest(self, held: Array, near: Array, squared: Array) -> Array:
        """Means and distances from the places of the k nearest and their squared distances."""
        near, k = held[near], near.shape[1]
        t = self.targets.astype(np.float64)[near]
        w = np.ones(near.shape) if not len(self.weight) else self.weight[near]
        total, weights = np.cumsum(w[..., None] * t, axis=1), np.cumsum(w, axis=1)
        ends = [min(count, k) - 1 for count in self.counts]
        means = [total[:, end] / weights[:, end, None] for end in ends]
        distance = np.sqrt(squared[:, [min(count, k) - 1 for count in FAR_COUNTS]]) / 2.0**self.bits
        return np.concatenate([*means, distance / (1 + distance)], axis=1)

    def _search(self, fold: int) -> tuple[Nearest, Array]:
        known = self._searches
        if fold not in known:
            held = np.flatnonzero(self.folds != fold)
            held = held if len(held) else np.arange(len(self.rows))
            known[fold] = (Nearest(self.rows[held]), held)
        return known[fold]

    @cached_property
    def _searches(self) -> dict[int, tuple[Nearest, Array]]:
        return {}


def _sample(rows: Array, most: int, seed: int) -> Array:
    """At most so many of the rows, ascending, a function of the seed."""
    if len(rows) <= most:
        return rows
    rank = words(stream_key(seed, Purpose.SPLIT, 3), len(rows))
    return np.sort(rows[np.argsort(rank, kind="stable")[:most]])
