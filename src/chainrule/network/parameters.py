"""Parameters: views W[l], b[l] and those of the layers' kinds on one flat vector, in that order, layer after layer."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture, Dense
from chainrule.reference.layer_kind import Between

Array: TypeAlias = npt.NDArray[np.floating[Any]]


def tensors(layer: Dense) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a layer, in the order of the flat vector."""
    yield from layer.tensors.items()


def tensor_names(architecture: Architecture) -> list[str]:
    """The names of the tensors of all layers: W, b, then those of their kinds in the order in which they come."""
    return list(dict.fromkeys(name for layer in architecture.layers for name in layer.tensors))


class Parameters:
    """One flat vector and, for every layer l = 1 … L, the views W[l] (n_in, n_out) and b[l] (n_out,).

    A layer with a kind has that kind's tensors under their names, such as gain[l] and shift[l] (n_out,) of a
    normalised one; they are None elsewhere, and position 0 of every list is None. Writing to a view writes to the
    vector. kinds[l]: the kind of a layer with its tensors, or None.
    """

    W: list[Array]
    b: list[Array]
    gain: list[Array | None]
    shift: list[Array | None]

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        if flat is None:
            flat = np.zeros(architecture.n_parameters, dtype=architecture.dtype)
        self.architecture = architecture
        self.flat = flat
        n = len(architecture.layers) + 1
        self.kinds: list[Between | None] = [None] * n
        for name in {"W", "b", "gain", "shift", *tensor_names(architecture)}:
            setattr(self, name, [None] * n)
        start = 0
        for l, layer in enumerate(architecture.layers, start=1):
            views = {}
            for name, shape in tensors(layer):
                end = start + prod(shape)
                getattr(self, name)[l] = views[name] = flat[start:end].reshape(shape)
                start = end
            if layer.kind is not None:
                self.kinds[l] = Between(layer.kind, {t.name: views[t.name] for t in layer.kind.tensors})

    def copy(self) -> Parameters:
        """The same numbers in a vector of their own."""
        return Parameters(self.architecture, self.flat.copy())

    def like(self, flat: Array) -> Parameters:
        """Another flat vector of the same architecture (a gradient, an optimizer's state) under W[l], b[l], …"""
        return Parameters(self.architecture, flat)

    def named(self) -> Iterator[tuple[str, Array]]:
        """("W1", W[1]), ("b1", b[1]), where there are any ("gain1", gain[1]), ("shift1", shift[1]), ("W2", …), …"""
        for l, layer in enumerate(self.architecture.layers, start=1):
            for name, _ in tensors(layer):
                yield f"{name}{l}", getattr(self, name)[l]
