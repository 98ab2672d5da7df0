"""The rows of a training: converted, checked, weighted by class, and identified by checksum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays
from chainrule.errors import DataError
from chainrule.network import targets
from chainrule.network.architecture import Architecture
from chainrule.network.class_weights import ClassWeights, balanced_by_weight, class_weights, classes_of, factors
from chainrule.visible import short_repr

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The training rows as engines take them, and their indices in the X given to train."""

    X: Array
    targets: Array
    weight: Array | None
    index: npt.NDArray[np.int64] | None = None
    """Indices into the X given to train, or None where every row was used."""
    __repr__ = short_repr

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
    weight_name: str = "sample_weight",
    is_recorded: bool = True,
) -> Rows:
    """X, y and weights, checked and converted; only the rows of `index` where one is given.

    Arguments: kind: what y means, where that is known already; is_recorded: whether class_weight is that of a run,
    whose "balanced" counts rows, as where rows have weights a run records what it came to.
    """
    a = architecture
    features = arrays.features(X, a.n_inputs, a.dtype)
    encoded, found = targets.encode(
        y, len(features), output=a.output, loss=a.loss, n_outputs=a.n_outputs, dtype=a.dtype, stated=kind
    )
    weight = arrays.weights(sample_weight, len(features), architecture.dtype, weight_name)
    if index is not None:
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
    by_class = class_weights(class_weight, found, a.n_outputs)
    by_class = by_class if is_recorded else balanced_by_weight(by_class, encoded, weight)
    return Rows(features, encoded, weighted_by_class(encoded, weight, by_class, architecture.dtype), index)


def refuse_one_class(encoded: Any, kind: str | None) -> None:
    """DataError where classes are to be told apart and all rows are of one."""
    if kind != "class":
        return
    classes = classes_of(encoded)
    if classes.min() == classes.max():
        raise DataError(f"y holds one class only ({classes[0]}): must hold at least two.")


def weighted_by_class(
    encoded: Array, weight: Array | None, by_class: ClassWeights, dtype: str, counted: Array | None = None
) -> Array | None:
    """Sample weights times class weights.

    Arguments: by_class: as `class_weights` has them; counted: the targets whose classes are counted: those of the
    training, for rows that judge it.
    """
    if by_class is None:
        return weight
    factor = factors(by_class, encoded, encoded if counted is None else counted)
    with np.errstate(over="ignore"):
        converted = factor.astype(dtype) if weight is None else np.ascontiguousarray(weight * factor.astype(dtype))
        exact = factor if weight is None else weight * factor
    name = "class_weight" if weight is None else "sample_weight times class_weight"
    arrays.refuse_unfit_weights(converted, exact, name)
    arrays.refuse_weightless(converted, name)
    return converted
