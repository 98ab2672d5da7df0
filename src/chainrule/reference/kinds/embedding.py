"""What embeddings of columns have in common: some columns become several numbers each, the others pass unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.layer_kind import LayerKind, Narration, Tensor, Tensors
from chainrule.words import sentences

MOST_NUMBERS = 32
"""Numbers of one column's embedding, at most: a row of them stays in one panel of the native engine."""


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """An embedding of F columns: its two passes and what it learns.

    widths: rows of the linear map that each column has; frequencies and edges of bins, where there are any.
    size: numbers that each column becomes; forward(x (n, F), tensors) gives e (n, F, size); backward(x, tensors, de)
    gives dx (n, F) and the gradients by name; side(x, tensors): on which side of its corners everything lies.
    """

    name: str
    label: str
    equations: Mapping[str, str]
    """Formulas of "u", "back" and "gradients"."""
    size: int
    widths: Sequence[int]
    frequencies: int = 0
    edges: Sequence[Sequence[float]] = ()
    tensors: tuple[Tensor, ...]
    forward: Callable[[Array, Tensors], Array]
    backward: Callable[[Array, Tensors, Array], tuple[Array, dict[str, Array]]]
    side: Callable[[Array, Tensors], Any] | None = None


def places(n_in: int, columns: Sequence[int], size: int) -> list[int]:
    """Where each column's numbers begin in the output; n_in + 1 numbers, the last is the width."""
    embedded = set(columns)
    widths = [size if j in embedded else 1 for j in range(n_in)]
    return [sum(widths[:j]) for j in range(n_in + 1)]


def kind_of(given: Embedded, n_in: int, columns: Sequence[int]) -> LayerKind:
    """The layer kind that embeds these columns of n_in and leaves the others as they are."""
    at = places(n_in, columns, given.size)
    chosen, others = list(columns), [j for j in range(n_in) if j not in set(columns)]
    target = np.array([[at[j] + k for k in range(given.size)] for j in chosen])
    passed = np.array([at[j] for j in others], int)

    def forward(x: Array, tensors: Tensors) -> Array:
        out = np.empty((len(x), at[-1]), x.dtype)
        out[:, passed] = x[:, others]
        out[:, target.ravel()] = given.forward(x[:, chosen], tensors).reshape(len(x), -1)
        return out

    def backward(x: Array, tensors: Tensors, da: Array) -> tuple[Array, dict[str, Array]]:
        dx = np.empty_like(x)
        dx[:, others] = da[:, passed]
        de = da[:, target.ravel()].reshape(len(x), *target.shape)
        dx[:, chosen], gradients = given.backward(x[:, chosen], tensors, de)
        return dx, gradients

    def side(x: Array, tensors: Tensors) -> Any:
        return None if given.side is None else given.side(x[:, chosen], tensors)

    return LayerKind(
        name=given.name, label=given.label, call=given.name, tensors=given.tensors, forward=forward,
        backward=backward, width=lambda n: at[-1], narration=_narration(given),
        native=_native(given, chosen), side=None if given.side is None else side,
    )  # fmt: skip


def _native(given: Embedded, columns: Sequence[int]) -> dict[str, Any]:
    """What the native engine must know: rows of each column in the linear map, and where its edges begin."""
    flat = [float(e) for of_column in given.edges for e in of_column]
    lengths = [len(of_column) for of_column in given.edges]
    return {
        "columns": list(columns), "d": given.tensors[-1].shape(0)[1], "k": given.frequencies,
        "begin": [sum(given.widths[:f]) for f in range(len(given.widths) + 1)], "edges": flat,
        "edge": [sum(lengths[:f]) for f in range(len(lengths))],
    }  # fmt: skip


def _narration(given: Embedded) -> Narration:
    """Equations and sentences; numbers are told by the two passes."""
    notations = {name: dict(given.equations) for name in ("batch", "note", "nielsen")}
    return Narration(equations=notations, words=sentences(f"{given.name}_embedding"))


def checked_columns(options: Mapping[str, Any], n_in: int) -> list[int]:
    """The columns that are embedded: those named, else all."""
    return list(options.get("columns", range(n_in)))
