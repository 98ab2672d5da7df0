"""Whether what the nearest training rows say is worth a trial, and the candidates that have it among their inputs.

Two rows that differ in a column which the target hardly depends on may be as good as near. So differences count by how
far the outputs of the network tried before move with the column, raised to the power that says most of rows held out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.split import HeldOut
from chainrule.data.table import Table
from chainrule.pipeline.neighbours import MOST_DIMENSIONS, MOST_INPUTS, MOST_NUMBERS, MOST_ROWS, Neighbours
from chainrule.pipeline.table_pipeline import Influence, TablePipeline, said_by
from chainrule.pipeline.target import Values
from chainrule.planning.candidates import Candidate
from chainrule.planning.evaluation import Predictor
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.plan import Resample, TrainingPlan
from chainrule.seeding import permutation
from chainrule.status import doing

Array = npt.NDArray[Any]
JUDGED_ROWS = 2_000
"""Rows held out that say whether neighbours are worth a trial."""
WORTH = 0.01
"""The share of a network's squared error that a step towards the neighbours' targets must save."""
SECONDS_PER_PAIR, SECONDS_PER_PRODUCT = 6e-9, 3e-10
"""What the time of looking neighbours up is estimated by, for two rows and for each of their numbers."""
POWERS: tuple[tuple[float, Callable[[float], float]], ...] = (
    (0, lambda share: 1.0), (0.5, math.sqrt), (1, lambda share: share), (2, lambda share: share * share),
    (4, lambda share: share * share * share * share),
)  # fmt: skip
"""Powers of the influence that are compared, and each one exactly rounded."""
ABOUT_MOST = 0.9
"""The lowest power that saves so much of what the best one does is taken."""
STEPS = 1024
"""Influences are multiples of a fraction of this size; below half of it a column does not count."""
MOVED_ROWS, LEAST_MOVED_ROWS, MOVED_CELLS = 1_500, 200, 60_000
"""Rows whose cells are shuffled, fewer of many columns."""


def may_have_neighbours(plan: TrainingPlan, pipeline: TablePipeline) -> bool:
    """Whether they are allowed, and neither the columns too many to tell near from far nor the targets."""
    if not plan.request.neighbours or plan.fold is not None or plan.cache is not None:
        return False
    n_said = said_by(pipeline.target, plan.table.take(np.zeros(1, np.int64)))[0].shape[1]
    return 0 < int(np.count_nonzero(pipeline.proximity)) <= MOST_DIMENSIONS and n_said <= MOST_INPUTS


def seconds_of_lookups(plan: TrainingPlan, pipeline: TablePipeline) -> float:
    """The time that looking neighbours up may take on a slow or busy core; 0 where they may not be."""
    if not may_have_neighbours(plan, pipeline):
        return 0.0
    n, n_dimensions = plan.counts["train"], int(np.count_nonzero(pipeline.proximity))
    n_held = min(n, MOST_ROWS, MOST_NUMBERS // n_dimensions)
    return (n + len(POWERS) * JUDGED_ROWS) * n_held * (SECONDS_PER_PAIR + n_dimensions * SECONDS_PER_PRODUCT)


def with_neighbours(
    plan: TrainingPlan, candidate: Candidate, known: dict[int, EncodedRows] | None = None,
    influence: Influence | None = None,
) -> Candidate:  # fmt: skip
    """The candidate with inputs that tell what the nearest training rows say.

    Arguments: known: rows that have such inputs by those that have not, which candidates share; influence: of each
    column on the distance; None: all alike.
    """
    found = {} if known is None else known
    if id(candidate.rows) not in found:
        doing("looking up neighbours")
        found[id(candidate.rows)] = candidate.rows.with_neighbours(plan.weighted, influence)
    rows = found[id(candidate.rows)]
    network = replace(candidate.network, sizes=(rows.X.shape[1], *candidate.network.sizes[1:]))
    return replace(candidate, rows=rows, network=network)


@dataclass(frozen=True)
class Distance:
    """By how much each column counts when near is told from far, and what the nearest rows then say."""

    influence: Influence
    power: float
    saved: float
    """The largest share of a network's squared error on rows held out that a step towards their targets saves."""


