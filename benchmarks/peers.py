"""Fits one peer on a table and prints its measures on test rows as JSON: a process of its own for against_peers.py.

    python benchmarks/peers.py PEER TRAIN.csv TEST.csv TARGET DROP IS-VALUE SEED

Every peer has its own defaults. Tables are read as someone with pandas would: columns of numbers as they are (text of
which nearly all are numbers too), dates as days, month and weekday, other text as categories.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

MOST_LEVELS_ONE_HOT = 100
"""Text with more levels is left out of the perceptron's inputs: names and tickets."""
MOST_LEVELS_OF_TREES = 255
"""HistGradientBoosting takes no more as categories; others are numbered."""
NEARLY_ALL = 0.95
DATES = ("%Y-%m-%d", "%d/%m/%Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d_%H시")


def read(train: str, test: str, target: str, drop: str, is_value: bool) -> tuple[Any, Any, Any, Any]:
    """Inputs and targets to train and to test on; test rows of classes that no training row has are left out."""
    tables = [pd.read_csv(path).drop(columns=[name for name in drop.split(",") if name]) for path in (train, test)]
    tables = [table[table[target].notna()] for table in tables]
    y, y_test = ((table.pop(target) if is_value else table.pop(target).astype(str)).to_numpy() for table in tables)
    both = _as_columns(pd.concat(tables, ignore_index=True), len(y))
    seen = np.ones(len(y_test), bool) if is_value else np.isin(y_test, np.unique(y))
    return both.iloc[: len(y)], y, both.iloc[len(y) :][seen], y_test[seen]


def _as_columns(table: Any, n_train: int) -> Any:
    """Numbers, and categories whose levels are those of the training rows."""
    columns = {}
    for name in table:
        column = table[name]
        if column.dtype.kind in "fiub":
            columns[name] = column.astype(float)
            continue
        numbers = pd.to_numeric(column.astype(str).str.strip(), errors="coerce")
        if numbers.notna().sum() >= NEARLY_ALL * column.notna().sum():
            columns[name] = numbers.astype(float)
        elif (times := _times(column)) is not None:
            days = (times - pd.Timestamp(0)) / pd.Timedelta(1, "D")
            columns |= {name: days, f"{name} month": times.dt.month, f"{name} weekday": times.dt.weekday}
        else:
            text = column.astype(object).where(column.isna(), column.astype(str))
            columns[name] = pd.Categorical(text, categories=sorted(set(text[:n_train].dropna())))
    return pd.DataFrame({name: c.astype(float) if hasattr(c, "dt") else c for name, c in columns.items()})


def _times(column: Any) -> Any:
    for form in DATES:
        times = pd.to_datetime(column, format=form, errors="coerce")
        if times.notna().sum() >= NEARLY_ALL * column.notna().sum():
            return times
    return None


def mlp(X: Any, is_value: bool, seed: int) -> Any:
    """scikit-learn's perceptron with early stopping behind imputing, standardising and one-hot encoding."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = [name for name in X if X[name].dtype == "category" and len(X[name].cat.categories) <= MOST_LEVELS_ONE_HOT]
    numbers = [name for name in X if X[name].dtype != "category"]
    dense = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )
    stop = {"early_stopping": True, "random_state": seed}
    values = TransformedTargetRegressor(MLPRegressor(**stop), transformer=StandardScaler())
    return make_pipeline(dense, values if is_value else MLPClassifier(**stop))


def linear(X: Any, is_value: bool, seed: int) -> Any:
    """Logistic or ridge regression behind the inputs of the perceptron."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    dense = mlp(X, is_value, seed)[0]
    return make_pipeline(dense, Ridge() if is_value else LogisticRegression(max_iter=2000))


def hist_gradient_boosting(X: Any, is_value: bool, seed: int) -> Any:
    """Its categories are those that it takes; columns of more levels are numbered."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    for name in X:
        if X[name].dtype == "category" and len(X[name].cat.categories) > MOST_LEVELS_OF_TREES:
            X[name] = X[name].cat.codes.replace(-1, np.nan).astype(float)
    trees = HistGradientBoostingRegressor if is_value else HistGradientBoostingClassifier
    return trees(random_state=seed, categorical_features="from_dtype")


def lightgbm(X: Any, is_value: bool, seed: int) -> Any:
    """Names of columns become numbers: it refuses some characters."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    X.columns = [str(j) for j in range(X.shape[1])]
    return (LGBMRegressor if is_value else LGBMClassifier)(random_state=seed, verbose=-1)


def catboost(X: Any, is_value: bool, seed: int) -> Any:
    """Categories as text, a missing one as a level."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    texts = _as_text(X)
    how = {"random_seed": seed, "verbose": False, "allow_writing_files": False, "cat_features": texts}
    return (CatBoostRegressor if is_value else CatBoostClassifier)(**how)


def realmlp(X: Any, is_value: bool, seed: int) -> Any:
    """RealMLP with tuned defaults, one validation split."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    how = {"n_cv": 1, "random_state": seed, "device": "cpu", "verbosity": 0}
    return (RealMLP_TD_Regressor if is_value else RealMLP_TD_Classifier)(**how)


def _as_text(X: Any) -> list[str]:
    names = [name for name in X if X[name].dtype == "category"]
    for name in names:
        X[name] = X[name].astype(object).where(X[name].notna(), "missing")
    return names


PEERS = {
    "scikit-learn MLP": mlp,
    "HistGradientBoosting": hist_gradient_boosting,
    "LightGBM": lightgbm,
    "CatBoost": catboost,
    "linear": linear,
    "RealMLP": realmlp,
}


def measures(model: Any, X: Any, y: Any, is_value: bool) -> dict[str, float]:
    """RMSE of values; of classes accuracy, log-loss, and of two the area under the curve."""
    if is_value:
        return {"rmse": float(np.sqrt(np.mean((np.ravel(model.predict(X)) - y) ** 2)))}
    classes = np.asarray(model.classes_).astype(str)
    proba = np.asarray(model.predict_proba(X), np.float64)
    order = np.argsort(classes)  # CatBoost sorts them as numbers
    place = order[np.searchsorted(classes, y, sorter=order)]
    of_true = proba[np.arange(len(y)), place] / proba.sum(axis=1)
    found = {
        "accuracy": float(np.mean(proba.argmax(axis=1) == place)),
        "log_loss": float(-np.log(np.clip(of_true, 1e-15, 1)).mean()),
    }
    if len(classes) == 2:
        from sklearn.metrics import roc_auc_score

        found["auc"] = float(roc_auc_score(place, proba[:, 1]))
    return found


def main(peer: str, train: str, test: str, target: str, drop: str, is_value: str, seed: str) -> None:
    """Fit, predict, print."""
    warnings.simplefilter("ignore")
    X, y, X_test, y_test = read(train, test, target, drop, is_value == "1")
    both = pd.concat([X, X_test], ignore_index=True)
    model = PEERS[peer](both, is_value == "1", int(seed))  # may turn columns into what the peer takes
    X, X_test = both.iloc[: len(y)], both.iloc[len(y) :]
    model.fit(X, y)
    wall, processor = time.perf_counter(), time.process_time()
    found = measures(model, X_test, y_test, is_value == "1")
    print(
        json.dumps(
            found | {"wall_after": time.perf_counter() - wall, "processor_after": time.process_time() - processor}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
