"""Parameters: views W[l], b[l], gain[l], shift[l] on one flat vector, in that order, layer after layer."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture, Dense

Array: TypeAlias = npt.NDArray[np.floating[Any]]


def tensors(layer: Dense) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a layer, in the order of the flat vector."""
    yield "W", (layer.n_in, layer.n_out)
    yield "b", (layer.n_out,)
    if layer.normalization:
        yield "gain", (layer.n_out,)
        yield "shift", (layer.n_out,)


class Parameters:
    """One flat vector and, for every layer l = 1 … L, the views W[l] (n_in, n_out) and b[l] (n_out,).

    A normalised layer also has gain[l] and shift[l] (n_out,); they are None elsewhere, and position 0 of
    every list is None. Writing to a view writes to the vector.
    """

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        if flat is None:
            flat = np.zeros(architecture.n_parameters, dtype=architecture.dtype)
        self.architecture = architecture
        self.flat = flat
        n = len(architecture.layers) + 1
        self.W: list[Array] = [None] * n  # type: ignore[list-item]  # position 0 has no layer
        self.b: list[Array] = [None] * n  # type: ignore[list-item]
        self.gain: list[Array | None] = [None] * n
        self.shift: list[Array | None] = [None] * n
        start = 0
        for l, layer in enumerate(architecture.layers, start=1):
            for name, shape in tensors(layer):
                end = start + prod(shape)
                getattr(self, name)[l] = flat[start:end].reshape(shape)
                start = end

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
