"""What each column is good for: how much worse the predictions become when its cells are shuffled among the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels
from chainrule.planning.evaluation import Predictor
from chainrule.seeding import permutation

Array = npt.NDArray[Any]
N_REPEATS, MOST_ROWS = 5, 2_000
DEVIATIONS = 1.96
"""Of a 95 % interval."""


@dataclass(frozen=True)
class Importance:
    """What one column is worth; a part of `Importances`.

    Attributes
    ----------
    column : str
        Its name.
    rise : float
        By how much the log-loss or rmse rises when its cells are shuffled among the rows, mean of 5 shuffles.
    low, high : float
        Ends of the 95 % interval of the rise over the rows.
    """

    column: str
    rise: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class MeasuredImportances:
    """The importances of all columns, the most important first, and the rows they were measured on."""

    rows: str
    n_rows: int
    n_sampled: int
    measure: str
    columns: tuple[Importance, ...]


def shuffled(table: Table, column: str, seed: int) -> Iterator[Table]:
    """The table with the cells of a column shuffled, N_REPEATS times."""
    for repeat in range(N_REPEATS):
        order = permutation(seed, repeat, len(table))
        yield replace(table, columns=tuple(c.take(order) if c.name == column else c for c in table.columns))


def measured_importances(
    network: Predictor, pipeline: TablePipeline, table: Table, rows: str, *, seed: int, most_rows: int = MOST_ROWS
) -> MeasuredImportances:
    """The importances of rows that have a target, of more than `most_rows` those of a sample.

    Arguments: rows: which these are, "data", "held_out", "test" or "training"
    """
    n = len(table)
    if n > most_rows:
        table = table.take(np.sort(permutation(seed, 0, n)[:most_rows]))
    return MeasuredImportances(
        rows=rows,
        n_rows=n,
        n_sampled=len(table),
        measure="log_loss" if isinstance(pipeline.target, (Classes, Labels)) else "rmse",
        columns=tuple(importances(network, pipeline, table, seed)),
    )


def importances(network: Predictor, pipeline: TablePipeline, table: Table, seed: int = 0) -> list[Importance]:
    """Every column of the pipeline, the most important first; of rows that have a target.

    Formula   d_i = mean over repeats of ℓ_i(shuffled) − ℓ_i, ℓ the log-loss or the squared error of row i;
              rise = mean d, ± 1.96·sd(d)/√n; of values the rise of √(mean ℓ)
    Source    Breiman (2001), Random forests, section 10
    """
    losses = _row_losses(network, pipeline)
    before = losses(table)
    whole = float(before.mean())
    is_values = not isinstance(pipeline.target, (Classes, Labels))
    found = []
    for name in pipeline.columns:
        d = np.mean([losses(other) for other in shuffled(table, name, seed)], axis=0) - before
        spread = DEVIATIONS * float(d.std(ddof=1)) / len(d) ** 0.5 if len(d) > 1 else 0.0
        ends = np.array([d.mean(), d.mean() - spread, d.mean() + spread])
        rises = np.sqrt(np.maximum(whole + ends, 0)) - np.sqrt(whole) if is_values else ends
        found.append(Importance(name, *rises.tolist()))
    return sorted(found, key=lambda one: -one.rise)


def _row_losses(network: Predictor, pipeline: TablePipeline) -> Callable[[Table], Array]:
    """The loss of every row of a table: log-loss of classes, mean log-loss of labels, mean squared error of values."""
    target = pipeline.target

    def of(table: Table) -> Array:
        X = pipeline.features(table, network.architecture.dtype)
        truth = target.encode(table)
        if isinstance(target, Classes):
            p = network.predict_proba(X).astype(np.float64)[np.arange(len(X)), truth]
            return -np.log(np.clip(p, 1e-15, None))
        if isinstance(target, Labels):
            p = np.clip(network.predict_proba(X).astype(np.float64), 1e-15, 1 - 1e-15)
            return np.nanmean(-truth * np.log(p) - (1 - truth) * np.log(1 - p), axis=1)
        true = np.column_stack([table.column(name).values for name in target.columns]).astype(np.float64)
        guess = target.decode(network.predict(X)).reshape(true.shape)
        result: Array = np.nanmean((true - guess) ** 2, axis=1)
        return result

    return of
