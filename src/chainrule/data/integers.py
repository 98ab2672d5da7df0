"""Whole numbers beyond 2^53, of which float64 holds only some: codes of accounts or classes that must stay apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

EXACT = 2.0**53
"""Up to here every whole number is one of float64."""
WRITTEN = r"^[+-]?[0-9]{16,}$"
"""A cell that may hold one beyond; 1e20 and 12345678901234567.0 are measurements."""


@dataclass
class LargeIntegers:
    """What becomes of the whole numbers of a column as float64."""

    inexact: bool = False
    """Whether some of them are not in float64."""
    merged: bool = False
    """Whether two of them become one number."""

    def add(self, column: Any, values: npt.NDArray[np.float64]) -> None:
        """Take in cells of text and the numbers that they became."""
        import pyarrow.compute as pc

        if not (np.abs(values) >= EXACT).any():
            return
        self.compare(pc.unique(column.filter(pc.match_substring_regex(column, WRITTEN))).to_pylist())

    def compare(self, texts: Iterable[str | None]) -> None:
        """Whether these whole numbers differ from float64, or from each other alone."""
        whole = {int(text) for text in texts if text is not None}
        self.inexact = self.inexact or any(int(float(number)) != number for number in whole)
        self.merged = self.merged or len({float(number) for number in whole}) < len(whole)
