"""The pipeline: an encoder for each column and one for the targets, fitted together, kept together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Selection, Table, refuse_missing
from chainrule.errors import DataError, ModelFileError
from chainrule.pipeline.codes import CodeEncoder
from chainrule.pipeline.encoders import ENCODERS, Encoder, arrays_of, fit_encoder, has_means, plain, restored
from chainrule.pipeline.levels import MOST_LEVELS, CategoryEncoder
from chainrule.pipeline.neighbours import Neighbours
from chainrule.pipeline.stored import check_pipeline
from chainrule.pipeline.target import TARGETS, Classes, ClassName, Target, Values, class_text
from chainrule.pipeline.words import WordsEncoder
from chainrule.schema import SchemaError
from chainrule.seeding import Purpose, stream_key, words
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
Influence: TypeAlias = Mapping[str, float]
"""By how much differences in each column are multiplied before distances are taken, from 0 to 1."""

NEIGHBOURS = "neighbours"
N_ENCODING_FOLDS = 5
MOST_MEANS = 10
"""Mean targets of a level are encoded separately for up to 10 targets or classes."""


@dataclass(frozen=True, kw_only=True)
class TablePipeline:
    """Fitted state of a whole table: encoders of its columns, coding of its targets, how each column is read.

    Immutable: fit makes one, to_dict and arrays keep it, from_dict brings it back with the same bits.
    """

    encoders: tuple[Encoder, ...]
    target: Target
    readings: dict[str, str]
    """How columns and targets are read from a file (Column.reading), so that other files are read in the same way."""
    missing: tuple[str, ...]
    """Cells that mean a missing value."""
    average: Array
    """The mean of every input over the training rows (weighted)."""
    seed: int = 0
    weight: str | None = None
    """The column of the weights of rows, where there is one."""
    n_unnamed: int | None = None
    """Columns of the file it was fitted to, where that had no header."""
    neighbours: Neighbours | None = None
    """Training rows with their targets, where what the nearest of them say are further inputs."""
    __repr__ = short_repr

    @classmethod
    def fit(
        cls,
        table: Table,
        target: Target,
        *,
        scaling: str = "robust",
        n_bins: int = 0,
        codes: bool = False,
        missing: tuple[str, ...] = (),
        seed: int = 0,
    ) -> TablePipeline:
        """Every encoder fitted to the training rows, weighted.

        Arguments: n_bins: inputs that encode the position of a number in bins, 0 for none; codes: whether whole numbers
        whose kind nobody stated are tried as names too (see codes.py); missing: cells that mean a missing value, for
        reading other files alike.
        """
        return cls.fit_encoded(table, target, scaling=scaling, n_bins=n_bins, codes=codes, missing=missing, seed=seed)[
            0
        ]

    @classmethod
    def fit_encoded(
        cls,
        table: Table,
        target: Target,
        rows: Array | None = None,
        *,
        scaling: str = "robust",
        n_bins: int = 0,
        codes: bool = False,
        missing: tuple[str, ...] = (),
        seed: int = 0,
    ) -> tuple[TablePipeline, Array]:
        """The pipeline, fitted to some rows of a table, and the inputs of all its rows, encoded once.

        Arguments: rows: the training rows, ascending; None for all. The inputs are those of training_features.
        """
        fitted = table if rows is None else table.take(rows)
        needs_means = codes or any(len(c.levels or ()) > MOST_LEVELS or c.order == "words" for c in fitted.columns)
        by_target = _for_means(target, fitted) if needs_means else None
        folds = folds_of(len(fitted), seed)
        how = {"scaling": scaling, "n_bins": n_bins}
        encoders = tuple(
            fit_encoder(column, fitted.weight, by_target, folds, codes and column.name not in table.stated, **how)
            for column in fitted.columns
        )
        readings = {column.name: column.reading for column in (*table.columns, *table.targets)}
        made = cls(encoders=encoders, target=target, readings=readings, missing=missing, average=np.zeros(0), seed=seed)
        X = made.training_features(table, rows)
        average = np.average(X if rows is None else X[rows], axis=0, weights=fitted.weight)
        return replace(made, average=average, n_unnamed=table.n_unnamed), X

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are used."""
        return tuple(encoder.name for encoder in self.encoders)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs: those of the columns, then those of the neighbours."""
        near = () if self.neighbours is None else self.neighbours.names
        return (*(name for encoder in self.encoders for name in encoder.names), *near)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """How many inputs each column has; those of the neighbours belong to none."""
        return tuple(len(encoder.names) for encoder in self.encoders)

    @property
    def classes(self) -> tuple[ClassName, ...] | None:
        """The class names of a single target; None for labels and values."""
        return self.target.classes if isinstance(self.target, Classes) else None

    @property
    def kept(self) -> dict[str, tuple[str, ...]]:
        """Of a target the spellings of a missing value that are classes of it."""
        target = self.target
        names = {} if isinstance(target, Values) else dict(zip(target.columns, target.names, strict=True))
        return {column: tuple(name for name in known if name in self.missing) for column, known in names.items()}

    def selection(self, *, needs_target: bool, **dialect: Any) -> Selection:
        """What to read of another file: the same columns, by name, each read as in training."""
        kinds = {name: kind for name, kind in self.readings.items() if needs_target or name in self.columns}
        return Selection(
            targets=self.target.columns,
            needs_target=needs_target,
            features=self.columns,
            kinds=kinds,
            missing=self.missing,
            kept=self.kept,
            n_unnamed=self.n_unnamed,
            units=False,
            **dialect,
        )

    def features(self, table: Table, dtype: str = "float64", folds: Array | None = None) -> Array:
        """Network inputs (n, n_inputs) of any rows: columns matched by name, in any order, others left out.

        Arguments: folds: of training rows the fold each was in, −1 for rows that were held out. Raises DataError
        naming missing columns, or a column that holds something else than in training.
        """
        refuse_missing(self.columns, table.names, table.path)
        place = {column.name: column for column in table.columns}
        near = () if self.neighbours is None else self.neighbours.names
        out = np.empty((len(table), sum(self.widths) + len(near)), dtype)
        start = 0
        for encoder, width in zip(self.encoders, self.widths, strict=True):
            column = place[encoder.name]
            if column.kind != encoder.reads:
                column = _read_as(column, encoder.reads, table.path)
            if isinstance(encoder, CategoryEncoder | CodeEncoder | WordsEncoder):
                part = encoder.encode(column, folds)
            else:
                part = encoder.encode(column)
            out[:, start : start + width] = part
            start += width
        if self.neighbours is not None:
            out[:, start:] = self.neighbours.encode(out[:, :start], folds)
        return out

    def training_features(self, table: Table, rows: Array | None = None, dtype: str = "float64") -> Array:
        """Inputs of the table the pipeline was fitted to; means of levels leave each row's own fold out.

        Arguments: rows: which rows of the table those of the fit were, ascending; None for all.
        """
        fitted = len(table) if rows is None else len(rows)
        folds = np.full(len(table), -1)
        folds[slice(None) if rows is None else rows] = folds_of(fitted, self.seed)
        return self.features(table, dtype, folds)

    def only(self, kept: Array) -> tuple[TablePipeline, Array]:
        """The pipeline of some columns (a mask), and which of the inputs these are; without neighbours."""
        inputs = np.flatnonzero(np.repeat(kept, self.widths))
        encoders = tuple(encoder for encoder, stays in zip(self.encoders, kept, strict=True) if stays)
        return replace(self, encoders=encoders, average=self.average[inputs]), inputs

    def with_neighbours(
        self, X: Array, table: Table, rows: Array | None = None, influence: Influence | None = None
    ) -> tuple[TablePipeline, Array]:
        """The pipeline with further inputs that tell what the nearest training rows say, and all inputs of the table.

        Arguments: X: the inputs of a table that fit_encoded gave; rows: which rows of the table those of the fit were;
        influence: by how much the differences in each column are multiplied before distances are taken.
        """
        near, folds = self.hold_neighbours(X, table, rows, influence)
        kept = np.flatnonzero(folds >= 0)
        weight = None if table.weight is None else table.weight[kept]
        found = near.encode(X, folds)
        near = near.scaled(found[kept], weight)
        inputs = (found - near.center) * near.factor
        average = np.append(self.average, np.average(inputs[kept], axis=0, weights=weight))
        return replace(self, neighbours=near, average=average), np.hstack([X, inputs.astype(X.dtype)])

    def hold_neighbours(
        self, X: Array, table: Table, rows: Array | None = None, influence: Influence | None = None
    ) -> tuple[Neighbours, Array]:
        """The training rows and their targets, and the fold of each row of the table, −1 of those held out."""
        kept = np.arange(len(table)) if rows is None else rows
        folds = np.full(len(table), -1)
        folds[kept] = folds_of(len(kept), self.seed)
        said = said_by(self.target, table.take(kept))
        weight = None if table.weight is None else table.weight[kept]
        proximity = self.proximity_by(influence)
        return Neighbours.hold(X[kept], proximity, said, weight, folds[kept], self.seed), folds

    def proximity_by(self, influence: Influence | None) -> Array:
        """The same, each column's differences multiplied by its influence, the least where it has none stated."""
        if not influence:
            return self.proximity
        least = min(influence.values())
        factors = [influence.get(name, least) ** 2 for name in self.columns]
        return self.proximity * np.repeat(factors, self.widths)

    @cached_property
    def proximity(self) -> Array:
        """How much a squared difference of each input of the columns counts in the distance of two rows."""
        return np.array([share for encoder in self.encoders for share in encoder.proximity])

    def as_new(self, X: Array, table: Table) -> Array:
        """Training inputs of rows as those of rows seen for the first time: means of levels leave no fold out.

        Neighbours stay those of other folds: else each training row would be its own nearest one.
        """
        out, start = X, 0
        for encoder, width in zip(self.encoders, self.widths, strict=True):
            if has_means(encoder):
                out = out.copy() if out is X else out
                out[:, start : start + width] = encoder.encode(table.column(encoder.name))
            start += width
        return out

    def to_dict(self) -> dict[str, Any]:
        """Everything except the arrays, as plain JSON values."""
        return {
            "kind": "table",
            "columns": [{"kind": encoder.kind, **plain(encoder)} for encoder in self.encoders],
            "target": {"kind": self.target.kind, **plain(self.target)},
            "readings": self.readings,
            "missing": list(self.missing),
            "weight": self.weight,
            "n_unnamed": self.n_unnamed,
            "seed": self.seed,
        } | ({} if self.neighbours is None else {NEIGHBOURS: plain(self.neighbours)})

    def arrays(self) -> dict[str, Array]:
        """All that is an array: average, target.…, I.… of the column with index I, and neighbours.…"""
        found = {"average": self.average, **arrays_of(self.target, "target")}
        for i, encoder in enumerate(self.encoders):
            found |= arrays_of(encoder, str(i))
        return found if self.neighbours is None else found | arrays_of(self.neighbours, NEIGHBOURS)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> TablePipeline:
        """The inverse of to_dict and arrays.

        Raises ModelFileError for anything else.
        """
        try:
            values = check_pipeline(values, arrays)
        except SchemaError as error:
            raise ModelFileError(f"the pipeline of the model cannot be restored ({error}); train again.") from None
        encoders = tuple(
            restored(ENCODERS[state["kind"]], state, arrays, str(i)) for i, state in enumerate(values["columns"])
        )
        target = restored(TARGETS[values["target"]["kind"]], values["target"], arrays, "target")
        readings, missing, near = dict(values["readings"]), tuple(values["missing"]), values.get(NEIGHBOURS)
        return cls(
            encoders=encoders,
            target=target,
            readings=readings,
            missing=missing,
            average=arrays["average"],
            seed=values["seed"],
            weight=values.get("weight"),
            n_unnamed=values.get("n_unnamed"),
            neighbours=restored(Neighbours, near, arrays, NEIGHBOURS) if near else None,
        )


