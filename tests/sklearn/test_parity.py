"""The numbers are scikit-learn's: from the same weights, with the rows in order, every epoch's loss agrees."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

import chainrule.sklearn as ours
from sklearn import neural_network as peer
from tolerances import SKLEARN_EPOCHS, assert_close

DIGITS = load_digits(return_X_y=True)
X, CLASSES = DIGITS[0][:500] / 16, DIGITS[1][:500]
TABLE, VALUES = load_diabetes(return_X_y=True)
RNG = np.random.default_rng(0)
PROBLEMS: dict[str, tuple[str, Any, Any, Any]] = {
    "classes": ("MLPClassifier", X, CLASSES, None),
    "two classes, weighted": ("MLPClassifier", X, CLASSES > 4, RNG.uniform(size=len(X))),
    "labels": ("MLPClassifier", X, np.c_[CLASSES > 3, CLASSES % 2 == 0, CLASSES < 8].astype(int), None),
    "value": ("MLPRegressor", TABLE, VALUES / 100, None),
    "values, weighted": ("MLPRegressor", TABLE, np.c_[VALUES, VALUES**0.5] / 100, RNG.uniform(size=len(TABLE))),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "sgd without momentum": {"solver": "sgd", "momentum": 0},
    "invscaling": {
        "solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling", "learning_rate_init": 0.1,
        "power_t": 0.2,
    },
    "adaptive": {
        "solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.2, "tol": 0.1, "n_iter_no_change": 1,
    },
    "short last batch, penalty": {"alpha": 1.0, "batch_size": 33, "activation": "logistic"},
    "early stopping": {"early_stopping": True, "activation": "tanh"},
}  # fmt: skip


def both(kind: str, **settings: Any) -> tuple[Any, Any]:
    """scikit-learn's estimator and ours with the same settings, rows in order, 20 epochs."""
    shared = {"shuffle": False, "max_iter": 20, "random_state": 3} | settings
    return getattr(peer, kind)(**shared), getattr(ours, kind)(**shared)


def fitted(estimator: Any, *data: Any) -> Any:
    """The estimator fitted; 20 epochs are not enough, and it may say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(*data)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_loss_curves_agree(problem: str, setting: str) -> None:
    """Initial weights are the same, and loss_curve_, scores, weights and counters agree over 20 epochs."""
    kind, *data = PROBLEMS[problem]
    theirs, mine = (fitted(e, *data) for e in both(kind, **SETTINGS[setting]))
    assert len(mine.loss_curve_) == len(theirs.loss_curve_)
    assert_close(np.array(mine.loss_curve_), np.array(theirs.loss_curve_), SKLEARN_EPOCHS)
    for found, expected in zip(mine.coefs_ + mine.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        assert_close(found, expected, SKLEARN_EPOCHS)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "_no_improvement_count"):
        assert getattr(mine, name) == getattr(theirs, name), name
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        expected = getattr(theirs, name)
        assert getattr(mine, name) == (expected if expected is None else pytest.approx(expected, rel=1e-9)), name
    if theirs.validation_scores_ is not None:
        assert mine.validation_scores_ == pytest.approx(theirs.validation_scores_, rel=1e-9)
    assert_close(mine.predict(data[0][:50]), theirs.predict(data[0][:50]), SKLEARN_EPOCHS)


@pytest.mark.parametrize("weight", [None, RNG.uniform(size=len(TABLE))], ids=["plain", "weighted"])
def test_poisson_agrees(weight: Any) -> None:
    """The Poisson loss agrees too, with the part that y alone decides."""
    theirs, mine = (fitted(e, TABLE, VALUES / 100, weight) for e in both("MLPRegressor", loss="poisson"))
    assert_close(np.array(mine.loss_curve_), np.array(theirs.loss_curve_), SKLEARN_EPOCHS)


@pytest.mark.filterwarnings("ignore:.*clipped")
def test_partial_fit_agrees_over_chunks_of_any_size() -> None:
    """Adam's count of updates goes on across calls of partial_fit with other numbers of rows."""
    theirs, mine = both("MLPClassifier", batch_size=40)
    for first, last in ((0, 100), (100, 130), (130, 400), (0, 500)):
        for estimator in (theirs, mine):
            estimator.partial_fit(X[first:last], CLASSES[first:last], classes=range(10))
    assert_close(np.array(mine.loss_curve_), np.array(theirs.loss_curve_), SKLEARN_EPOCHS)


def test_copied_weights_go_on_alike() -> None:
    """A fit that starts warm from weights set by hand goes the way scikit-learn goes from them."""
    theirs, mine = both("MLPClassifier", warm_start=True, random_state=None)
    fitted(theirs, X, CLASSES), fitted(mine, X, CLASSES)
    mine.coefs_, mine.intercepts_ = [W.copy() for W in theirs.coefs_], [b.copy() for b in theirs.intercepts_]
    fitted(theirs, X, CLASSES), fitted(mine, X, CLASSES)
    assert_close(np.array(mine.loss_curve_[20:]), np.array(theirs.loss_curve_[20:]), SKLEARN_EPOCHS)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_first_steps_of_lbfgs_agree(problem: str) -> None:
    """L-BFGS from the same weights reaches the same loss after 5 iterations."""
    kind, *data = PROBLEMS[problem]
    if data[2] is not None and kind == "MLPRegressor":
        data = data[:2]
    theirs, mine = (fitted(e, *data) for e in both(kind, solver="lbfgs", max_iter=5))
    assert mine.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    assert (mine.n_iter_, mine.t_) == (theirs.n_iter_, theirs.t_)
    assert mine.coefs_[0].dtype == theirs.coefs_[0].dtype
