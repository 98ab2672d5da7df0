"""The strict scan of a delimited text: every record has as many cells as the header, every quote is where it may be.

It works on blocks of UTF-8 bytes with single "\\n" as line ends, by NumPy, and says of the first fault the
line and the column. What has passed it, pyarrow converts without a chance to repair anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.dialect import Dialect
from chainrule.data.marks import MarksOfColumns
from chainrule.errors import DataError

NEWLINE = 10
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """Whole records at the beginning of a block."""

    size: int
    """Bytes of these records; the rest belongs to the next block."""
    lines: Sequence[int] | Positions
    """The line on which each record begins, empty lines left out."""
    n_lines: int = 0
    """Line ends among these bytes, those within quotes included."""
    quoted: bool = False
    longest: int = 0
    """Bytes of the longest record."""
    codes: frozenset[int] = frozenset()
    """Columns (from 0) with cells such as 007, whose zeros a number would lose."""
    dotted: frozenset[int] = frozenset()
    """Columns with cells such as 1.234, whose mark may separate thousands."""


@dataclass(frozen=True)
class Scanner:
    """What every block of one file is held against."""

    path: str
    header: tuple[str, ...]
    dialect: Dialect

    @cached_property
    def marks(self) -> MarksOfColumns:
        """What is known of the marks of each column so far."""
        return MarksOfColumns(self.dialect, len(self.header))

    def scan(self, block: bytes, line: int) -> Scanned:
        """The whole records of a block that begins on `line`; size 0 where a quoted cell goes on beyond it.

        Errors    DataError for NUL bytes, misplaced quotes, records of another width, empty lines of one column
        """
        data = np.frombuffer(block, np.uint8)
        newlines = np.flatnonzero(data == NEWLINE)
        if b"\0" in block:
            raise self.error_at(block, block.index(b"\0"), line, "holds a NUL byte: must be text. Remove it.")
        delimiters = np.flatnonzero(data == ord(self.dialect.delimiter))
        ends, quoted = newlines, self.dialect.quote.encode() in block
        if quoted:
            quotes = np.flatnonzero(data == ord(self.dialect.quote))
            ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
            delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
            self._check_quotes(data, quotes, ends[-1] + 1 if len(ends) else 0, line)
        if not len(ends):
            return Scanned(size=0, lines=(), quoted=quoted)
        starts = np.concatenate([[0], ends[:-1] + 1])
        filled = starts < ends
        widths = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        bad = filled & (widths != len(self.header))
        if bad.any():
            at = int(np.argmax(bad))
            raise self._ragged(int(widths[at]), self._line(newlines, int(starts[at]), line))
        n_lines = int(np.searchsorted(newlines, ends[-1])) + 1
        if len(self.header) == 1 and not filled.all():
            self._check_empty_lines(filled, newlines, starts, line)
        size = int(ends[-1]) + 1
        longest, codes = int((ends - starts).max()) + 1, self._codes(data[:size], starts, delimiters, quoted)
        plain = n_lines == len(starts) and filled.all()
        lines = range(line, line + n_lines) if plain else line + np.searchsorted(newlines, starts[filled])
        dotted = self.marks.doubtful(block, data, ends[filled], delimiters)
        return Scanned(
            size=size, lines=lines, n_lines=n_lines, quoted=quoted, longest=longest, codes=codes, dotted=dotted
        )

    def _codes(
        self, data: npt.NDArray[np.uint8], starts: Positions, delimiters: Positions, quoted: bool
    ) -> frozenset[int]:
        inside = len(data) - 2  # room for two digits and a line end
        parts = [starts[starts < inside], delimiters[: np.searchsorted(delimiters, inside - 1)]]
        firsts = [data[parts[0]], data[1:][parts[1]]]  # of the first cell of a record; of those after a delimiter
        zeros = np.concatenate([parts[k][firsts[k] == ord("0")] + k for k in (0, 1)])
        if quoted:
            begun = np.concatenate([parts[k][firsts[k] == ord(self.dialect.quote)] + k for k in (0, 1)]) + 1
            zeros = np.concatenate([zeros, begun[data[begun] == ord("0")]])
        after = data[zeros + 1]
        zeros = zeros[(after >= ord("0")) & (after <= ord("9"))]
        if not len(zeros):
            return frozenset()
        record = np.searchsorted(starts, zeros, side="right") - 1
        before = np.searchsorted(delimiters, starts[record])
        return frozenset(np.unique(np.searchsorted(delimiters, zeros) - before).tolist())

    def _check_quotes(self, data: npt.NDArray[np.uint8], quotes: Positions, size: int, line: int) -> None:
        """Opening quotes begin a cell, closing ones end it, others are doubled within one."""
        quotes = quotes[quotes < size]
        separators = np.array([ord(self.dialect.delimiter), NEWLINE], np.uint8)
        opening, closing = quotes[::2], quotes[1::2]
        before = np.where(opening > 0, data[opening - 1], NEWLINE)
        begins = np.isin(before, separators)
        begins[1:] |= opening[1:] == closing[: len(opening) - 1] + 1  # the second of a doubled quote
        ends = np.isin(data[np.minimum(closing + 1, len(data) - 1)], separators)
        ends[: len(opening) - 1] |= opening[1:] == closing[: len(opening) - 1] + 1
        faults = [*opening[~begins][:1], *closing[~ends][:1]]
        if not faults:
            return
        place, quote = int(min(faults)), self.dialect.quote
        message = f"a quote {quote} is within a cell: must enclose the whole cell, doubled inside it."
        if not ends.all() and place == closing[~ends][0]:
            begin = int(opening[np.argmin(ends)])
            if (data[begin:place] == NEWLINE).any():
                place, message = begin, "a quote opens here and is not closed before the next one; mend the quotes."
        raise self.error_at(data.tobytes(), place, line, message)

    def unclosed(self, block: bytes, line: int) -> DataError:
        """The error for a block whose last quote is never closed, or for a misplaced quote before it."""
        data = np.frombuffer(block, np.uint8)
        quotes = np.flatnonzero(data == ord(self.dialect.quote))
        self._check_quotes(data, quotes, len(data), line)
        place = int(quotes[-1])
        return self.error_at(block, place, line, "a quote opens here and is never closed; mend the quotes.")

    def error_at(self, block: bytes, place: int, line: int, message: str) -> DataError:
        """The error for a fault at a byte of a block that begins on `line`."""
        quote = self.dialect.quote.encode()
        begin = block.rfind(b"\n", 0, place) + 1
        while begin and block.count(quote, 0, begin) % 2:
            begin = block.rfind(b"\n", 0, begin - 1) + 1
        outside = block[begin:place].split(quote)[::2]
        column = sum(part.count(self.dialect.delimiter.encode()) for part in outside)
        name = self.header[column] if column < len(self.header) else None
        return DataError(message, path=self.path, line=line + block.count(b"\n", 0, place), column=name)

    def _ragged(self, width: int, line: int) -> DataError:
        cells = f"the row has {width} cell{'s' if width > 1 else ''}: must have {len(self.header)}, as in the header."
        column = self.header[width] if width < len(self.header) else None
        return DataError(cells, path=self.path, line=line, column=column)

    def _check_empty_lines(self, filled: Any, newlines: Positions, starts: Positions, line: int) -> None:
        first = int(np.argmin(filled))
        if filled[first:].any():
            at = self._line(newlines, int(starts[first]), line)
            message = "the line is empty; in a file of one column write NA for a missing value."
            raise DataError(message, path=self.path, line=at, column=self.header[0])

    @staticmethod
    def _line(newlines: Positions, place: int, line: int) -> int:
        return line + int(np.searchsorted(newlines, place))
