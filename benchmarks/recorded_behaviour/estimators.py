"""scikit-learn's estimators: parameters, every fitted attribute, and predictions, for several settings each."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_diabetes, load_iris

import chainrule.sklearn as door
from recorded_behaviour.outputs import Outputs, plain

PERCEPTRONS: tuple[dict[str, Any], ...] = (
    {}, {"solver": "sgd", "learning_rate": "adaptive", "max_iter": 30}, {"solver": "lbfgs", "max_iter": 20},
    {"early_stopping": True, "activation": "tanh"}, {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.5},
    {"dropout": 0.2, "normalization": "layer", "hidden_layer_sizes": (9, 9), "residual": [False, True]},
    {"schedule": "cosine", "warm_up": 0.1, "clip_norm": 1.0, "batch_size": 20, "alpha": 0.1},
    {"activation": "gelu", "shuffle": False, "warm_start": True, "tol": 0.01},
)  # fmt: skip
TABULAR: tuple[dict[str, Any], ...] = (
    {}, {"preset": "plain", "hidden_layer_sizes": (7,)}, {"preset": "strong", "max_iter": 3, "importances": True},
    {"early_stopping": 2, "learning_rate_init": 0.01, "max_iter": 9, "preset": "plain"},
)  # fmt: skip


def record(outputs: Outputs, folder: Path) -> None:
    """Classes, labels and values; arrays and a table of texts with missing values."""
    (Xc, c), (Xr, r) = load_iris(return_X_y=True), load_diabetes(return_X_y=True)
    labels = np.stack([c > 0, c > 1], axis=1).astype(int)
    for k, settings in enumerate(PERCEPTRONS):
        more = {"max_iter": 15, "random_state": 0, **settings}
        _fit(outputs, f"classes {k}", door.MLPClassifier(**more), Xc, c)
        _fit(outputs, f"two classes {k}", door.MLPClassifier(**more), Xc[:100], np.array(["no", "yes"])[c[:100]])
        _fit(outputs, f"labels {k}", door.MLPClassifier(**more), Xc, labels)
        _fit(outputs, f"values {k}", door.MLPRegressor(**more), Xr, r)
        _fit(outputs, f"two values {k}", door.MLPRegressor(**more), Xr, np.stack([r, -r], axis=1))
    _by_parts(outputs, Xc, c, Xr, r)
    table = _table(Xc)
    for k, settings in enumerate(TABULAR):
        _fit(outputs, f"table classes {k}", door.TabularClassifier(random_state=0, **settings), table, c)
        _fit(outputs, f"table values {k}", door.TabularRegressor(random_state=0, **settings), table, Xc[:, 2])


def _table(X: Any) -> Any:
    import pandas as pd

    table = pd.DataFrame(X[:, :3], columns=["length", "width", "petal"])
    table["colour"] = np.array(["red", "blue", None, "green"], dtype=object)[np.arange(len(X)) * 7 % 4]
    table.loc[::9, "width"] = np.nan
    return table


def _fit(outputs: Outputs, name: str, estimator: Any, X: Any, y: Any) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        estimator.fit(X, y)
    outputs.write(name, {"parameters": estimator.get_params(), **_attributes(estimator, X, y),
                         "warnings": [str(w.message) for w in warned]})  # fmt: skip


def _attributes(estimator: Any, X: Any, y: Any) -> dict[str, Any]:
    """Every attribute that ends with an underscore, and what the estimator says of the rows."""
    names = [name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")]
    result = {name: plain(getattr(estimator, name, None), name) for name in names}
    for method in ("predict", "predict_proba", "score"):
        if hasattr(estimator, method):
            result[method] = getattr(estimator, method)(*([X, y] if method == "score" else [X]))
    return result


def _by_parts(outputs: Outputs, Xc: Any, c: Any, Xr: Any, r: Any) -> None:
    """partial_fit, part by part, for each estimator that has it."""
    classifier = door.MLPClassifier(random_state=0, hidden_layer_sizes=(8,))
    regressor = door.MLPRegressor(random_state=0, hidden_layer_sizes=(8,), solver="sgd")
    for part in range(3):
        classifier.partial_fit(Xc[part::3], c[part::3], classes=[0, 1, 2])
        regressor.partial_fit(Xr[part::3] * 10, r[part::3] / 100)
    outputs.write("partial_fit classes", _attributes(classifier, Xc, c))
    outputs.write("partial_fit values", _attributes(regressor, Xr, r))
