"""Piecewise-linear embeddings of numbers: how far a number is through each of its bins, then a linear map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.kinds.embedding import Embedded, checked_columns, kind_of
from chainrule.reference.layer_kind import Draw, LayerKind, Tensor, Tensors

Edges = Sequence[Sequence[float]]
"""For each column the ascending edges of its bins."""


def piecewise_code(x: Array, edges: Array) -> tuple[Array, Array]:
    """How far numbers are through each bin, and the slope of that.

        code_t = (x − e_t)/(e_{t+1} − e_t), cut to 0 … 1; below 0 in the first bin and above 1 in the last as it is

    Arguments: x (n,); edges (T + 1,), ascending. Returns code, slope (n, T).

    Source: Gorishniy, Rubachev, Babenko (2022), "On embeddings for numerical features", equation 1.

    Examples
    --------
    >>> piecewise_code(np.array([1.5, 3.0]), np.array([0.0, 1.0, 2.0]))[0].tolist()
    [[1.0, 0.5], [1.0, 2.0]]
    """
    low, width = edges[:-1], edges[1:] - edges[:-1]
    code = (x[:, None] - low) / width
    inside = np.ones(code.shape, bool)
    inside[:, 1:] &= code[:, 1:] >= 0
    inside[:, :-1] &= code[:, :-1] < 1
    code[:, 1:] = np.where(code[:, 1:] < 0, 0, code[:, 1:])
    code[:, :-1] = np.where(code[:, :-1] > 1, 1, code[:, :-1])
    return code, np.where(inside, 1 / width, 0).astype(x.dtype)


def piecewise_linear_forward(x: Array, edges: Edges, slope: Array, knots: Array, offset: Array) -> Array:
    """The piecewise-linear embedding of TabM: linear in x, and linear in its code.

        e = x·slope + offset + code @ knots

    Arguments: x (n, F); edges: for each column; slope, offset (F, d); knots (Σ_f T_f, d), the rows of a column
    together. Returns (n, F, d).

    Source: Gorishniy, Kotelnikov, Babenko (2024), "TabM", version B of the embeddings of rtdl_num_embeddings.
    """
    e = x[:, :, None] * slope + offset
    for f, (rows, of_column) in enumerate(_columns(edges)):
        e[:, f] += piecewise_code(x[:, f], np.asarray(of_column, x.dtype))[0] @ knots[rows]
    return e


def piecewise_linear_backward(
    x: Array, edges: Edges, slope: Array, knots: Array, de: Array
) -> tuple[Array, Array, Array, Array]:
    """The gradients of a piecewise-linear embedding.

        dslope = Σ_i x_i·de_i;   dknots = Σ_i code_iᵀ de_i;   doffset = Σ_i de_i;
        dx = de·slope + Σ_t (de @ knotsᵀ)_t/(e_{t+1} − e_t) over the bin of x

    Arguments: as in piecewise_linear_forward; de (n, F, d). Returns dx (n, F), dslope, dknots, doffset.
    """
    dx, dknots = (de * slope).sum(axis=2), np.empty_like(knots)
    for f, (rows, of_column) in enumerate(_columns(edges)):
        code, steepness = piecewise_code(x[:, f], np.asarray(of_column, x.dtype))
        dx[:, f] += ((de[:, f] @ knots[rows].T) * steepness).sum(axis=1)
        dknots[rows] = code.T @ de[:, f]
    return dx, (x[:, :, None] * de).sum(axis=0), dknots, de.sum(axis=0)


def _columns(edges: Edges) -> list[tuple[slice, Sequence[float]]]:
    """The rows of knots of every column, and its edges."""
    ends = np.cumsum([len(of_column) - 1 for of_column in edges])
    return [(slice(int(end) - len(e) + 1, int(end)), e) for end, e in zip(ends, edges, strict=True)]


def piecewise_linear(n_in: int, options: Mapping[str, Any]) -> LayerKind:
    """The piecewise-linear embedding of some of n_in columns; "edges": of the bins of each of them."""
    columns, edges = checked_columns(options, n_in), options["edges"]
    F, d, T = len(columns), options.get("size", 8), sum(len(e) - 1 for e in edges)

    def forward(x: Array, t: Tensors) -> Array:
        return piecewise_linear_forward(x, edges, t["slope"], t["knots"], t["offset"])

    def backward(x: Array, t: Tensors, de: Array) -> tuple[Array, dict[str, Array]]:
        dx, *gradients = piecewise_linear_backward(x, edges, t["slope"], t["knots"], de)
        return dx, dict(zip(("slope", "knots", "offset"), gradients, strict=True))

    def side(x: Array, t: Tensors) -> Array:
        return np.stack([np.searchsorted(e, x[:, f], side="right") for f, e in enumerate(edges)], axis=1)

    def tensor(name: str, shape: tuple[int, int], start: float | Draw = 0.0) -> Tensor:
        return Tensor(name=name, start=start, shape=lambda n: shape)

    bound = Draw("uniform", 1 / float(np.sqrt(d)))
    return kind_of(
        Embedded(
            name="piecewise_linear", label="piecewise-linear embedding", size=d,
            widths=[len(e) - 1 for e in edges], edges=edges,
            tensors=(tensor("slope", (F, d), bound), tensor("knots", (T, d)), tensor("offset", (F, d), bound)),
            forward=forward, backward=backward, side=side,
            equations={
                "u": "a0 = x·slope0 + offset0 + code(x) @ knots0",
                "back": "dx = da0 · slope0 + (da0 @ knots0.T)_t / width_t,   t the bin of x",
                "gradients": "dslope0 = Σ_i x·da0,   dknots0 = Σ_i code(x).T @ da0,   doffset0 = Σ_i da0",
            },
        ),
        n_in, columns,
    )  # fmt: skip
