"""The pipeline of numeric tables: standardised features, class names or standardised targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Table, refuse_missing
from chainrule.errors import DataError, ModelFileError

Array = npt.NDArray[Any]
ClassName = str | int | float


@dataclass(frozen=True)
class NumericPipeline:
    """Fitted state: z = (x − mean) / scale of every column; class names, or mean and scale of the target.

    A pipeline is immutable: fit makes one, to_dict and arrays keep it, from_dict brings it back.
    """

    columns: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    target: str | None
    classes: tuple[ClassName, ...] | None
    target_mean: float = 0.0
    target_scale: float = 1.0

    @classmethod
    def fit(
        cls,
        columns: Sequence[str],
        X: Array,
        y: Array,
        *,
        target: str | None,
        classes: Sequence[ClassName] | None,
        weight: Array | None = None,
        standardise_target: bool = True,
    ) -> NumericPipeline:
        """Means and scales of the training rows by scikit-learn's StandardScaler (a constant column has scale 1).

        Args      classes: every class there is, sorted, or None for values
        Errors    DataError if a column ranges so far that its variance overflows
        """
        from sklearn.preprocessing import StandardScaler

        with np.errstate(over="ignore", invalid="ignore"):
            scaler = StandardScaler().fit(X, sample_weight=weight)
            mean, scale = np.asarray(scaler.mean_, np.float64), np.asarray(scaler.scale_, np.float64)
            ends = (np.stack([X.min(axis=0), X.max(axis=0)]) - mean) / scale
            bad = np.flatnonzero(~np.isfinite(ends.astype(np.float32)).all(axis=0))
        if len(bad):
            raise DataError("ranges too far to be standardised; expected smaller numbers.", column=columns[bad[0]])
        target_mean, target_scale = 0.0, 1.0
        if classes is None and standardise_target:
            by_target = StandardScaler().fit(y.reshape(-1, 1).astype(np.float64), sample_weight=weight)
            target_mean, target_scale = float(by_target.mean_[0]), float(by_target.scale_[0])
        return cls(
            tuple(columns), mean, scale, target, None if classes is None else tuple(classes), target_mean, target_scale
        )

    def features(self, columns: Sequence[str], X: Array, source: str) -> Array:
        """Network inputs of a table: columns matched by name, in any order, further ones left out.

        Errors    DataError naming the missing columns
        """
        if tuple(columns) != self.columns:
            refuse_missing(self.columns, columns, source)
            place = {name: i for i, name in enumerate(columns)}
            X = X[:, [place[name] for name in self.columns]]
        return (X - self.mean) / self.scale

    def encode(self, y: Array, source: str) -> Array:
        """Targets of a table as the network takes them: class indices or standardised values.

        Errors    DataError for a class the training had not, or text where values are expected
        """
        if self.classes is None:
            if y.dtype.kind not in "fiub":
                raise DataError(f"holds text such as {str(y[0])!r}; expected numbers.", path=source, column=self.target)
            return (y.astype(np.float64) - self.target_mean) / self.target_scale
        index = {class_text(name): i for i, name in enumerate(self.classes)}
        values, inverse = np.unique(y, return_inverse=True)
        known = np.array([index.get(class_text(value.item()), -1) for value in values])
        if (known < 0).any():
            first = values[known < 0][0].item()
            shown = ", ".join(map(str, self.classes[:8])) + (", …" if len(self.classes) > 8 else "")
            raise DataError(f"holds the class {first!r}; training had {shown}.", path=source, column=self.target)
        return known[inverse.reshape(-1)]

    def decode(self, predictions: Array) -> Array:
        """Predictions of the network as the user knows them: class names, values in their unit."""
        if self.classes is not None:
            return np.array(self.classes)[predictions]
        return predictions.astype(np.float64) * self.target_scale + self.target_mean

    def to_dict(self) -> dict[str, Any]:
        """All that is no array, as plain JSON values."""
        return {
            "kind": "numeric",
            "columns": list(self.columns),
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
        }

    def arrays(self) -> dict[str, Array]:
        """All that is an array."""
        target = np.array([self.target_mean, self.target_scale])
        return {"mean": self.mean, "scale": self.scale, "target_mean_and_scale": target}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> NumericPipeline:
        """The inverse of to_dict and arrays.

        Errors    ModelFileError for anything else
        """
        try:
            if values["kind"] != "numeric":
                raise KeyError(f"kind {values['kind']!r}")
            classes = None if values["classes"] is None else tuple(values["classes"])
            target_mean, target_scale = arrays["target_mean_and_scale"].tolist()
            columns, mean, scale = tuple(values["columns"]), arrays["mean"], arrays["scale"]
            if mean.shape != (len(columns),) or scale.shape != mean.shape:
                raise ValueError("means and columns differ in number")
            return cls(columns, mean, scale, values["target"], classes, target_mean, target_scale)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"the pipeline of the model cannot be restored ({error}); train again.") from None


def matrix(table: Table) -> Array:
    """The columns of a table as (n, n_columns) numbers.

    Errors    DataError for a column that does not hold numbers, or has missing values
    """
    for column in table.columns:
        if column.kind not in ("number", "boolean"):
            raise DataError(f"holds a {column.kind}; expected numbers.", path=table.path, column=column.name)
        if column.missing.any():
            raise DataError("has missing values; expected a number in every row.", path=table.path, column=column.name)
    return np.column_stack([column.values for column in table.columns])


def labels(table: Table) -> Array:
    """The target as plain values: numbers (whole ones as integers) or strings.

    Errors    DataError where none is named, or values are missing
    """
    if not table.targets:
        raise DataError("no target is named; expected one.", path=table.path)
    target = table.targets[0]
    if target.missing.any():
        raise DataError("has missing values; expected one in every row.", path=table.path, column=target.name)
    return _plain(target)


def _plain(target: Column) -> Array:
    if target.levels is not None:
        return np.array(target.levels)[target.values.astype(np.int64)]
    whole = (np.abs(target.values) < 2**53) & (target.values == np.floor(target.values))
    return target.values.astype(np.int64) if whole.all() else target.values


def class_text(name: ClassName) -> str:
    """The name of a class as text; 1, 1.0 and "1" are one name, as a file may write any of them."""
    if isinstance(name, str):
        return name
    return str(int(name)) if float(name).is_integer() else repr(float(name))


def class_names(*targets: Array | None) -> tuple[ClassName, ...]:
    """Every class in the given targets, sorted; whole numbers as integers."""
    names = np.unique(np.concatenate([target for target in targets if target is not None])).tolist()
    return tuple(int(name) if not isinstance(name, str) and float(name).is_integer() else name for name in names)
