"""Numbers that stand for missing cells: -9999 and its like, read off the cells of a column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.columns import NUMBER, Cells
from chainrule.diagnose.doctor.finding import Finding

Array = npt.NDArray[Any]
FAR, APART, OFTEN = 100.0, 5.0, 5
"""A number beyond FAR that comes this often in a column, this many times the width of all others away from them, was
not measured: it stands for a missing one."""
WRITTEN = re.compile(r"9{2,}(\.[09]+)?|9\.9+")
"""How codes are written: nothing but nines (-999, 9999, 99.99)."""
OFTEN_WRITTEN = 3
"""The same for a number that is written as codes are; a negative one among numbers that are none needs no distance."""


@dataclass(frozen=True)
class Code:
    """A column that holds a code, and which of its cells do."""

    column: int
    value: float
    holds: npt.NDArray[np.bool_]
    others: Array


def codes(cells: Cells) -> list[Code]:
    """Every code of every column of numbers."""
    return list(chain.from_iterable(_codes_of(j, c.values) for j, c in enumerate(cells.columns) if c.kind == NUMBER))


def _codes_of(j: int, values: Array) -> Iterator[Code]:
    """The most extreme numbers of a column, one end at a time, or both where both come often."""
    known = values[~np.isnan(values)]
    if len(known) < OFTEN_WRITTEN + OFTEN:
        return
    low, high = float(known.min()), float(known.max())
    for ends in ((low,), (high,), (low, high)):
        others = known[~np.isin(known, ends)]
        if len(others) >= OFTEN and all(_is_code(end, known, others) for end in ends):
            for end in ends:
                yield Code(j, end, values == end, others)
            return


def _is_code(value: float, known: Array, others: Array) -> bool:
    n, width = int((known == value).sum()), float(np.ptp(others))
    apart = float(np.abs(others - value).min())
    if n >= OFTEN and abs(value) > FAR and 0 < width < apart / APART:
        return True
    if n < OFTEN_WRITTEN or not WRITTEN.fullmatch(f"{abs(value):.10g}"):
        return False
    return (value < 0 <= float(others.min())) or apart > APART * max(width, 1.0)


def coded_rows(found: Sequence[Code], n: int) -> npt.NDArray[np.bool_]:
    """Rows that hold a code."""
    return np.logical_or.reduce([code.holds for code in found]) if found else np.zeros(n, dtype=bool)


def code_rules(cells: Cells, found: Sequence[Code], *, heals: bool = False) -> Iterator[Finding]:
    """One finding for all of them, told by the column that holds most.

    Args      heals: whether the run goes well without them
    """
    if not found:
        return
    first = max(found, key=lambda code: int(code.holds.sum()))
    names = list(dict.fromkeys(cells.columns[code.column].name for code in found))
    evidence = {
        "columns": names[:8], "n": len(names), "value": first.value,
        "values": [float(value) for value in dict.fromkeys(code.value for code in found)][:8],
        "cells": int(sum(code.holds.sum() for code in found)),
        "rows": float(coded_rows(found, 0).mean()), "column": cells.columns[first.column].name,
        "low": float(first.others.min()), "high": float(first.others.max()), "heals": heals,
    }  # fmt: skip
    yield Finding(id="input-scale", variant="code", evidence=evidence)
