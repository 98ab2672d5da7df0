"""Which columns tell something of the targets, alone or together: those that trees use more than shuffled copies.

Of hundreds of columns that are noise a network learns rows by heart. Trees see interactions, since a split by one
column makes another informative; a column that tells nothing is used as often as its shuffled copy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.pipeline.target import Classes, Target
from chainrule.seeding import permutation

Array = npt.NDArray[Any]
MOST_ROWS = 5_000
"""Rows that the trees are grown on."""
N_TREES, LEAST_LEAF = 100, 3
LARGEST_SEED = 2**32


def telling(
    X: Array, widths: tuple[int, ...], proximity: Array, target: Target, table: Table, seed: int, least: int = 0
) -> Array:
    """Which columns (n_columns,) are more important than each shuffled copy of a column.

    Importance is the decrease of impurity by the inputs of a column in 100 extremely randomised trees, grown on all
    columns beside a copy of them whose rows are shuffled.

    Arguments: X: the inputs of the rows of a table; widths: of each column; proximity: 0 for inputs that hold targets,
    and for bins; least: so many of the most important columns are kept in any case.
    Source: Geurts, Ernst, Wehenkel (2006); Kursa, Rudnicki (2010) for shuffled copies.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    rows = np.sort(permutation(seed, 0, len(X))[:MOST_ROWS])
    used = np.flatnonzero(proximity)
    own = X[rows][:, used].astype(np.float32)
    shuffled = own[permutation(seed, 1, len(own))]
    encoded, is_class = target.encode(table.take(rows)), isinstance(target, Classes)
    trees = (ExtraTreesClassifier if is_class else ExtraTreesRegressor)(
        N_TREES, max_features="sqrt", min_samples_leaf=LEAST_LEAF, random_state=seed % LARGEST_SEED
    )
    weight = None if table.weight is None else table.weight[rows]
    trees.fit(np.hstack([own, shuffled]), encoded if is_class else np.nan_to_num(encoded), weight)
    column = np.repeat(np.arange(len(widths)), widths)[used]
    real, copies = (
        np.bincount(column, part, len(widths)) for part in np.split(trees.feature_importances_, [len(used)])
    )
    most = np.argsort(-real, kind="stable")[:least]
    return np.asarray((real > copies.max()) | np.isin(np.arange(len(widths)), most))
