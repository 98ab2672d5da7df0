"""Embeddings of categories: a vector that is learned for every level of a column of codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.reference.activation import Array
from chainrule.reference.kinds.embedding import Embedded, checked_columns, kind_of
from chainrule.reference.layer_kind import Draw, LayerKind, Tensor, Tensors


def rows_of_codes(x: Array, levels: Sequence[int]) -> tuple[Array, Array]:
    """The row of the table of every code, and whether there is one.

    Arguments: x (n, F): whole numbers 0 … levels − 1; levels: of each column. Any other number has no row. Returns
    rows (n, F) as int64, known (n, F).
    """
    n = np.asarray(levels)
    known = (x >= 0) & (x < n) & (x == np.floor(x))
    begins = np.cumsum(n) - n
    return np.where(known, x, 0).astype(np.int64) + begins, known


def category_forward(x: Array, levels: Sequence[int], table: Array) -> Array:
    """The vector of every code; of one that is no level, zeros.

        e = table[begin_f + x]

    Arguments: x (n, F): codes; levels: of each column; table (Σ levels, d), the rows of a column together. Returns
    (n, F, d).

    Source: Guo, Berkhahn (2016), "Entity embeddings of categorical variables".

    Examples
    --------
    >>> category_forward(np.array([[1.0], [7.0]]), [2], np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[[3.0, 4.0]], [[0.0, 0.0]]]
    """
    rows, known = rows_of_codes(x, levels)
    return table[rows] * known[:, :, None]


def category_backward(x: Array, levels: Sequence[int], table: Array, de: Array) -> Array:
    """dtable: for every level the sum of de over the rows that have it, (Σ levels, d)."""
    rows, known = rows_of_codes(x, levels)
    dtable = np.zeros_like(table)
    for f in range(x.shape[1]):
        np.add.at(dtable, rows[known[:, f], f], de[known[:, f], f])
    return dtable


def category(n_in: int, options: Mapping[str, Any]) -> LayerKind:
    """The embedding of some of n_in columns, which hold codes; "levels": how many each of them has."""
    columns, levels = checked_columns(options, n_in), options["levels"]
    d, total = options.get("size", 8), sum(levels)

    def forward(x: Array, t: Tensors) -> Array:
        return category_forward(x, levels, t["table"])

    def backward(x: Array, t: Tensors, de: Array) -> tuple[Array, dict[str, Array]]:
        return np.zeros_like(x), {"table": category_backward(x, levels, t["table"], de)}

    return kind_of(
        Embedded(
            name="category", label="category embedding", size=d, widths=levels,
            tensors=(Tensor(name="table", start=Draw("normal", 1.0), shape=lambda n: (total, d)),),
            forward=forward, backward=backward,
            equations={
                "u": "a0 = table0[level of x]", "back": "dx = 0: a code has no slope",
                "gradients": "dtable0[level] = Σ_i da0 over the rows of this level",
            },
        ),
        n_in, columns,
    )  # fmt: skip
