"""Measures of predictions, weighted by row, as scikit-learn defines them.

    Classes   accuracy, balanced_accuracy, f1_macro, log_loss, auc, of two f1[CLASS]
    Labels    accuracy (all labels right), label_accuracy, f1_macro, log_loss, auc
    Values    rmse, mae, r2; of several the mean over those that are known, and each one's

What is known of no row is None, and stays out of means.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.planning import class_scores

Array = npt.NDArray[Any]
Scores = dict[str, float | int | None]


def of_values(truth: Array, guess: Array, weight: Array | None, names: tuple[str, ...]) -> Scores:
    """Of one target (n,), or of several (n, k) with NaN where a row does not know one."""
    if truth.ndim == 1:
        return {"n_rows": len(truth), **_of_value(truth, guess, weight)}
    each = [_of_value(*known(truth[:, k], guess[:, k], weight)) for k in range(len(names))]
    means = {key: mean(scores[key] for scores in each) for key in ("rmse", "mae", "r2")}
    named = zip(names, each, strict=True)
    by_name = {f"{key}_{name}": value for name, scores in named for key, value in scores.items()}
    return {"n_rows": len(truth), **means, **by_name}


def _of_value(truth: Array, guess: Array, weight: Array | None) -> Scores:
    if not len(truth):
        return {"rmse": None, "mae": None, "r2": None}
    unit = _unit(truth, guess)
    truth, guess = truth / unit, guess / unit
    square = float(np.average((truth - guess) ** 2, weights=weight))
    around = float(np.average((truth - np.average(truth, weights=weight)) ** 2, weights=weight))
    return {
        "rmse": unit * float(np.sqrt(square)),
        "mae": unit * float(np.average(np.abs(truth - guess), weights=weight)),
        "r2": 1 - square / around if around > 0 else None,
    }


def _unit(*values: Array) -> float:
    """1, or a power of two in which values are counted whose squares are too large or too small to be numbers."""
    exponent = int(np.frexp(max((float(np.abs(v).max(initial=0)) for v in values), default=0.0))[1])
    return 1.0 if abs(exponent) < 400 else 2.0 ** min(max(exponent, -1000), 1000)


def known(truth: Array, guess: Array, weight: Array | None) -> tuple[Array, Array, Array | None]:
    """The rows that know this one of several targets."""
    rows = ~np.isnan(truth)
    return truth[rows], guess[rows], None if weight is None else weight[rows]


def mean(values: Iterable[float | int | None]) -> float | None:
    """The mean of what is known; None where nothing is."""
    present = [value for value in values if value is not None]
    return float(np.mean(present)) if present else None


def of_labels(truth: Array, probability: Array, cost: Array, weight: Array | None) -> Scores:
    """Of several labels (n, k), NaN where a row does not know one: it counts neither way.

    Arguments: cost (n, k): −log of the probability of each true label
    """
    f1, auc = list[float](), list[float | None]()
    for k in range(truth.shape[1]):
        t, p, w = known(truth[:, k], probability[:, k], weight)
        if len(t):
            f1.append(class_scores.f1(t == 1, p >= 0.5, w))
        if len(np.unique(t)) == 2 and np.isfinite(p).all():
            auc.append(class_scores.auc(t == 1, p, w))
    is_known, right = ~np.isnan(truth), (probability >= 0.5) == (truth == 1)
    entries = is_known * (1.0 if weight is None else weight[:, None])
    return {
        "n_rows": len(truth),
        "accuracy": float(np.average((right | ~is_known).all(axis=1), weights=weight)),
        "label_accuracy": float(np.average(right, weights=entries)),
        "f1_macro": mean(f1),
        "log_loss": float(np.average(np.where(is_known, cost, 0), weights=entries)),
        "auc": mean(auc),
    }


def of_classes(
    truth: Array,
    probability: Array,
    cost: Array,
    weight: Array | None,
    positive: tuple[int, str] | None,
) -> Scores:
    """Of classes (n,); auc is None where a class is missing from the rows: it has no meaning there.

    Arguments: cost (n,): −log of the probability of the true class; positive: of two classes the index and name of
              the one that f1 is about
    """
    n_classes, guess = probability.shape[1], _chosen(probability)
    total = probability.sum(axis=1, keepdims=True)
    probability = np.where(total > 0, probability / np.where(total > 0, total, 1), 1 / n_classes)
    present, auc, of_one = np.unique(truth), None, Scores()
    place = 1 if positive is None else positive[0]
    if len(present) == n_classes:
        ranked = [place] if n_classes == 2 else range(n_classes)
        each = [class_scores.auc(truth == c, probability[:, c], weight) for c in ranked]
        auc = None if None in each else mean(each)
    if positive is not None:
        of_one = {f"f1[{positive[1]}]": class_scores.f1(truth == place, guess == place, weight)}
    macro = mean(class_scores.f1(truth == c, guess == c, weight) for c in np.union1d(present, guess))
    return {
        "n_rows": len(truth),
        "accuracy": float(np.average(truth == guess, weights=weight)),
        "balanced_accuracy": float(np.mean([_recall(truth, guess, weight, c) for c in present])),
        "f1_macro": macro,
        "log_loss": float(np.average(cost, weights=weight)),
        "auc": auc,
        **of_one,
    }


def _recall(truth: Array, guess: Array, weight: Array | None, c: int) -> float:
    rows = truth == c
    return float(np.average(guess[rows] == c, weights=None if weight is None else weight[rows]))


def _chosen(probability: Array) -> Array:
    """The class predicted; of two at one half the second, as one sigmoid has it."""
    if probability.shape[1] == 2:
        return (probability[:, 1] >= probability[:, 0]).astype(np.int64)
    return probability.argmax(axis=1)
