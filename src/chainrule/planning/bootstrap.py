"""How certain measures are: rows drawn again with replacement, and the measures of each draw.

Source: Efron (1979), Bootstrap methods: another look at the jackknife; percentile intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels
from chainrule.planning.evaluation import Predictor, cost_of, measured, truth_of
from chainrule.planning.measures import Scores
from chainrule.seeding import Purpose, stream_key, words
from chainrule.status import doing

Array = npt.NDArray[Any]
N_DRAWS = 200
SHARE = 0.95


@dataclass(frozen=True, kw_only=True)
class JudgedRows:
    """Truth and prediction of rows that have a target."""

    pipeline: TablePipeline
    truth: Array
    output: Array
    cost: Array | None
    weight: Array | None

    def __len__(self) -> int:
        return len(self.truth)

    def scores(self, rows: Array | slice = slice(None)) -> Scores:
        """The measures of these rows, or of some of them, each as often as it stands there."""
        cost = None if self.cost is None else self.cost[rows]
        weight = None if self.weight is None else self.weight[rows]
        return measured(self.pipeline, self.truth[rows], self.output[rows], cost, weight)


def judged(network: Predictor, pipeline: TablePipeline, table: Table) -> JudgedRows:
    """What a network says of the rows of a table, beside their targets."""
    X = pipeline.features(table, network.architecture.dtype)
    truth, is_value = truth_of(pipeline, table), not isinstance(pipeline.target, Classes | Labels)
    output = pipeline.target.decode(network.predict(X)) if is_value else network.predict_proba(X)
    cost = None if is_value else cost_of(network, X, truth, output)
    return JudgedRows(pipeline=pipeline, truth=truth, output=output.astype(np.float64), cost=cost, weight=table.weight)


def intervals(rows: JudgedRows, seed: int) -> dict[str, tuple[float, float]]:
    """The 95 % interval of every measure over N_DRAWS draws of as many rows, by name."""
    draws: dict[str, list[float]] = {}
    n = len(rows)
    for draw in range(N_DRAWS if n > 1 else 0):
        doing("drawing the rows again", draw, N_DRAWS)
        chosen = words(stream_key(seed, Purpose.REPEAT, step=draw), n).astype(np.int64) * n >> 32
        for name, value in rows.scores(chosen).items():
            if isinstance(value, float) and np.isfinite(value):
                draws.setdefault(name, []).append(value)
    ends = ((1 - SHARE) / 2, (1 + SHARE) / 2)
    return {
        name: (float(np.quantile(values, ends[0])), float(np.quantile(values, ends[1])))
        for name, values in draws.items()
        if len(values) > N_DRAWS // 2
    }
