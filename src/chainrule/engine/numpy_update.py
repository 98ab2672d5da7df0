"""The update of some parameters by the reference, and whether what it leaves is finite."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule.engine.protocol import Array, StepSettings
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.network.records import Forward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.optimizer import Optimizer


def rate_factors(parameters: Parameters, settings: StepSettings) -> Array | None:
    """The factor on the learning rate of every parameter, (size,); None where all are 1."""
    if not settings.learning_rate_factors:
        return None
    return np.concatenate(
        [
            np.full(tensor.size, settings.rate_factor(name, l))
            for l, layer in parameters.architecture.numbered
            for name, tensor in ((name, getattr(parameters, name)[l]) for name, _ in tensors(layer))
        ]
    )


def updated(
    rule: Optimizer, g: Array, state: Mapping[str, Array], theta: Array, t: int, eta: float, settings: StepSettings,
    factors: Array | None,
) -> tuple[Array, dict[str, Array]]:  # fmt: skip
    """The rule applied to every parameter, at the learning rate of its tensor."""
    if factors is None:
        return rule.update(g, dict(state), theta, t, eta, **settings.optimizer)
    new, arrays = theta.copy(), {name: array.copy() for name, array in state.items()}
    for factor in np.unique(factors).tolist():
        at = factors == factor
        of_tensors = {name: array[at] for name, array in state.items()}
        new[at], found = rule.update(g[at], of_tensors, theta[at], t, eta * factor, **settings.optimizer)
        for name, array in found.items():
            arrays[name][at] = array
    return new, arrays


def hides_infinity(forward: Forward, architecture: Architecture) -> bool:
    """Whether an activation that is flat on both sides made a finite number of an infinite one."""
    flat = [ACTIVATIONS[layer.activation].steepest is not None for layer in architecture.layers]
    return any(np.isinf(forward.pre_activation(l)).any() for l, is_flat in enumerate(flat, start=1) if is_flat)


def is_finite(theta: Array) -> bool:
    """Whether every number is."""
    # One sum detects almost every non-finite number; if the sum itself overflowed, the values are checked again.
    return bool(np.isfinite(theta.sum())) or bool(np.isfinite(theta).all())
