"""F1 and AUC of one class are scikit-learn's, ties and weights included."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.planning.class_scores import auc, f1
from sklearn import metrics

CHANCE = np.random.default_rng(0)
N = 200
WEIGHTS = {"none": None, "whole": CHANCE.integers(1, 4, N).astype(float), "uneven": CHANCE.uniform(0.01, 9, N)}


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("digits", [0, 1, 9])
@pytest.mark.parametrize("share", [0.03, 0.6])
def test_as_scikit_learn(weight: str, digits: int, share: float) -> None:
    truth, w = np.random.default_rng(1).uniform(size=N) < share, WEIGHTS[weight]
    score = np.round(np.random.default_rng(2).normal(size=N) + truth, digits)
    assert auc(truth, score, w) == pytest.approx(metrics.roc_auc_score(truth, score, sample_weight=w), rel=1e-12)
    assert f1(truth, score > 1, w) == pytest.approx(metrics.f1_score(truth, score > 1, sample_weight=w), rel=1e-12)


def test_by_hand() -> None:
    """Of four pairs one is in order, one tied; a class without rows, or of no weight, has no AUC; and F1 is 0."""
    truth, score = np.array([True, True, False, False]), np.array([0.9, 0.2, 0.9, 0.9])
    assert auc(truth, score, None) == 0.25
    assert auc(truth, score, np.array([1.0, 0, 1, 1])) == 0.5
    assert auc(truth, score, np.array([0.0, 0, 1, 1])) is None
    assert auc(~truth & truth, score, None) is None
    nobody = np.zeros(4, bool)
    assert f1(nobody, nobody, None) == 0.0 and f1(truth, truth, None) == 1.0
