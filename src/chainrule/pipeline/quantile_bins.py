"""Bins of a piecewise-linear embedding, by the quantiles of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.data import arrays
from chainrule.errors import DataError, SettingsError

MOST_BINS = 1000


def quantile_bins(X: object, n_bins: int = 48, columns: Sequence[int] | None = None) -> list[list[float]]:
    """Compute the edges of bins that hold about equally many rows, for a piecewise-linear embedding.

    Parameters
    ----------
    X : array of shape (n, n_columns)
        Training rows.
    n_bins : int, default 48
        Bins of each column, at most: equal quantiles give one edge.
    columns : sequence of int, optional
        The columns to embed; all of them by default.

    Returns
    -------
    list of list of float
        For each of these columns ascending edges, from its least to its largest number.

    Raises
    ------
    SettingsError
        If `n_bins` is no whole number from 1 to 1,000, or X has no such column.
    DataError
        If a column has a single value: it cannot be cut into bins.

    References
    ----------
    Gorishniy, Rubachev, Babenko (2022), "On embeddings for numerical features in tabular deep learning", section 3.2.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.quantile_bins([[0.0], [1.0], [2.0], [3.0], [4.0]], n_bins=2)
    [[0.0, 2.0, 4.0]]
    """
    if isinstance(n_bins, bool) or not isinstance(n_bins, int) or not 1 <= n_bins <= MOST_BINS:
        raise SettingsError(f"n_bins={n_bins!r}: must be a whole number from 1 to {MOST_BINS:,}. Try 48.")
    shape = np.shape(np.asarray(X))
    rows = arrays.features(X, shape[1] if len(shape) == 2 else 1, "float32")
    chosen = range(rows.shape[1]) if columns is None else columns
    edges = []
    for j in chosen:
        if not 0 <= j < rows.shape[1]:
            raise SettingsError(f"columns has {j}: must be column numbers from 0 to {rows.shape[1] - 1}.")
        of_column = np.unique(np.quantile(rows[:, j].astype(np.float64), np.linspace(0, 1, n_bins + 1)).astype("f4"))
        if len(of_column) < 2:
            raise DataError(f"column {j} of X has a single value: must have two or more. Leave it out of columns.")
        edges.append([float(e) for e in of_column])
    return edges
