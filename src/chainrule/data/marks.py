"""Which columns of a delimited text have decimal marks that may separate thousands: 1.234, found in its bytes.

Those columns are kept as text, so that their cells can be looked at; all others a converter may read as numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from chainrule.data.dialect import Dialect

Positions = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
PART = 1 << 17
LEAST_PLAIN, LEAST_SHARE = 3, 0.05
"""Cells such as 0.5 or 12.25, and their share of those with a mark, from which on it is one of decimals."""


@dataclass
class MarksOfColumns:
    """What is known so far of the marks of each column, block by block."""

    dialect: Dialect
    n_columns: int
    decimals: set[int] = field(default_factory=set)
    """Columns whose mark separates decimals."""
    always: set[int] | None = None
    """Columns of a file with commas between cells of which every cell has a point and three digits behind it: nobody
    writes thousands so. None before the first block."""

    def doubtful(self, block: bytes, data: Bytes, ends: Positions, delimiters: Positions) -> frozenset[int]:
        """The columns of a block whose mark may separate thousands.

        Args      block, data: its bytes; ends: where each record ends that is not empty; delimiters: where they stand
        """
        mark, n = ord(self.dialect.decimal), len(ends)
        if not n or (self.always is not None and len(self.decimals) == self.n_columns):
            return frozenset()
        between = delimiters[: n * (self.n_columns - 1)].reshape(n, self.n_columns - 1)
        first, self.always = self.always is None, self.always or set()
        if first:
            self._clear(data, np.column_stack([between, ends]), mark)
        if not self.always and mark not in block:
            return frozenset()
        if not self.always and not self._any_triple(data, mark):
            return frozenset()
        quoted, spaced = self.dialect.quote.encode() in block, b" " in block
        found = set[int]()
        for j in set(range(self.n_columns)) - self.decimals:
            after = between[:, j] if j < self.n_columns - 1 else ends
            n_triples = self._n_triples(data, _trimmed(data, after, self.dialect.quote, spaced, quoted), mark)
            if first and n_triples == n and self.dialect.delimiter == "," and self.dialect.decimal == ".":
                self.always.add(j)
            if (n_triples and j not in self.always) or (n_triples < n and j in self.always):
                found.add(j)
        return frozenset(found)

    @staticmethod
    def _any_triple(data: Bytes, mark: int) -> bool:
        """Whether exactly three digits stand behind some mark; looked for in parts that stay in a core's cache."""
        for start in range(0, max(len(data) - 4, 0), PART):
            part = data[start : start + PART + 4]
            places = np.flatnonzero((part[:-4] == mark) & (part[4:] - ord("0") > 9))
            if len(places) and np.logical_and.reduce([_is_digit(part[places + k]) for k in (1, 2, 3)]).any():
                return True
        return False

    def _n_triples(self, data: Bytes, after: Positions, mark: int) -> int:
        """How many cells, which end before these places, are 1.234 or 1234.567; 0.234 is none."""
        after = after[data[np.maximum(after - 4, 0)] == mark]
        after = after[after > 4]
        for k in (1, 2, 3):
            after = after[_is_digit(data[after - k])]
        return int(((data[after - 5] != ord("0")) | _is_digit(data[np.maximum(after - 6, 0)])).sum())

    def _clear(self, data: Bytes, after: Positions, mark: int) -> None:
        """Note the columns of the first block whose cells show that the mark is one of decimals."""
        flat = after.reshape(-1)
        marks = np.flatnonzero(data[: flat[-1]] == mark)
        marked = np.diff(np.searchsorted(marks, flat), prepend=0).reshape(after.shape) > 0
        before = [data[np.maximum(after - k, 0)] for k in (1, 4, 5, 6)]
        triple = (before[1] == mark) & ((before[2] != ord("0")) | _is_digit(before[3]))
        triple |= (before[0] == ord(" ")) | (before[0] == ord(self.dialect.quote))
        n_marked, n_plain = marked.sum(axis=0), (marked & ~triple).sum(axis=0)
        is_decimal = n_plain >= np.maximum(LEAST_PLAIN, LEAST_SHARE * n_marked)
        self.decimals.update(np.flatnonzero(is_decimal).tolist())


def _trimmed(data: Bytes, after: Positions, quote: str, spaced: bool, quoted: bool) -> Positions:
    """Where cells end without a closing quote and blanks."""
    if quoted:
        after = after - (data[after - 1] == ord(quote))
    while spaced and (blank := data[after - 1] == ord(" ")).any():
        after = after - blank
    return after


def _is_digit(data: Bytes) -> npt.NDArray[np.bool_]:
    return (data >= ord("0")) & (data <= ord("9"))
