"""Levels beside a prediction in the user's unit, calibrated on held-out rows so that they hold on rows never seen.

A network knows the spread of the rows it learned, which is narrower than that of others. So the distance of every
level from the prediction is multiplied by one factor, taken from rows that were not trained on (split conformal
prediction): with scores s_i = (distance of y_i) / (distance of its level), the factor is the ⌈share·(n + 1)⌉-th
smallest, at least 0. Distances are those of the encoded target, so that the logarithm and the unit keep the order.

Source: Romano, Patterson, Candès (2019); Papadopoulos et al. (2002), normalised scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values
from chainrule.planning.measures import Scores, mean
from chainrule.reference.heads import Heads
from chainrule.reference.losses import loss_named

Array = npt.NDArray[Any]
Encoded = tuple[Array, Array]
"""Point forecasts (n, k) and levels (n, k, m) in the unit of the network."""


def heads_of(network: Any) -> Heads | None:
    """The heads of a network that predicts levels; None of another."""
    heads = loss_named(network.architecture.loss).heads
    return heads if heads is not None and heads.levels else None


def encoded(network: Any, X: Array, heads: Heads) -> Encoded:
    """Point and levels of rows as the network has them."""
    n, k = len(X), network.architecture.n_outputs // heads.n
    point = np.asarray(network.predict(X), np.float64).reshape(n, k)
    return point, np.asarray(network.predict_quantiles(X), np.float64).reshape(n, k, len(heads.levels))


def widened(at: Encoded, factors: Array | None, n_below: int) -> Array:
    """Levels (n, k, m) whose distances from the point are multiplied by factors (k, m); in order outwards."""
    point, levels = at
    distance = np.abs(levels - point[..., None]) * (1 if factors is None else factors)
    below = np.maximum.accumulate(distance[..., :n_below][..., ::-1], axis=-1)[..., ::-1]
    above = np.maximum.accumulate(distance[..., n_below:], axis=-1)
    return np.concatenate([point[..., None] - below, point[..., None] + above], axis=-1)


def factors_of(at: Encoded, y: Array, weight: Array | None, heads: Heads) -> Array:
    """The factor of every target and level, (k, m), from rows that were not trained on; 1 where no row tells.

    Arguments: y (n, k): encoded targets, NaN where missing.
    """
    point, levels = at
    found = np.ones(levels.shape[1:])
    w = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    for k, j in np.ndindex(*found.shape):
        known = ~np.isnan(y[:, k]) & (w > 0) & np.isfinite(point[:, k]) & np.isfinite(levels[:, k, j])
        is_below = j < heads.n_below
        gap = (point - y if is_below else y - point)[known, k]
        share = 1 - heads.levels[j] if is_below else heads.levels[j]
        with np.errstate(divide="ignore", invalid="ignore"):
            score = gap / np.abs(levels[known, k, j] - point[known, k])
        chosen = _smallest(np.where(np.isnan(score), 0, score), w[known], share)
        found[k, j] = max(chosen, 0.0) if np.isfinite(chosen) else 1.0
    return found


def _smallest(score: Array, weight: Array, share: float) -> float:
    """The smallest score that (1 + 1/n)·share of the weight does not exceed."""
    if not len(score):
        return np.nan
    order = np.argsort(score, kind="stable")
    reached = np.cumsum(weight[order])
    needed = share * (1 + 1 / len(score)) * reached[-1]
    return float(score[order][min(int(np.searchsorted(reached, needed * (1 - 1e-12))), len(score) - 1)])


def calibrated(
    pipeline: TablePipeline, networks: Sequence[Any], rows: Sequence[tuple[Array, Array, Any]]
) -> TablePipeline:
    """The pipeline with the factors of its levels; itself where the networks predict none.

    Arguments: rows: for each network the inputs, encoded targets and weights of rows it was not trained on.
    """
    heads = heads_of(networks[0]) if networks else None
    if heads is None or not isinstance(pipeline.target, Values):
        return pipeline
    parts = [encoded(network, X, heads) for network, (X, _, _) in zip(networks, rows, strict=True)]
    at = (np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
    y = np.concatenate([np.asarray(part[1], np.float64).reshape(len(part[1]), -1) for part in rows])
    weight = None if rows[0][2] is None else np.concatenate([part[2] for part in rows])
    return replace(pipeline, target=replace(pipeline.target, calibration=factors_of(at, y, weight, heads)))


# in the user's words and units --------------------------------------------------------------------------------------


def beside(network: Any, pipeline: TablePipeline, X: Array) -> dict[str, Array]:
    """Columns beside the prediction: lower_0.1, upper_0.9, standard_deviation; of several targets with their names."""
    heads, target = loss_named(network.architecture.loss).heads, pipeline.target
    if heads is None or not isinstance(target, Values):
        return {}
    found: dict[str, Array] = {}
    ends = [""] if len(target.columns) == 1 else [f"_{name}" for name in target.columns]
    if heads.levels:
        levels = decoded(target, widened(encoded(network, X, heads), target.calibration, heads.n_below))
        for j, name in enumerate(heads.columns):
            found |= {name + end: levels[:, k, j] for k, end in enumerate(ends)}
    if heads.deviation is not None:
        point = np.asarray(network.predict(X), np.float64).reshape(len(X), len(target.columns))
        sigma = np.asarray(network.predict_deviation(X), np.float64).reshape(point.shape)
        spread = target.deviation(point, sigma)
        found |= {f"standard_deviation{end}": spread[:, k] for k, end in enumerate(ends)}
    return found


def decoded(target: Values, levels: Array) -> Array:
    """Levels (n, k, m) in the unit of the targets."""
    each = [target.decode(levels[..., j]) for j in range(levels.shape[2])]
    return np.stack(each, axis=2)


def coverage(
    target: Values, at: Encoded, heads: Heads, truth: Array, weight: Array | None, *, in_turn: bool = False
) -> Scores:
    """Which share of the rows lies between two levels, and below each: coverage_0.1_0.9, below_0.1, below_0.9.

    Arguments: truth: in the user's unit, NaN where missing; in_turn: these rows made the factors, so that each half is
    measured by those of the other.
    """
    factors: list[tuple[Any, Array | None]] = [(slice(None), target.calibration)]
    truth, n_targets = truth.reshape(len(truth), -1), at[0].shape[1]
    if in_turn and len(truth) > 1:
        factors, y = [], target.encoded(truth)
        for half in (0, 1):
            other = slice(1 - half, None, 2)
            part = (at[0][other], at[1][other])
            w = None if weight is None else weight[other]
            factors.append((slice(half, None, 2), factors_of(part, y[other], w, heads)))
    levels = np.empty_like(at[1])
    for rows, factor in factors:
        levels[rows] = decoded(target, widened((at[0][rows], at[1][rows]), factor, heads.n_below))
    each = [_coverage(truth[:, k], levels[:, k], weight, heads) for k in range(n_targets)]
    if n_targets == 1:
        return each[0]
    means: Scores = {key: mean(scores[key] for scores in each) for key in each[0]}
    named = zip(target.columns, each, strict=True)
    return means | {f"{key}_{name}": value for name, scores in named for key, value in scores.items()}


def _coverage(truth: Array, levels: Array, weight: Array | None, heads: Heads) -> Scores:
    known = ~np.isnan(truth) & (True if weight is None else weight > 0)
    y, levels = truth[known], levels[known]
    w = None if weight is None else weight[known]

    def share(rows: Array) -> float | None:
        return float(np.average(rows, weights=w)) if len(y) else None

    found: Scores = {}
    n_below, below = heads.n_below, range(heads.n_below)
    for low in below:
        high = next((j for j in range(n_below, len(heads.levels)) if _opposite(heads, low, j)), None)
        if high is None and low == 0 and n_below < len(heads.levels):
            high = len(heads.levels) - 1
        if high is not None:
            name = f"coverage_{heads.levels[low]!r}_{heads.levels[high]!r}"
            found[name] = share((levels[:, low] <= y) & (y <= levels[:, high]))
    for j, level in enumerate(heads.levels):
        found[f"below_{level!r}"] = share(y < levels[:, j] if j < n_below else y <= levels[:, j])
    return found


def _opposite(heads: Heads, low: int, high: int) -> bool:
    return abs(heads.levels[low] + heads.levels[high] - 1) < 1e-9
