"""The estimators keep scikit-learn's contract: every check of check_estimator passes, none is expected to fail."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier(solver="sgd", learning_rate_init=0.05, activation=["tanh"]),
    MLPRegressor(solver="sgd", learning_rate="adaptive", activation="tanh"),
    MLPClassifier(solver="lbfgs", max_iter=20),
    MLPRegressor(solver="lbfgs", max_iter=20),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator: Any, check: Any) -> None:
    """A check of scikit-learn passes."""
    check(estimator)
