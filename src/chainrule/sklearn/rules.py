"""scikit-learn's rules: how layers are given, how weights start, what an optimizer carries from fit to fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters

Array = npt.NDArray[Any]


def hidden_sizes(given: Any) -> list[int]:
    """The units of each hidden layer.

    Raises ValueError if one is no whole number above 0.
    """
    sizes = list(given) if hasattr(given, "__iter__") else [given]
    for size in sizes:
        if not isinstance(size, Integral):
            raise ValueError(
                f"hidden_layer_sizes holds {size!r}: must hold integers > 0, one per hidden layer. Try (100,)."
            )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def initial_parameters(architecture: Architecture, random_state: np.random.RandomState, logistic: bool) -> Parameters:
    """Weights and biases uniform within ±√(6 / (n_in + n_out)), ±√(2 / (n_in + n_out)) for logistic units.

    The numbers are drawn from the RandomState in scikit-learn's order (W then b, layer by layer), whose legacy
    stream NumPy keeps, so equal random_state means equal initial weights in both libraries.

    Source: Glorot, Bengio (2010), section 4.2.1.
    """
    parameters = Parameters(architecture)
    for l, layer in enumerate(architecture.layers, start=1):
        bound = np.sqrt((2.0 if logistic else 6.0) / (layer.n_in + layer.n_out))
        parameters.W[l][:] = random_state.uniform(-bound, bound, (layer.n_in, layer.n_out))
        for tensor in layer.kind.tensors if layer.kind is not None else ():
            getattr(parameters, tensor.name)[l][...] = tensor.start
        parameters.b[l][:] = random_state.uniform(-bound, bound, layer.n_out)
    return parameters


@dataclass(kw_only=True)
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
