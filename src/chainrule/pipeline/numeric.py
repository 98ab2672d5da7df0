"""The pipeline of numeric tables: standardised features, class names or standardised targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ModelFileError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class NumericPipeline:
    """Fitted state: z = (x − mean) / scale of every column; classes, or mean and scale of the target.

    A pipeline is immutable; fit makes one, to_dict and arrays keep it, restore brings it back.
    """

    columns: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    target: str | None
    classes: tuple[Any, ...] | None
    target_mean: npt.NDArray[np.float64]
    target_scale: npt.NDArray[np.float64]

    @classmethod
    def fit(
        cls, columns: Sequence[str], X: Array, y: Array, *, target: str | None, classification: bool
    ) -> NumericPipeline:
        """Means and scales of the training rows by scikit-learn's StandardScaler (a constant column has scale 1)."""
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(X)
        if classification:
            classes = tuple(value.item() for value in np.unique(y)) if y.ndim == 1 else None
            mean, scale = np.zeros(0), np.ones(0)
        else:
            classes = None
            by_output = StandardScaler().fit(np.asarray(y, dtype=np.float64).reshape(len(y), -1))
            mean, scale = by_output.mean_, by_output.scale_
        return cls(tuple(columns), scaler.mean_, scaler.scale_, target, classes, mean, scale)

    def features(self, columns: Sequence[str], X: Array, source: str = "the data") -> Array:
        """Network inputs of a table: columns matched by name, any order, extra ones left out.

        Errors    DataError naming every missing column
        """
        if tuple(columns) != self.columns:
            missing = [name for name in self.columns if name not in columns]
            if missing:
                shown = ", ".join(map(repr, missing[:5])) + (", …" if len(missing) > 5 else "")
                raise DataError(
                    f"{len(missing)} of {len(self.columns)} columns are missing: {shown}; expected those of the training.",
                    path=source,
                )
            place = {name: i for i, name in enumerate(columns)}
            X = X[:, [place[name] for name in self.columns]]
        return (X - self.mean) / self.scale

    def encode(self, y: Array, source: str = "the data") -> Array:
        """Targets of a table as the network takes them: class indices, labels, standardised values.

        Errors    DataError for a class the training had not
        """
        if self.classes is None:
            if len(self.target_mean) == 0:
                return y
            wide = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
            return (wide - self.target_mean) / self.target_scale
        values = y.astype(str) if isinstance(self.classes[0], str) else y
        index = np.searchsorted(np.array(self.classes), values)
        index = np.minimum(index, len(self.classes) - 1)
        wrong = np.flatnonzero(np.array(self.classes)[index] != values)
        if len(wrong):
            known = ", ".join(map(str, self.classes[:8])) + (", …" if len(self.classes) > 8 else "")
            raise DataError(f"the target holds {values[wrong[0]].item()!r}; expected one of {known}.", path=source)
        return index

    def decode(self, predictions: Array) -> Array:
        """Predictions of the network as the user knows them: class names, values in their unit."""
        if self.classes is not None:
            return np.array(self.classes)[predictions]
        if len(self.target_mean) == 0:
            return predictions
        wide = predictions.reshape(len(predictions), -1) * self.target_scale + self.target_mean
        return wide[:, 0] if wide.shape[1] == 1 else wide

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
        return {
            "mean": self.mean,
            "scale": self.scale,
            "target_mean": self.target_mean,
            "target_scale": self.target_scale,
        }

    @classmethod
    def restore(cls, values: Mapping[str, Any], arrays: Mapping[str, Array]) -> NumericPipeline:
        """The inverse of to_dict and arrays.

        Errors    ModelFileError for anything else
        """
        try:
            if values["kind"] != "numeric":
                raise KeyError(f"kind {values['kind']!r}")
            classes = None if values["classes"] is None else tuple(values["classes"])
            return cls(
                tuple(values["columns"]), arrays["mean"], arrays["scale"], values["target"], classes,
                arrays["target_mean"], arrays["target_scale"],
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"the pipeline of the model cannot be restored ({error}); train again.") from None
