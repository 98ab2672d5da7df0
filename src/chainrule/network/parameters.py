"""Parameters: views on one flat vector, W[l], b[l] and those of the layers' kinds in that order, layer after layer."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.network.architecture import Architecture, Dense
from chainrule.network.input_layer import InputLayer
from chainrule.reference.layer_kind import Between

LINE_BYTES = 64
"""Of the first cache of every processor the engine has kernels for, and the widest of their vectors."""

Array: TypeAlias = npt.NDArray[np.floating[Any]]


def tensors(layer: Dense | InputLayer) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape of every tensor of a layer, in the order of the flat vector."""
    yield from layer.tensors.items()


def tensor_names(architecture: Architecture) -> list[str]:
    """The names of the tensors of all layers: W, b, then those of their kinds in the order in which they come."""
    of_inputs = () if architecture.inputs is None else architecture.inputs.tensors
    return list(dict.fromkeys(name for part in (*(x.tensors for x in architecture.layers), of_inputs) for name in part))


def zeros_from_a_line(n: int, dtype: npt.DTypeLike) -> Array:
    """n zeros that begin with a line of the cache, so that vectors of them are read where they lie."""
    spare = LINE_BYTES // np.dtype(dtype).itemsize
    block = np.zeros(n + spare, dtype=dtype)
    start = -block.ctypes.data % LINE_BYTES // block.itemsize
    return block[start : start + n]


class Parameters:
    """One flat vector of all parameters, with a view for every tensor of every layer l = 1 … L.

    Writing to a view writes to the vector. Position 0 of a list is None, but for tensors of the input layer.

    Parameters
    ----------
    architecture : Architecture
        Whose parameters they are.
    flat : ndarray of shape (n_parameters,), optional
        The vector; zeros by default.

    Attributes
    ----------
    W : list of ndarray of shape (n_in, n_out)
        Weights.
    b : list of ndarray of shape (n_out,)
        Biases.
    gain, shift : list of ndarray of shape (n_out,) or None
        For normalised layers; tensors of other layer kinds are available under their names in the same way.
    kinds : list of Between or None
        The kind of each layer with its tensors.

    Raises
    ------
    ShapeError
        If the vector has another length.

    Examples
    --------
    >>> import chainrule as cr
    >>> parameters = cr.Network([2, 3, 1], output="sigmoid").parameters
    >>> len(parameters.flat), [name for name, _ in parameters.named()]
    (13, ['W1', 'b1', 'W2', 'b2'])
    """

    W: list[Array]
    b: list[Array]
    gain: list[Array | None]
    shift: list[Array | None]

    def __init__(self, architecture: Architecture, flat: Array | None = None) -> None:
        if flat is None:
            flat = zeros_from_a_line(architecture.n_parameters, architecture.dtype)
        self.architecture = architecture
        self.flat = flat
        n = len(architecture.layers) + 1
        self.kinds: list[Between | None] = [None] * n
        for name in {"W", "b", "gain", "shift", *tensor_names(architecture)}:
            setattr(self, name, [None] * n)
        start = 0
        for l, layer in architecture.numbered:
            views = {}
            for name, shape in tensors(layer):
                end = start + prod(shape)
                getattr(self, name)[l] = views[name] = flat[start:end].reshape(shape)
                start = end
            if layer.kind is not None:
                self.kinds[l] = Between(layer.kind, {t.name: views[t.name] for t in layer.kind.tensors})

    def __repr__(self) -> str:
        return f"Parameters({self.architecture}, {self.flat.dtype} {self.flat.shape})"

    def copy(self) -> Parameters:
        """Return the same numbers in a vector of their own.

        Returns
        -------
        Parameters
            The copy.
        """
        flat = zeros_from_a_line(self.flat.size, self.flat.dtype)
        flat[:] = self.flat
        return Parameters(self.architecture, flat)

    def like(self, flat: Array) -> Parameters:
        """Return another vector of the same architecture, such as a gradient, under W[l], b[l], ….

        Parameters
        ----------
        flat : ndarray of shape (n_parameters,)
            The vector.

        Returns
        -------
        Parameters
            Views on it.
        """
        return Parameters(self.architecture, flat)

    def named(self) -> Iterator[tuple[str, Array]]:
        """Iterate over the tensors with their names.

        Yields
        ------
        name : str
            "W1", "b1", where there are any "gain1", "shift1", then "W2", ….
        tensor : ndarray
            The view.
        """
        for l, layer in self.architecture.numbered:
            for name, _ in tensors(layer):
                yield f"{name}{l}", getattr(self, name)[l]
