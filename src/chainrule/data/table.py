"""The table: typed columns as they were read, what was understood of each, and which of them are wanted."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.numbers import NumberFormat
from chainrule.errors import DataError
from chainrule.visible import MOST, cut, short_repr

Kind: TypeAlias = Literal["number", "boolean", "category", "time"]
"""What a column that is used holds."""

Understanding: TypeAlias = Literal["number", "boolean", "category", "time", "text", "id", "constant", "empty"]
"""What a column of the source was taken for; text, id, constant and empty columns are not used."""

MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?", "-", "--",
    ".", "\\N",
)  # fmt: skip
"""Cells that mean a missing value, unless Selection.missing says otherwise; spaces around a cell do not count."""


def missing_cells(stated: Sequence[str] | None) -> tuple[str, ...]:
    """The cells that mean a missing value: those stated, or, after a "+", those and the usual; empty ones always do.

    Examples
    --------
    >>> missing_cells(["-999"])
    ('', '-999')
    >>> missing_cells(["+", "oops"])[-2:]
    ('\\\\N', 'oops')
    """
    if stated is None:
        return MISSING
    return (*MISSING, *stated[1:]) if stated[:1] in (["+"], ("+",)) else ("", *stated)


@dataclass(frozen=True)
class Column:
    """One column, typed. Number and boolean: float64 (false 0, true 1), NaN = missing, otherwise finite.

    Category: int32 indices into levels, −1 = missing. Time: datetime64[us] (UTC where an offset was given),
    NaT = missing.
    """

    name: str
    kind: Kind
    values: npt.NDArray[Any]
    levels: tuple[str, ...] | None = None
    """Of a category its texts in natural order (2 before 10); of a boolean its words for false and true; of a number
    the words that stand among its values."""
    order: str | tuple[str, ...] | None = None
    """Of times how they are written (times.TimeFormat.stored); of a category whose levels have an order all of them,
    from the least to the most; "words" of texts that are used by their words."""
    __repr__ = short_repr

    @property
    def reading(self) -> str:
        """What Selection.kinds takes to have the column read the same way again: "number", "time:dmy", …"""
        return f"{self.kind}:{self.order}" if isinstance(self.order, str) else self.kind

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[Any] | slice) -> Column:
        """Some of the rows."""
        return Column(self.name, self.kind, self.values[rows], self.levels, self.order)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which rows have no value."""
        if self.kind == "category":
            return np.asarray(self.values < 0)
        return np.asarray(np.isnat(self.values) if self.kind == "time" else np.isnan(self.values))


