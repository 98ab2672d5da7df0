"""Blocks become typed columns, each read as decided (survey.py) or stated; a cell that does not fit is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import cells, times
from chainrule.data.arrow_arrays import doubles
from chainrule.data.numbers import COMMA, OTHER_MARK, POINT, NumberFormat, format_of, like_thousands
from chainrule.data.source import Block
from chainrule.data.table import Column, NumberColumn, natural
from chainrule.data.times import TimeFormat, time_format_of
from chainrule.errors import DataError, SettingsError


@dataclass(frozen=True)
class Marks:
    """Decimal mark of a file, and what a user stated of the marks of numbers."""

    of_file: str
    decimal: str | None = None
    thousands: str | None = None


TIMES = ("time", *(f"time:{order}" for order in times.ORDERS))
READINGS = ("number", POINT, COMMA, "boolean", "category", "category:words", *TIMES)
"""Those that are stated; of a number the stored one says how it is written (numbers.py)."""


def check_reading(name: str, reading: str) -> str:
    """The reading itself. SettingsError for one there is not."""
    try:
        known = (
            reading in READINGS or (format_of if reading.startswith("number") else time_format_of)(reading) is not None
        )
    except (ValueError, TypeError):
        known = False
    if not known:
        raise SettingsError(f"column {name!r} cannot be read as {reading!r}: must be one of {', '.join(READINGS)}.")
    return reading


def typed(block: Block, name: str, reading: str, marks: Marks, missing: tuple[str, ...]) -> Column:
    """A column of a block, read as stated.

    Errors    DataError with the place of the first cell that does not fit
    """
    import pyarrow

    column = block.columns[name]
    if pyarrow.types.is_string(column.type):
        column = cells.trimmed(column, missing)
    kind, _, order = reading.partition(":")
    if kind == "number":
        return _number(block, name, column, format_of(reading), marks)
    if kind == "boolean":
        return _boolean(block, name, column)
    if kind == "time":
        return _times(block, name, column, time_format_of(reading))
    return replace(category(name, *cells.coded(_as_text(column))), order=order or None)


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
        if isinstance(first, NumberColumn):
            return replace(first, values=values, levels=words, codes=_joined_codes(parts))
        return replace(first, values=values, levels=words)
    index: dict[str, int] = {}
    codes = []
    for part in parts:
        place = np.array([index.setdefault(level, len(index)) for level in part.levels or ()] + [-1], np.int32)
        codes.append(place[part.values])
    return replace(category(first.name, np.concatenate(codes), list(index)), order=first.order)


def _joined_codes(parts: list[Column]) -> npt.NDArray[np.int32] | None:
    """Which word each cell holds; None where no part has words."""
    codes = [getattr(part, "codes", None) for part in parts]
    if all(known is None for known in codes):
        return None
    none = [
        np.full(len(part), -1, np.int32) if known is None else known for part, known in zip(parts, codes, strict=True)
    ]
    return np.concatenate(none)


def _number(block: Block, name: str, column: Any, made: NumberFormat | None, marks: Marks) -> Column:
    import pyarrow

    if not pyarrow.types.is_string(column.type):
        return NumberColumn(name, "number", _numbers(block, name, column, marks.of_file), format=made)
    own = (made or NumberFormat(decimal=marks.of_file)).stated(marks.decimal, marks.thousands, marks.of_file)
    values, codes, odd = own.values(column)
    if odd.any() and marks.decimal and not own.thousands:  # the other mark can but separate thousands
        values, codes, odd = replace(own, thousands=OTHER_MARK[own.decimal]).values(column)
    elif made is not None and not (made.decimal or made.thousands or marks.decimal or marks.thousands):
        doubtful = like_thousands(column)
        if doubtful.any():
            raise _doubtful(block, name, column, int(np.argmax(doubtful)))
    if odd.any():
        row, like = (
            int(np.argmax(odd)),
            "" if made is None or made.is_plain else f" written as in training ({own.describe('.')})",
        )
        known = f" or one of {', '.join(map(repr, own.words))}" if own.words else ""
        raise block.place(row, name, column[row]).error(
            f": must be a finite number{like}{known}, or a missing value (--missing). Are its marks others? State "
            "--decimal or --thousands."
        )
    return NumberColumn(name, "number", values, made.words if made is not None and made.words else None, format=made,
                  codes=codes if own.words else None)  # fmt: skip


def _doubtful(block: Block, name: str, column: Any, row: int) -> DataError:
    """The error for 1.097 in a column that had no decimals in training."""
    mark = "." if "." in str(column[row]) else ","
    return block.place(row, name, column[row]).error(
        f"; the column held whole numbers in training: does the mark separate thousands or decimals? State "
        f"--thousands={mark} or --decimal={mark}."
    )


def _numbers(block: Block, name: str, column: Any, decimal: str) -> Any:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        raise block.place(0, name, column[0]).error(", a time: must be a number.")
    if pyarrow.types.is_boolean(column.type):
        column = column.cast(pyarrow.int8())
    if not pyarrow.types.is_string(column.type):
        values = doubles(column)
        if np.isinf(values).any():
            row = int(np.argmax(np.isinf(values)))
            raise block.place(row, name, values[row]).error(": must be a finite number.")
        return values
    values, odd = cells.parsed(column, decimal)
    if odd.any():
        row = int(np.argmax(odd))
        raise block.place(row, name, column[row]).error(": must be a finite number, or a missing value (--missing).")
    return values


def _boolean(block: Block, name: str, column: Any) -> Column:
    import pyarrow

    if pyarrow.types.is_boolean(column.type):
        return Column(name, "boolean", doubles(column.cast(pyarrow.int8())), ("false", "true"))
    if not pyarrow.types.is_string(column.type):
        values = _numbers(block, name, column, ".")
        odd = ~np.isnan(values) & (values != 0) & (values != 1)
    else:
        values, odd = cells.booleans(column)
    if odd.any():
        row = int(np.argmax(odd))
        raise block.place(row, name, column[row]).error(": must be true or false.")
    words = {text.lower(): text for text in reversed(list(cells.counted(_as_text(column))))}
    return Column(name, "boolean", values, (words.get("false", "false"), words.get("true", "true")))


def _times(block: Block, name: str, column: Any, made: TimeFormat) -> Column:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        values = column.cast(pyarrow.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        return Column(name, "time", values.astype("datetime64[us]"), order=TimeFormat().stored)
    column = _as_text(column)
    values, odd = times.parse(column, made, compact=True)
    if odd.any():
        row = int(np.argmax(odd))
        known = f" or {', '.join(map(repr, made.words))}" if made.words else ""
        raise block.place(row, name, column[row]).error(
            f": must be a date written {times.WRITTEN[made.order]}{known}, or a missing value (--missing)."
        )
    return Column(name, "time", values, order=made.stored)


def _as_text(column: Any) -> Any:
    """Cells as texts; a whole number without a decimal point, so that 1 and 1.0 are one level."""
    import pyarrow
    import pyarrow.compute as pc

    if pyarrow.types.is_string(column.type):
        return column
    if pyarrow.types.is_floating(column.type):
        values = doubles(column)
        whole = np.abs(np.nan_to_num(values)) < 2**53
        if (np.isnan(values) | (whole & (np.nan_to_num(values) == np.floor(np.nan_to_num(values))))).all():
            integers = pyarrow.array(np.nan_to_num(values).astype(np.int64), mask=np.isnan(values))
            return integers.cast(pyarrow.string())
        texts = [None if np.isnan(v) else str(int(v)) if float(v).is_integer() else repr(float(v)) for v in values]
        return pyarrow.array(texts, pyarrow.string())
    return pc.cast(column, pyarrow.string())
