"""One step of gradient descent on a small network: what is given, and what the two passes make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.reference.propagate import Activations, backward, batch_loss, forward, row_scales

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GivenStep:
    """What a learner is given; W and b are numbered 1 … L, None at 0."""

    architecture: Architecture
    X: Array
    y: Array
    W: Sequence[Any]
    b: Sequence[Any]
    learning_rate: float

    @property
    def n_layers(self) -> int:
        """L."""
        return len(self.architecture.layers)

    @property
    def activations(self) -> list[str]:
        """g of the layers 1 … L, "identity" at 0."""
        return ["identity", *(layer.activation for layer in self.architecture.layers)]

    @property
    def scales(self) -> Any:
        """1/n of every row."""
        return row_scales(None, len(self.X), self.X.dtype)


@dataclass(frozen=True, kw_only=True)
class WorkedStep:
    """Every number of the step by the names of docs/notation.md; W and b are those after the update."""

    z: Sequence[Any]
    a: Sequence[Any]
    loss: float
    delta: Sequence[Any]
    dW: Sequence[Any]
    db: Sequence[Any]
    W: Sequence[Any]
    b: Sequence[Any]


def passes(given: GivenStep) -> WorkedStep:
    """Both passes and the update, by the functions of the reference."""
    passed = forward(given.X, given.W, given.b, given.activations)
    last, architecture = given.n_layers, given.architecture
    loss, delta = batch_loss(
        passed.z[last], passed.a[last], given.y, given.scales, architecture.loss, architecture.output
    )
    return backwards(given, passed, loss, delta)


def backwards(
    given: GivenStep,
    passed: Activations,
    loss: float,
    delta: Any,
    W: Sequence[Any] | None = None,
    activations: Sequence[str] | None = None,
) -> WorkedStep:
    """The backward pass from delta of the output layer, and the update; W and activations may be others than given."""
    through = given.W if W is None else W
    gradients = backward(passed, through, delta, given.activations if activations is None else activations)
    return updated(given, passed, loss, gradients.delta, gradients.dW, gradients.db)


def updated(
    given: GivenStep, passed: Activations, loss: float, delta: Sequence[Any], dW: Sequence[Any], db: Sequence[Any]
) -> WorkedStep:
    """The step with the parameters that follow from its gradients."""
    W = [None, *(descend(given, old, g) for old, g in zip(given.W[1:], dW[1:], strict=True))]
    b = [None, *(descend(given, old, g) for old, g in zip(given.b[1:], db[1:], strict=True))]
    return WorkedStep(z=passed.z, a=passed.a, loss=loss, delta=delta, dW=dW, db=db, W=W, b=b)


def descend(given: GivenStep, old: Array, gradient: Array, learning_rate: float | None = None) -> Array:
    """A parameter after plain gradient descent."""
    eta = given.learning_rate if learning_rate is None else learning_rate
    rule = OPTIMIZERS["sgd"].rule
    return np.asarray(rule(gradient, {}, old, 1, eta, momentum=0.0, nesterov=False)[0])
