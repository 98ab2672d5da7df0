"""Rows of JSON as a table at once, where no cell leaves a question; else they are read as every other table is.

Numbers in columns of numbers and texts in categories need no look at how they are written. What reading makes of them
is the same, which a test compares; a request of one row takes a third of the time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.data.table import Column, NumberColumn, Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.serve.json_rows import EXACT, JsonColumn, JsonColumns

PLAIN = {"number": (float, int, None), "category": (str, None)}
"""Types that leave no question, by how training read the column."""


def is_plain(columns: JsonColumns, pipeline: TablePipeline) -> bool:
    """Whether every column has such a type."""
    return all(column.kind in PLAIN.get(_kind(pipeline.readings[name]), ()) for name, column in columns.items())


def _kind(reading: str) -> str:
    """number, however training wrote its numbers: those of JSON are not written that way, or category without more."""
    return "number" if reading.startswith("number") else reading


def joined(parts: Sequence[JsonColumns]) -> JsonColumns:
    """The rows of several requests one after the other."""
    return {
        name: JsonColumn([value for part in parts for value in part[name].values], column.kind)
        for name, column in parts[0].items()
    }


def plain_table(columns: JsonColumns, pipeline: TablePipeline) -> Table | None:
    """The table of plain columns; None where a cell must be looked at."""
    made = []
    for name, column in columns.items():
        read = _numbers if _kind(pipeline.readings[name]) == "number" else _category
        one = read(name, column.values, pipeline)
        if one is None:
            return None
        made.append(one)
    return Table(path="the body", columns=tuple(made))


def _numbers(name: str, values: list[float | None], pipeline: TablePipeline) -> Column | None:
    try:
        found = np.array([np.nan if value is None else value for value in values], np.float64)
    except OverflowError:
        return None
    return None if (np.abs(found) > EXACT).any() else NumberColumn(name, "number", found)


def _category(name: str, values: list[str | None], pipeline: TablePipeline) -> Column | None:
    """Codes by first appearance; a text with spaces around it, or that no UTF-8 holds, must be looked at."""
    place: dict[str, int] = {}
    codes = np.empty(len(values), np.int32)
    for i, value in enumerate(values):
        if value is None or value in pipeline.missing:
            codes[i] = -1
        elif value != value.strip() or not value.isprintable():
            return None
        else:
            codes[i] = place.setdefault(value, len(place))
    return Column(name, "category", codes, tuple(place))
