"""What is not possible is said: the thing, the value found, what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
MISTAKES: dict[str, tuple[Any, str]] = {
    "gradients of other rows": (lambda: fitted_once().gradients(X, Y[:3]), "X has 400 rows, y 3"),
    "a class never seen": (lambda: fitted_once().gradients(X, Y + 9), r"y holds \[10, 11, 12\], which fit did not see"),
    "y_val of other rows": (lambda: MLPClassifier().fit(X, Y, X_val=X, y_val=Y[:9]), "X_val has 400 rows, y_val 9"),
    "y_val of other columns": (
        lambda: MLPRegressor().fit(X, Y, X_val=X, y_val=np.c_[Y, Y]), "y_val has 2 columns; expected 1",
    ),
    "y_val with gaps": (lambda: MLPRegressor().fit(X, Y, X_val=X, y_val=Y * np.nan), "y_val holds values that"),
    "weights of no rows": (lambda: MLPRegressor().fit(X, Y, sample_weight_val=Y), "sample_weight_val is given"),
    "a metric there is not": (lambda: MLPClassifier(metric="acuracy").fit(X, Y), "did you mean 'accuracy'"),
    "sizes in place of the loss": (lambda: MLPRegressor((20, 20)).fit(X, Y), r"hidden_layer_sizes=\(…\)"),
    "a size that is a name": (lambda: MLPClassifier(("relu",)).fit(X, Y), "holds 'relu'; expected whole numbers"),
    "class weights of outputs": (lambda: MLPClassifier(class_weight=[{}, {}]).fit(X, Y), "2 entries for 1 outputs"),
    "y_val of a table": (
        lambda: TabularClassifier(max_iter=2).fit(X, Y, X_val=X, y_val=Y + 9), r"y_val holds \['10', '11', '12'\]",
    ),
    "y_val of a table of other rows": (
        lambda: TabularRegressor(max_iter=2).fit(X, Y, X_val=X, y_val=Y[:9]), "X_val has 400 rows, y_val 9",
    ),
}  # fmt: skip


def fitted_once() -> MLPClassifier:
    """After one epoch."""
    return MLPClassifier(max_iter=1, random_state=0).fit(X, Y)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_named(name: str) -> None:
    """What was wrong, what was found, what is expected."""
    mistake, told = MISTAKES[name]
    with pytest.raises(ValueError, match=told):
        mistake()
