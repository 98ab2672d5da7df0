"""MLPClassifier and MLPRegressor compared with scikit-learn's own on eight real tables: fit, predict, score.

    python benchmarks/sklearn_mlp.py [--data ../shared/data] [--only NAME …] [--seeds 3] [--epochs 30]
                                     [--grid] [--pairs 5] [--processor-time] [-o results.json] [--docs docs/sklearn.md]

Both fit the same number of epochs with scikit-learn's defaults (Adam, 100 rectifiers, batches of 200), in turns,
after one fit that is not timed; the best of the turns counts. Scores are accuracy or R² on a quarter of the rows held
out, mean ± deviation over seeds. --grid times GridSearchCV of both with one and two workers, one thread for each fit
of --epochs epochs, --pairs times in turns.
--processor-time counts the processor's seconds with one thread for both, which others on the machine disturb less.
Results are gathered in the file -o over several calls; --docs writes them as tables between the marks in a document.
Needs pandas.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from chainrule import sklearn as ours
from sklearn import neural_network as peer

BEGIN, END = "<!-- benchmarks/sklearn_mlp.py -->", "<!-- end -->"

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


def seconds(work: Any, clock: Any = time.perf_counter) -> float:
    """How long a call takes by the clock."""
    began = clock()
    work()
    return clock() - began


def measure(folder: Path, name: str, n_seeds: int, epochs: int, clock: Any) -> dict[str, Any]:
    """Rows, seconds of fit and predict, scores of both on one table."""
    X, y, is_class = load(folder, name)
    kind = "MLPClassifier" if is_class else "MLPRegressor"
    fit, predict, score = ({"ours": [], "theirs": []} for _ in range(3))
    for module in (ours, peer):
        getattr(module, kind)(max_iter=1).fit(X[:200], y[:200]).predict(X[:200])
    for seed in range(n_seeds):
        parts = train_test_split(X, y, random_state=seed, stratify=y if is_class else None)
        for label, module in (("ours", ours), ("theirs", peer)):
            estimator = getattr(module, kind)(random_state=seed, max_iter=epochs, n_iter_no_change=epochs)
            fit[label].append(seconds(lambda e=estimator, p=parts: e.fit(p[0], p[2]), clock))
            predict[label].append(min(seconds(lambda e=estimator, p=parts: e.predict(p[1]), clock) for _ in range(7)))
            score[label].append(estimator.score(parts[1], parts[3]))
    return {
        "rows": len(X),
        "columns": X.shape[1],
        "is_class": is_class,
        "fit": {k: min(v) for k, v in fit.items()},
        "predict": {k: min(v) for k, v in predict.items()},
        "score": score,
    }


def grid(folder: Path, epochs: int, n_pairs: int) -> dict[str, dict[str, Any]]:
    """Seconds of 24 fits of a grid search with one worker and with two, in turns; one thread for each fit."""
    X, y, _ = load(folder, "letter")
    X, y = X[:4000], y[:4000]
    taken: dict[str, dict[str, float]] = {}
    for label, module, options in (("ours", ours, {"threads": 1}), ("theirs", peer, {})):
        estimator = module.MLPClassifier(max_iter=epochs, n_iter_no_change=epochs, random_state=0, **options)
        searches = {
            n_jobs: GridSearchCV(estimator, {"alpha": list(np.logspace(-5, 0, 6))}, cv=4, n_jobs=n_jobs, refit=False)
            for n_jobs in (1, 2)
        }
        times: dict[int, list[float]] = {1: [], 2: []}
        with threadpool_limits(1):
            searches[2].fit(X[:500], y[:500])  # workers start
            for _ in range(n_pairs if label == "ours" else 1):
                for n_jobs, search in searches.items():
                    times[n_jobs].append(seconds(lambda s=search: s.fit(X, y)))
        ratios = [one / two for one, two in zip(times[1], times[2], strict=True)]
        taken[label] = {str(n_jobs): float(np.median(found)) for n_jobs, found in times.items()} | {"ratios": ratios}
    return taken


def tables(results: dict[str, Any]) -> str:
    """The results as tables of a document."""
    lines = [
        "| table | rows × columns | fit, scikit-learn | fit, here | faster | predict, scikit-learn | predict, here "
        "| faster | score, scikit-learn | score, here |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    ratios: dict[str, list[float]] = {"fit": [], "predict": []}
    for name in TABLES:
        if name not in results:
            continue
        r = results[name]
        cells = [f"{name}, {'accuracy' if r['is_class'] else 'R²'}", f"{r['rows']} × {r['columns']}"]
        for what, unit, scale in (("fit", "s", 1), ("predict", "ms", 1e3)):
            a, b = r[what]["theirs"], r[what]["ours"]
            ratios[what].append(a / b)
            cells += [f"{scale * a:.3g} {unit}", f"{scale * b:.3g} {unit}", f"{a / b:.1f} ×"]
        cells += [f"{np.mean(r['score'][k]):.4f} ± {np.std(r['score'][k]):.4f}" for k in ("theirs", "ours")]
        lines.append(f"| {' | '.join(cells)} |")
    median = {what: f"{np.median(r):.1f} ×, least {min(r):.1f} ×" for what, r in ratios.items() if r}
    if median:
        lines += ["", f"Median: fit {median['fit']}; predict {median['predict']}."]
    for label, result in (("ours", "here"), ("theirs", "scikit-learn")):
        if "grid" in results:
            one, two = results["grid"][label]["1"], results["grid"][label]["2"]
            ratio = np.median(results["grid"][label]["ratios"])
            lines += ["", f"Grid search, {result}: {one:.2f} s with one worker, {two:.2f} s with two: {ratio:.2f} ×."]
    return "\n".join(lines)


def write(document: Path, text: str) -> None:
    """Put the text between the marks of the document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Run the requested measurements and print all results."""
    parser = argparse.ArgumentParser(description="MLP estimators beside scikit-learn's own")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--only", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    clock = time.perf_counter
    if options.processor_time:
        os.environ["OMP_NUM_THREADS"], clock = "1", time.process_time
    known = options.output is not None and options.output.exists()
    results = json.loads(options.output.read_text(encoding="utf-8")) if known else {}
    if options.grid:
        results["grid"] = grid(options.data, options.epochs, options.pairs)
    elif options.seeds:
        for name in options.only:
            with threadpool_limits(1 if options.processor_time else None):
                results[name] = measure(options.data, name, options.seeds, options.epochs, clock)
            if options.output:
                options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.output:
        options.output.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if options.docs:
        write(options.docs, tables(results))
    print(tables(results))


if __name__ == "__main__":
    main()
