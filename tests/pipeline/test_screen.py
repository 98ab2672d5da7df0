"""Columns that tell something together are found among columns of noise; the choice follows from the seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chainrule.data.table import Table, column_of
from chainrule.pipeline.screen import telling
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Values

Array = npt.NDArray[Any]


def table_of(X: Array, *targets: Array) -> Table:
    columns = tuple(column_of(f"x{j}", X[:, j]) for j in range(X.shape[1]))
    return Table(path="rows", columns=columns, targets=tuple(column_of(f"y{k}", y) for k, y in enumerate(targets)))


def found(table: Table, target: Any, seed: int = 0, n_bins: int = 0) -> Array:
    pipeline, X = TablePipeline.fit_encoded(table, target, n_bins=n_bins)
    return telling(X, pipeline.widths, pipeline.proximity, target, table, seed)


def test_a_product_of_two_columns_is_found_among_noise() -> None:
    """Neither of x3 and x7 tells the class alone: the sign of their product does."""
    X = np.random.default_rng(0).standard_normal((800, 40))
    table = table_of(X, (X[:, 3] * X[:, 7] > 0).astype(int))
    kept = found(table, Classes.fit(table, (0, 1)))
    assert kept[[3, 7]].all() and kept.sum() <= 4
    assert np.array_equal(kept, found(table, Classes.fit(table, (0, 1))))
    assert np.array_equal(kept, found(table, Classes.fit(table, (0, 1)), n_bins=8))  # bins are not looked at


@pytest.mark.parametrize("kind", ["values", "several values", "labels"])
def test_every_kind_of_target_is_looked_at(kind: str) -> None:
    """Numbers, several of them with gaps, labels."""
    X = np.random.default_rng(1).standard_normal((600, 30))
    y = X[:, 0] - X[:, 1]
    other = np.where(np.arange(600) % 9 == 0, np.nan, X[:, 2] * 3)
    if kind == "labels":
        table = table_of(X, (y > 0).astype(int), (X[:, 2] > 0).astype(int))
        kept = found(table, Labels.fit(table, ((0, 1), (0, 1))))
    else:
        table = table_of(X, y) if kind == "values" else table_of(X, y, other)
        kept = found(table, Values.fit(table))
    assert kept[[0, 1]].all() and kept[2] == (kind != "values") and kept.sum() <= 6


def test_rows_of_weight_zero_say_nothing() -> None:
    """The rows that follow x1 weigh nothing; those that follow x0 decide."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((800, 30))
    first = np.arange(800) < 400
    table = table_of(X, np.where(first, X[:, 0], X[:, 1]))
    kept = found(replace(table, weight=first.astype(float)), Values.fit(table))
    assert kept[0] and not kept[1]


def test_of_noise_no_column_or_few_are_kept() -> None:
    """Shuffled copies are as good."""
    rng = np.random.default_rng(3)
    table = table_of(rng.standard_normal((500, 60)), rng.integers(0, 2, 500))
    assert found(table, Classes.fit(table, (0, 1))).sum() <= 3