def _for_means(target: Target, table: Table) -> Array | None:
    """Targets whose mean a level has: standardised values, labels, or one of each class; 0 where missing."""
    encoded = target.encode(table)
    if isinstance(target, Classes):
        if len(target.classes) > MOST_MEANS:
            return None
        names = [1] if len(target.classes) == 2 else range(len(target.classes))
        encoded = np.column_stack([encoded == k for k in names]).astype(np.float64)
    wide = np.nan_to_num(encoded.reshape(len(encoded), -1))
    return wide if wide.shape[1] <= MOST_MEANS else None


def said_by(target: Target, table: Table) -> tuple[Array, list[str]]:
    """Targets whose means over neighbours are inputs, and what each is: standardised values, labels, or one of each
    class (of two the second)."""
    encoded = target.encode(table)
    if isinstance(target, Classes):
        of = range(len(target.classes)) if len(target.classes) > 2 else (1,)
        names = [f"{target.columns[0]}={class_text(target.classes[k])}" for k in of]
        return np.column_stack([encoded == k for k in of]).astype(np.float64), names
    return np.nan_to_num(encoded.reshape(len(encoded), -1)), list(target.columns)


def folds_of(n: int, seed: int) -> Array:
    """The fold of each of n training rows, a function of the seed alone."""
    rank: Array = np.argsort(words(stream_key(seed, Purpose.SPLIT, 1), n), kind="stable")
    folds = np.empty(n, np.int64)
    folds[rank] = np.arange(n) % N_ENCODING_FOLDS
    return folds


def _read_as(column: Column, kind: str, path: str) -> Column:
    """A column that is empty here, or whose few values look like another kind, taken as in training."""
    missing = column.missing
    if kind == "category" and column.kind in ("number", "boolean"):
        from chainrule.pipeline.target import class_text, names_of

        names, codes = names_of(column)
        return Column(column.name, "category", codes.astype(np.int32), tuple(class_text(name) for name in names))
    if kind in ("number", "boolean") and column.kind in ("number", "boolean"):
        return replace(column, kind=kind)  # type: ignore[arg-type]
    if missing.all():
        empty: dict[str, Array] = {
            "number": np.full(len(column), np.nan),
            "boolean": np.full(len(column), np.nan),
            "category": np.full(len(column), -1, np.int32),
            "time": np.full(len(column), np.datetime64("NaT", "us")),
        }
        return Column(column.name, kind, empty[kind], () if kind == "category" else None)  # type: ignore[arg-type]
    raise DataError(f"holds a {column.kind}; training had a {kind}.", path=path, column=column.name)
