"""Parameters: views W[l], b[l] on one flat vector, in the order W[1], b[1], W[2], b[2], …"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture

Array: TypeAlias = npt.NDArray[np.floating[Any]]


class Parameters:
    """One flat vector and, for every layer l = 1 … L, the views W[l] (n_in, n_out) and b[l] (n_out,).

    Writing to a view writes to the vector. Position 0 of W and b is None.
    """

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        if flat is None:
            flat = np.zeros(architecture.n_parameters, dtype=architecture.dtype)
        self.architecture = architecture
        self.flat = flat
        self.W: list[Array] = [None]  # type: ignore[list-item]  # position 0 has no layer
        self.b: list[Array] = [None]  # type: ignore[list-item]
        start = 0
        for layer in architecture.layers:
            middle = start + layer.n_in * layer.n_out
            self.W.append(flat[start:middle].reshape(layer.n_in, layer.n_out))
            self.b.append(flat[middle : middle + layer.n_out])
            start = middle + layer.n_out

    def copy(self) -> Parameters:
        """The same numbers in a vector of their own."""
        return Parameters(self.architecture, self.flat.copy())

    def like(self, flat: Array) -> Parameters:
        """Another flat vector of the same architecture (a gradient, an optimizer's state) under W[l] and b[l]."""
        return Parameters(self.architecture, flat)

    def named(self) -> Iterator[tuple[str, Array]]:
        """("W1", W[1]), ("b1", b[1]), ("W2", W[2]), …"""
        for l in range(1, len(self.W)):
            yield f"W{l}", self.W[l]
            yield f"b{l}", self.b[l]
