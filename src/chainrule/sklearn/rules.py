"""scikit-learn's rules: how weights start, when training stops, how the learning rate changes between epochs."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters

Array = npt.NDArray[Any]
SMALLEST_RATE = 1e-6
"""The adaptive learning rate is not divided any more once it is this small: training stops instead."""
RATE_DIVISOR = 5.0


def hidden_sizes(given: Any) -> list[int]:
    """The units of each hidden layer.

    Errors    ValueError where one is no whole number above 0
    """
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    for size in sizes:
        if not isinstance(size, Integral):
            raise ValueError(
                f"hidden_layer_sizes holds {size!r}; expected whole numbers > 0, one a hidden layer, such as (100,)."
            )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def initial_parameters(architecture: Architecture, random_state: np.random.RandomState, logistic: bool) -> Parameters:
    """Weights and biases uniform within ±√(6 / (n_in + n_out)), ±√(2 / (n_in + n_out)) for logistic units.

    The numbers are drawn from the RandomState in scikit-learn's order (W then b, layer by layer), whose legacy
    stream NumPy keeps, so equal random_state means equal initial weights in both libraries.

    Source    Glorot, Bengio (2010), section 4.2.1
    """
    parameters = Parameters(architecture)
    for l, layer in enumerate(architecture.layers, start=1):
        bound = np.sqrt((2.0 if logistic else 6.0) / (layer.n_in + layer.n_out))
        parameters.W[l][:] = random_state.uniform(-bound, bound, (layer.n_in, layer.n_out))
        for tensor in layer.kind.tensors if layer.kind is not None else ():
            getattr(parameters, tensor.name)[l][...] = tensor.start
        parameters.b[l][:] = random_state.uniform(-bound, bound, layer.n_out)
    return parameters


@dataclass
class OptimizerState:
    """What an optimizer carries from one call of partial_fit to the next."""

    name: str
    learning_rate: float
    arrays: dict[str, Array]
    t: int = 0
    """Updates done."""
    hyper: dict[str, float] = field(default_factory=dict)
    n_steps: int = 0
    """Steps done under the numbering that replay and the row order use."""


@dataclass
class Watch:
    """Counts epochs without improvement by at least tol; too many in a row end the training (or divide η).

    Watched is the training loss, penalty included, or the score on held-out rows where there are any to stop by.
    """

    tol: float
    patience: float
    count: int = 0
    best_loss: float | None = None
    best_score: float | None = None

    @property
    def least_epochs(self) -> float:
        """Epochs that pass before too many can have passed, the last of them included."""
        return self.patience - self.count + 1

    def loss(self, value: float) -> bool:
        """Take in an epoch's loss; whether too many epochs passed without improvement."""
        best = np.inf if self.best_loss is None else self.best_loss
        self.count = self.count + 1 if value > best - self.tol else 0
        self.best_loss = min(best, value)
        return self.count > self.patience

    def score(self, value: float) -> tuple[bool, bool]:
        """Take in an epoch's score: whether it is the best so far, and whether too many passed without improvement."""
        best = -np.inf if self.best_score is None else self.best_score
        self.count = self.count + 1 if value < best + self.tol else 0
        is_best = value > best
        self.best_score = value if is_best else best
        return is_best, self.count > self.patience
