"""Numbers, tables and lines for a terminal of 80 columns, Hangul counted as two."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
WIDTH = 78
_NUMBER = re.compile(r"[-+]?\d*(\.\d*)?(e[-+]?\d+)?|-?inf|nan")


def number(value: Any) -> str:
    """A number to five significant digits; a NaN stays a NaN."""
    x = float(value)
    if x == 0:
        return "0"  # the sign of a zero is of no interest to a reader
    if not np.isfinite(x):
        return f"{x:g}"
    return f"{x:.5g}" if 1e-4 <= abs(x) < 1e5 else f"{x:.4e}"


def counted(n: int, what: str) -> str:
    """A number of things, by the word for one of them.

    Examples
    --------
    >>> counted(1, "epoch"), counted(1200, "step")
    ('1 epoch', '1,200 steps')
    """
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def factor(value: Any) -> str:
    """A number as a factor of a product: in brackets where it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def columns(text: str) -> int:
    """Columns a text takes in a terminal: Hangul and other wide characters take two, combining marks none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) != 0 for c in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled with spaces up to a width in columns; `right` pushes it to the right."""
    space = " " * (width - columns(text))
    return space + text if right else text + space


def aligned(rows: Sequence[Sequence[str]], indent: int = 4, gap: int = 3) -> list[str]:
    """Rows of cells as lines: words of the first column to the left, numbers with their points in line."""
    cells = [list(row) for row in rows]
    for i in range(1, len(cells[0])):
        _line_up_points(cells, i)
    widths = [max(columns(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = []
    for row in cells:
        others = [pad(cell, width, right=True) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append((" " * indent + (" " * gap).join([pad(row[0], widths[0]), *others])).rstrip())
    return lines


def _line_up_points(cells: list[list[str]], i: int) -> None:
    """Pad the numbers of column i on the right so that their decimal points are aligned."""
    numbers = [row for row in cells if row[i] and _NUMBER.fullmatch(row[i])]
    after = [len(row[i]) - _whole(row[i]) for row in numbers]
    for row, n in zip(numbers, after, strict=True):
        row[i] += " " * (max(after) - n)


def _whole(text: str) -> int:
    """Characters before the decimal point, or before an exponent if there is no point."""
    return min(text.find(mark) if mark in text else len(text) for mark in (".", "e"))


def wrapped(line: str, indent: int = 0, hang: int = 0) -> list[str]:
    """A line broken at spaces so that it fits; the following ones are indented by `hang` more."""
    if not line:
        return [""]
    lines, current = [], " " * indent
    for i, word in enumerate(line.split(" ")):
        if i and columns(current) + 1 + columns(word) > WIDTH:
            lines.append(current.rstrip())
            current = " " * (indent + hang) + word
        else:
            current += (" " if i else "") + word
    return [*lines, current.rstrip()]


def largest(values: Array, n: int) -> npt.NDArray[np.intp]:
    """Places of the n entries of largest size, in their own order; a NaN counts as larger than all."""
    size = np.where(np.isnan(values), np.inf, np.abs(values))
    return np.sort(np.argsort(-size, kind="stable")[:n])


def total(values: Array) -> float:
    """The sum, in float64."""
    return float(values.sum(dtype=np.float64))
