"""Targets become what a network is trained on, and its outputs become predictions in the user's words and units.

    Classes   one column, one of several names     -> class indices
    Labels    several columns, each of two names   -> 0/1 each
    Values    one or several columns of numbers    -> standardised, of their logarithm where that is asked for

A missing target of several is NaN and stays out of the loss; a row without its only target is not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Table
from chainrule.errors import DataError, MeasureWarning, SettingsError, warn
from chainrule.pipeline.statistics import mean_and_scale
from chainrule.visible import short_repr

Array = npt.NDArray[Any]
ClassName: TypeAlias = str | int | float


def class_text(name: ClassName) -> str:
    """The name of a class as text; 1, 1.0 and "1" are one name, as a file may write any of them."""
    if isinstance(name, str):
        return name
    return str(int(name)) if float(name).is_integer() else repr(float(name))


@dataclass
class Unseen:
    """Classes that training had not, of rows that are only measured: these are left out, and counted."""

    found: dict[tuple[str, str], list[Any]] = field(default_factory=dict)
    """By column and class: the number of rows, the first of them, and the classes that training had."""

    @property
    def n_rows(self) -> int:
        """How often such a class stands there."""
        return sum(entry[0] for entry in self.found.values())

    def add(self, column: str, name: ClassName, table: Table, rows: Array, shown: str) -> None:
        """Count rows of a table."""
        self.found.setdefault((column, class_text(name)), [0, table.take(rows[:1]), shown])[0] += len(rows)

    def warn(self) -> None:
        """Tell of each class."""
        for (column, name), (n, first, shown) in self.found.items():
            left_out = "this row is" if n == 1 else f"this row and {n - 1:,} more of that class are"
            message = f"holds the class {name!r}, training had {shown}; {left_out} left out of the measures."
            warn(str(first.error(0, column, message)), MeasureWarning)


def names_of(column: Column) -> tuple[tuple[ClassName, ...], Array]:
    """The class names in a column, in their order, and the index of each row; −1 where it is missing."""
    missing = column.missing
    if column.kind in ("category", "boolean"):
        codes = np.where(missing, -1, np.nan_to_num(column.values)).astype(np.int64)
        levels = column.levels or ("false", "true")
        present = np.unique(codes[~missing])
        place = np.full(len(levels) + 1, -1)
        place[present] = np.arange(len(present))
        return tuple(levels[i] for i in present), np.where(missing, -1, place[codes])
    if column.kind == "time":
        raise DataError("holds times: must hold classes or numbers.", column=column.name)
    values = np.unique(column.values[~missing])
    names = tuple(int(v) if float(v).is_integer() else float(v) for v in values)
    return names, np.where(missing, -1, np.searchsorted(values, column.values))


@dataclass(frozen=True)
class Classes:
    """One of several names; predicted as the name."""

    kind: ClassVar[str] = "classes"
    columns: tuple[str, ...]
    classes: tuple[ClassName, ...]
    positive: int | None = None
    """Of two classes the one that f1, precision and recall are about; None: the second."""
    temperature: float | None = None
    """What z is divided by before it becomes probabilities; None: 1."""
    __repr__ = short_repr

    @classmethod
    def fit(cls, table: Table, classes: Sequence[ClassName], positive: str | None = None) -> Classes:
        """The names as given: those of all rows, not of the training rows alone.

        Arguments: positive: the name of the positive one of two classes; None: the rarer, of equal ones the second
        Raises SettingsError where it is none of two
        """
        found = cls((table.targets[0].name,), tuple(classes))
        texts = [class_text(name) for name in classes]
        if {text.lower() for text in texts} == {"false", "true"} and positive is not None:
            positive = next((text for text in texts if text.lower() == positive.lower()), positive)
        if positive is None:
            share = np.bincount(found.encode(table) + 1, table.weight, len(classes) + 1)[1:]
            place = int(share[1] <= share[0]) if len(classes) == 2 else None
        elif len(texts) == 2 and positive in texts:
            place = texts.index(positive)
        else:
            expected = " or ".join(map(repr, texts)) if len(texts) == 2 else f"left out: there are {len(texts)} classes"
            raise SettingsError(f"positive={positive!r}: must be {expected} (got {positive!r}).")
        return replace(found, positive=place)

    @property
    def positive_class(self) -> tuple[int, str] | None:
        """Index and name of the positive one of two classes."""
        place = 1 if self.positive is None else self.positive
        return (place, class_text(self.classes[place])) if len(self.classes) == 2 else None

    @property
    def names(self) -> tuple[tuple[ClassName, ...], ...]:
        """The classes of the only column."""
        return (self.classes,)

    def encode(self, table: Table, unseen: Unseen | None = None) -> Array:
        """Class indices (n,), −1 where missing.

        Arguments: unseen: takes up classes that training had not, −1 too. Raises DataError for such a class, where it
        is not given.
        """
        return _indices(_target(table, self.columns[0]), self.classes, table, unseen)

    def decode(self, predictions: Array) -> Array:
        """Names (n,)."""
        names: Array = np.array(self.classes)[predictions]
        return names

    def missing(self, encoded: Array) -> Array:
        """Rows that say nothing."""
        return np.asarray(encoded < 0)


@dataclass(frozen=True)
class Labels:
    """Several columns, each false or true in its own words."""

    kind: ClassVar[str] = "labels"
    columns: tuple[str, ...]
    words: tuple[tuple[ClassName, ...], ...]
    """Of each column its words for 0 and 1."""
    __repr__ = short_repr

    @classmethod
    def fit(cls, table: Table, words: Sequence[Sequence[ClassName]]) -> Labels:
        """The words as given."""
        return cls(tuple(target.name for target in table.targets), tuple(tuple(pair) for pair in words))

    @property
    def names(self) -> tuple[tuple[ClassName, ...], ...]:
        """The words of each column."""
        return self.words

    def encode(self, table: Table, unseen: Unseen | None = None) -> Array:
        """0, 1 or NaN, (n, k).

        Arguments: unseen: as of classes
        """
        found = [
            _indices(_target(table, name), pair, table, unseen)
            for name, pair in zip(self.columns, self.words, strict=True)
        ]
        codes = np.column_stack(found).astype(np.float64)
        return np.where(codes < 0, np.nan, codes)

    def decode(self, predictions: Array) -> Array:
        """Words (n, k)."""
        return np.column_stack([np.array(pair)[predictions[:, k]].astype(object) for k, pair in enumerate(self.words)])

    def missing(self, encoded: Array) -> Array:
        """Rows that say nothing."""
        return np.asarray(np.isnan(encoded).all(axis=1))


@dataclass(frozen=True, kw_only=True)
class Values:
    """One or several numbers, standardised for training; their unit comes back in decode.

    y' = (f(y) − mean) / scale, f(y) = y, or log(1 + y / unit) where logarithm;
    predicted y = f⁻¹(y'·scale + mean), within the range of the training rows where logarithm
    """

    kind: ClassVar[str] = "values"
    columns: tuple[str, ...]
    mean: Array
    scale: Array
    logarithm: bool
    unit: Array
    high: Array
    calibration: Array | None = None
    """Of levels beside the prediction the factors (k, m) of their distances from it; None: 1."""
    __repr__ = short_repr

    @classmethod
    def fit(cls, table: Table, *, standardised: bool = True, logarithm: bool = False) -> Values:
        """Mean and scale of the training rows, of the logarithm where that is asked for.

        Raises DataError for a target that holds no numbers, or negative ones where the logarithm is asked for.
        """
        names, n = tuple(target.name for target in table.targets), len(table.targets)
        raw = [_numbers(target, table.path) for target in table.targets]
        mean, scale, unit, high = np.zeros(n), np.ones(n), np.ones(n), np.zeros(n)
        for k, values in enumerate(raw):
            known = ~np.isnan(values)
            v, w = values[known], None if table.weight is None else table.weight[known]
            if not len(v):
                raise DataError("has no values: must have numbers.", path=table.path, column=names[k])
            if logarithm:
                if v.min() < 0:
                    raise DataError(
                        f"holds {v.min():g}; the logarithm requires values ≥ 0.", path=table.path, column=names[k]
                    )
                unit[k], high[k] = max(float(np.median(v)), 1e-300) / 10, v.max()
                v = np.log1p(v / unit[k])
            if standardised:
                mean[k], scale[k] = mean_and_scale(v, w)
        return cls(columns=names, mean=mean, scale=scale, logarithm=logarithm, unit=unit, high=high)

    def encode(self, table: Table) -> Array:
        """Standardised values (n,) or (n, k), NaN where missing."""
        raw = np.column_stack([_numbers(_target(table, name), table.path) for name in self.columns])
        encoded = self.encoded(raw)
        return encoded[:, 0] if len(self.columns) == 1 else encoded

    def encoded(self, raw: Array) -> Array:
        """Standardised values of raw ones, (n, k)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            v = np.log1p(raw / self.unit) if self.logarithm else raw
        found: Array = (v - self.mean) / self.scale
        return found

    def raw(self, encoded: Array) -> Array:
        """The values that were encoded, (n, k)."""
        wide = encoded.astype(np.float64) * self.scale + self.mean
        return np.asarray(self.unit * np.expm1(np.minimum(wide, 700.0)) if self.logarithm else wide)

    def decode(self, predictions: Array) -> Array:
        """Values in the user's unit, (n,) or (n, k)."""
        wide = predictions.astype(np.float64).reshape(len(predictions), self.mean.size) * self.scale + self.mean
        if self.logarithm:
            wide = np.clip(self.unit * np.expm1(np.minimum(wide, 700.0)), 0.0, self.high)
        return wide[:, 0] if predictions.ndim == 1 else wide

    def deviation(self, predictions: Array, sigma: Array) -> Array:
        """The standard deviation in the user's unit of normal distributions about predictions, (n, k).

        σ·scale; where logarithm that of the lognormal distribution, unit·e^(m + s²/2)·√(e^(s²) − 1).
        """
        m, s = predictions * self.scale + self.mean, sigma * self.scale
        if not self.logarithm:
            return np.asarray(s)
        return np.asarray(
            self.unit * np.exp(np.minimum(m + s * s / 2, 700.0)) * np.sqrt(np.expm1(np.minimum(s * s, 700.0)))
        )

    def slopes(self, predictions: Array) -> Array:
        """The derivative of decode, (n, k)."""
        wide = predictions.astype(np.float64).reshape(len(predictions), self.mean.size) * self.scale + self.mean
        growth = self.unit * np.exp(np.minimum(wide, 700.0)) if self.logarithm else np.ones_like(wide)
        result: Array = self.scale * growth
        return result

    def missing(self, encoded: Array) -> Array:
        """Rows that say nothing."""
        return np.asarray(np.isnan(encoded.reshape(len(encoded), -1)).all(axis=1))


Target: TypeAlias = Classes | Labels | Values
TARGETS: dict[str, type[Classes] | type[Labels] | type[Values]] = {
    "classes": Classes,
    "labels": Labels,
    "values": Values,
}


def _target(table: Table, name: str) -> Column:
    for target in table.targets:
        if target.name == name:
            return target
    return table.column(name)


def _numbers(column: Column, path: str) -> Array:
    if column.kind not in ("number", "boolean"):
        shown = "" if not column.levels else f" such as {column.levels[0]!r}"
        raise DataError(f"holds {column.kind} values{shown}: must hold numbers.", path=path, column=column.name)
    return column.values.astype(np.float64)


def _indices(column: Column, classes: Sequence[ClassName], table: Table, unseen: Unseen | None) -> Array:
    """The index of each row's class; −1 where it is missing, or unseen."""
    found, codes = names_of(column)
    index = {class_text(name): i for i, name in enumerate(classes)}
    known = np.array([*(index.get(class_text(name), -2) for name in found), -1], np.int64)
    shown = ", ".join(map(str, classes[:8])) + (", …" if len(classes) > 8 else "")
    for place in np.flatnonzero(known == -2):
        rows = np.flatnonzero(codes == place)
        if unseen is None:
            message = f"holds the class {found[place]!r}; training had {shown}. Correct it, or leave such rows out."
            raise table.error(int(rows[0]), column.name, message)
        unseen.add(column.name, found[place], table, rows, shown)
    result: Array = np.maximum(known, -1)[codes]
    return result
