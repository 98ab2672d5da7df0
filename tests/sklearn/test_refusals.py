"""What is not possible is said: the thing, the value found, what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer", "ignore:lbfgs failed")
MISTAKES: dict[str, tuple[Any, str]] = {
    "gradients of other rows": (lambda: fitted_once().gradients(X, Y[:3]), "X has 400 rows, y 3"),
    "a class never seen": (lambda: fitted_once().gradients(X, Y + 9), r"y holds \[10, 11, 12\], which fit did not see"),
    "y_val of other rows": (lambda: MLPClassifier().fit(X, Y, X_val=X, y_val=Y[:9]), "X_val has 400 rows, y_val 9"),
    "y_val of other columns": (
        lambda: MLPRegressor().fit(X, Y, X_val=X, y_val=np.c_[Y, Y]), "y_val has 2 columns; expected 1",
    ),
    "y_val with gaps": (lambda: MLPRegressor().fit(X, Y, X_val=X, y_val=Y * np.nan), "y_val holds missing or infinite"),
    "weights of no rows": (lambda: MLPRegressor().fit(X, Y, sample_weight_val=Y), "sample_weight_val is given"),
    "a metric there is not": (lambda: MLPClassifier(metric="acuracy").fit(X, Y), "did you mean 'accuracy'"),
    "sizes in place of the loss": (lambda: MLPRegressor((20, 20)).fit(X, Y), r"hidden_layer_sizes=\(…\)"),
    "a size that is a name": (lambda: MLPClassifier(("relu",)).fit(X, Y), "holds 'relu': must hold integers"),
    "class weights of outputs": (lambda: MLPClassifier(class_weight=[{}, {}]).fit(X, Y), "2 entries for 1 outputs"),
    "y_val of a table": (
        lambda: TabularClassifier(max_iter=2).fit(X, Y, X_val=X, y_val=Y + 9), r"y_val holds \['10', '11', '12'\]",
    ),
    "y_val of a table of other rows": (
        lambda: TabularRegressor(max_iter=2).fit(X, Y, X_val=X, y_val=Y[:9]), "X_val has 400 rows, y_val 9",
    ),
    "None among values": (lambda: MLPRegressor().fit(X, [None, *Y[1:]]), "y contains NaN"),
    "None among values of an array": (lambda: MLPRegressor().fit(X, np.array([None, *Y[1:]], object)), "contains NaN"),
    "None among values of parts": (lambda: MLPRegressor().partial_fit(X, [None, *Y[1:]]), "y contains NaN"),
    "None among values of a table": (lambda: TabularRegressor().fit(X, [None, *Y[1:]]), "y contains NaN"),
    "a value beyond float32": (
        lambda: MLPRegressor().fit(np.float32(X), [1e300, *Y[1:]]), r"y\[0, 0\] is 1e.300 .*does not fit float32",
    ),
    "weights beyond float32": (
        lambda: MLPRegressor().fit(np.float32(X), Y, np.full(400, 1e300)), r"sample_weight\[0\] is 1e.300",
    ),
    "weights below float32": (
        lambda: MLPRegressor().fit(np.float32(X), Y, np.full(400, 1e-300)), "largest is 1e-300, which becomes 0",
    ),
    "weights that add up to infinity": (lambda: MLPRegressor().fit(X, Y, np.full(400, 1e308)), "adds up to inf"),
    "the same of a table": (lambda: TabularRegressor().fit(X, Y, np.full(400, 1e308)), "adds up to inf"),
    "inputs beyond every scale": (
        lambda: MLPClassifier(solver="lbfgs").fit(X * 1e307, Y), "loss that is not finite. .training diverged",
    ),
    "a penalty that overflows": (
        lambda: MLPRegressor(solver="lbfgs", alpha=1e308).fit(X, Y), "loss that is not finite",
    ),
}  # fmt: skip


def fitted_once() -> MLPClassifier:
    """After one epoch."""
    return MLPClassifier(max_iter=1, random_state=0).fit(X, Y)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    """What was wrong, what was found, what is expected."""
    mistake, result = MISTAKES[name]
    with pytest.raises(ValueError, match=result):
        mistake()


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_rows_to_judge_by_that_overflow(solver: str) -> None:
    """Rows to judge epochs by whose loss is no number are warned of, and named."""
    with pytest.warns(cr.DivergenceWarning, match="validation_loss is inf"):
        MLPRegressor(solver=solver, max_iter=3).fit(X, Y, X_val=X * 1e307, y_val=Y)
