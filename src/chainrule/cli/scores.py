"""Measures of a network on rows, in the user's units, beside those of the simplest prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.data.table import Table
from chainrule.pipeline.numeric import NumericPipeline, labels, matrix

Array = npt.NDArray[Any]
Scores = dict[str, float | int | None]


def scores(network: Network, pipeline: NumericPipeline, table: Table) -> Scores:
    """Flat measures: n_rows and accuracy, balanced_accuracy, f1_macro, log_loss, auc, or rmse, mae, r2."""
    X = pipeline.features(table.names, matrix(table), table.path)
    truth = pipeline.encode(labels(table), table.path)
    if pipeline.classes is None:
        return _of_values(labels(table).astype(np.float64), pipeline.decode(network.predict(X)))
    probability = network.predict_proba(X).astype(np.float64)
    return _of_classes(truth, network.predict(X), probability)


def baseline(pipeline: NumericPipeline, trained_on: Table, table: Table) -> Scores:
    """The same measures where the prediction is always the training rows' majority class with their frequencies,
    or their mean."""
    known, truth = pipeline.encode(labels(trained_on), trained_on.path), pipeline.encode(labels(table), table.path)
    if pipeline.classes is None:
        mean = labels(trained_on).astype(np.float64).mean()
        return _of_values(labels(table).astype(np.float64), np.full(len(table), mean))
    share = np.bincount(known, minlength=len(pipeline.classes)) / len(known)
    probability = np.tile(share, (len(table), 1))
    return _of_classes(truth, np.full(len(table), share.argmax()), probability)


def _of_values(truth: Array, guess: Array) -> Scores:
    from sklearn import metrics

    return {
        "n_rows": len(truth),
        "rmse": float(np.sqrt(np.mean((truth - guess) ** 2))),
        "mae": float(np.mean(np.abs(truth - guess))),
        "r2": float(metrics.r2_score(truth, guess)) if len(truth) > 1 else None,
    }


def _of_classes(truth: Array, guess: Array, probability: Array) -> Scores:
    """auc is None where a class is missing from the rows: it has no meaning there."""
    from sklearn import metrics

    n_classes = probability.shape[1]
    total = probability.sum(axis=1, keepdims=True)
    probability = np.where(total > 0, probability / np.where(total > 0, total, 1), 1 / n_classes)
    present = np.unique(truth)
    auc = None
    if len(present) == n_classes:
        ranked = probability[:, 1] if n_classes == 2 else probability
        auc = float(metrics.roc_auc_score(truth, ranked, multi_class="ovr"))
    return {
        "n_rows": len(truth),
        "accuracy": float(np.mean(truth == guess)),
        "balanced_accuracy": float(np.mean([np.mean(guess[truth == c] == c) for c in present])),
        "f1_macro": float(metrics.f1_score(truth, guess, average="macro", zero_division=0)),
        "log_loss": float(metrics.log_loss(truth, probability, labels=np.arange(n_classes))),
        "auc": auc,
    }
