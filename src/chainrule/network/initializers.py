"""How parameters start: each rule draws W and b of one layer from its own stream; a kind's tensors have one start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.architecture import Architecture, Dense
from chainrule.network.parameters import Parameters
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.layer_kind import Draw, Tensor
from chainrule.reference.losses import loss_named
from chainrule.seeding import Key, Purpose, normal, stream_key, uniform

_WEIGHTS, _BIASES = 0, 1  # lanes of a layer's stream; those after them are of its kind's tensors


@dataclass(frozen=True)
class Initializer:
    """A rule for W, and one for biases, which start at 0 where there is none."""

    name: str
    formula: str
    draw: Callable[[Key, int, Dense], np.ndarray]
    biases: Callable[[Key, int, Dense], np.ndarray] | None = None


def _normal(scale: Callable[[Dense], float], lane: int = _WEIGHTS) -> Callable[[Key, int, Dense], np.ndarray]:
    return lambda key, n, layer: scale(layer) * normal(key, n, lane=lane)


def _uniform(bound: Callable[[Dense], float], lane: int = _WEIGHTS) -> Callable[[Key, int, Dense], np.ndarray]:
    return lambda key, n, layer: bound(layer) * (2.0 * uniform(key, n, lane=lane) - 1.0)


_UNIT = _normal(lambda d: 1.0, _BIASES)  # as in Nielsen's programs

INITIALIZERS: dict[str, Initializer] = {
    entry.name: entry
    for entry in (
        Initializer("zeros", "W = 0", lambda key, n, layer: np.zeros(n)),
        Initializer("standard_normal", "W, b ~ N(0, 1)", _normal(lambda d: 1.0), _UNIT),
        Initializer("scaled_normal", "W ~ N(0, 1/n_in), b ~ N(0, 1)", _normal(lambda d: 1 / sqrt(d.n_in)), _UNIT),
        Initializer("glorot_uniform", "W ~ U(±√(6/(n_in + n_out)))", _uniform(lambda d: sqrt(6 / (d.n_in + d.n_out)))),
        Initializer("glorot_normal", "W ~ N(0, 2/(n_in + n_out))", _normal(lambda d: sqrt(2 / (d.n_in + d.n_out)))),
        Initializer("he_uniform", "W ~ U(±√(6/n_in))", _uniform(lambda d: sqrt(6 / d.n_in))),
        Initializer("he_normal", "W ~ N(0, 2/n_in)", _normal(lambda d: sqrt(2 / d.n_in))),
        Initializer(
            "fan_in_uniform",
            "W, b ~ U(±1/√n_in)",
            _uniform(lambda d: 1 / sqrt(d.n_in)),
            _uniform(lambda d: 1 / sqrt(d.n_in), _BIASES),
        ),
        Initializer("lecun_normal", "W ~ N(0, 1/n_in)", _normal(lambda d: 1 / sqrt(d.n_in))),
    )
}


def automatic(activation: str) -> str:
    """The initializer that keeps the variance of a through a layer of this activation.

    Source: He et al. (2015) for rectifiers, Klambauer et al. (2017) for selu, Glorot, Bengio (2010) else.
    """
    return ACTIVATIONS[activation].initializer


def choose(initializer: str | Sequence[str], architecture: Architecture) -> tuple[str, ...]:
    """The name of the initializer of every layer, "auto" resolved by the layer's activation."""
    one = isinstance(initializer, str)
    n_layers = len(architecture.layers)
    names = [initializer] * n_layers if one else list(initializer)
    if len(names) != n_layers:
        raise SettingsError(
            f"initializer has {len(names)} names for {n_layers} layers: must be one name, or one per layer."
        )
    for name in names:
        if name != "auto" and name not in INITIALIZERS:
            raise unknown_name("initializer", name, ["auto", *INITIALIZERS])
    return tuple(
        automatic(_activation(layer)) if name == "auto" else str(name)
        for name, layer in zip(names, architecture.layers, strict=True)
    )


def _activation(layer: Dense) -> str:
    """The activation of a layer, or the one inside its kind."""
    return layer.activation if layer.kind is None else layer.kind.of_activation or layer.activation


def initialize(architecture: Architecture, names: Sequence[str], seed: int) -> Parameters:
    """Fresh parameters; layer l draws from the stream (seed, INITIALISE, l), so layers are independent.

    What a target has beside its point forecast starts at 0, so that every row begins with the spread softplus(0) =
    0.69: drawn at random, a few rows would begin with nearly none, and a gaussian loss of thousands.
    """
    parameters = Parameters(architecture)
    for l, (layer, name) in enumerate(zip(architecture.layers, names, strict=True), start=1):
        rule, key = INITIALIZERS[name], stream_key(seed, Purpose.INITIALISE, l)
        W, b = parameters.W[l], parameters.b[l]
        W[:] = rule.draw(key, W.size, layer).reshape(W.shape)
        if rule.biases is not None:
            b[:] = rule.biases(key, b.size, layer).reshape(b.shape)
    for l, part in architecture.numbered:
        for lane, tensor in enumerate(part.kind.tensors if part.kind is not None else (), start=_BIASES + 1):
            view = getattr(parameters, tensor.name)[l]
            view[...] = _started(tensor, stream_key(seed, Purpose.INITIALISE, l), view.shape, lane)
    n_heads = loss_named(architecture.loss).n_heads
    beside = np.arange(architecture.n_outputs) % n_heads != 0
    parameters.W[-1][..., beside] = parameters.b[-1][..., beside] = 0
    return parameters


def _started(tensor: Tensor, key: Key, shape: tuple[int, ...], lane: int) -> np.ndarray:
    """The numbers that a tensor of a kind starts with."""
    if not isinstance(tensor.start, Draw):
        return np.full(shape, tensor.start)
    distribution, scale, blocks, center = tensor.start
    n = prod(shape[:-1]) * len(blocks) if blocks else prod(shape)
    if distribution == "normal":
        drawn = normal(key, n, lane=lane)
    else:
        drawn = 2.0 * uniform(key, n, lane=lane) - 1.0
    if distribution == "sign":
        drawn = np.where(drawn < 0, -1.0, 1.0)
    if blocks:
        drawn = np.repeat(drawn.reshape(*shape[:-1], len(blocks)), blocks, axis=-1)
    return center + scale * drawn.reshape(shape) if center else scale * drawn.reshape(shape)
