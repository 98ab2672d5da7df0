"""Scores on held-out rows, between epochs: the numbers scikit-learn's metrics give, without their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.network.targets import OutputKind
from chainrule.training import metrics

Array = npt.NDArray[Any]
Scorer = Callable[[Array, Array, "Array | None"], float]


def accuracy(targets: Array, output: Array, weight: Array | None) -> float:
    """Weighted share of rows whose class (or whose every label) is right."""
    if targets.ndim == 1:
        found = output[:, 0] > 0.5 if output.shape[1] == 1 else output.argmax(axis=1)
        right = found == targets
    else:
        right = ((output > 0.5) == (targets > 0.5)).all(axis=1)
    return float(right.mean() if weight is None else np.average(right, weights=weight))


def r2(targets: Array, output: Array, weight: Array | None) -> float:
    """Coefficient of determination, averaged over outputs; 1 or 0 for a constant target, as in scikit-learn."""
    y, a = targets.reshape(output.shape).astype(np.float64), output.astype(np.float64)
    w = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    left = w @ (y - a) ** 2
    total = w @ (y - np.average(y, axis=0, weights=w)) ** 2
    safe = np.where(total > 0, total, 1.0)
    return float(np.where(total > 0, 1 - left / safe, np.where(left > 0, 0.0, 1.0)).mean())


def scorer(metric: str, kind: OutputKind) -> Scorer:
    """The score of this name, the higher the better: "auto" is accuracy or R², else a metric of training."""
    if metric == "auto":
        return r2 if kind == "values" else accuracy
    if metric == "loss":
        raise ValueError("metric='loss': must be 'auto' or the name of a scikit-learn scorer.")
    found = metrics.choose(metric, kind)
    if found.more_is_better:
        return found.score
    return lambda targets, output, weight: -found.score(targets, output, weight)