def best_distance(plan: TrainingPlan, candidate: Candidate, network: Predictor, resample: Resample) -> Distance:
    """The distance, among those of POWERS, whose nearest training rows say about most beyond the network.

    Formula   influence = (s / max s)^power; s of a column: root mean square of what its shuffled cells change in the
              outputs of the network
              saved: max over counts of (Σ r·u)² / (Σ r²·Σ u²) where Σ r·u > 0: r = t − p, u = m − p, t the target,
              p the prediction, m the mean target of the nearest rows: what the best step from p towards m saves

    Arguments: network: the candidate's, as a trial on the resample made it.
    """
    doing("looking up neighbours")
    judged, whole = resample.validation, resample.rows[0]
    if judged is None:
        return Distance({}, 0, 1.0)
    pipeline, table = _seen_by(plan, candidate, resample)
    if isinstance(judged, HeldOut):
        kept, out = np.sort(judged.kept), judged.out[:JUDGED_ROWS]
        X, truth = pipeline.as_new(whole[out], table.take(out)), table.take(out)
    else:
        kept, X = np.arange(len(whole)), judged[0][:JUDGED_ROWS]
        truth = plan.parts["validation"].take(np.arange(len(X)))
    said, found = _Said(pipeline, network, X, truth), list[Distance]()
    moved = moves(network, pipeline, whole[kept], plan.request.seed)
    for power, raised in POWERS:
        influence = {name: _in_steps(raised(share)) for name, share in moved.items()}
        near, _ = pipeline.hold_neighbours(whole, table, kept, influence)
        found.append(Distance(influence, power, said.saved(near)))
    most = max(one.saved for one in found)
    return next(one for one in found if one.saved >= ABOUT_MOST * most)


def _seen_by(plan: TrainingPlan, candidate: Candidate, resample: Resample) -> tuple[TablePipeline, Table]:
    """The pipeline and the table, weighted as the training weighs them, of the rows of the first resample."""
    rows, judged = candidate.rows, resample.validation
    if judged is rows.validation:
        return rows.pipeline, plan.weighted
    assert isinstance(judged, HeldOut)
    order, pipeline = rows.split_order, rows.pipeline
    if rows.is_screened:
        pipeline = rows.first.pipeline.only(plan.columns_of(resample.fold, order, judged.kept))[0]
    return pipeline, plan.weighted.take(order)


class _Said:
    """What the nearest training rows say of rows held out beyond what a network says."""

    def __init__(self, pipeline: TablePipeline, network: Predictor, X: Array, table: Table) -> None:
        self._X, (self._t, _) = X, said_by(pipeline.target, table)
        p = network.predict(X) if isinstance(pipeline.target, Values) else network.predict_proba(X)
        self._p = p.astype(np.float64).reshape(len(X), -1)[:, -self._t.shape[1] :]

    def saved(self, near: Neighbours) -> float:
        """The share of the squared error that the best step towards them saves."""
        n, (t, p) = self._t.shape[1], (self._t, self._p)
        means = near.encode(self._X)[:, : len(near.counts) * n]
        r, saved = (t - p).ravel(), [0.0]
        for first in range(0, means.shape[1], n):
            u = (means[:, first : first + n] - p).ravel()
            ru, rr, uu = (math.fsum(product.tolist()) for product in (r * u, r * r, u * u))
            saved.append(ru**2 / (rr * uu) if ru > 0 and rr * uu > 0 else 0.0)
        return max(saved)


def moves(network: Predictor, pipeline: TablePipeline, X: Array, seed: int) -> dict[str, float]:
    """How far the outputs move where the cells of each column are shuffled, as shares of the largest, in steps of
    2⁻¹⁰; nothing where none moves them.

    Arguments: X: inputs of training rows.
    """
    n = min(len(X), max(LEAST_MOVED_ROWS, min(MOVED_ROWS, MOVED_CELLS // max(len(pipeline.widths), 1))))
    rows = X[permutation(seed, 0, len(X))[:n]]
    order, before, start = permutation(seed, 1, len(rows)), _outputs(network, rows), 0
    squares = dict[str, float]()
    for name, width in zip(pipeline.columns, pipeline.widths, strict=True):
        other = rows.copy()
        other[:, start : start + width] = rows[order, start : start + width]
        squares[name] = math.fsum(((_outputs(network, other) - before) ** 2).ravel().tolist())
        start += width
    most = max(squares.values(), default=0.0)
    if not 0 < most < math.inf:
        return {}
    return {name: _in_steps(math.sqrt(square / most)) for name, square in squares.items()}


def _in_steps(share: float) -> float:
    return round(share * STEPS) / STEPS


def _outputs(network: Predictor, X: Array) -> Array:
    """z of the output layer as float64, of a softmax without what all classes have in common."""
    z = network.logits(X).astype(np.float64).reshape(len(X), -1)
    return z - z.mean(axis=1, keepdims=True) if network.architecture.output == "softmax" else z
