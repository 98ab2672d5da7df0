"""Whether the logarithm of a target is worth a trial, and the candidates that are trained on it.

A price that is missed by a share of itself has errors that grow with the prediction; of its logarithm they are alike.
Where the residuals on held-out rows say so, the best candidate is tried on log(1 + y / unit), and its error is compared
in the unit of the target: only what lowers that counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule.data.split import HeldOut
from chainrule.pipeline.target import Values
from chainrule.planning.candidates import Candidate
from chainrule.planning.evaluation import Predictor
from chainrule.planning.inputs import EncodedRows
from chainrule.planning.plan import Resample, TrainingPlan
from chainrule.planning.request import AUTO

Array = npt.NDArray[Any]
SKEWED = 1.0
"""The least skewness, Σ(y − m)³ / n / s³, of a target whose logarithm is worth a trial."""
SPREADING = 0.2
"""The least rank correlation of the sizes of the residuals with the predictions, …"""
WORTHWHILE = 0.98
"""The error in the unit of the target must fall to so much of it."""
LEAST_DISTINCT = 20


class Misfit(NamedTuple):
    """How a network misses the rows that judge it, in the unit of the target."""

    squares: float
    """Sum of the weighted squared errors."""
    weight: float
    spreading: float
    """The rank correlation of the sizes of the residuals with the predictions."""


def may_be_logarithm(plan: TrainingPlan) -> bool:
    """Whether the logarithm may be chosen: one target of numbers ≥ 0, skewed, with no loss or output stated."""
    target, request = plan.candidates[-1].pipeline.target, plan.request
    if request.target_scale != AUTO or not isinstance(target, Values) or len(target.columns) > 1:
        return False
    if plan.cache is not None or (request.loss, request.output) != (AUTO, AUTO) or request.intervals:
        return False
    known = [column.values[~column.missing] for part in (plan.table, *plan.parts.values()) for column in part.targets]
    y = known[0].astype(np.float64)
    if any(len(values) and values.min() < 0 for values in known) or len(np.unique(y)) < LEAST_DISTINCT:
        return False
    deviation = (y - y.mean()) / (y.std() or 1.0)
    return bool(np.mean(deviation**3) >= SKEWED)


def misfit(candidate: Candidate, network: Predictor, resample: Resample) -> Misfit | None:
    """How a network misses the rows of a resample that judge it; None of classes, labels and several targets."""
    target = candidate.pipeline.target
    if not isinstance(target, Values) or len(target.columns) > 1 or network.architecture.n_outputs != 1:
        return None
    judged = resample.outside if resample.outside is not None else resample.validation
    if judged is None:
        return None
    X, y, weight = _taken(resample, judged) if isinstance(judged, HeldOut) else judged
    truth = target.raw(np.asarray(y, np.float64).reshape(len(y), 1))[:, 0]
    guess = target.decode(network.predict(X)).reshape(-1)
    known = ~np.isnan(truth) & (True if weight is None else weight > 0)
    w = np.ones(int(known.sum())) if weight is None else np.asarray(weight, np.float64)[known]
    missed = np.abs(truth[known] - guess[known])
    if not len(missed) or not np.isfinite(missed).all():
        return Misfit(np.inf, 1.0, 0.0)
    return Misfit(float(w @ missed**2), float(w.sum()), _rank_correlation(missed, guess[known]))


def _taken(resample: Resample, held: HeldOut) -> tuple[Array, Array, Array | None]:
    X, y, weight = resample.rows
    return X[held.out], y[held.out], None if weight is None else weight[held.out]


def _rank_correlation(a: Array, b: Array) -> float:
    """Spearman's coefficient, ties in the order of the rows; 0 of fewer than 3 rows."""
    if len(a) < 3:
        return 0.0
    ranks = [np.argsort(np.argsort(values, kind="stable"), kind="stable") for values in (a, b)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def with_logarithm(plan: TrainingPlan, candidate: Candidate, known: dict[int, EncodedRows] | None = None) -> Candidate:
    """The candidate trained on the logarithm of its target.

    Arguments: known: rows with it by those without, which candidates share.
    """
    found = {} if known is None else known
    if id(candidate.rows) not in found:
        target = Values.fit(plan.parts["train"], logarithm=True)
        judged = plan.parts.get("validation")
        found[id(candidate.rows)] = candidate.rows.with_target(target, plan.table, judged)
    return replace(candidate, rows=found[id(candidate.rows)])
