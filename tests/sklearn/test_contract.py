"""The estimators keep scikit-learn's contract: every check of check_estimator passes, none is expected to fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor


@dataclass(frozen=True)
class LogCosh:
    """Σ_j log cosh(a_j − y_j). A class, for the name of a test must not hold the address of a function."""

    def __call__(self, a: Any, y: Any) -> Any:
        return np.log(np.cosh(a - y)).sum(axis=1)


@dataclass(frozen=True)
class Slope:
    """Its derivative."""

    def __call__(self, a: Any, y: Any) -> Any:
        return np.tanh(a - y)


ESTIMATORS = [
    MLPClassifier(),
    MLPRegressor(),
    MLPClassifier(solver="sgd", learning_rate_init=0.05, activation=["tanh"]),
    MLPRegressor(solver="sgd", learning_rate="adaptive", activation="tanh"),
    MLPClassifier(solver="lbfgs"),
    MLPRegressor(solver="lbfgs", activation="silu"),
    MLPClassifier(early_stopping=True),
    MLPRegressor(early_stopping=True, validation_fraction=0.2),
    MLPClassifier((20, 20), ["tanh", "gelu"], normalization="layer", residual=True, class_weight="balanced",
                  schedule="cosine", clip_norm=1.0),
    MLPRegressor("huber", shuffle=False, warm_up=0.1),
    MLPRegressor("quantile", quantile=0.7),
    MLPRegressor("absolute_error", solver="lbfgs"),
    MLPRegressor((LogCosh(), Slope()), solver="sgd", early_stopping=True, learning_rate_init=0.02),
    MLPClassifier((20, 15, 10), ["relu", "silu", "tanh"], schedule="exponential", decay_every=100),
    MLPClassifier((20,), normalization="layer", solver="lbfgs", class_weight="balanced"),
    MLPClassifier((), solver="sgd", learning_rate="adaptive", learning_rate_init=0.1),
    MLPRegressor(hidden_layer_sizes=(20, 20), activation=["elu", "softplus"], residual=True, solver="lbfgs"),
    MLPRegressor("poisson", solver="lbfgs"),
    MLPRegressor("poisson", learning_rate_init=0.01),
    TabularClassifier(max_iter=60),
    TabularClassifier("plain", hidden_layer_sizes=[16], class_weight="balanced", early_stopping=20),
    TabularClassifier(),
    TabularClassifier(hidden_layer_sizes=(), max_iter=200, importances=True),
    TabularRegressor(),
    TabularRegressor("strong", max_iter=40, learning_rate_init=0.01, importances=True),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator: Any, check: Any) -> None:
    """A check of scikit-learn passes."""
    check(estimator)
