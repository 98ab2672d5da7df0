"""A loss that is a pair of Python functions, computed by the NumPy engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import OwnLoss, Targets, dense_targets
from chainrule.errors import ShapeError
from chainrule.network.architecture import Architecture
from chainrule.reference import propagate
from chainrule.reference.members import for_members

Array = npt.NDArray[Any]


class OwnLossEngine(NumpyEngine):
    """The NumPy engine with the loss value(a, y) of each row, whose derivative with respect to z is delta(a, y).

    Arguments: value: a, y (n, n_outputs) -> (n,); delta: a, y -> (n, n_outputs); a = z, the output being identity.
    Raises ShapeError if a function returns another shape.
    """

    name = "numpy, own loss"

    def __init__(self, pair: OwnLoss) -> None:
        self._value, self._delta = pair

    def _loss(  # type: ignore[override]
        self, z: Array, a: Array, targets: Targets, scale: Array, architecture: Architecture
    ) -> tuple[float, Array]:
        K = architecture.members
        y, scale = for_members(dense_targets(targets, architecture), K), for_members(scale / scale.dtype.type(K), K)
        value = _shaped("value", self._value(a, y), (len(a),), a)
        delta = _shaped("delta", self._delta(a, y), a.shape, a)
        return propagate.over_batch(value, delta, scale, architecture.small)


def _shaped(what: str, found: Any, shape: tuple[int, ...], like: Array) -> Array:
    array = np.asarray(found, dtype=like.dtype)
    if array.shape != shape:
        raise ShapeError(
            f"{what}(a, y) of the loss has shape {array.shape}; expected {shape}: value returns one number per row, "
            "delta one per output."
        )
    return array
