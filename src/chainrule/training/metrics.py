"""Metrics on held-out rows: which number says that an epoch was better, and how it is had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.targets import OutputKind, decode, gives_probabilities

Array = npt.NDArray[Any]
VALIDATED = "validation_loss"
"""The name of the loss on held-out rows in the history."""


@dataclass(frozen=True)
class Metric:
    """A metric: its name in the history, whether more is better, and score(y, output, weight)."""

    name: str
    more_is_better: bool
    score: Callable[[Array, Array, Array | None], float]
    beside: Metric | None = None
    """A second one for the history, that judges nothing."""
    is_loss: bool = False
    """Whether it is J itself, which z gives more digits than the output."""

    def better(self, score: float, than: float | None) -> bool:
        """Whether a score is at least as good: of equal scores the last one counts."""
        if than is None:
            return score == score
        return score >= than if self.more_is_better else score <= than

    def improves(self, score: float, best: float | None) -> bool:
        """Whether a score is better than the best so far, or the first: an equal one is not an improvement."""
        return best is None or (score != best and self.better(score, best))


TRAINING_LOSS = Metric("loss", False, lambda y, output, weight: float("nan"))
"""What is watched where no rows are held out: the history has it anyway."""


def _accuracy(kind: OutputKind) -> Callable[[Array, Array, Array | None], float]:
    def score(y: Array, output: Array, weight: Array | None) -> float:
        truth = _decoded(y, kind)
        right = decode(output, kind) == truth
        if right.ndim == 2:  # a missing label, NaN, is not an error
            right = (right | np.isnan(truth)).all(axis=1)
        return float(right.mean() if weight is None else np.average(right, weights=weight))

    return score


def _decoded(y: Array, kind: OutputKind) -> Array:
    """True classes, labels or values in the form of decode()."""
    if kind == "class":
        return y if y.ndim == 1 else y.argmax(axis=1)
    return y[:, 0] if kind == "values" and y.shape[1] == 1 else y


def _rmse(y: Array, output: Array, weight: Array | None) -> float:
    """Of several values the mean of each one's, as in scikit-learn; one that no row knows stays out."""
    square = (output.astype(np.float64) - y) ** 2
    known = ~np.isnan(square)
    if known.all():
        return float(np.sqrt(np.average(square, axis=0, weights=weight)).mean())
    w = known * (np.ones(len(y)) if weight is None else weight)[:, None]
    total = w.sum(axis=0)
    means = np.sum(w * np.where(known, square, 0), axis=0)[total > 0] / total[total > 0]
    return float(np.sqrt(means).mean()) if len(means) else float("nan")


def choose(name: str, kind: OutputKind, output: str = "identity", positive: int = 1) -> Metric:
    """The metric of this name; "auto" is accuracy for classes and labels, rmse for values, the loss where values are
    predicted by probabilities.

    Any other name is one of scikit-learn's scorers; of two classes f1, precision and recall are of the positive one.
    """
    if name == "auto" and kind == "values" and gives_probabilities(output):
        name = "loss"
    if name == "auto":
        name = "rmse" if kind == "values" else "accuracy"
    if name == "accuracy" and kind != "values":
        return Metric("accuracy", True, _accuracy(kind))
    if name == "rmse" and kind == "values":
        return Metric("rmse", False, _rmse)
    if name == "loss":
        return Metric(VALIDATED, False, lambda y, output, weight: float("nan"), choose("auto", kind))
    return _from_scikit_learn(name, kind, positive)


_ALIASES = {
    "auc": "roc_auc_ovr",
    "brier": "neg_brier_score",
    "log_loss": "neg_log_loss",
    "mae": "neg_mean_absolute_error",
    "rmse": "neg_root_mean_squared_error",
}


def _from_scikit_learn(name: str, kind: OutputKind, positive: int) -> Metric:
    from sklearn.metrics import get_scorer, get_scorer_names

    key = _ALIASES.get(name, name)
    if key not in get_scorer_names():
        raise unknown_name("metric", name, ["auto", "loss", "accuracy", "rmse", *_ALIASES, *get_scorer_names()])
    scorer = get_scorer(key)

    def score(y: Array, output: Array, weight: Array | None) -> float:
        truth, swapped = _decoded(y, kind), kind == "class" and output.shape[1] <= 2 and positive == 0
        try:
            predictions = _Predictions(output, kind, swapped=swapped)
            value = scorer(predictions, np.zeros((len(y), 1)), 1 - truth if swapped else truth, sample_weight=weight)
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError(f"metric {name!r} does not fit these targets: {error}") from None
        return -float(value) if name in _ALIASES and key.startswith("neg_") else float(value)

    more_is_better = not (name in _ALIASES and key.startswith("neg_"))
    return Metric(name, more_is_better, score)


class _Predictions:
    """What a scorer wants of an estimator: the predictions, already made; swapped: the first of two classes is 1."""

    def __init__(self, output: Array, kind: OutputKind, *, swapped: bool = False) -> None:
        self._output, self._kind, self._swapped = output, kind, swapped
        self._estimator_type = "regressor" if kind == "values" else "classifier"
        if kind == "class":
            self.classes_ = np.arange(max(output.shape[1], 2))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, RegressorTags, Tags, TargetTags

        values = self._kind == "values"
        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True),
            classifier_tags=None if values else ClassifierTags(),
            regressor_tags=RegressorTags() if values else None,
        )

    def fit(self, X: Array, y: Array) -> _Predictions:
        """Nothing to fit: a scorer only asks whether it could."""
        return self

    def predict(self, X: Array) -> Array:
        """The predictions."""
        found = decode(self._output, self._kind)
        return 1 - found if self._swapped else found

    def predict_proba(self, X: Array) -> Array:
        """The probabilities; both columns where there is one output."""
        one = self._output.shape[1] == 1 and self._kind == "class"
        proba = np.hstack([1 - self._output, self._output]) if one else self._output
        proba = proba[:, ::-1] if self._swapped else proba
        return proba.astype(np.float64) / (proba.sum(axis=1, keepdims=True) if self._kind == "class" else 1)
