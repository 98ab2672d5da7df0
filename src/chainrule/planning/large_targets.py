"""The targets of very many rows, read block by block: where they have few values, two bytes a row are kept of them.

Decisions need the distinct values and whether there are many rows of each; a few rows of each stand for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.data.read import ReadPlan
from chainrule.data.table import Column, Table
from chainrule.planning.many_rows import Codes

VERY_MANY = 1 << 22
"""Rows, beyond which memory is spared."""
MOST_VALUES, ROWS_OF_EACH = 1000, 2000


@dataclass(frozen=True)
class FewValues:
    """A target of few values: of every row the number of its value, −1 where it is missing; and some rows of each."""

    codes: Codes
    some: Table


def few_values(reading: ReadPlan) -> FewValues | None:
    """The only target of very many rows without weights; None of other rows, or where it has many values."""
    n = reading.n_rows or 0
    if n <= VERY_MANY or len(reading.targets) != 1 or reading.selection.weight is not None:
        return None
    plan, codes, first = replace(reading, features={}), np.full(n, -1, np.int16), 0
    numbers: dict[Any, int] = {}
    counted: dict[int, int] = {}
    some: list[Table] = []
    for block in plan.blocks():
        table = plan.table(block)
        column = table.targets[0]
        names, inverse = _distinct(column)
        own = np.array([*(numbers.setdefault(name, len(numbers)) for name in names), -1], np.int64)
        if len(numbers) > MOST_VALUES or first + len(table) > n:
            return None
        here = own[inverse]
        codes[first : first + len(table)] = here
        first += len(table)
        some.append(table.take(_first_rows(here, counted)))
    return FewValues(codes, plan.whole(some)) if first == n else None


def _distinct(column: Column) -> tuple[list[Any], Any]:
    """The values of a block, and which one each row has; the last, which is none, where it is missing."""
    missing = column.missing
    if column.kind == "category":
        return list(column.levels or ()), np.where(missing, -1, column.values)
    values, inverse = np.unique(column.values[~missing], return_inverse=True)
    places = np.full(len(column), -1, np.int64)
    places[~missing] = inverse
    return values.tolist(), places


def _first_rows(codes: Any, counted: dict[int, int]) -> Any:
    """The rows of a block by which each value comes to ROWS_OF_EACH rows of all blocks; of missing ones too."""
    rows = []
    for code in np.unique(codes).tolist():
        own = np.flatnonzero(codes == code)[: ROWS_OF_EACH - counted.get(code, 0)]
        counted[code] = counted.get(code, 0) + len(own)
        rows.append(own)
    return np.sort(np.concatenate(rows))
