"""The nearest of some rows, exactly: on a grid of whole numbers every distance is exact, however it is computed.

Points have whole coordinates, so that all sums of products are whole numbers below 2⁵³, which float64 holds exactly: a
product of matrices gives the same distances as any search tree, on any machine and for any number of threads. Rows at
the same distance are taken in their order.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LIMIT = 8.0
"""Coordinates are held within ± this before they are put on the grid."""
MOST_BITS = 10
"""The grid has at most 2¹⁰ steps to a unit."""
EXACT_BITS = 53
TREE_DIMENSIONS = 6
"""In more dimensions a tree visits so many of its points that a product of matrices is as fast."""
TREE_ABOVE = 100_000_000
"""Pairs of points from which a tree is worth building, and SciPy importing."""
SPARE = 6
"""How many neighbours more a tree is asked for: where the last of them is as near as the last wanted, all rows are
compared."""
FEW_QUERIES = 4
"""So few are multiplied in this thread: waking others takes longer."""
PAIRS_AT_ONCE = 4_000_000
NUMBERS_IN_CACHE = 1_000_000
"""So many distances are computed at once: a core's cache holds them until the smallest are found."""


def grid_bits(n_rows: int, n_dimensions: int) -> int:
    """The binary digits after the point that keep squared distance · rows below 2⁵³.

    Formula   d·(2·LIMIT·2^bits)²·n ≤ 2⁵³

    Examples
    --------
    >>> grid_bits(1000, 10), grid_bits(50_000, 2000)
    (10, 9)
    """
    span = int(2 * LIMIT).bit_length() - 1
    room = EXACT_BITS - (n_rows * max(n_dimensions, 1)).bit_length()
    return max(0, min(MOST_BITS, room // 2 - span))


def on_grid(points: Array, bits: int) -> npt.NDArray[np.int16]:
    """The grid points next to some points (n, d), as int16."""
    held = np.clip(points.astype(np.float32), np.float32(-LIMIT), np.float32(LIMIT))
    return np.rint(held * np.float32(2**bits)).astype(np.int16)


class Nearest:
    """Rows on the grid, among which the nearest are looked up.

    Arguments: rows (n, d): whole numbers, with n·d·max|difference|² < 2⁵³.
    """

    def __init__(self, rows: Array) -> None:
        self._rows = rows.astype(np.float64)

    def __len__(self) -> int:
        return len(self._rows)

    def of(self, queries: Array, k: int) -> tuple[npt.NDArray[np.int64], Array]:
        """The k nearest rows of each query, the nearest first and of equal ones the first, and squared distances.

        Arguments: queries (m, d): whole numbers; k: at most as many as there are rows. Returns (m, k), (m, k).
        """
        q = queries.astype(np.float64)
        few = self._rows.shape[1] <= TREE_DIMENSIONS and len(self) > k + SPARE
        if not few or len(q) * len(self) < TREE_ABOVE:
            return self._by_all(q, k)
        found, squared = np.empty((len(q), k), np.int64), np.empty((len(q), k))
        step = max(1, PAIRS_AT_ONCE // ((k + SPARE) * self._rows.shape[1]))
        for first in range(0, len(q), step):
            here = slice(first, first + step)
            found[here], squared[here] = self._by_tree(q[here], k)
        return found, squared

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self._rows)

    @cached_property
    def _for_all(self) -> tuple[Array, Array]:
        """−2 n rᵀ, and n |r|² + the places of the rows."""
        rows, n = self._rows, len(self)
        return np.ascontiguousarray(-2.0 * n * rows.T), (rows * rows).sum(axis=1) * n + np.arange(n)

    def _by_tree(self, q: Array, k: int) -> tuple[Array, Array]:
        """By a search tree; queries whose last neighbours are equally far are compared with all rows."""
        near = self._tree.query(q, k + SPARE)[1]
        squared = ((self._rows[near] - q[:, None]) ** 2).sum(axis=2)
        order = np.lexsort((near, squared))
        near, squared = np.take_along_axis(near, order, 1), np.take_along_axis(squared, order, 1)
        tied = np.flatnonzero(squared[:, k - 1] == squared[:, -1])
        near, squared = near[:, :k], squared[:, :k]
        if len(tied):
            near[tied], squared[tied] = self._by_all(q[tied], k)
        return near, squared

    def _by_all(self, q: Array, k: int) -> tuple[Array, Array]:
        """By the distance to every row: |r|² − 2 q·r, one whole number with the row's place; |q|² orders nothing."""
        n, (turned, of_rows) = len(self), self._for_all
        found, squared = np.empty((len(q), k), np.int64), np.empty((len(q), k))
        step = max(32, NUMBERS_IN_CACHE // n)
        for first in range(0, len(q), step):
            here = slice(first, first + step)
            part = q[here]
            keys = np.einsum("md,dn->mn", part, turned) if len(part) <= FEW_QUERIES else part @ turned
            keys += of_rows
            keys.partition(k - 1, axis=1)
            near = np.sort(keys[:, :k], axis=1)
            found[here] = place = near % n
            squared[here] = (near - place) / n + (part * part).sum(axis=1)[:, None]
        return found, squared
