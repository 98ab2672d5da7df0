"""The architecture: which layers, with which activations, judged by which loss, in which precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES

DTYPES = ("float32", "float64")
MAX_UNITS = 10_000_000


@dataclass(frozen=True)
class Dense:
    """A fully connected layer: z = a_in @ W + b, a = g(z)."""

    n_in: int
    n_out: int
    activation: str

    @property
    def n_parameters(self) -> int:
        """Entries of W and b together."""
        return self.n_in * self.n_out + self.n_out


@dataclass(frozen=True)
class Architecture:
    """A checked feed-forward network: layers 1 … L, the loss and the dtype.

    Errors    SettingsError for an unknown name, sizes below 1, an illegal pair of loss and output
              activation (the legal ones are named), or a softmax over a single output
    """

    layers: tuple[Dense, ...]
    loss: str
    dtype: str

    @classmethod
    def build(
        cls,
        sizes: Sequence[int],
        activation: str | Sequence[str] = "relu",
        output: str = "softmax",
        loss: str = "cross_entropy",
        dtype: str = "float32",
    ) -> Architecture:
        """The architecture of layers of the given sizes; `activation` is one name or one per hidden layer."""
        sizes = _checked_sizes(sizes)
        n_hidden = len(sizes) - 2
        hidden = [activation] * n_hidden if isinstance(activation, str) else list(activation)
        if len(hidden) != n_hidden:
            raise SettingsError(
                f"activation has {len(hidden)} names for {n_hidden} hidden layers; give one name, or one for each."
            )
        names = [*hidden, output]
        for name in names if n_hidden else [activation, output] if isinstance(activation, str) else names:
            if name not in ACTIVATIONS:
                raise unknown_name("activation", name, ACTIVATIONS)
        layers = tuple(Dense(*pair, name) for pair, name in zip(pairwise(sizes), names, strict=True))
        _check_output(layers[-1], loss)
        if str(dtype) not in DTYPES and getattr(dtype, "__name__", None) not in DTYPES:
            raise unknown_name("dtype", dtype, DTYPES)
        return cls(layers, loss, np.dtype(dtype).name)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer, the input first."""
        return (self.layers[0].n_in, *(layer.n_out for layer in self.layers))

    @property
    def activations(self) -> tuple[str | None, ...]:
        """Activation names numbered like the layers: position 0 is None."""
        return (None, *(layer.activation for layer in self.layers))

    @property
    def output(self) -> str:
        """The activation of the output layer."""
        return self.layers[-1].activation

    @property
    def n_inputs(self) -> int:
        """Columns of X."""
        return self.layers[0].n_in

    @property
    def n_outputs(self) -> int:
        """Units of the output layer."""
        return self.layers[-1].n_out

    @property
    def n_parameters(self) -> int:
        """Length of the flat parameter vector."""
        return sum(layer.n_parameters for layer in self.layers)

    def __str__(self) -> str:
        return "-".join(map(str, self.sizes))

    def to_dict(self) -> dict[str, Any]:
        """The architecture as plain JSON values."""
        return {
            "sizes": list(self.sizes),
            "activations": [layer.activation for layer in self.layers],
            "loss": self.loss,
            "dtype": self.dtype,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """The inverse of to_dict, checked as if built by hand."""
        *hidden, output = values["activations"]
        return cls.build(values["sizes"], hidden, output, values["loss"], values["dtype"])


def _checked_sizes(sizes: Sequence[int]) -> list[int]:
    try:
        whole = [int(size) for size in sizes]
        exact = all(int(size) == size for size in sizes) and not any(isinstance(size, bool) for size in sizes)
    except (TypeError, ValueError, OverflowError):
        whole, exact = [], False
    if not exact or len(whole) < 2 or not all(0 < size <= MAX_UNITS for size in whole):
        raise SettingsError(
            f"sizes {sizes!r} are no network; give at least two whole numbers from 1 to {MAX_UNITS}, "
            "the inputs first and the outputs last, such as [784, 30, 10]."
        )
    return whole


def _check_output(layer: Dense, loss: str) -> None:
    if loss not in LOSSES:
        raise unknown_name("loss", loss, LOSSES)
    legal = LOSSES[loss].pairs
    if layer.activation not in legal:
        raise SettingsError(
            f"loss {loss!r} has no meaning on output activation {layer.activation!r}; "
            f"legal output activations: {', '.join(legal)}."
        )
    if layer.activation == "softmax" and layer.n_out == 1:
        raise SettingsError("output 'softmax' over 1 output is always 1; use output 'sigmoid', or one per class.")
