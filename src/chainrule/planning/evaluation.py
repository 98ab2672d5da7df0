"""Measures of a network on rows, in the user's units, beside those of the simplest prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays
from chainrule.data.table import Table
from chainrule.errors import MeasureWarning, warn
from chainrule.network.architecture import Architecture
from chainrule.network.targets import OutputKind, points
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Target, Unseen, Values
from chainrule.planning import intervals, measures
from chainrule.planning.measures import Scores

Array = npt.NDArray[Any]
LEAST = float(np.finfo(np.float64).eps)
"""A probability of 0 counts as this much in log_loss, as in scikit-learn, where it is not computed from z."""


class Predictor(Protocol):
    """What is measured: a network, by its predictions."""

    @property
    def architecture(self) -> Architecture:
        """Its inputs have this dtype."""

    def predict(self, X: object) -> Array:
        """Class indices, labels or values."""

    def predict_proba(self, X: object) -> Array:
        """Probabilities, one column for each class."""

    def logits(self, X: object) -> Array:
        """z of the output layer."""


def scores(
    network: Predictor, pipeline: TablePipeline, tables: Iterable[Table], inputs: Array | None = None, *,
    in_turn: bool = False,
) -> Scores:  # fmt: skip
    """Flat measures over the rows that have a target, weighted as the tables say; see planning.measures.

    A class that training had not leaves its rows out, and is told in a warning. Only truth and output of the rows are
    held.

    Arguments: inputs: the rows of a single table as the pipeline encodes them, where that was done before; in_turn:
    whether the levels were calibrated on these rows, see planning.intervals.coverage.
    """
    return _scores(pipeline, ((network, table, inputs) for table in tables), in_turn=in_turn)


def scores_of_folds(
    networks: Sequence[Predictor | None], pipeline: TablePipeline, table: Table, inputs: Sequence[Array], fold: Array
) -> Scores:
    """The same measures over the rows of all folds, each predicted by the network that was trained without its fold.

    Arguments: inputs: of all rows, as each of the networks takes them.
    """
    outside = [(k, network, np.flatnonzero(fold == k)) for k, network in enumerate(networks) if network]
    return _scores(
        pipeline, [(network, table.take(rows), inputs[k][rows]) for k, network, rows in outside], in_turn=True
    )


def _scores(
    pipeline: TablePipeline, parts: Iterable[tuple[Predictor, Table, Array | None]], *, in_turn: bool = False
) -> Scores:
    levels, heads = list[intervals.Encoded](), None
    is_values = not isinstance(pipeline.target, (Classes, Labels))
    truths, outputs, costs, weights, unseen = [], [], [], list[Array](), Unseen()
    for network, table, inputs in parts:
        X = pipeline.features(table, network.architecture.dtype) if inputs is None else inputs
        truths.append(truth_of(pipeline, table, unseen))
        outputs.append(pipeline.target.decode(network.predict(X)) if is_values else network.predict_proba(X))
        if is_values and (heads := intervals.heads_of(network)) is not None:
            levels.append(intervals.encoded(network, X, heads))
        if not is_values:
            costs.append(cost_of(network, X, truths[-1], outputs[-1]))
        weights += [] if table.weight is None else [table.weight]
    if not truths:
        return {"n_rows": 0}
    unseen.warn()
    weight = np.concatenate(weights) if weights else None
    cost = np.concatenate(costs) if costs else None
    found = measured(pipeline, np.concatenate(truths), np.concatenate(outputs).astype(np.float64), cost, weight)
    if heads is not None and isinstance(pipeline.target, Values):
        at = (np.concatenate([part[0] for part in levels]), np.concatenate([part[1] for part in levels]))
        found |= intervals.coverage(pipeline.target, at, heads, np.concatenate(truths), weight, in_turn=in_turn)
    return found | ({"n_unseen": unseen.n_rows} if unseen.n_rows else {})


def scores_of_arrays(
    network: Predictor,
    X: object,
    encoded: Array,
    kind: OutputKind,
    weight: Array | None = None,
    target: Target | None = None,
) -> Scores:
    """The same measures of network inputs; values are named y1, y2, … where there are several.

    Arguments: encoded: targets as the network takes them; target: of a table, for values in their unit.
    """
    truth = encoded.argmax(axis=1) if kind == "class" and encoded.ndim == 2 else encoded
    output = network.predict(X) if kind == "values" else network.predict_proba(X)
    if kind == "values" and truth.shape[1] == network.architecture.n_outputs:
        truth = points(truth, network.architecture.loss)
    cost = None if kind == "values" else cost_of(network, X, truth, output)
    return _of_arrays(truth, output.astype(np.float64), cost, kind, weight, target)


def baseline_of_arrays(
    known: Array, truth: Array, kind: OutputKind, n_outputs: int, weight: Array | None, target: Target | None = None
) -> Scores:
    """The same measures where the prediction is always that of `baseline`, from the targets of the training rows."""
    if kind == "class":
        share = np.bincount(known, minlength=max(n_outputs, 2)) / len(known)
        output = np.tile(share, (len(truth), 1))
    else:
        wide = known if kind == "labels" or target is None else target.decode(known).reshape(known.shape)
        output = np.tile(np.nanmean(wide.astype(np.float64), axis=0), (len(truth), 1))
    cost = None if kind == "values" else _cost_of(truth, output)
    return _of_arrays(truth, output, cost, kind, weight, target, is_decoded=True)


def _of_arrays(
    truth: Array, output: Array, cost: Array | None, kind: OutputKind, weight: Array | None, target: Target | None,
    *, is_decoded: bool = False,
) -> Scores:  # fmt: skip
    """Measures of arrays; `is_decoded`: the output has the unit of the target already."""
    n_rows = len(truth)
    if kind == "values" and target is not None:
        truth = target.decode(truth)
        output = output if is_decoded else target.decode(output.reshape(truth.shape))
        truth, output = truth.reshape(n_rows, -1), output.reshape(n_rows, -1)
    if weight is not None:
        rows = weight > 0
        truth, output, cost = truth[rows], output[rows], None if cost is None else cost[rows]
        weight = arrays.moderate(weight[rows])
    if kind == "values":
        one = truth.shape[1] == 1
        names = tuple(f"y{k + 1}" for k in range(truth.shape[1])) if target is None else target.columns
        wide = truth.astype(np.float64)
        guess = output.reshape(len(wide), -1)
        pair = (wide[:, 0], guess[:, 0]) if one else (wide, guess)
        return measures.of_values(*pair, weight, names) | {"n_rows": n_rows}
    assert cost is not None
    if kind == "labels":
        return measures.of_labels(truth.astype(np.float64), output, cost, weight) | {"n_rows": n_rows}
    positive = (1, "1") if output.shape[1] == 2 else None
    positive = target.positive_class if isinstance(target, Classes) else positive
    return measures.of_classes(truth, output, cost, weight, positive) | {"n_rows": n_rows}


def baseline(pipeline: TablePipeline, trained_on: Table, table: Table) -> Scores:
    """The same measures where the prediction is always the training rows' majority class with their frequencies,
    or their mean."""
    known, truth, weight = truth_of(pipeline, trained_on), truth_of(pipeline, table, Unseen()), trained_on.weight
    if isinstance(pipeline.target, Classes):
        n_classes = len(pipeline.target.classes)
        share = np.bincount(known[known >= 0], None if weight is None else weight[known >= 0], n_classes)
        output = np.tile(share / share.sum(), (len(table), 1))
    else:
        wide = known.reshape(len(known), -1)
        w = ~np.isnan(wide) * (np.ones(len(wide)) if weight is None else weight)[:, None]
        mean = np.sum(w * np.nan_to_num(wide), axis=0) / np.maximum(w.sum(axis=0), np.finfo(float).tiny)
        output = np.tile(mean, (len(table), 1)).reshape(truth.shape)
    cost = _cost_of(truth, output) if isinstance(pipeline.target, (Classes, Labels)) else None
    return measured(pipeline, truth, output, cost, table.weight)


def truth_of(pipeline: TablePipeline, table: Table, unseen: Unseen | None = None) -> Array:
    """Class indices, labels of 0 and 1, or values in their unit; −1 or NaN where missing or, in `unseen`, unknown."""
    target = pipeline.target
    if isinstance(target, (Classes, Labels)):
        return target.encode(table, unseen)
    wide = np.column_stack([table.column(name).values for name in target.columns]).astype(np.float64)
    return wide[:, 0] if len(target.columns) == 1 else wide


def cost_of(network: Predictor, X: object, truth: Array, proba: Array) -> Array:
    """−log of the probability of the truth: (n,) of classes, (n, k) of labels; from z, which has all its digits."""
    output, n_outputs = network.architecture.output, network.architecture.n_outputs
    of_several = output == "sigmoid" and truth.ndim == 1 and n_outputs > 1  # whose sum is not 1
    if of_several or output not in ("softmax", "sigmoid"):
        return _cost_of(truth, proba.astype(np.float64))
    z = network.logits(X).astype(np.float64)
    if truth.ndim == 2 or z.shape[1] == 1:  # sigmoids: log(1 + e^−z) of the truth 1, log(1 + e^z) of 0
        wide = truth if truth.ndim == 2 else truth[:, None]
        cost: Array = np.logaddexp(0, np.where(wide == 1, -z, z))
        return cost if truth.ndim == 2 else cost[:, 0]
    shifted = z - z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return np.asarray(log_sum - shifted[np.arange(len(z)), np.maximum(truth, 0)])


def _cost_of(truth: Array, proba: Array) -> Array:
    """The same of probabilities alone."""
    if truth.dtype.kind == "i":
        total = proba.sum(axis=1)
        chosen = proba[np.arange(len(proba)), np.maximum(truth, 0)] / np.where(total > 0, total, 1)
        return np.asarray(-np.log(np.maximum(chosen, LEAST)))
    return np.asarray(-np.log(np.clip(np.where(truth == 1, proba, 1 - proba), LEAST, 1)))


def measured(pipeline: TablePipeline, truth: Array, output: Array, cost: Array | None, weight: Array | None) -> Scores:
    """The measures of rows that have a target; a row of weight 0 counts in n_rows alone."""
    target = pipeline.target
    known = ~target.missing(truth)
    n_rows, counts = int(known.sum()), known
    if weight is not None:
        arrays.weights(weight, len(weight), "float64", "weight")
        counts = known & (weight > 0)
        weight = arrays.moderate(weight[counts])
    if not counts.any():
        return {"n_rows": n_rows}
    truth, output, cost = truth[counts], output[counts], None if cost is None else cost[counts]
    if truth.ndim == 2 and (unknown := [target.columns[k] for k in np.flatnonzero(np.isnan(truth).all(axis=0))]):
        listed = ", ".join(unknown)
        warn(
            f"{listed}: no row knows {'it' if len(unknown) == 1 else 'them'}; means are over the other targets.",
            MeasureWarning,
        )
    if isinstance(target, Classes):
        assert cost is not None
        found = measures.of_classes(truth, output, cost, weight, target.positive_class)
    elif isinstance(target, Labels):
        assert cost is not None
        found = measures.of_labels(truth, output, cost, weight)
    else:
        found = measures.of_values(truth, output, weight, target.columns)
    return found | {"n_rows": n_rows}
