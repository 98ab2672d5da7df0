"""What the native engine is handed and what it fills: rows and targets in its dtypes, empty arrays, records of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import plain
from chainrule.engine.protocol import Array, Targets
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensor_names
from chainrule.network.records import Backward, Forward


def as_targets(targets: Targets, architecture: Architecture) -> tuple[npt.NDArray[np.int32] | None, Array | None]:
    """Labels, or y: a single output takes the label itself as its target, several take it as the place of a 1."""
    if targets.ndim == 1 and architecture.n_outputs > 1:
        return plain(targets, np.int32), None
    y = plain(targets, architecture.dtype)
    return None, y.reshape(len(y), -1)


def of_layers(architecture: Architecture, n: int) -> list[Any]:
    """An array (n, n_l) for every layer, None at position 0; n·K rows where there are K members."""
    rows = n * architecture.members
    return [None, *(np.empty((rows, layer.n_out), architecture.dtype) for layer in architecture.layers)]


def of_kinds(architecture: Architecture, n: int) -> list[Any]:
    """The same for the normalised layers, None for the others."""
    layers = zip(of_layers(architecture, n)[1:], architecture.layers, strict=True)
    return [None, *(array if layer.normalization else None for array, layer in layers)]


def of_inputs(architecture: Architecture, n: int) -> Array | None:
    """An array for a[0], (n, n_0), where an input layer makes it."""
    inputs = architecture.inputs
    return None if inputs is None else np.empty((n * inputs.members, inputs.n_out), architecture.dtype)


def forward_of(
    X: Array, z: list[Any], u: list[Any], a: list[Any], a0: Array | None, masks: list[Any] | None
) -> Forward:
    """The record of a forward pass; position 0 is filled here."""
    z[0], u[0], a[0] = (None, None, X) if a0 is None else (X, a0, a0)
    return Forward(z, a, masks, u)


def backward_of(loss: float, delta: list[Any], du: list[Any], gradient: Parameters, dX: Array) -> Backward:
    """The record of a backward pass."""
    g: Any = gradient
    learned = {name: getattr(g, name) for name in tensor_names(gradient.architecture)[2:]}
    return Backward(loss=loss, delta=delta, dW=g.W, db=g.b, dX=dX, du=du, tensors=learned)


def as_plain(X: Array, parameters: Parameters) -> Array:
    """Rows as the engine reads them."""
    return plain(X, parameters.architecture.dtype)


def as_weight(weight: Array | None, architecture: Architecture) -> Array | None:
    """Weights as the engine reads them."""
    return None if weight is None else plain(weight, architecture.dtype)
