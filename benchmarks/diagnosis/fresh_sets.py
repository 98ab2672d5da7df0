"""Data of the fresh cases: rows that are generated, and further tables of the folder, each row once."""

from __future__ import annotations

import csv
import functools
import gzip
from pathlib import Path
from typing import Any

import numpy as np

from diagnosis.sets import BUILT_IN, Parts, divided, source

TABLES = {
    "adult": ("income", True, ("_split", "native_country", "education")),
    "ames_housing": ("SalePrice", False, ("Order", "PID")),
    "diamonds": ("price", False, ()),
    "electricity": ("class", True, ()),
    "mammography": ("class", True, ()),
    "seoul_bike": ("Rented Bike Count", False, ("Date",)),
    "telco_churn": ("Churn", True, ("customerID",)),
    "uci_power_plant": ("PE", False, ()),
    "uci_yacht": ("resistance", False, ()),
}
"""Target, whether it is a class, columns left out."""

MOST_LEVELS = 15
"""Text columns with more levels than this are left out."""

COUNTS = "visits"
"""Its targets are counts and stay as they are."""


def parts(name: str, folder: Path | None, seed: int, n_train: int) -> Parts:
    """Rows to train on, to validate by, to test on."""
    if name in BUILT_IN:
        return divided(*source(name, folder), seed, n_train)
    if name == "mnist":
        return divided(*_images(folder), seed, n_train, pixels=255.0)
    if name in TABLES:
        return divided(*_table(name, folder), seed, n_train)
    rng = np.random.default_rng([seed, 41])
    X, y, n_classes = GENERATED[name](round(n_train / 0.6) + 1, rng)
    return divided(X, y, n_classes, seed, n_train, values=name != COUNTS)


def sine(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """One column: sin(3x) + x/2 with a little noise."""
    x = rng.uniform(-2.0, 2.0, n)
    return x[:, None], np.sin(3 * x) + x / 2 + 0.1 * rng.normal(size=n), 0


def friedman(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Ten columns, five of them of use (Friedman 1991)."""
    X = rng.uniform(size=(n, 10))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return X, y + rng.normal(size=n), 0


def arm(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """How far the hand of an arm with three joints is from its shoulder: angles and lengths are the columns."""
    angles, lengths = rng.uniform(-1.5, 1.5, (n, 3)), rng.uniform(0.5, 1.5, (n, 3))
    total = angles.cumsum(axis=1)
    x, y = (lengths * np.cos(total)).sum(axis=1), (lengths * np.sin(total)).sum(axis=1)
    return np.hstack([angles, lengths]), np.hypot(x, y), 0


def plane(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Twelve columns and their weighted sum with noise."""
    X = rng.normal(size=(n, 12))
    return X, X @ np.linspace(-1, 1, 12) + 0.5 * rng.normal(size=n), 0


def incomes(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Eight columns of heavy tails and a smooth function of their logarithms."""
    Z = rng.normal(size=(n, 8))
    return np.exp(0.8 * Z), Z[:, 0] + np.tanh(Z[:, 1] + Z[:, 2]) + 0.2 * rng.normal(size=n), 0


def visits(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Counts whose logarithm is linear in four columns."""
    X = rng.normal(size=(n, 4))
    return X, rng.poisson(np.exp(1.0 + X @ np.array([0.5, -0.4, 0.3, 0.0]))).astype(float), 0


def moons(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Two half circles that interlock, with noise."""
    t, y = rng.uniform(0, np.pi, n), rng.integers(0, 2, n)
    X = np.column_stack([np.cos(t) * (1 - 2 * y) + y, np.sin(t) * (1 - 2 * y) + 0.5 * y])
    return X + 0.15 * rng.normal(size=X.shape), y, 2


def spirals(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Three arms of a spiral."""
    r, y = rng.uniform(0.15, 1.0, n), rng.integers(0, 3, n)
    angle = 4.5 * r + y * 2 * np.pi / 3 + 0.12 * rng.normal(size=n)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle)]), y, 3


def votes(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Nine answers of yes and no; the class is what most of them say: rows come often, always with the same class."""
    X = rng.integers(0, 2, (n, 9)).astype(float)
    return X, (X.sum(axis=1) > 4).astype(int), 2


def clusters(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Twelve classes around points of their own in ten dimensions."""
    y = rng.integers(0, 12, n)
    return np.random.default_rng(5).normal(size=(12, 10))[y] + 0.45 * rng.normal(size=(n, 10)), y, 12


def rare(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """Four rows in a hundred are of the second class, well apart from the first."""
    y = (rng.random(n) < 0.04).astype(int)
    return rng.normal(size=(n, 6)) + 3.0 * y[:, None] * np.array([1, -1, 1, 0, 0, 0]), y, 2


def threshold(n: int, rng: np.random.Generator) -> tuple[Any, Any, int]:
    """One column: a dose, and whether it had an effect."""
    x = rng.normal(size=n)
    return x[:, None], (x + 0.25 * rng.normal(size=n) > 0.2).astype(int), 2


GENERATED = {
    made.__name__: made
    for made in (
        sine, friedman, arm, plane, incomes, visits, moons, spirals, votes, clusters, rare, threshold,
    )
}  # fmt: skip


@functools.cache
def _images(folder: Path | None) -> tuple[Any, Any, int]:
    with np.load(_in(folder) / "mnist.npz") as file:
        return file["x_train"][:12000].reshape(-1, 784).astype(float), file["y_train"][:12000].astype(int), 10


@functools.cache
def _table(name: str, folder: Path | None) -> tuple[Any, Any, int]:
    target_name, is_class, dropped = TABLES[name]
    with gzip.open(_in(folder) / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    target = np.array(columns.pop(target_name))
    X = np.column_stack([part for key, cells in columns.items() if key not in dropped for part in _numbers(cells)])
    levels, y = np.unique(target, return_inverse=True) if is_class else ([], target.astype(float))
    _, first = np.unique(np.column_stack([X, y]), axis=0, return_index=True)
    first.sort()
    return X[first], y[first], len(levels)


def _numbers(cells: tuple[str, ...]) -> list[Any]:
    """A column of numbers with gaps at its mean, or one indicator a level."""
    filled = [cell.strip() for cell in cells]
    try:
        numbers = np.array([float(cell) if cell else np.nan for cell in filled])
    except ValueError:
        texts = np.array(filled)
        levels = np.unique(texts)
        return [(texts == level).astype(float) for level in levels[1:]] if len(levels) <= MOST_LEVELS else []
    return [np.where(np.isnan(numbers), np.nanmean(numbers), numbers)]


def _in(folder: Path | None) -> Path:
    if folder is None:
        raise SystemExit("The fresh cases need the folder of tables: python benchmarks/doctor.py FOLDER --fresh")
    return folder
