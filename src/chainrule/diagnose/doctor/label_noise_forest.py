"""A judge that is no network: what the data alone allow, by a forest of trees on rows it has not seen.

A forest does not care for the scale of a column, has no learning rate and hardly fails, so it tells data
that hold nothing, or the answer itself, from a network that does not find what is there.

Source    Breiman (2001), out-of-bag estimates; Geurts, Ernst, Wehenkel (2006)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
N_TREES, LEAF_ROWS = 60, 3
MOST_ROWS, MOST_COLUMNS = 1500, 256
"""Rows and columns the forest sees: enough to tell 1 % from 5 %, and a second of work."""


@dataclass(frozen=True)
class ForestPredictions:
    """Predictions for rows unseen by the trees that made them.

    rows: places in the sample; chance, error: loss of the constant prediction and of the forest (share of
    mistakes, or mean squared error); probabilities (n, k) for classes, predictions (n,) for values.
    """

    rows: npt.NDArray[np.int64]
    truth: Array
    predicted: Array
    chance: float
    error: float

    @property
    def skill(self) -> float:
        """1 − error / chance: 1 where the forest is always right, 0 where it is no better than a constant."""
        return 1 - self.error / self.chance if self.chance > 0 else 0.0


def classifier(X: Array, classes: npt.NDArray[np.int64]) -> ForestPredictions | None:
    """Forest predictions for classes; None where there is too little to judge by."""
    from sklearn.ensemble import ExtraTreesClassifier

    rows, columns = _looked_at(X)
    truth = classes[rows]
    if len(rows) < 50 or len(np.unique(truth)) < 2:
        return None
    forest = ExtraTreesClassifier(
        N_TREES, min_samples_leaf=LEAF_ROWS, bootstrap=True, oob_score=True, random_state=0, n_jobs=1
    )
    forest.fit(X[rows][:, columns], truth)
    p = np.nan_to_num(forest.oob_decision_function_)
    full = np.zeros((len(rows), int(truth.max()) + 1))
    full[:, forest.classes_.astype(int)] = p
    chance = 1 - np.bincount(truth).max() / len(truth)
    return ForestPredictions(rows, truth, full, float(chance), float((full.argmax(axis=1) != truth).mean()))


def regressor(X: Array, values: Array) -> ForestPredictions | None:
    """Forest predictions for values; None where there is too little to judge by."""
    from sklearn.ensemble import ExtraTreesRegressor

    rows, columns = _looked_at(X)
    truth = values[rows]
    if len(rows) < 50 or not truth.std() > 0:
        return None
    forest = ExtraTreesRegressor(
        N_TREES, min_samples_leaf=LEAF_ROWS, bootstrap=True, oob_score=True, random_state=0, n_jobs=1
    )
    forest.fit(X[rows][:, columns], truth)
    predicted = np.nan_to_num(forest.oob_prediction_)
    return ForestPredictions(rows, truth, predicted, float(truth.var()), float(((predicted - truth) ** 2).mean()))


def _looked_at(X: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows at equal distances, and the columns that vary most by rank of variance."""
    kinds = np.sort(np.unique(X, axis=0, return_index=True)[1])  # a copy of a row would not be unseen
    rows = kinds if len(kinds) <= MOST_ROWS else kinds[np.linspace(0, len(kinds) - 1, MOST_ROWS).astype(np.int64)]
    if X.shape[1] <= MOST_COLUMNS:
        return rows, np.arange(X.shape[1])
    order = np.argsort(-X.std(axis=0), kind="stable")[:MOST_COLUMNS]
    return rows, np.sort(order)


def column_skill(column: Array, truth: Array, *, classes: bool) -> float:
    """How much of the error of a constant one column takes away, by means over 32 equal parts of its ranks,
    taken from the even rows and judged on the odd ones.

    A column of few values is grouped by value; a class is told by the most frequent one of the group.
    """
    values, group = np.unique(column, return_inverse=True)
    if len(values) > 64:
        edges = np.quantile(column[::2], np.linspace(0, 1, 65)[1:-1])
        group = np.searchsorted(edges, column, side="right")
    seen, judged = slice(0, None, 2), slice(1, None, 2)
    if classes:
        return _class_skill(group, truth, seen, judged)
    n = np.bincount(group[seen], minlength=group.max() + 1)
    sums = np.bincount(group[seen], weights=truth[seen], minlength=group.max() + 1)
    mean = truth[seen].mean()
    guess = np.where(n > 0, sums / np.maximum(n, 1), mean)[group[judged]]
    smooth = _line(column, truth, seen, judged)
    error = min(((truth[judged] - guess) ** 2).mean(), smooth)
    chance = ((truth[judged] - mean) ** 2).mean()
    return float(1 - error / chance) if chance > 0 else 0.0


def _class_skill(group: Array, truth: Array, seen: slice, judged: slice) -> float:
    k = int(truth.max()) + 1
    counts = np.zeros((int(group.max()) + 1, k))
    np.add.at(counts, (group[seen], truth[seen]), 1)
    most = int(np.bincount(truth[seen]).argmax())
    guess = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), most)[group[judged]]
    chance = (truth[judged] != most).mean()
    return float(1 - (truth[judged] != guess).mean() / chance) if chance > 0 else 0.0


def _line(column: Array, truth: Array, seen: slice, judged: slice) -> float:
    """Mean squared error of a straight line through the even rows, on the odd ones."""
    x, y = column[seen], truth[seen]
    spread = ((x - x.mean()) ** 2).sum()
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread) if spread > 0 else 0.0
    return float(((truth[judged] - y.mean() - slope * (column[judged] - x.mean())) ** 2).mean())
