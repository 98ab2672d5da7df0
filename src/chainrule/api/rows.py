"""The rows of a training: converted and checked, weighted by class, told from other rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.data import arrays
from chainrule.errors import DataError, SettingsError

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The training rows as engines take them, and where they stand in the X given to train."""

    X: Array
    targets: Array
    weight: Array | None
    index: npt.NDArray[np.int64] | None = None
    """Indices into the X given to train, or None where every row was used."""

    @property
    def fingerprint(self) -> str:
        """sha256 over X, targets and weights."""
        return arrays.fingerprint(self.X, self.targets, self.weight)

    @property
    def glance(self) -> str:
        """What changes with any number of them, several times as fast as the fingerprint."""
        return arrays.glance(self.X, self.targets, self.weight)


def prepare_rows(
    network: Network,
    X: object,
    y: object,
    sample_weight: object = None,
    *,
    class_weight: Any = None,
    index: npt.NDArray[np.int64] | None = None,
) -> Rows:
    """X, y and weights, checked and converted; only the rows of `index` where one is given."""
    architecture = network.architecture
    features = arrays.features(X, architecture.n_inputs, architecture.dtype)
    encoded, _ = network.encode(y, len(features))
    weight = arrays.weights(sample_weight, len(features), architecture.dtype)
    if index is not None:
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
    return Rows(features, encoded, weighted_by_class(encoded, weight, class_weight, architecture.dtype), index)


def refuse_one_class(encoded: Any, kind: str | None) -> None:
    """DataError where classes are to be told apart and all rows are of one."""
    if kind != "class":
        return
    classes = encoded if encoded.ndim == 1 else encoded.argmax(axis=1)
    if classes.min() == classes.max():
        raise DataError(
            f"y holds one class only ({classes[0]}); expected at least two: there is nothing to tell apart."
        )


def weighted_by_class(encoded: Array, weight: Array | None, class_weight: Any, dtype: str) -> Array | None:
    """Sample weights times class weights: "balanced" is n / (n_classes·count), a mapping gives them by class.

    Source    King, Zeng (2001), as in scikit-learn's compute_class_weight
    """
    if class_weight is None:
        return weight
    classes = encoded if encoded.ndim == 1 else encoded.argmax(axis=1)
    present, counts = np.unique(classes, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        table = {int(c): len(classes) / (len(present) * n) for c, n in zip(present, counts, strict=True)}
    elif isinstance(class_weight, Mapping) and all(float(v) >= 0 for v in class_weight.values()):
        table = {int(c): float(class_weight.get(int(c), 1.0)) for c in present}
    elif isinstance(class_weight, Sequence) and not isinstance(class_weight, str):
        table = {int(c): float(class_weight[int(c)]) for c in present}
    else:
        raise SettingsError(
            f"class_weight = {class_weight!r} is not possible; expected 'balanced' or {{class: weight ≥ 0}}."
        )
    factor = np.array([table[int(c)] for c in classes], dtype=dtype)
    return factor if weight is None else np.ascontiguousarray(weight * factor)
