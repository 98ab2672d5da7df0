"""Real data as arrays: a source, its rows without exact duplicates, and three disjoint parts of them by seed.

The built-in sets come with scikit-learn; the others are read from a folder of tables (NAME.csv.gz).
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

BUILT_IN = ("digits", "iris", "wine", "breast_cancer", "diabetes")


@dataclass(frozen=True)
class Parts:
    """Rows to train on, to validate by, and to test on: the last are seen by the benchmark alone."""

    X: Any
    y: Any
    X_valid: Any
    y_valid: Any
    X_test: Any
    y_test: Any
    n_classes: int
    """2 or more; 0 where y holds values."""

    def mapped(self, change: Callable[[Any], Any]) -> Parts:
        """The same change to the columns of all three parts."""
        return replace(self, X=change(self.X), X_valid=change(self.X_valid), X_test=change(self.X_test))


@dataclass(frozen=True)
class Table:
    """How a table of the folder is read: target, columns left out, columns of heavy tails that enter as logarithms."""

    target: str
    is_class: bool
    drop: tuple[str, ...] = ()
    logarithm: tuple[str, ...] = ()


TABLES = {
    "letter": Table("letter", True),
    "phoneme": Table("class", True),
    "higgs_lightgbm_7k": Table("label", True, ("_split",)),
    "california_housing": Table(
        "MedHouseVal", False, logarithm=("AveRooms", "AveBedrms", "Population", "AveOccup", "MedInc")
    ),
    "bike_sharing_hour": Table("cnt", False, ("instant", "dteday", "casual", "registered", "atemp")),
    "wine_quality": Table(
        "quality",
        False,
        ("color",),
        ("residual sugar", "chlorides", "free sulfur dioxide", "sulphates", "citric acid", "volatile acidity"),
    ),
    "uci_concrete": Table("strength", False, logarithm=("age",)),
    "uci_energy": Table("heating_load", False),
}


@functools.cache
def source(name: str, folder: Path | None) -> tuple[Any, Any, int]:
    """All rows (X, y) of a set without exact duplicates, and the number of classes (0: values)."""
    X, y, is_class = _built_in(name) if name in BUILT_IN else _from_folder(name, folder)
    _, first = np.unique(np.column_stack([X, y]), axis=0, return_index=True)
    first.sort()
    X, y = X[first], y[first]
    return X, y, len(np.unique(y)) if is_class else 0


def parts(name: str, folder: Path | None, seed: int, n_train: int) -> Parts:
    """n_train rows to train on and a third of as many for each of the other parts, or 60:20:20 of a smaller set.

    Pixels go to 0 … 1; columns of tables, and values to be predicted, to mean 0 and deviation 1 of the training rows.
    """
    return divided(*source(name, folder), seed, n_train, pixels=16.0 if name == "digits" else None)


def divided(
    X: Any,
    y: Any,
    n_classes: int,
    seed: int,
    n_train: int,
    *,
    pixels: float | None = None,
    values: bool = True,
) -> Parts:
    """Three disjoint parts in an order drawn by the seed, scaled as in `parts`; values: whether y is, too."""
    order = np.random.default_rng([seed, 20]).permutation(len(X))
    n = min(n_train, round(0.6 * len(X)))
    m = min(n // 3, (len(X) - n) // 2)
    rows, valid, test = order[:n], order[n : n + m], order[n + m : n + 2 * m]
    if pixels is not None:
        center, scale = 0.0, pixels
    else:
        center, scale = X[rows].mean(axis=0), X[rows].std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
    X = (X - center) / scale
    if n_classes == 0 and values:
        y = (y - y[rows].mean()) / y[rows].std()
    return Parts(X[rows], y[rows], X[valid], y[valid], X[test], y[test], n_classes)


def _built_in(name: str) -> tuple[Any, Any, bool]:
    import sklearn.datasets

    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return bunch.data.astype(float), bunch.target, hasattr(bunch, "target_names")


def _from_folder(name: str, folder: Path | None) -> tuple[Any, Any, bool]:
    if folder is None:
        raise SystemExit(f"{name} is read from a folder of tables; give the folder, or --quick for the built-in sets.")
    table = TABLES[name]
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    target = np.array(columns.pop(table.target))
    y = np.unique(target, return_inverse=True)[1] if table.is_class else target.astype(float)
    X = [
        np.log1p(np.array(column, float)) if column_name in table.logarithm else np.array(column, float)
        for column_name, column in columns.items()
        if column_name not in table.drop
    ]
    return np.column_stack(X), y, table.is_class
