"""What drove the prediction of a row: the contributions of its columns, in the user's names and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.data.table import Column, Table
from chainrule.explain.step.influence import Influence, by_column, score_gradient
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Values, class_text

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Driven:
    """One prediction, its probability (None for values), and what each column adds to its score."""

    prediction: str
    probability: float | None
    found: tuple[Influence, ...]

    @property
    def plain(self) -> list[dict[str, Any]]:
        """The columns as JSON values, largest contribution first."""
        ranked = sorted(self.found, key=lambda entry: -abs(entry.contribution))
        return [{"column": e.column, "value": e.value, "contribution": e.contribution} for e in ranked]


def drivers(network: Network, pipeline: TablePipeline, row: Table) -> list[Driven]:
    """One entry for each target of a single row."""
    X = pipeline.features(row, network.architecture.dtype)
    forward, distance = network.forward(X), X[0].astype(np.float64) - pipeline.average
    target, output = pipeline.target, forward.output[0].astype(np.float64)
    values = {column.name: _shown(column) for column in row.columns}

    def contributions(k: int, sign: float, scale: float = 1.0) -> tuple[Influence, ...]:
        log_odds = not isinstance(target, Values)
        gradient = score_gradient(network.parameters, forward, k, log_odds=log_odds)[0] * (sign * scale)
        sums = by_column(gradient, distance, pipeline.widths)
        return tuple(
            Influence(name, values[name], float(entry)) for name, entry in zip(pipeline.columns, sums, strict=True)
        )

    if isinstance(target, Classes):
        chosen, one = int(network.predict(X)[0]), len(output) == 1
        probability = float(network.predict_proba(X)[0, chosen])
        k, sign = (0, 1.0 if chosen else -1.0) if one else (chosen, 1.0)
        return [
            Driven(f"{target.columns[0]} = {class_text(target.classes[chosen])}", probability, contributions(k, sign))
        ]
    if isinstance(target, Labels):
        lines = []
        for k, (name, words) in enumerate(zip(target.columns, target.words, strict=True)):
            yes = bool(output[k] >= 0.5)
            probability = float(output[k] if yes else 1 - output[k])
            lines.append(
                Driven(f"{name} = {class_text(words[yes])}", probability, contributions(k, 1.0 if yes else -1.0))
            )
        return lines
    decoded = target.decode(forward.output).reshape(-1)
    slopes = target.slopes(forward.output)[0]
    return [
        Driven(f"{name} = {decoded[k]:.6g}", None, contributions(k, 1.0, float(slopes[k])))
        for k, name in enumerate(target.columns)
    ]


def _shown(column: Column) -> str:
    """The value of the only row, as a reader knows it; nothing where it is missing."""
    if column.missing[0]:
        return ""
    value = column.values[0]
    if column.kind == "category":
        return (column.levels or ())[int(value)]
    if column.kind == "boolean":
        return (column.levels or ("false", "true"))[int(value)]
    if column.kind == "number":
        return f"{value:.6g}"
    date, clock = str(np.datetime_as_string(value, unit="s")).split("T")
    return date if clock == "00:00:00" else f"{date} {clock}"
