"""Whether what the nearest training rows say is worth a trial, and the candidates that have it among their inputs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from chainrule.data.split import HeldOut
from chainrule.pipeline.neighbours import MOST_DIMENSIONS, MOST_INPUTS
from chainrule.pipeline.table_pipeline import TablePipeline, said_by
from chainrule.pipeline.target import Values
from chainrule.planning.candidates import Candidate
from chainrule.planning.evaluation import Predictor
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.plan import TrainingPlan
from chainrule.status import doing

JUDGED_ROWS = 2_000
"""Rows held out that say whether neighbours are worth a trial."""
WORTH = 0.01
"""The share of a network's squared error that a step towards the neighbours' targets must save."""


def may_have_neighbours(plan: TrainingPlan, pipeline: TablePipeline) -> bool:
    """Whether they are allowed, and neither the columns too many to tell near from far nor the targets."""
    if not plan.request.neighbours or plan.fold is not None or plan.cache is not None:
        return False
    n_said = said_by(pipeline.target, plan.table.take(np.zeros(1, np.int64)))[0].shape[1]
    return 0 < int(np.count_nonzero(pipeline.proximity)) <= MOST_DIMENSIONS and n_said <= MOST_INPUTS


def with_neighbours(plan: TrainingPlan, candidate: Candidate, known: dict[int, EncodedRows] | None = None) -> Candidate:
    """The candidate with inputs that tell what the nearest training rows say.

    Arguments: known: rows that have such inputs by those that have not, which candidates share.
    """
    found = {} if known is None else known
    if id(candidate.rows) not in found:
        doing("looking up neighbours")
        found[id(candidate.rows)] = candidate.rows.with_neighbours(plan.weighted)
    rows = found[id(candidate.rows)]
    network = replace(candidate.network, sizes=(rows.X.shape[1], *candidate.network.sizes[1:]))
    return replace(candidate, rows=rows, network=network)


def says_more(plan: TrainingPlan, candidate: Candidate, network: Predictor) -> bool:
    """Whether the nearest training rows say something of rows held out that the network does not.

    Formula   max over counts of (Σ r·u)² / (Σ r²·Σ u²) ≥ WORTH where Σ r·u > 0: r = t − p, u = m − p, t the target,
              p the prediction, m the mean target of the nearest rows: what the best step from p towards m saves
    """
    doing("looking up neighbours")
    rows, judged, pipeline = candidate.rows, candidate.rows.validation, candidate.pipeline
    X = plan.inputs(candidate, "validation")
    if judged is None or X is None:
        return True
    near, _ = pipeline.hold_neighbours(rows.X, plan.weighted, judged.kept if isinstance(judged, HeldOut) else None)
    X = X[:JUDGED_ROWS]
    t, _ = said_by(pipeline.target, plan.parts["validation"].take(np.arange(len(X))))
    p = network.predict(X) if isinstance(pipeline.target, Values) else network.predict_proba(X)
    p = p.astype(np.float64).reshape(len(X), -1)[:, -t.shape[1] :]
    means = near.encode(X)[:, : len(near.counts) * t.shape[1]]
    r, saved = (t - p).ravel(), [0.0]
    for first in range(0, means.shape[1], t.shape[1]):
        u = (means[:, first : first + t.shape[1]] - p).ravel()
        ru, rr, uu = (math.fsum(product.tolist()) for product in (r * u, r * r, u * u))
        saved.append(ru**2 / (rr * uu) if ru > 0 and rr * uu > 0 else 0.0)
    return max(saved) >= WORTH