@dataclass(frozen=True)
class NumberColumn(Column):
    """Numbers read from text: how they are written, and the words that stand among them, whose values are NaN."""

    format: NumberFormat | None = None
    codes: npt.NDArray[np.int32] | None = None
    """Which word (of levels) a cell holds, −1 for none; None where there are no words."""
    __repr__ = short_repr

    @property
    def reading(self) -> str:
        """What Selection.kinds takes to have the column read the same way again."""
        return "number" if self.format is None else self.format.reading

    def take(self, rows: npt.NDArray[Any] | slice) -> NumberColumn:
        """Some of the rows."""
        codes = None if self.codes is None else self.codes[rows]
        return NumberColumn(self.name, self.kind, self.values[rows], self.levels, self.order, self.format, codes)

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which rows hold neither a number nor a word."""
        empty = np.isnan(self.values)
        return np.asarray(empty if self.codes is None else empty & (self.codes < 0))


@dataclass(frozen=True)
class Understood:
    """What one column of the source was taken for, why, and whether it is used; what `train` prints."""

    name: str
    kind: Understanding
    used: bool
    detail: str
    """ "42 levels, 3.1 % missing", "dropped: every row has its own value", …"""
    note: str = ""
    """Of a target which spellings of a missing value it holds, and what they were taken for."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows as they were read: columns to predict from, columns to predict, weights."""

    path: str
    columns: tuple[Column, ...]
    targets: tuple[Column, ...] = ()
    weight: npt.NDArray[np.float64] | None = None
    understood: tuple[Understood, ...] = ()
    """One for each column of the source, in its order."""
    stated: frozenset[str] = frozenset()
    """Columns whose kind was stated."""
    dialect: str = ""
    """What was detected of a text file, to be printed: "comma, quote \", UTF-8"; else the format."""
    places: npt.NDArray[np.int64] | None = None
    """Of each row the line of a text file, else its number from 0; None where they were not requested."""
    has_lines: bool = False
    """Whether places are lines."""
    __repr__ = short_repr

    def __len__(self) -> int:
        """The number of rows."""
        for column in (*self.columns, *self.targets):
            return len(column)
        return 0 if self.weight is None else len(self.weight)

    @property
    def n_unnamed(self) -> int | None:
        """Columns of the source where it had no header: column_1, column_2 …; None where it had one."""
        names = [entry.name for entry in self.understood]
        return len(names) if names and names == [f"column_{i}" for i in range(1, len(names) + 1)] else None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns to predict from."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """A column or target by name.

        Errors    DataError naming the nearest one there is
        """
        known = {column.name: column for column in (*self.columns, *self.targets)}
        if name not in known:
            raise no_such("column", name, list(known), self.path)
        return known[name]

    def take(self, rows: npt.NDArray[Any] | slice) -> Table:
        """Some of the rows."""
        return replace(
            self,
            columns=tuple(column.take(rows) for column in self.columns),
            targets=tuple(column.take(rows) for column in self.targets),
            weight=None if self.weight is None else self.weight[rows],
            places=None if self.places is None else self.places[rows],
        )

    def error(self, row: int, column: str, message: str) -> DataError:
        """The error of one of the rows, with its line or else its number in the source."""
        place = row if self.places is None else int(self.places[row])
        if self.has_lines:
            return DataError(message, path=self.path, line=place, column=column)
        return DataError(f"row {place} (from 0) {message}", path=self.path, column=column)


DIALECT = ("delimiter", "quote", "decimal", "thousands", "encoding", "dates", "skip", "comment", "header", "sheet")
"""Fields of a selection that say how a file is written."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which columns of a source are wanted, and as what.

    Args      targets: the columns to predict, None for the source's own (built-in sets, y of an NPZ);
              needs_target: False leaves them unread; weight: a column of weights; drop: columns to leave out;
              features: exactly these, in this order, or None for all that remain and are of use;
              kinds: for some or all columns how they are read (Column.reading), nothing is then inferred or
              dropped of them: cells that do not fit are refused; missing: cells that mean a missing value;
              kept: of which columns some of those are texts all the same; None: of a target that is found from its
              cells (spellings.py), where missing is not stated;
              delimiter, quote, encoding: of a text file, None to detect each; decimal, thousands: the marks of
              numbers that are text; dates: the order of day, month and year where a column suits several;
              skip: lines above the header; comment: what begins a line that is no row; header: False where the
              first line is a row; sheet: of a workbook; n_unnamed: columns of
              the training file where that had no header, so that places mean the same;
              units: whether numbers that are stated plainly may be written with a unit, such as 5kg
    """

    targets: tuple[str, ...] | None = None
    needs_target: bool = True
    weight: str | None = None
    drop: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = MISSING
    kept: Mapping[str, tuple[str, ...]] | None = None
    delimiter: str | None = None
    quote: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    encoding: str | None = None
    dates: str | None = None
    skip: int | None = None
    comment: str | None = None
    header: bool | None = None
    sheet: str | None = None
    n_unnamed: int | None = None
    units: bool = True
    __repr__ = short_repr

    @property
    def wanted_targets(self) -> tuple[str, ...]:
        """The columns to predict that are to be read."""
        return (self.targets or ()) if self.needs_target else ()

    @property
    def finds_kept(self) -> bool:
        """Whether spellings of a missing value may turn out to be classes of a target."""
        return self.kept is None and self.missing[: len(MISSING)] == MISSING


def column_of(name: str, values: npt.NDArray[Any]) -> Column:
    """A column of an array of numbers, booleans or strings; an empty string is missing."""
    if values.dtype.kind == "U":
        levels = sorted(set(values.tolist()) - {""}, key=natural)
        code = {level: i for i, level in enumerate(levels)} | {"": -1}
        return Column(name, "category", np.array([code[text] for text in values.tolist()], np.int32), tuple(levels))
    if values.dtype.kind == "b":
        return Column(name, "boolean", values.astype(np.float64), ("false", "true"))
    return Column(name, "number", values.astype(np.float64))


def natural(text: str) -> tuple[Any, ...]:
    """A sorting key in which runs of digits count as numbers: "2" before "10", "a2" before "a10"."""
    parts = re.split(r"([0-9]+)", text)
    return (*((int(part), part) if i % 2 else (part,) for i, part in enumerate(parts)),)


MOST_COMPARED = 10_000
"""Names that are looked through for one that was meant."""


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'species'?", or nothing where no name is near."""
    by_lower = {entry.lower(): entry for entry in itertools.islice(known, MOST_COMPARED) if len(entry) <= MOST}
    near = difflib.get_close_matches(name[:MOST].lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def listed(names: Sequence[str], most: int = 8) -> str:
    """The names, or the first of them and how many there are."""
    shown = ", ".join(cut(name, MOST // 2) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"


def no_such(kind: str, name: str, known: Sequence[str], path: str) -> DataError:
    """The error for a name a file does not hold: the nearest, and what it holds."""
    return DataError(f"holds no {kind} {name!r}{nearest(name, known)} (found: {listed(known) or 'none'})", path=path)


def refuse_missing(wanted: Sequence[str], known: Sequence[str], path: str) -> None:
    """DataError naming the wanted columns that are not there; nothing where all are."""
    missing = [name for name in wanted if name not in set(known)]
    if missing:
        message = f"{len(missing)} of {len(wanted)} columns are missing: {listed([repr(name) for name in missing], 5)}"
        raise DataError(f"{message}; must hold those of training (found: {listed(known)}).", path=path)


def as_category(column: Column) -> Column:
    """Numbers as levels, written as text: 7, 12.5."""
    present = ~np.isnan(column.values)
    distinct, codes = np.unique(column.values[present], return_inverse=True)
    places = np.full(len(column), -1, np.int32)
    places[present] = codes
    levels = tuple(str(int(v)) if v == np.floor(v) and abs(v) < 1e18 else repr(float(v)) for v in distinct)
    return Column(column.name, "category", places, levels)
