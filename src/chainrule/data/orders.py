"""Kinds that are stated of columns, by the user or by the types of the source, and the order of levels among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from chainrule.data.source import Source
from chainrule.data.table import Column, Selection
from chainrule.errors import DataError, SettingsError

Orders = Mapping[str, tuple[str, ...]]
"""Levels of a column from the least to the most."""


def with_stated(source: Source, selection: Selection) -> tuple[Selection, Orders]:
    """The selection with the kinds that the types of the source state too, and the orders among them.

    An order is a kind written "low<mid<high"; it is read as a category.

    Errors    SettingsError where an order names a level twice, or fewer than two
    """
    kinds = {**source.kinds, **selection.kinds}
    wanted = {name: kind for name, kind in kinds.items() if name not in selection.drop and name != selection.weight}
    orders = {
        name: levels_of(name, kind) for name, kind in wanted.items() if "<" in kind and not kind.startswith("number:")
    }
    return replace(selection, kinds={**wanted, **dict.fromkeys(orders, "category")}), orders


def levels_of(column: str, order: str) -> tuple[str, ...]:
    """The levels of "a<b<c"; of "a < b", with spaces, those may hold "<" themselves.

    Examples
    --------
    >>> levels_of("size", "S<M<L"), levels_of("years", "<1 < 1-4 < >4")
    (('S', 'M', 'L'), ('<1', '1-4', '>4'))
    """
    levels = tuple(level.strip() for level in order.split(" < " if " < " in order else "<"))
    if len(set(levels)) < max(2, len(levels)) or not all(levels):
        raise SettingsError(
            f"the order {order!r} of column {column!r}: must be two or more different levels, from the least to the "
            "most (such as S<M<L; with spaces around < where a level holds one). Correct it."
        )
    return levels


def ranked(column: Column, levels: tuple[str, ...], path: str) -> Column:
    """A category with its order. DataError for a level that the order does not name."""
    unknown = [level for level in column.levels or () if level not in levels]
    if unknown:
        raise DataError(
            f"holds {unknown[0]!r}, which the stated order {'<'.join(levels)} does not name. "
            "Add it to the order, or state it as missing (--missing).",
            path=path,
            column=column.name,
        )
    return replace(column, order=levels)
