"""The contributions of the columns to the prediction of a row, in the user's names and units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, NumberColumn, Table
from chainrule.explain.columns.influence import Attribution, Influence, by_column, integrated_gradients, log_odds_of
from chainrule.network.parameters import Parameters
from chainrule.network.records import Forward
from chainrule.network.targets import points
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Target, Values, class_text
from chainrule.planning.evaluation import Predictor
from chainrule.reference.losses import loss_named

Array = npt.NDArray[Any]


class Explained(Predictor, Protocol):
    """What is explained: a network, by its passes."""

    @property
    def parameters(self) -> Parameters:
        """Weights and biases."""

    @property
    def members(self) -> Sequence[Explained]:
        """The networks side by side that it consists of, itself where it is one."""

    def forward(self, X: object) -> Forward:
        """The forward pass of rows."""


@dataclass(frozen=True, kw_only=True)
class TargetContributions:
    """The prediction of one target of a row, and what each column adds to its score; a part of a `RowExplanation`.

    Attributes
    ----------
    prediction : str
        The target and what is predicted, such as "size = large".
    probability : float or None
        Of the predicted class or label; None for a value.
    score : float
        The predicted value, or the log-odds log(p / (1 − p)) of the predicted class.
    baseline : float
        The score of the average of the training rows.
    found : tuple of Influence
        The columns as the pipeline takes them, then the nearest training rows where it uses them. Their contributions
        add up to score − baseline.
    temperature : float, default 1.0
        What z of the output layer is divided by for the probability, the score and the contributions.
    members : tuple of float
        Of an ensemble the probability or value that each member predicts; score, baseline and contributions are then
        means over the members, and `spread` is the standard deviation of these.
    """

    prediction: str
    probability: float | None
    score: float
    baseline: float
    found: tuple[Influence, ...]
    members: tuple[float, ...] = ()
    temperature: float = 1.0

    @property
    def spread(self) -> float:
        """The standard deviation over the members; 0 without."""
        return float(np.std(self.members)) if self.members else 0.0

    @property
    def ranked(self) -> list[Influence]:
        """The columns, the largest contribution first."""
        return sorted(self.found, key=lambda entry: -abs(entry.contribution))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values.

        Returns
        -------
        dict
            Prediction, probability, score, baseline, and the columns with the largest contribution first.
        """
        columns = [{"column": e.column, "value": e.value, "contribution": e.contribution} for e in self.ranked]
        known = {name: getattr(self, name) for name in ("prediction", "probability", "score", "baseline")}
        of_members = {"members": list(self.members), "spread": self.spread} if self.members else {}
        of_members |= {"temperature": self.temperature} if self.temperature != 1 else {}
        return known | of_members | {"columns": columns}


def contributions(
    predictor: Predictor, networks: Sequence[Explained], pipeline: TablePipeline, row: Table
) -> tuple[TargetContributions, ...]:
    """One entry for each target of a single row.

    Arguments: networks: those whose mean the predictor is, itself where it is one; of each that is several side by
    side, its members.
    """
    networks = [member for network in networks for member in network.members]
    X = pipeline.features(row, predictor.architecture.dtype)
    loss = predictor.architecture.loss
    outputs = [points(network.forward(X).output, loss)[0].astype(np.float64) for network in networks]
    target, output = pipeline.target, sum(outputs[1:], outputs[0]) / len(outputs)
    values = {column.name: _shown(column) for column in row.columns}
    is_softmax = predictor.architecture.output == "softmax"

    def of_target(prediction: str, probability: float | None, k: int, sign: float) -> TargetContributions:
        def score(rows: Forward) -> Array:
            if isinstance(target, Values):
                return target.decode(points(rows.output, loss)).reshape(len(rows.output), -1)[:, k]
            return sign * log_odds_of(rows, k, is_softmax)

        def slope(rows: Forward) -> Array:
            n = len(rows.output)
            return target.slopes(points(rows.output, loss))[:, k] if isinstance(target, Values) else np.full(n, sign)

        found = _mean_of([
            integrated_gradients(
                network.forward, network.parameters, X[0], pipeline.average, k * loss_named(loss).n_heads, score, slope,
                log_odds=not isinstance(target, Values),
            )
            for network in networks
        ])  # fmt: skip
        sums = zip(pipeline.columns, by_column(found.inputs, pipeline.widths), strict=True)
        entries = [Influence(name, values[name], float(entry)) for name, entry in sums]
        entries += _of_neighbours(pipeline, X[0], k, sign, found.inputs)
        known: dict[str, Any] = {"score": found.score, "baseline": found.baseline, "found": tuple(entries)}
        if len(networks) == 1 and isinstance(target, Classes) and target.temperature is not None:
            known["temperature"] = target.temperature
        if len(networks) > 1:
            known["members"] = tuple(_said(pipeline, one, k, sign) for one in outputs)
        return TargetContributions(prediction=prediction, probability=probability, **known)

    return tuple(of_target(*one) for one in _predicted(target, predictor, X, output))


