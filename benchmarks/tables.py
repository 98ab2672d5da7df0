"""Every public table with `chainrule train --target …`, compared with scikit-learn on the same rows.

    python benchmarks/tables.py FOLDER-OF-TABLES [--seeds 3] [--only NAME,…] [-o results.json] [--markdown FILE]
                                [--without neighbours,screening]

Each table is split into training and test rows: by its published split where it has one, else 80/20 by the seed.
chainrule gets the file, the target and the columns that are not features, and nothing else; scikit-learn's estimators
get the same rows behind a pipeline of imputing, standardising and one-hot encoding. Scores are those of the test rows.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gzip
import io
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

TABLES: dict[str, tuple[str, str]] = {
    "adult": ("income", ""),
    "ames_housing": ("SalePrice", "Order,PID"),
    "arrhythmia": ("diagnosis", ""),
    "bike_sharing_hour": ("cnt", "instant,casual,registered"),
    "california_housing": ("MedHouseVal", ""),
    "california_housing_messy": ("median_house_value", ""),
    "caravan": ("Purchase", ""),
    "customer_gender_kr": ("성별", "회원ID"),
    "diamonds": ("price", ""),
    "electricity": ("class", ""),
    "german_credit": ("class", ""),
    "higgs_lightgbm_7k": ("label", ""),
    "hitters": ("Salary", ""),
    "hr_job_change": ("target", "enrollee_id"),
    "khan_srbct": ("class", ""),
    "letter": ("letter", ""),
    "madelon": ("class", ""),
    "mammography": ("class", ""),
    "phoneme": ("class", ""),
    "seoul_bike": ("Rented Bike Count", ""),
    "telco_churn": ("Churn", "customerID"),
    "titanic": ("survived", ""),
    "traffic_accident_kr": ("피해자신체상해정도", "사건번호"),
    "uci_concrete": ("strength", ""),
    "uci_energy": ("heating_load", ""),
    "uci_power_plant": ("PE", ""),
    "uci_wine_red": ("quality", ""),
    "uci_yacht": ("resistance", ""),
    "wine_quality": ("quality", ""),
}
"""Target of each table, and the columns that are identifiers or leak it."""
CHOOSING = tuple(sorted(TABLES))[::2]
"""Tables by which further parts of the default recipe are chosen; the others are only reported."""
REGRESSION = {"wine_quality", "uci_wine_red"}
"""Targets of few whole numbers that are measured as values here, as in the literature."""


def rows_of(folder: Path, name: str, seed: int) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Header, training rows and test rows of a table, as text."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    if "_split" in header:
        place = header.index("_split")
        parts = [[r[:place] + r[place + 1 :] for r in rows if (r[place] == "train") == part] for part in (True, False)]
        return header[:place] + header[place + 1 :], parts[0], parts[1]
    masks = folder / f"{name}.testmask.csv.gz"
    if masks.exists():
        with gzip.open(masks, "rt", encoding="utf-8", newline="") as file:
            _, *cells = list(csv.reader(file))
        test = np.array([row[seed] == "1" for row in cells])
    else:
        rng = np.random.default_rng(1000 + seed)
        test = np.zeros(len(rows), bool)
        test[rng.permutation(len(rows))[: round(0.2 * len(rows))]] = True
    return (
        header,
        [r for r, t in zip(rows, test, strict=True) if not t],
        [r for r, t in zip(rows, test, strict=True) if t],
    )


def write(path: Path, header: list[str], rows: list[list[str]]) -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def chainrule(train: str, test: str, name: str, seed: int, place: Path, *more: str) -> tuple[dict[str, Any], float]:
    """What `chainrule evaluate` says of the test rows after `chainrule train` on the others, and the seconds.

    For classes also the calibration error of the probabilities that `chainrule predict` writes.
    """
    from chainrule.cli import main

    target, drop = TABLES[name]
    task = ["--task", "regression"] if name in REGRESSION else []
    run, began = str(place / "run"), time.perf_counter()
    options = ["--target", target, "--drop", drop, "--seed", str(seed), "-o", run, "--quiet", *task, *more]
    assert main(["train", train, *options]) == 0
    seconds, out = time.perf_counter() - began, io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["evaluate", run, test, "--json"]) == 0
    record = json.loads(out.getvalue())
    if "accuracy" in record:
        predicted = str(place / "predicted.csv")
        with contextlib.redirect_stderr(io.StringIO()):
            assert main(["predict", run, test, "-o", predicted]) == 0
        record["calibration_error"] = _calibration_of_file(predicted, test, target)
    return record, seconds


def _calibration_of_file(predicted: str, test: str, target: str) -> float:
    with open(predicted, newline="", encoding="utf-8") as file:
        guesses = list(csv.DictReader(file))
    with open(test, newline="", encoding="utf-8") as file:
        truth = [row[target].strip() for row in csv.DictReader(file)]
    sure = np.array([max(float(v) for k, v in row.items() if k.startswith("probability_")) for row in guesses])
    right = np.array([row["prediction"] == true for row, true in zip(guesses, truth, strict=True)])
    return calibration_error(sure, right)


def calibration_error(sure: Any, right: Any) -> float:
    """How far the probability of the predicted class is from the share of right ones, a mean over ten bins.

    Formula   Σ_b |Σ_{i in b} (p_i − right_i)| / n, b the tenths of p (expected calibration error)
    Source    Naeini, Cooper, Hauskrecht (2015)
    """
    tenth = np.minimum((sure * 10).astype(int), 9)
    gaps = np.bincount(tenth, weights=sure - right, minlength=10)
    return float(np.abs(gaps).sum() / len(sure))


def scikit_learn(train: str, test: str, name: str, seed: int, is_class: bool) -> dict[str, list[float]]:
    """Score, seconds, for classes log-loss and calibration error, of the linear model, the MLP and the trees."""
    from sklearn.compose import TransformedTargetRegressor, make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from chainrule.data.read import read
    from chainrule.data.table import Selection

    target, drop = TABLES[name]
    wanted = Selection(targets=(target,), drop=tuple(filter(None, drop.split(","))))
    tables = [read(train, wanted)]
    kinds = {column.name: column.reading for column in (*tables[0].columns, *tables[0].targets)}
    tables.append(read(test, Selection(targets=(target,), features=tables[0].names, kinds=kinds)))
    levels = {c.name: {word: i for i, word in enumerate(c.levels)} for c in tables[0].columns if c.kind == "category"}
    (X, y), (X_test, y_test) = (_matrix(table, levels) for table in tables)
    texts = [j for j, column in enumerate(tables[0].columns) if column.kind == "category"]
    numbers = [j for j in range(X.shape[1]) if j not in texts]
    dense = make_column_transformer(
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    )
    stop = {"early_stopping": True, "max_iter": 200, "random_state": seed}
    if is_class:
        linear, mlp, trees = LogisticRegression(max_iter=2000), MLPClassifier(**stop), HistGradientBoostingClassifier
    else:
        linear, trees = Ridge(), HistGradientBoostingRegressor
        mlp = TransformedTargetRegressor(MLPRegressor(**stop), transformer=StandardScaler())
    found = {}
    for label, model in (
        ("linear", make_pipeline(dense, linear)),
        ("MLP", make_pipeline(dense, mlp)),
        ("trees", trees(random_state=seed, categorical_features=[j for j in texts if X[:, j].max() < 250])),
    ):
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            guess = model.fit(X, y).predict(X_test)
        seconds = time.perf_counter() - began
        score = np.mean(guess == y_test) if is_class else np.sqrt(np.mean((guess - y_test) ** 2))
        found[label] = [float(score), seconds]
        if is_class:
            found[label] += _of_probabilities(model.predict_proba(X_test), y_test, model.classes_)
    return found


def _of_probabilities(proba: Any, y_test: Any, classes: Any) -> list[float]:
    """Log-loss and calibration error."""
    place = np.searchsorted(classes, y_test)
    right = proba.argmax(axis=1) == place
    log_loss = -np.log(np.clip(proba[np.arange(len(place)), place], 1e-15, 1)).mean()
    return [float(log_loss), calibration_error(proba.max(axis=1), right)]


def _matrix(table: Any, levels: dict[str, dict[str, int]]) -> tuple[Any, Any]:
    """Numbers and codes of texts, NaN = missing or unknown; times as days, month, weekday; rows that have a target."""
    columns, further = [], []
    for column in table.columns:
        if column.kind == "category":
            codes = np.array([*(levels[column.name].get(word, np.nan) for word in column.levels), np.nan])
            columns.append(codes[column.values])
        elif column.kind == "time":
            days = column.values.astype("datetime64[D]").astype(np.int64)
            columns.append(days.astype(float))
            further += [column.values.astype("datetime64[M]").astype(np.int64) % 12.0, (days + 3) % 7.0]
        else:
            columns.append(column.values)
    target = table.targets[0]
    y = np.array([*target.levels, ""])[target.values] if target.kind == "category" else target.values
    result = np.flatnonzero(~target.missing)
    return np.column_stack([*columns, *further])[result], y[result]


def one(folder: Path, name: str, seed: int, more: list[str]) -> dict[str, Any]:
    """All scores of one table and seed."""
    header, train, test = rows_of(folder, name, seed)
    with tempfile.TemporaryDirectory() as place:
        paths = (write(Path(place, "train.csv"), header, train), write(Path(place, "test.csv"), header, test))
        result, seconds = chainrule(*paths, name, seed, Path(place), *more)
        is_class = "accuracy" in result
        ours = [result["accuracy"], seconds, result["log_loss"], result["calibration_error"]] if is_class else []
        entry = {"chainrule": ours or [result["rmse"], seconds]}
        entry |= scikit_learn(*paths, name, seed, is_class)
    return {"table": name, "seed": seed, "n_train": len(train), "accuracy": is_class, **entry}


METHODS = ("chainrule", "linear", "MLP", "trees")


def markdown(entries: list[dict[str, Any]]) -> str:
    """Three tables: test scores with standard errors, log-losses, calibration errors; the best in bold."""
    parts = [
        "| table | rows | splits | measure | chainrule | logistic or ridge | sklearn MLP | HistGradientBoosting |"
        " seconds: chainrule | MLP |\n|---|---|---|---|---|---|---|---|---|---|"
    ]
    for name, own in _by_table(entries).items():
        times = [f"{np.mean([entry[method][1] for entry in own]):.1f}" for method in ("chainrule", "MLP")]
        measure = "accuracy" if own[0]["accuracy"] else "RMSE"
        cells = [name, f"{own[0]['n_train']:,}", f"{len(own)}", measure, *_cells(own, 0, own[0]["accuracy"]), *times]
        parts.append(f"| {' | '.join(cells)} |")
    for place, title in ((2, "log-loss"), (3, "calibration error")):
        parts.append(
            f"\n| {title} | chainrule | logistic | sklearn MLP | HistGradientBoosting |\n|---|---|---|---|---|"
        )
        parts += [
            f"| {' | '.join([name, *_cells(own, place, False)])} |"
            for name, own in _by_table(entries).items()
            if own[0]["accuracy"]
        ]
    return "\n".join(parts)


def _by_table(entries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in sorted(entries, key=lambda entry: entry["table"]):
        found.setdefault(entry["table"], []).append(entry)
    return found


def _cells(own: list[dict[str, Any]], place: int, more_is_better: bool) -> list[str]:
    """Mean and standard error over the splits for each method."""
    scores = {method: np.array([entry[method][place] for entry in own]) for method in METHODS}
    best = (max if more_is_better else min)(float(s.mean()) for s in scores.values())
    cells = []
    for found in scores.values():
        mean = _number(float(found.mean()))
        error = f" ± {_number(float(found.std(ddof=1) / len(found) ** 0.5))}" if len(found) > 1 else ""
        cells.append((f"**{mean}**" if float(found.mean()) == best else mean) + error)
    return cells


def _number(score: float) -> str:
    return f"{score:.4f}" if abs(score) < 10 else f"{score:,.0f}" if score >= 1000 else f"{score:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--preset", default="auto")
    parser.add_argument("--without", default="", help="parts that are switched off: neighbours,screening")
    parser.add_argument("-o", "--output-file", type=Path, help="keep results here; those already there are kept")
    options = parser.parse_args()
    kept = options.output_file is not None and options.output_file.exists()
    entries = json.loads(options.output_file.read_text()) if kept else []
    done = {(entry["table"], entry["seed"]) for entry in entries}
    for seed in range(options.seeds):
        for name in options.only.split(",") if options.only else TABLES:
            if (name, seed) in done:
                continue
            off = [f"--no-{part}" for part in options.without.split(",") if part]
            entries.append(one(options.folder, name, seed, ["--preset", options.preset, *off]))
            print(json.dumps(entries[-1]), file=sys.stderr)
            if options.output_file is not None:
                options.output_file.write_text(json.dumps(entries))
    print(markdown(entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
