"""MLPClassifier and MLPRegressor beside scikit-learn's own on eight real tables: fit, predict, score.

    python benchmarks/sklearn_mlp.py [--data ../shared/data] [--only NAME …] [--seeds 3] [--epochs 30] [--grid]

Both fit the same number of epochs with scikit-learn's defaults (Adam, 100 rectifiers, batches of 200), in turns;
the best of the turns counts. Scores are accuracy or R² on a quarter of the rows held out, mean ± deviation over
seeds. --grid times GridSearchCV with one and two workers, one thread for each fit. Needs pandas.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler

from chainrule import sklearn as ours
from sklearn import neural_network as peer

# name: (file, target, columns left out, whether the target is a class)
TABLES: dict[str, tuple[str, str, tuple[str, ...], bool]] = {
    "california": ("california_housing", "MedHouseVal", (), False),
    "adult": ("adult", "income", ("_split",), True),
    "bike": ("bike_sharing_hour", "cnt", ("instant", "casual", "registered", "dteday"), False),
    "wine": ("wine_quality", "quality", (), False),
    "letter": ("letter", "letter", (), True),
    "phoneme": ("phoneme", "class", (), True),
    "concrete": ("uci_concrete", "strength", (), False),
    "higgs": ("higgs_lightgbm_7k", "label", ("_split",), True),
}


def load(folder: Path, name: str) -> tuple[Any, Any, bool]:
    """Numbers as they are, missing ones by the median; texts as codes; everything standardised."""
    file, target, left_out, is_class = TABLES[name]
    table = pd.read_csv(folder / f"{file}.csv.gz").dropna(subset=[target])
    y = table[target].to_numpy()
    X = table.drop(columns=[target, *left_out])
    for column in X:
        if not pd.api.types.is_numeric_dtype(X[column]):
            X[column] = X[column].astype("category").cat.codes
    X = StandardScaler().fit_transform(X.fillna(X.median()))
    return X, np.asarray(y).astype(str) if is_class else (y - y.mean()) / y.std(), is_class


def seconds(work: Any) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(folder: Path, name: str, n_seeds: int, epochs: int) -> tuple[int, dict[str, Any], dict[str, Any], Any]:
    """Rows, times of fit and predict, scores of both on one table."""
    X, y, is_class = load(folder, name)
    kind = "MLPClassifier" if is_class else "MLPRegressor"
    fit: dict[str, list[float]] = {"theirs": [], "ours": []}
    predict: dict[str, list[float]] = {"theirs": [], "ours": []}
    score: dict[str, list[float]] = {"theirs": [], "ours": []}
    for seed in range(n_seeds):
        parts = train_test_split(X, y, random_state=seed, stratify=y if is_class else None)
        for label, module in (("ours", ours), ("theirs", peer)):
            estimator = getattr(module, kind)(random_state=seed, max_iter=epochs, n_iter_no_change=epochs)
            fit[label].append(seconds(lambda e=estimator, p=parts: e.fit(p[0], p[2])))
            predict[label].append(min(seconds(lambda e=estimator, p=parts: e.predict(p[1])) for _ in range(5)))
            score[label].append(estimator.score(parts[1], parts[3]))
    least = ({k: min(v) for k, v in fit.items()}, {k: min(v) for k, v in predict.items()})
    return len(X), *least, {k: f"{np.mean(v):.4f} ± {np.std(v):.4f}" for k, v in score.items()}


def grid(folder: Path) -> None:
    """Throughput of a grid search with two workers against one, one thread for each fit."""
    X, y, _ = load(folder, "letter")
    X, y = X[:4000], y[:4000]
    estimator = ours.MLPClassifier(max_iter=60, n_iter_no_change=100, threads=1)
    taken = {}
    for n_jobs in (2, 1):
        search = GridSearchCV(estimator, {"alpha": list(np.logspace(-5, 0, 6))}, cv=4, n_jobs=n_jobs, refit=False)
        search.fit(X[:500], y[:500])  # workers start
        taken[n_jobs] = seconds(lambda s=search: s.fit(X, y))
    print(f"grid search: {taken[1]:.2f} s alone, {taken[2]:.2f} s with 2 workers: {taken[1] / taken[2]:.2f} x")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="MLP estimators beside scikit-learn's own")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--only", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--grid", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.grid:
        grid(options.data)
        return
    print(f"{'':12} {'rows':>6} {'fit s':>15} {'x':>6} {'predict ms':>13} {'x':>6}   score theirs / ours")
    for name in options.only:
        rows, fit, predict, score = measure(options.data, name, options.seeds, options.epochs)
        (a, b), (p, q) = fit.values(), (1e3 * t for t in predict.values())
        told = f"{a:7.2f} {b:7.3f} {a / b:6.1f} {p:6.2f} {q:6.2f} {p / q:6.1f}   {' / '.join(score.values())}"
        print(f"{name:12} {rows:6} {told}", flush=True)


if __name__ == "__main__":
    main()
