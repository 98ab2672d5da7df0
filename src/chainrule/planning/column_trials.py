"""Whether leaving out the columns that tell nothing is worth a trial, and the candidates without them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chainrule.data.split import HeldOut
from chainrule.pipeline.screen import MOST_ROWS
from chainrule.planning.candidates import Candidate
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.plan import TrainingPlan
from chainrule.status import doing

MANY_COLUMNS = 50
"""With fewer a network finds out by itself."""
LOADING_S, SECONDS_PER_CELL = 2.0, 2e-5
"""What the time of the trees is estimated by: cells are looked at by the rows and the root of the inputs."""
MOST_KEPT = 0.5
"""The share of the columns of which the others must be left out for it to be worth a trial."""


def columns_worth_a_trial(plan: TrainingPlan) -> npt.NDArray[np.bool_] | None:
    """Which columns tell something of the targets, by the rows to train on; None where too many do, or none does."""
    rows = plan.candidates[-1].rows
    n_columns = len(rows.pipeline.columns)
    if not plan.request.screening or plan.cache is not None or n_columns < MANY_COLUMNS:
        return None
    doing("looking for the columns that tell something")
    kept = rows.validation.kept if isinstance(rows.validation, HeldOut) else np.arange(len(rows.X))
    columns = plan.columns_of(-1, np.arange(len(rows.X)), kept)
    return columns if 0 < int(columns.sum()) <= MOST_KEPT * n_columns else None


def seconds_of_trees(plan: TrainingPlan) -> float:
    """The time that looking for these columns may take on a slow or busy core; 0 where nothing is looked for."""
    rows = plan.candidates[-1].rows
    if not plan.request.screening or plan.cache is not None or len(rows.pipeline.columns) < MANY_COLUMNS:
        return 0.0
    return LOADING_S + SECONDS_PER_CELL * min(len(rows.X), MOST_ROWS) * rows.X.shape[1] ** 0.5


def on_columns(
    candidate: Candidate, kept: npt.NDArray[np.bool_], known: dict[int, EncodedRows] | None = None
) -> Candidate:
    """The candidate with the inputs of some columns.

    Arguments: kept: a mask; known: rows of these columns by those of all, which candidates share.
    """
    found = {} if known is None else known
    if id(candidate.rows) not in found:
        found[id(candidate.rows)] = candidate.rows.only(kept)
    rows = found[id(candidate.rows)]
    network = replace(candidate.network, sizes=(rows.X.shape[1], *candidate.network.sizes[1:]))
    return replace(candidate, rows=rows, network=network)


def on_named_columns(candidate: Candidate, names: Collection[str]) -> Candidate:
    """The candidate as a run that used these columns has it."""
    kept = np.array([name in names for name in candidate.pipeline.columns])
    return candidate if kept.all() else on_columns(candidate, kept)
