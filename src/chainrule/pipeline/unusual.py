"""Rows to predict that are unlike the rows of training: unknown levels, numbers far outside, missing values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Table
from chainrule.pipeline.codes import CodeEncoder
from chainrule.pipeline.columns import NumberEncoder, TimeEncoder
from chainrule.pipeline.encoders import Encoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.ordered import OrderedEncoder
from chainrule.pipeline.table_pipeline import TablePipeline

Array = npt.NDArray[Any]
FAR = 1.0
"""Ranges of the training values beyond either end of which a number lies far outside."""
KINDS = {
    "unknown": "a level that training does not know or saw too seldom",
    "outside": "a number far outside the training range",
    "missing": "a missing value, where training had none",
}


@dataclass(kw_only=True)
class Unusual:
    """How many rows of each column are unlike the training rows, counted block by block."""

    pipeline: TablePipeline
    n_rows: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By column and kind."""
    first: dict[tuple[str, str], str] = field(default_factory=dict)
    """A cell of each."""

    def add(self, table: Table) -> None:
        """Count the rows of a table."""
        columns = {column.name: column for column in table.columns}
        self.n_rows += len(table)
        for encoder in self.pipeline.encoders:
            for kind, rows in _unlike(encoder, columns[encoder.name]):
                n = int(rows.sum())
                if n:
                    key = (encoder.name, kind)
                    self.counts[key] = self.counts.get(key, 0) + n
                    self.first.setdefault(key, _cell(columns[encoder.name], int(np.argmax(rows))))

    def lines(self) -> list[str]:
        """One for each column and kind, those with most rows first."""
        ranked = sorted(self.counts.items(), key=lambda entry: -entry[1])
        return [
            f"{name}: {n:,} of {self.n_rows:,} rows hold {KINDS[kind]}{self._such(name, kind)}"
            for (name, kind), n in ranked
        ]

    def _such(self, name: str, kind: str) -> str:
        return "" if kind == "missing" else f", such as {self.first[name, kind]}"


def _unlike(encoder: Encoder, column: Column) -> Iterable[tuple[str, Array]]:
    """Kinds of being unlike, and which rows are."""
    if isinstance(encoder, CodeEncoder):
        encoder = encoder.number
    if isinstance(encoder, TimeEncoder):
        encoder = encoder.elapsed
        values = column.values.astype("datetime64[us]").astype(np.int64) / 1e6
        values = np.where(column.missing, np.nan, values)
    elif isinstance(encoder, NumberEncoder):
        values = column.values.astype(np.float64)
    if isinstance(encoder, NumberEncoder):
        if not encoder.indicator:
            yield "missing", column.missing
        yield "outside", _outside(encoder, values)
    elif isinstance(encoder, CategoryEncoder | OrderedEncoder):
        if not encoder.missing:
            yield "missing", column.missing
        known = {*encoder.levels, *(encoder.means_of if isinstance(encoder, CategoryEncoder) else ())}
        unknown = np.array([*(level not in known for level in column.levels or ()), False])
        yield "unknown", unknown[column.values]


def _outside(encoder: NumberEncoder, values: Array) -> Array:
    low, high = encoder.low, encoder.high
    if low is None or high is None:  # of a model from before they were kept
        return np.zeros(len(values), bool)
    room = FAR * (high - low)
    with np.errstate(invalid="ignore"):
        return np.asarray((values < low - room) | (values > high + room))


def _cell(column: Column, row: int) -> str:
    value = column.values[row]
    if column.kind == "category":
        return repr((column.levels or ())[int(value)][:40])
    return f"{value:g}" if column.kind == "number" else str(value)
