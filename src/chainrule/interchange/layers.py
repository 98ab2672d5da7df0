"""Layers as another library has them, and the network they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.errors import SettingsError
from chainrule.network.architecture import DTYPES, Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.targets import default_kind
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.seeding import Purpose, normal, stream_key

Array = npt.NDArray[Any]
N_ROWS = 16
"""That a network is checked on."""


@dataclass(kw_only=True)
class LayerRead:
    """One layer: what it is called there, W (n_in, n_out), b, and what comes after its z."""

    place: str
    W: Array
    b: Array
    normalization: str | None = None
    tensors: Mapping[str, Array] = field(default_factory=dict)
    """Of the layer kind, by the names here."""
    activation: str | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """Every tensor by its name here."""
        return {"W": self.W, "b": self.b, **self.tensors}


def network_of(layers: Sequence[LayerRead], output: str, loss: str, source: str) -> Network:
    """The network of some layers, whose numbers keep their bits.

    Raises SettingsError for layers that do not fit each other, a precision that is not known, or another architecture
    that is refused.
    """
    _check_sizes(layers, source)
    dtypes = {str(array.dtype) for layer in layers for array in layer.arrays.values()}
    if len(dtypes) != 1 or not dtypes <= set(DTYPES):
        found = " and ".join(sorted(dtypes))
        raise SettingsError(f"{source}: parameters must all be float32, or all float64 (got {found}). Convert them.")
    if layers[-1].normalization is not None:
        raise SettingsError(
            f"{source}: {layers[-1].place} is the output layer: must have no normalisation. Put a Linear behind it."
        )
    hidden, kinds = layers[:-1], [layer.normalization for layer in layers[:-1]]
    architecture = Architecture.build(
        [layers[0].W.shape[0], *(layer.W.shape[1] for layer in layers)],
        [layer.activation or "identity" for layer in hidden], output, loss, dtypes.pop(),
        kinds if any(kinds) else None,
    )  # fmt: skip
    parameters = Parameters(architecture)
    for l, layer in enumerate(layers, start=1):
        for name, array in layer.arrays.items():
            getattr(parameters, name)[l][...] = array
    return Network.of(parameters, default_kind(output, architecture.loss, architecture.n_outputs))


def default_output(loss: str, n_outputs: int) -> str:
    """The output activation a loss is usually computed on."""
    legal = loss_named(loss).pairs
    for name in ("identity", "sigmoid" if n_outputs == 1 else "softmax"):
        if name in legal:
            return name
    return next(iter(legal))


def refuse_non_finite(network: Network, source: str) -> None:
    """SettingsError where gradients cannot be compared, as a parameter is not finite."""
    for name, tensor in network.parameters.named():
        if not np.isfinite(tensor).all():
            raise SettingsError(
                f"{source}: {name} must be finite to compare gradients (got {tensor[~np.isfinite(tensor)][0]}). "
                "Pass check=False to take it as it is."
            )


def check_rows(network: Network) -> tuple[Array, Array]:
    """Rows of normal numbers, and targets that the loss has a meaning for."""
    a, loss = network.architecture, loss_named(network.architecture.loss)
    n_targets, rows = a.n_outputs // loss.n_heads, np.arange(N_ROWS)
    key = stream_key(0, Purpose.CHECK)
    X = normal(key, N_ROWS * a.n_inputs).reshape(N_ROWS, a.n_inputs)
    if loss.of_classes and not ACTIVATIONS[a.output].elementwise:
        return X, rows % a.n_outputs
    if loss.of_classes:
        y = (rows[:, None] + np.arange(n_targets)) % 2
        return X, y[:, 0] if n_targets == 1 else y
    if loss.low >= 0:
        return X, (rows[:, None] + np.arange(n_targets)) % 4.0
    return X, normal(key, N_ROWS * n_targets, lane=1).reshape(N_ROWS, n_targets)


def _check_sizes(layers: Sequence[LayerRead], source: str) -> None:
    if not layers:
        raise SettingsError(f"{source}: must have at least one layer of weights (got none).")
    for below, layer in pairwise(layers):
        if below.W.shape[1] != layer.W.shape[0]:
            raise SettingsError(
                f"{source}: {layer.place} takes {layer.W.shape[0]} inputs, but {below.place} below it has "
                f"{below.W.shape[1]} units: must be equal. Correct one of them."
            )
