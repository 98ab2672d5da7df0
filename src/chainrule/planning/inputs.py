"""The rows of a plan behind one fitted pipeline: encoded once, for every candidate that shares the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.split import HeldOut
from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import Influence, TablePipeline
from chainrule.pipeline.target import Target
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
    plain: EncodedRows | None = None
    """The same rows without the inputs of their neighbours, where they have such."""
    whole: EncodedRows | None = None
    """The same rows with all columns, where some were left out."""
    influence: Influence | None = None
    """By how much differences in each column count in the distance of neighbours; None: all alike."""
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

    @property
    def split_order(self) -> Array:
        """The places of all rows: those to train on first, then those held out."""
        judged = self.validation
        return np.concatenate([judged.kept, judged.out]) if isinstance(judged, HeldOut) else np.arange(len(self.X))

    def taken(self, rows: Array) -> Arrays:
        """Some of the rows."""
        return some(self.all, rows)

    def with_neighbours(self, table: Table, influence: Influence | None = None) -> EncodedRows:
        """The same rows with further inputs that tell what the nearest training rows say.

        Arguments: table: what was encoded, weighted as the training weighs its rows; influence: of each column on the
        distance.
        """
        judged = self.validation
        kept = judged.kept if isinstance(judged, HeldOut) else None
        pipeline, X = self.pipeline.with_neighbours(self.X, table, kept, influence)
        if judged is not None and not isinstance(judged, HeldOut) and pipeline.neighbours is not None:
            near = pipeline.neighbours.encode(judged[0]).astype(judged[0].dtype)
            judged = (np.hstack([judged[0], near]), *judged[1:])
        return replace(self, pipeline=pipeline, X=X, validation=judged, plain=self, influence=influence)

    def only(self, kept: Array) -> EncodedRows:
        """The same rows with the inputs of some columns (a mask)."""
        judged, (pipeline, inputs) = self.validation, self.pipeline.only(kept)
        if judged is not None and not isinstance(judged, HeldOut):
            judged = (np.ascontiguousarray(judged[0][:, inputs]), *judged[1:])
        X = np.ascontiguousarray(self.X[:, inputs])
        return replace(self, pipeline=pipeline, X=X, validation=judged, whole=self)

    def with_target(self, target: Target, table: Table, judged_by: Table | None) -> EncodedRows:
        """The same rows with their targets coded otherwise.

        Arguments: table: what was encoded; judged_by: the rows of their own that judge, where there are such.
        """
        judged = self.validation
        if judged is not None and not isinstance(judged, HeldOut):
            assert judged_by is not None
            judged = (judged[0], target.encode(judged_by), judged[2])
        plain, whole = (rows and rows.with_target(target, table, judged_by) for rows in (self.plain, self.whole))
        return replace(
            self, pipeline=replace(self.pipeline, target=target), y=target.encode(table), validation=judged,
            plain=plain, whole=whole,
        )  # fmt: skip

    @property
    def first(self) -> EncodedRows:
        """The rows with every column and without neighbours."""
        rows = self if self.plain is None else self.plain
        return rows if rows.whole is None else rows.whole

    @property
    def is_screened(self) -> bool:
        """Whether columns were left out."""
        return (self if self.plain is None else self.plain).whole is not None

    def anew(self, table: Table, order: Array, kept: Array, columns: Array | None) -> Arrays:
        """Rows in some order, with inputs by those that are kept to train on: neighbours are among these.

        Arguments: table: what was encoded, weighted as the training weighs its rows; kept: places in the order;
        columns: those used, a mask.
        """
        if self.first is self:
            return self.taken(order)
        X, y, weight = self.first.taken(order)
        pipeline = self.first.pipeline
        if columns is not None:
            pipeline, inputs = pipeline.only(columns)
            X = np.ascontiguousarray(X[:, inputs])
        if self.plain is not None:
            X = pipeline.with_neighbours(X, table.take(order), np.sort(kept), self.influence)[1]
        return X, y, weight

    def as_new(self, table: Table, rows: Array | None = None) -> Array:
        """The inputs of a table, some of these rows or all of them, as those of rows that training never saw."""
        return self.pipeline.as_new(self.X if rows is None else self.X[rows], table)


def some(rows: Arrays, places: Array) -> Arrays:
    """Some of the rows."""
    X, y, weight = rows
    return X[places], y[places], None if weight is None else weight[places]


def encode_rows(table: Table, pipeline: TablePipeline, dtype: str) -> Arrays:
    """Inputs, targets and weights of rows that are not trained on."""
    return pipeline.features(table, dtype), pipeline.target.encode(table), table.weight