def _predicted(
    target: Target, predictor: Predictor, X: Array, output: Array
) -> list[tuple[str, float | None, int, float]]:
    """What is predicted for each target of the only row in words, its probability, its output, and the sign of that."""
    if isinstance(target, Classes):
        chosen, one = int(predictor.predict(X)[0]), len(output) == 1
        probability = float(predictor.predict_proba(X)[0, chosen])
        k, sign = (0, 1.0 if chosen else -1.0) if one else (chosen, 1.0)
        return [(f"{target.columns[0]} = {class_text(target.classes[chosen])}", probability, k, sign)]
    if isinstance(target, Labels):
        found: list[tuple[str, float | None, int, float]] = []
        for k, (name, words) in enumerate(zip(target.columns, target.words, strict=True)):
            yes = bool(output[k] >= 0.5)
            probability = float(output[k] if yes else 1 - output[k])
            found.append((f"{name} = {class_text(words[yes])}", probability, k, 1.0 if yes else -1.0))
        return found
    decoded = target.decode(output[None, :]).reshape(-1)
    return [(f"{name} = {decoded[k]:.6g}", None, k, 1.0) for k, name in enumerate(target.columns)]


def _mean_of(found: Sequence[Attribution]) -> Attribution:
    """The mean over networks: contributions still add up to the difference between the scores."""
    inputs = sum((one.inputs for one in found[1:]), found[0].inputs) / len(found)
    score, baseline = (float(np.mean(values)) for values in zip(*((f.score, f.baseline) for f in found), strict=True))
    return Attribution(inputs=inputs, score=score, baseline=baseline)


def _said(pipeline: TablePipeline, output: Array, k: int, sign: float) -> float:
    """What a network says of a row: the probability of what is predicted, or the value."""
    if isinstance(pipeline.target, Values):
        return float(pipeline.target.decode(output[None, :]).reshape(-1)[k])
    return float(output[k] if sign > 0 else 1 - output[k])


def _of_neighbours(pipeline: TablePipeline, x: Array, k: int, sign: float, contributions: Array) -> list[Influence]:
    """What the nearest training rows add together, and what they say: their mean value, or the share of the class."""
    near, target = pipeline.neighbours, pipeline.target
    if near is None:
        return []
    n, means = near.means(x[-len(near.names) :])
    if isinstance(target, Values):
        said = f"{target.decode(means[None, :]).reshape(-1)[k]:.6g}"
    else:
        said = f"{means[k] if sign > 0 else 1 - means[k]:.3g}"
    return [Influence("neighbours", said, float(contributions[sum(pipeline.widths) :].sum()), n)]


def _shown(column: Column) -> str:
    """The value of the only row, as a reader knows it; nothing where it is missing."""
    if column.missing[0]:
        return ""
    value = column.values[0]
    if isinstance(column, NumberColumn) and column.codes is not None and column.codes[0] >= 0:
        return (column.levels or ())[int(column.codes[0])]
    if column.kind == "category":
        return (column.levels or ())[int(value)]
    if column.kind == "boolean":
        return (column.levels or ("false", "true"))[int(value)]
    if column.kind == "number":
        return f"{value:.6g}"
    date, clock = str(np.datetime_as_string(value, unit="s")).split("T")
    return date if clock == "00:00:00" else f"{date} {clock}"
