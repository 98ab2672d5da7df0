"""A source of rows: named columns that come in blocks of bounded size, and where each row stands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError


@dataclass(frozen=True)
class Place:
    """A cell and where it stands."""

    path: str
    column: str
    text: str
    row: int
    line: int | None

    def error(self, message: str) -> DataError:
        """ "holds 'x', message" with its line where there are lines, else with its row."""
        shown = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        row = "" if self.line is not None else f"row {self.row} (from 0) "
        return DataError(f"{row}holds {shown!r}{message}", path=self.path, line=self.line, column=self.column)


@dataclass(frozen=True)
class Block:
    """Some consecutive rows, as pyarrow arrays by name: numbers or booleans or times as typed, else strings."""

    path: str
    columns: dict[str, Any]
    first_row: int
    """The number of the block's first row in the source, from 0."""
    lines: Sequence[int] | npt.NDArray[np.int64] | None = None
    """In text files the line on which each row begins."""

    def __len__(self) -> int:
        return next((len(column) for column in self.columns.values()), 0)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """The line of each row, or else its number."""
        if self.lines is None:
            return np.arange(self.first_row, self.first_row + len(self))
        return np.asarray(self.lines, np.int64)

    def place(self, row: int, column: str, text: object) -> Place:
        """Where a row of the block stands."""
        line = None if self.lines is None else int(self.lines[row])
        return Place(self.path, column, str(text), self.first_row + row, line)


class Source(Protocol):
    """Where rows come from."""

    @property
    def path(self) -> str:
        """Its name, as errors say it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in their order."""

    @property
    def dialect(self) -> str:
        """How the source is written, to be printed."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What the types of the source say of columns, as in Selection.kinds; of the others their cells decide."""

    @property
    def decimal(self) -> str:
        """The decimal mark of numbers that are text."""

    @property
    def delimiter(self) -> str | None:
        """What stands between the cells of a text file; None elsewhere."""

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers by its type, so that how they are written is no question."""

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """The rows of some columns, again from the first at each call.

        Args      as_text: the columns whose cells are wanted as they stand, whole numbers to the last digit; of the
                  others of a text file a block may give numbers, if all its cells are
        """
