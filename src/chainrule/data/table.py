"""The table: rows with named numeric columns, and the raw column that is to be predicted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError


@dataclass(frozen=True)
class Table:
    """Rows as they were read: X (n, n_columns) float64 and finite, the target raw, weights or None."""

    path: str
    columns: tuple[str, ...]
    X: npt.NDArray[np.float64]
    target: npt.NDArray[Any] | None = None
    """Numbers where every entry is one (whole ones as integers), else strings."""
    target_name: str | None = None
    weight: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        """Some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            target=None if self.target is None else self.target[rows],
            weight=None if self.weight is None else self.weight[rows],
        )

    @property
    def labels(self) -> npt.NDArray[Any]:
        """The target, which must be there."""
        if self.target is None:
            raise DataError("no target is named; expected one.", path=self.path)
        return self.target


@dataclass(frozen=True)
class Selection:
    """Which columns of a source are wanted, and as what.

    Args      target: the column to predict, None for the source's own; needs_target: False leaves it unread;
              weight: a column of weights ≥ 0; drop: columns to leave out; features: exactly these, in
              this order, or None for all that remain
    """

    target: str | None = None
    needs_target: bool = True
    weight: str | None = None
    drop: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'species'?", or nothing where no name is near."""
    by_lower = {entry.lower(): entry for entry in known}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def listed(names: Sequence[str], most: int = 8) -> str:
    """The names, or the first of them and how many there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"


def no_such(kind: str, name: str, known: Sequence[str], path: str) -> DataError:
    """The error for a name a file does not hold: the nearest, and what it holds."""
    return DataError(f"holds no {kind} {name!r}{nearest(name, known)} (found: {listed(known) or 'none'})", path=path)


def refuse_missing(wanted: Sequence[str], known: Sequence[str], path: str) -> None:
    """DataError naming the wanted columns that are not there; nothing where all are."""
    missing = [name for name in wanted if name not in set(known)]
    if missing:
        told = f"{len(missing)} of {len(wanted)} columns are missing: {listed([repr(name) for name in missing], 5)}"
        raise DataError(f"{told}; expected those of training (found: {listed(known)}).", path=path)
