"""Measures of one class against the others, weighted by row, as scikit-learn defines them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def f1(truth: Array, guess: Array, weight: Array | None) -> float:
    """F1 of a class, 0 where no row holds it and none is taken for it.

    Formula   2·TP / (2·TP + FP + FN), each a sum of weights

    Arguments: truth, guess (n,): whether a row is of the class, and whether it is predicted to be.

    Examples
    --------
    >>> f1(np.array([True, True, False]), np.array([True, False, False]), None)
    0.6666666666666666
    """
    w = np.ones(len(truth)) if weight is None else weight
    total = float(w[truth].sum() + w[guess].sum())
    return 2 * float(w[truth & guess].sum()) / total if total else 0.0


def auc(truth: Array, score: Array, weight: Array | None) -> float | None:
    """The share of pairs of a row of the class and another in which the former has the higher score, ties one half.

    It is the area below the ROC curve; None where one of the two kinds of rows is missing or weighs nothing.

    Formula   Σ_s n(s)·(P(> s) + P(= s)/2) / (P·N) over the distinct scores s; P, N: weight of the class and of the rest

    Arguments: truth (n,): whether a row is of the class; score (n,).

    Examples
    --------
    >>> auc(np.array([True, False, False]), np.array([0.5, 0.5, 0.1]), None)
    0.75
    """
    w = np.ones(len(truth)) if weight is None else weight.astype(np.float64)
    _, place = np.unique(score, return_inverse=True)
    own, other = np.bincount(place, w * truth), np.bincount(place, w * ~truth)
    pairs = float(own.sum() * other.sum())
    above = own.sum() - np.cumsum(own)
    return float(other @ (above + own / 2)) / pairs if pairs else None
