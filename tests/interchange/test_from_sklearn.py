"""A fitted perceptron of scikit-learn comes in with its bits, or is refused by name."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from tolerances import ALGEBRA, FLOAT32

X = np.random.default_rng(0).normal(size=(60, 4))
CLASSES = np.array(["a", "b", "c"])[np.arange(60) % 3]
TARGETS = {
    "two classes": (MLPClassifier, CLASSES == "a"),
    "classes": (MLPClassifier, CLASSES),
    "labels": (MLPClassifier, np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0], axis=1).astype(int)),
    "value": (MLPRegressor, X[:, 0]),
    "values": (MLPRegressor, X[:, :2]),
    "counts": (lambda **how: MLPRegressor(loss="poisson", **how), np.arange(60) % 4),
}


def fitted(kind: str, activation: str = "tanh", dtype: str = "float64") -> Any:
    make, y = TARGETS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(hidden_layer_sizes=(6, 5), activation=activation, max_iter=3, random_state=0).fit(
            X.astype(dtype), y
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_bits_and_predictions(kind: str, activation: str, dtype: str) -> None:
    """Every weight keeps its bits; classes, labels and values are those of scikit-learn."""
    mlp = fitted(kind, activation, dtype)
    network = cr.from_sklearn(mlp)
    assert network.architecture.dtype == dtype
    for l, (W, b) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True), start=1):
        assert network.W[l].tobytes() == np.ascontiguousarray(W).tobytes() and network.b[l].tobytes() == b.tobytes()
    rows = X.astype(dtype)
    if isinstance(mlp, MLPRegressor):
        limit = ALGEBRA if dtype == "float64" else 10 * FLOAT32
        assert np.abs(network.predict(rows) - mlp.predict(rows)).max() <= limit
    elif kind == "labels":
        assert (network.predict(rows) == mlp.predict(rows)).all()
    else:
        assert (mlp.classes_[network.predict(rows)] == mlp.predict(rows)).all()


def test_refused_by_name() -> None:
    """Another object, an estimator that is not fitted, and weights that are not finite."""
    broken = fitted("value")
    broken.coefs_[0][0, 0] = np.inf
    for given, message in (
        (MLPRegressor(), "must be fitted"),
        (make_pipeline(StandardScaler(), MLPRegressor()), "got a Pipeline). Of a pipeline pass the last step"),
        ("mlp.joblib", "got a str"),
        (broken, "must be finite to compare gradients (got inf)"),
    ):
        with pytest.raises(cr.SettingsError) as refused:
            cr.from_sklearn(given)
        assert message in str(refused.value)


def test_another_computation_is_found() -> None:
    """A subclass that predicts otherwise differs in its outputs."""

    class Doubled(MLPRegressor):
        def predict(self, X: Any) -> Any:
            return 2 * super().predict(X)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlp = Doubled(hidden_layer_sizes=(3,), max_iter=2, random_state=0).fit(X, X[:, 0])
    with pytest.raises(cr.SettingsError, match="outputs differ from scikit-learn's"):
        cr.from_sklearn(mlp)
