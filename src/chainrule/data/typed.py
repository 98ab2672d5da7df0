"""Blocks become typed columns, each read as decided (survey.py) or stated; a cell that does not fit is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data import cells, times
from chainrule.data.source import Block
from chainrule.data.table import Column, natural
from chainrule.errors import SettingsError

READINGS = ("number", "boolean", "category", "time", "time:ymd", "time:dmy", "time:mdy")


def check_reading(name: str, reading: str) -> str:
    """The reading itself. SettingsError for one there is not."""
    if reading not in READINGS:
        raise SettingsError(f"column {name!r} cannot be read as {reading!r}; expected one of {', '.join(READINGS)}.")
    return reading


def typed(block: Block, name: str, reading: str, decimal: str, missing: tuple[str, ...]) -> Column:
    """A column of a block, read as stated.

    Errors    DataError with the place of the first cell that does not fit
    """
    import pyarrow

    column = block.columns[name]
    if pyarrow.types.is_string(column.type):
        column = cells.trimmed(column, missing)
    kind, _, order = reading.partition(":")
    if kind == "number":
        return Column(name, "number", _numbers(block, name, column, decimal))
    if kind == "boolean":
        return _boolean(block, name, column)
    if kind == "time":
        return _times(block, name, column, order or "ymd")
    return category(name, *cells.coded(_as_text(column)))


def category(name: str, codes: Any, texts: list[str]) -> Column:
    """A category whose levels stand in natural order, from indices into texts in any order."""
    order = sorted(range(len(texts)), key=lambda i: natural(texts[i]))
    place = np.full(len(texts) + 1, -1, np.int32)
    place[order] = np.arange(len(texts))
    return Column(name, "category", place[codes], tuple(texts[i] for i in order))


def joined(parts: list[Column]) -> Column:
    """The columns of consecutive blocks as one."""
    first = parts[0]
    if first.kind != "category":
        words = next((part.levels for part in parts if part.levels is not None), None)
        values = np.concatenate([part.values for part in parts]) if len(parts) > 1 else first.values
        return Column(first.name, first.kind, values, words, first.order)
    index: dict[str, int] = {}
    codes = []
    for part in parts:
        place = np.array([index.setdefault(level, len(index)) for level in part.levels or ()] + [-1], np.int32)
        codes.append(place[part.values])
    return category(first.name, np.concatenate(codes), list(index))


def _numbers(block: Block, name: str, column: Any, decimal: str) -> Any:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        raise block.place(0, name, column[0]).error(", a time; expected a number.")
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    if not pyarrow.types.is_string(column.type):
        values = cells.doubles(column)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise block.place(row, name, values[row]).error("; expected a finite number.")
        return values
    values, odd = cells.parsed(column, decimal)
    if odd.any():
        row = int(np.argmax(odd))
        raise block.place(row, name, column[row]).error("; expected a finite number, or a missing value (--missing).")
    return values


def _boolean(block: Block, name: str, column: Any) -> Column:
    import pyarrow

    if pyarrow.types.is_boolean(column.type):
        return Column(name, "boolean", cells.doubles(column.cast(pyarrow.int8())), ("false", "true"))
    if not pyarrow.types.is_string(column.type):
        values = _numbers(block, name, column, ".")
        odd = ~np.isnan(values) & (values != 0) & (values != 1)
    else:
        values, odd = cells.booleans(column)
    if odd.any():
        row = int(np.argmax(odd))
        raise block.place(row, name, column[row]).error("; expected true or false.")
    words = {text.lower(): text for text in reversed(list(cells.counted(_as_text(column))))}
    return Column(name, "boolean", values, (words.get("false", "false"), words.get("true", "true")))


def _times(block: Block, name: str, column: Any, order: str) -> Column:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        values = column.cast(pyarrow.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        return Column(name, "time", values.astype("datetime64[us]"), order="ymd")
    column = _as_text(column)
    values, odd = times.parse(column, order, compact=True)
    if odd.any():
        row = int(np.argmax(odd))
        raise block.place(row, name, column[row]).error(f"; expected a date written {times.WRITTEN[order]}.")
    return Column(name, "time", values, order=order)


def _as_text(column: Any) -> Any:
    """Cells as texts; a whole number without a decimal point, so that 1 and 1.0 are one level."""
    import pyarrow
    import pyarrow.compute as pc

    if pyarrow.types.is_string(column.type):
        return column
    if pyarrow.types.is_floating(column.type):
        values = cells.doubles(column)
        whole = np.abs(np.nan_to_num(values)) < 2**53
        if (np.isnan(values) | (whole & (np.nan_to_num(values) == np.floor(np.nan_to_num(values))))).all():
            integers = pyarrow.array(np.nan_to_num(values).astype(np.int64), mask=np.isnan(values))
            return integers.cast(pyarrow.string())
        texts = [None if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values]
        return pyarrow.array(texts, pyarrow.string())
    return pc.cast(column, pyarrow.string())
