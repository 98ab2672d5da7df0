"""Splits: which rows are held out, as a function of the seed, stratified for classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError
from chainrule.seeding import Purpose, stream_key, words

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeldOut:
    """Some rows by their numbers: those to train on, in this order, and those held out to judge by."""

    kept: Rows
    out: Rows


def holdout(n: int, fraction: float, seed: int, classes: npt.NDArray[Any] | None = None) -> tuple[Rows, Rows]:
    """Rows kept and rows held out, both ascending; every class gives the same share, as far as whole rows allow.

    Errors    DataError if either side would be empty
    """
    return _held_out(n, n_held_out(n, fraction), seed, classes)


def n_held_out(n: int, fraction: float) -> int:
    """How many of n rows are held out.

    Errors    DataError if either side would be empty
    """
    n_out = round(n * fraction)
    if n_out < 1 or n_out >= n:
        raise DataError(f"validation={fraction:g}: must leave at least one of {n} rows on each side.")
    return n_out


def repeated_holdout(
    n: int, fraction: float, seeds: Sequence[int], classes: npt.NDArray[Any] | None = None
) -> list[tuple[Rows, Rows]]:
    """Several ways to hold a share out, each that of holdout with its seed.

    Source    Kuhn, Johnson (2013), Applied predictive modeling, section 4.4: repeated training/test splits
    """
    return [_held_out(n, round(n * fraction), seed, classes) for seed in seeds]


def _held_out(n: int, n_out: int, seed: int, classes: npt.NDArray[Any] | None) -> tuple[Rows, Rows]:
    rank = words(stream_key(seed, Purpose.SPLIT), n)
    order = np.lexsort((np.arange(n), rank))
    if classes is not None:
        order = _interleaved(order, classes)
    held_out = np.zeros(n, dtype=bool)
    held_out[order[:n_out]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def _interleaved(order: Rows, classes: npt.NDArray[Any]) -> Rows:
    """The same rows, reordered so that every prefix holds each class in proportion."""
    position = np.empty(len(order))
    shuffled = classes[order]
    for label in np.unique(shuffled):
        places = np.flatnonzero(shuffled == label)
        position[places] = (np.arange(len(places)) + 0.5) / len(places)
    return order[np.argsort(position, kind="stable")]
