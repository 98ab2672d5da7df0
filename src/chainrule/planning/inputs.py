"""The rows of a plan behind one fitted pipeline: encoded once, for every candidate that shares the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.split import HeldOut
from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
Arrays: TypeAlias = tuple[Array, Array, "Array | None"]
"""Inputs, targets, weights."""


@dataclass(frozen=True, kw_only=True)
class EncodedRows:
    """Inputs, targets and weights as train takes them, and what the epochs are judged by."""

    pipeline: TablePipeline
    X: Array
    """Training rows leave their own fold out of the means of levels."""
    y: Array
    weight: Array | None
    validation: HeldOut | Arrays | None
    """Which of the rows are held out, or rows of their own."""
    __repr__ = short_repr

    @property
    def all(self) -> Arrays:
        """All of them, those held out too."""
        return self.X, self.y, self.weight

    @property
    def trained_on(self) -> Arrays:
        """The rows without those held out."""
        return self.taken(self.validation.kept) if isinstance(self.validation, HeldOut) else self.all

    @property
    def in_split_order(self) -> Arrays:
        """All rows: those to train on first, then those to judge the epochs by."""
        if self.validation is None:
            return self.all
        if isinstance(self.validation, HeldOut):
            return self.taken(np.concatenate([self.validation.kept, self.validation.out]))
        X, y, weight = self.validation
        both = None if self.weight is None or weight is None else np.concatenate([self.weight, weight])
        return np.concatenate([self.X, X]), np.concatenate([self.y, y]), both

    def taken(self, rows: Array) -> Arrays:
        """Some of the rows."""
        return self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows]

    def as_new(self, table: Table, rows: Array | None = None) -> Array:
        """The inputs of a table, some of these rows or all of them, as those of rows that training never saw."""
        return self.pipeline.as_new(self.X if rows is None else self.X[rows], table)


def encode_rows(table: Table, pipeline: TablePipeline, dtype: str) -> Arrays:
    """Inputs, targets and weights of rows that are not trained on."""
    return pipeline.features(table, dtype), pipeline.target.encode(table), table.weight
