"""The rows of a training: converted, checked, weighted by class, and identified by checksum."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays
from chainrule.errors import DataError, SettingsError
from chainrule.network import targets
from chainrule.network.architecture import Architecture

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The training rows as engines take them, and their indices in the X given to train."""

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
    def checksum(self) -> str:
        """What changes with any number of them, several times as fast as the fingerprint."""
        return arrays.checksum(self.X, self.targets, self.weight)


def prepare_rows(
    architecture: Architecture,
    X: object,
    y: object,
    sample_weight: object = None,
    *,
    class_weight: Any = None,
    index: npt.NDArray[np.int64] | None = None,
    kind: targets.OutputKind | None = None,
) -> Rows:
    """X, y and weights, checked and converted; only the rows of `index` where one is given.

    Arguments: kind: what y means, where that is known already.
    """
    a = architecture
    features = arrays.features(X, a.n_inputs, a.dtype)
    encoded, _ = targets.encode(
        y, len(features), output=a.output, loss=a.loss, n_outputs=a.n_outputs, dtype=a.dtype, stated=kind
    )
    weight = arrays.weights(sample_weight, len(features), architecture.dtype)
    if index is not None:
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
    return Rows(features, encoded, weighted_by_class(encoded, weight, class_weight, architecture.dtype), index)


def refuse_one_class(encoded: Any, kind: str | None) -> None:
    """DataError where classes are to be told apart and all rows are of one."""
    if kind != "class":
        return
    classes = _classes_of(encoded)
    if classes.min() == classes.max():
        raise DataError(f"y holds one class only ({classes[0]}): must hold at least two.")


def weighted_by_class(
    encoded: Array, weight: Array | None, class_weight: Any, dtype: str, counted: Array | None = None
) -> Array | None:
    """Sample weights times class weights: "balanced" is n / (n_classes·count), a mapping gives them by class.

    Arguments: counted: the targets whose classes are counted: those of the training, for rows that judge it.

    Source: King, Zeng (2001), as in scikit-learn's compute_class_weight.
    """
    if class_weight is None:
        return weight
    of_training = _classes_of(encoded if counted is None else counted)
    present, counts = np.unique(of_training, return_counts=True)
    by_class = class_weights(class_weight)
    if isinstance(by_class, dict):
        table = by_class
    else:
        table = {int(c): len(of_training) / (len(present) * n) for c, n in zip(present, counts, strict=True)}
    factor = np.array([table.get(int(c), 1.0) for c in _classes_of(encoded)])
    with np.errstate(over="ignore"):
        converted = factor.astype(dtype) if weight is None else np.ascontiguousarray(weight * factor.astype(dtype))
        exact = factor if weight is None else weight * factor
    name = "class_weight" if weight is None else "sample_weight times class_weight"
    arrays.refuse_unfit_weights(converted, exact, name)
    arrays.refuse_weightless(converted, name)
    return converted


def _classes_of(encoded: Array) -> Array:
    return encoded if encoded.ndim == 1 else encoded.argmax(axis=1)


def class_weights(given: Any) -> str | dict[int, float] | None:
    """Class weights as a run records them: None, "balanced", or weights by the index of the class.

    Arguments: given: one of these; a mapping whose keys name an index in any way (0, np.int64(0), False, "0", as JSON
    has it), or a weight for every class in turn. Raises SettingsError for anything else, and for a weight that is
    negative or not finite.
    """
    if given is None or (isinstance(given, str) and given == "balanced"):
        return given
    try:
        if isinstance(given, Mapping):
            pairs = [(_class_index(key), float(value)) for key, value in given.items()]
        elif isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
            pairs = [(index, float(value)) for index, value in enumerate(given)]
        else:
            raise TypeError
        if len(dict(pairs)) < len(pairs) or not all(0 <= value < np.inf for _, value in pairs):
            raise ValueError
    except (TypeError, ValueError):
        raise SettingsError(
            f"class_weight={given!r}: must be 'balanced' or {{class: weight ≥ 0}}, classes as indices from 0."
        ) from None
    return dict(pairs)


def _class_index(key: Any) -> int:
    """The class that a key of class_weight names."""
    index = int(key) if isinstance(key, str | bool | np.bool_) else operator.index(key)
    if index < 0:
        raise ValueError
    return index
