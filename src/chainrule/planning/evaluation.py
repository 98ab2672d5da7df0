"""Measures of a network on rows, in the user's units, beside those of the simplest prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.network.architecture import Architecture
from chainrule.network.targets import OutputKind
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels

Array = npt.NDArray[Any]
Scores = dict[str, float | int | None]


class Predictor(Protocol):
    """What is measured: a network, by its predictions."""

    @property
    def architecture(self) -> Architecture:
        """Its inputs have this dtype."""

    def predict(self, X: object) -> Array:
        """Class indices, labels or values."""

    def predict_proba(self, X: object) -> Array:
        """Probabilities, one column for each class."""


def scores(network: Predictor, pipeline: TablePipeline, tables: Iterable[Table], inputs: Array | None = None) -> Scores:
    """Flat measures over the rows that have a target; only truth and output of the rows are held.

    n_rows and accuracy, balanced_accuracy, f1_macro, (f1), log_loss, auc for classes; accuracy (all labels right),
    label_accuracy, f1_macro, log_loss, auc for labels; rmse, mae, r2 for values, of several also each one's.

    Arguments: inputs: the rows of a single table as the pipeline encodes them, where that was done before.
    """
    return _scores(pipeline, ((network, table, inputs) for table in tables))


def scores_of_folds(
    networks: Sequence[Predictor | None], pipeline: TablePipeline, table: Table, inputs: Array, fold: Array
) -> Scores:
    """The same measures over the rows of all folds, each predicted by the network that was trained without its fold."""
    outside = [(network, np.flatnonzero(fold == k)) for k, network in enumerate(networks) if network]
    return _scores(pipeline, [(network, table.take(rows), inputs[rows]) for network, rows in outside])


def _scores(pipeline: TablePipeline, parts: Iterable[tuple[Predictor, Table, Array | None]]) -> Scores:
    is_values = not isinstance(pipeline.target, (Classes, Labels))
    truths, outputs = [], []
    for network, table, inputs in parts:
        X = pipeline.features(table, network.architecture.dtype) if inputs is None else inputs
        truths.append(_truth(pipeline, table))
        outputs.append(pipeline.target.decode(network.predict(X)) if is_values else network.predict_proba(X))
    return _measured(pipeline, np.concatenate(truths), np.concatenate(outputs).astype(np.float64))


def scores_of_arrays(network: Predictor, X: object, encoded: Array, kind: OutputKind) -> Scores:
    """The same measures of network inputs; values are named y1, y2, … where there are several.

    Arguments: encoded: targets as the network takes them.
    """
    if kind == "class":
        truth = encoded if encoded.ndim == 1 else encoded.argmax(axis=1)
        return _of_classes(truth, network.predict_proba(X).astype(np.float64))
    if kind == "labels":
        return _of_labels(encoded.astype(np.float64), network.predict_proba(X).astype(np.float64))
    truth, guess = encoded.astype(np.float64), network.predict(X).astype(np.float64)
    one = truth.shape[1] == 1
    return _of_values(truth[:, 0] if one else truth, guess, tuple(f"y{k + 1}" for k in range(truth.shape[1])))


def baseline(pipeline: TablePipeline, trained_on: Table, table: Table) -> Scores:
    """The same measures where the prediction is always the training rows' majority class with their frequencies,
    or their mean."""
    known, truth, weight = _truth(pipeline, trained_on), _truth(pipeline, table), trained_on.weight
    if isinstance(pipeline.target, Classes):
        n_classes = len(pipeline.target.classes)
        share = np.bincount(known[known >= 0], None if weight is None else weight[known >= 0], n_classes)
        return _measured(pipeline, truth, np.tile(share / share.sum(), (len(table), 1)))
    wide = known.reshape(len(known), -1)
    w = ~np.isnan(wide) * (np.ones(len(wide)) if weight is None else weight)[:, None]
    mean = np.sum(w * np.nan_to_num(wide), axis=0) / w.sum(axis=0)
    return _measured(pipeline, truth, np.tile(mean, (len(table), 1)).reshape(truth.shape))


def _truth(pipeline: TablePipeline, table: Table) -> Array:
    """Class indices, labels of 0 and 1, or values in their unit; −1 or NaN where missing."""
    target = pipeline.target
    if isinstance(target, (Classes, Labels)):
        return target.encode(table)
    wide = np.column_stack([table.column(name).values for name in target.columns]).astype(np.float64)
    return wide[:, 0] if len(target.columns) == 1 else wide


def _measured(pipeline: TablePipeline, truth: Array, output: Array) -> Scores:
    known = ~pipeline.target.missing(truth)
    truth, output = truth[known], output[known]
    if not len(truth):
        return {"n_rows": 0}
    if isinstance(pipeline.target, Classes):
        return _of_classes(truth, output)
    if isinstance(pipeline.target, Labels):
        return _of_labels(truth, output)
    return _of_values(truth, output, pipeline.target.columns)


def _of_values(truth: Array, guess: Array, names: tuple[str, ...]) -> Scores:
    """Over all entries that are known; of several targets also each by its name."""
    if truth.ndim == 2:
        each = {
            f"{key}_{name}": value
            for k, name in enumerate(names)
            for key, value in _of_values(*_known(truth[:, k], guess[:, k]), names).items()
            if key != "n_rows"
        }
        parts = [_known(truth[:, k], guess[:, k]) for k in range(len(names))]
        unit = _unit(*(array for part in parts for array in part))
        squares = np.concatenate([(t / unit - g / unit) ** 2 for t, g in parts])
        sizes = np.concatenate([np.abs(t - g) for t, g in parts])
        r2 = [value for key, value in each.items() if key.startswith("r2_") and value is not None]
        mean = float(np.mean(r2)) if r2 else None
        return {
            "n_rows": len(truth), "rmse": unit * float(np.sqrt(squares.mean())), "mae": float(sizes.mean()),
            "r2": mean, **each,
        }  # fmt: skip
    unit = _unit(truth, guess)
    truth, guess = truth / unit, guess / unit
    around = float(np.sum((truth - truth.mean()) ** 2)) if len(truth) else 0.0
    return {
        "n_rows": len(truth),
        "rmse": unit * float(np.sqrt(np.mean((truth - guess) ** 2))) if len(truth) else None,
        "mae": unit * float(np.mean(np.abs(truth - guess))) if len(truth) else None,
        "r2": 1 - float(np.sum((truth - guess) ** 2)) / around if around > 0 else None,
    }


def _unit(*values: Array) -> float:
    """1, or a power of two in which values are counted whose squares are too large or too small to be numbers."""
    exponent = int(np.frexp(max((float(np.abs(v).max(initial=0)) for v in values), default=0.0))[1])
    return 1.0 if abs(exponent) < 400 else 2.0 ** min(max(exponent, -1000), 1000)


def _known(truth: Array, guess: Array) -> tuple[Array, Array]:
    known = ~np.isnan(truth)
    return truth[known], guess[known]


def _of_labels(truth: Array, probability: Array) -> Scores:
    """A missing label counts neither way; auc over the labels that occur and are absent, where it has numbers."""
    from sklearn import metrics

    known, right = ~np.isnan(truth), (probability >= 0.5) == (truth == 1)
    f1, auc = [], []
    for k in range(truth.shape[1]):
        t, p = _known(truth[:, k], probability[:, k])
        f1.append(float(metrics.f1_score(t, p >= 0.5, zero_division=0)) if len(t) else 0.0)
        if len(np.unique(t)) == 2 and np.isfinite(p).all():
            auc.append(float(metrics.roc_auc_score(t, p)))
    chance = np.clip(np.where(truth == 1, probability, 1 - probability)[known], 1e-15, 1)
    return {
        "n_rows": len(truth),
        "accuracy": float(np.mean((right | ~known).all(axis=1))),
        "label_accuracy": float(right[known].mean()),
        "f1_macro": float(np.mean(f1)),
        "log_loss": float(-np.log(chance).mean()),
        "auc": float(np.mean(auc)) if auc else None,
    }


def _of_classes(truth: Array, probability: Array) -> Scores:
    """auc is None (undefined) if a class is missing from the rows. f1 is that of the second of two classes."""
    from sklearn import metrics

    n_classes, guess = probability.shape[1], _chosen(probability)
    total = probability.sum(axis=1, keepdims=True)
    probability = np.where(total > 0, probability / np.where(total > 0, total, 1), 1 / n_classes)
    present = np.unique(truth)
    auc = None
    if len(present) == n_classes:
        ranked = probability[:, 1] if n_classes == 2 else probability
        auc = float(metrics.roc_auc_score(truth, ranked, multi_class="ovr"))
    record: Scores = {
        "n_rows": len(truth),
        "accuracy": float(np.mean(truth == guess)),
        "balanced_accuracy": float(np.mean([np.mean(guess[truth == c] == c) for c in present])),
        "f1_macro": float(metrics.f1_score(truth, guess, average="macro", zero_division=0)),
        "log_loss": float(metrics.log_loss(truth, probability, labels=np.arange(n_classes))),
        "auc": auc,
    }
    return record | ({"f1": float(metrics.f1_score(truth, guess, zero_division=0))} if n_classes == 2 else {})


def _chosen(probability: Array) -> Array:
    """The class predicted; of two at one half the second, as one sigmoid has it."""
    if probability.shape[1] == 2:
        return (probability[:, 1] >= probability[:, 0]).astype(np.int64)
    return probability.argmax(axis=1)
