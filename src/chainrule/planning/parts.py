"""The tables of a plan besides its training rows: read like these, rows that have a target, weights checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays, builtin
from chainrule.data.presence import has_column
from chainrule.data.read import read
from chainrule.data.table import DIALECT, Selection, Table
from chainrule.errors import DataError, MeasureWarning, warn


def check_weights(table: Table, column: str | None, *, may_be_zero: bool = False) -> None:
    """DataError where the weights of rows are negative, missing or, unless these are some of many rows, all zero."""
    if may_be_zero and table.weight is not None and not table.weight.any():
        return
    try:
        arrays.weights(table.weight, len(table), "float64", "weight")
    except DataError as error:
        raise DataError(str(error), path=table.path, column=column) from None


def with_targets(table: Table) -> Table:
    """The rows that have a target, one of several at least."""
    present = has_target(table)
    return table if present.all() else table.take(np.flatnonzero(present))


def has_target(table: Table) -> npt.NDArray[np.bool_]:
    """Which rows have one of several targets at least."""
    return ~np.logical_and.reduce([target.missing for target in table.targets])


def read_test(source: Any, table: Table, selection: Selection) -> Table:
    """Rows to measure on, weighted as those of training where they have the column of weights."""
    weight = selection.weight
    dialect = {name: getattr(selection, name) for name in DIALECT}
    if weight is not None and not has_column(source, weight, **dialect):
        named = source if isinstance(source, (str, Path)) else f"a {type(source).__name__}"
        warn(f"{named}: holds no column {weight!r} of weights; each of its rows counts 1.", MeasureWarning)
        weight = None
    found = read_like_training(source, table, replace(selection, weight=weight))
    check_weights(found, weight)
    return found


def read_like_training(source: Any, table: Table, selection: Selection) -> Table:
    """Another table, its columns read as those of training."""
    is_builtin = isinstance(source, str) and source in builtin.TARGETS
    wanted = replace(
        selection,
        targets=None if is_builtin else tuple(target.name for target in table.targets),
        drop=(),
        features=table.names,
        kinds={column.name: column.reading for column in (*table.columns, *table.targets)},
        kept={
            target.name: tuple(level for level in target.levels or () if level in selection.missing)
            for target in table.targets
        },
    )
    return with_targets(read(source, wanted, "test"))
