"""Columns as a reader of the table knows them: the cells of each, whatever inputs a pipeline made of them.

Of a run of arrays every input is a column. Of a run of a table whose cells were not kept a column is read back from its
inputs, as far as these still tell its cells apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column
from chainrule.run.table_sample import TableSample

Array = npt.NDArray[Any]
NUMBER, CATEGORY = "number", "category"


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """One column: numbers, or the codes of its levels; NaN where the cell is missing."""

    name: str
    kind: str
    """"number", "boolean", "category" or "time"."""
    values: Array
    inputs: slice
    """The inputs that it became."""
    levels: tuple[str, ...] = ()
    """The names of the levels by code, where they are known."""

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which cells are filled."""
        return ~np.isnan(self.values)

    @property
    def varies(self) -> bool:
        """Whether two cells differ, a missing one and a filled one too."""
        known = self.values[self.known]
        return len(known) > 0 and (len(known) < len(self.values) or bool(np.ptp(known) > 0))


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Columns beside the target they are to predict, row by row."""

    columns: tuple[TableColumn, ...]
    truth: Array | None
    """Classes as numbers from 0, or values as they stand in the table; None for several targets."""
    is_class: bool
    class_names: tuple[str, ...] = ()
    """The names of the classes in `truth`."""
    target: str = "y"

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.columns[0].values) if self.columns else 0

    def filled(self, without: Sequence[int] = ()) -> Array:
        """The cells as numbers (n, columns), the median in place of a missing one; some columns left out."""
        kept = [column for j, column in enumerate(self.columns) if j not in set(without)]
        if not kept:
            return np.zeros((len(self), 0))
        return np.column_stack([_filled(column) for column in kept])


def _filled(column: TableColumn) -> Array:
    known = column.values[column.known]
    return np.where(column.known, column.values, np.median(known) if len(known) else 0.0)


def cells_of_table(sample: TableSample, *, is_class: bool) -> Cells:
    """The columns of a table, from the cells that a run has kept."""
    ends = np.cumsum([0, *sample.widths])
    columns = tuple(
        TableColumn(
            name=column.name, kind=column.kind, values=_numbers(column), inputs=slice(int(a), int(b)),
            levels=column.levels or (),
        )
        for column, a, b in zip(sample.columns, ends[:-1], ends[1:], strict=True)
    )  # fmt: skip
    if len(sample.targets) != 1:
        return Cells(columns=columns, truth=None, is_class=is_class)
    target = sample.targets[0]
    values = _numbers(target)
    if not is_class:
        return Cells(columns=columns, truth=values, is_class=False, target=target.name)
    present, codes = np.unique(values, return_inverse=True)
    levels = target.levels or ()
    names = (levels[int(v)] if target.kind == CATEGORY and levels[int(v)] else f"{v:g}" for v in present)
    return Cells(columns=columns, truth=codes.reshape(-1), is_class=True, class_names=tuple(names), target=target.name)


def _numbers(column: Column) -> Array:
    """The cells as float64, NaN where missing; times in seconds."""
    if column.kind == "time":
        seconds = column.values.astype("datetime64[us]").astype(np.int64) / 1e6
        return np.where(column.missing, np.nan, seconds)
    values: Array = column.values.astype(np.float64)
    return np.where(column.missing | ~np.isfinite(values), np.nan, values)


def cells_of_inputs(
    X: Array, truth: Array | None, *, is_class: bool, columns: Sequence[tuple[str, str, int]] | None,
    class_names: tuple[str, ...] = (),
) -> Cells:  # fmt: skip
    """The columns behind these inputs.

    Args      columns: name, kind and number of inputs of each column; None where every input is one, named by number
    """
    columns = [(f"{j}", NUMBER, 1) for j in range(X.shape[1])] if columns is None else columns
    found, at = [], 0
    for name, kind, width in columns:
        inputs = slice(at, at + width)
        found.append(TableColumn(name=name, kind=kind, values=_read_back(X[:, inputs], kind), inputs=inputs))
        at += width
    return Cells(columns=tuple(found), truth=truth, is_class=is_class, class_names=class_names)


def _read_back(X: Array, kind: str) -> Array:
    """The cells of one column by its inputs: a number by its first one, missing where its indicator says so."""
    if X.shape[1] == 1:
        return X[:, 0]
    if kind in (NUMBER, "time"):
        last = X[:, -1]
        of_missing = X[last == 1]
        alike = len(of_missing) > 0 and not np.ptp(of_missing, axis=0).any()
        is_indicator = kind == NUMBER and alike and bool(np.isin(last, (0.0, 1.0)).all())
        return np.where(last == 1, np.nan, X[:, 0]) if is_indicator else X[:, 0]
    codes = np.unique(X, axis=0, return_inverse=True)[1]
    return codes.reshape(-1).astype(np.float64)
