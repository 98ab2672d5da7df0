"""Outputs of the networks become predictions in ONNX: names of classes and probabilities, or values in their unit."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.export.onnx.columns import DOUBLE, INT64, TEXT
from chainrule.export.onnx.graph import OnnxGraph
from chainrule.export.onnx.network import TYPES, activated, outputs_of
from chainrule.export.subject import Subject
from chainrule.pipeline.target import Classes, Labels, Values, class_text
from chainrule.reference.heads import outward
from chainrule.reference.losses import loss_named


def predictions(graph: OnnxGraph, subject: Subject, X: str) -> dict[str, str]:
    """Add the outputs of a model with a pipeline; the names of its outputs, and what each holds.

    Arguments: X: the encoded inputs (N, n_inputs), double. Raises SettingsError for what has no form in ONNX.
    """
    assert subject.pipeline is not None
    target, architecture = subject.pipeline.target, subject.architecture
    heads = loss_named(architecture.loss).heads
    if heads is not None and heads.deviation is not None:
        raise SettingsError(
            f"loss {architecture.loss!r} predicts a standard deviation, which is not exported to ONNX. Train with "
            "another --loss; --intervals without it are exported."
        )
    X = graph.cast(X, TYPES[architecture.dtype])
    if isinstance(target, Values):
        return _values(graph, subject, target, X)
    proba = _probabilities(graph, subject, target, X)
    if isinstance(target, Labels):
        return _labels(graph, target, proba)
    return _classes(graph, target, proba)


def _mean(graph: OnnxGraph, parts: list[str], kind: int) -> str:
    """The mean over the members, in double; of one network its own output."""
    if len(parts) == 1:
        return parts[0]
    total = graph.cast(parts[0], DOUBLE)
    for part in parts[1:]:
        total = graph.node("Add", total, graph.cast(part, DOUBLE))
    return graph.node("Div", total, graph.constant([[float(len(parts))]]))


def _probabilities(graph: OnnxGraph, subject: Subject, target: Classes | Labels, X: str) -> str:
    """(N, n_classes) or (N, k), in float32 or, of an ensemble, double."""
    parts, dtype = [], subject.architecture.dtype
    for network in subject.networks:
        z, a = outputs_of(graph, network, X)
        if isinstance(target, Classes) and subject.architecture.n_outputs == 1:
            other = graph.node("Sigmoid", graph.node("Neg", z))
            a = graph.node("Concat", other, a, axis=1)
        parts.append(a)
    return _mean(graph, parts, TYPES[dtype])


def _classes(graph: OnnxGraph, target: Classes, proba: str) -> dict[str, str]:
    c, names = graph.constant, list(map(class_text, target.classes))
    if len(names) == 2:  # the second from 0.5 on
        second = graph.node("Gather", proba, c(np.array([1], np.int64)), axis=1)
        place = graph.cast(graph.node("GreaterOrEqual", graph.cast(second, DOUBLE), c([[0.5]])), INT64)
    else:
        place = graph.node("ArgMax", proba, axis=1, keepdims=1)
    graph.output("prediction", graph.node("Gather", c(np.array(names, object)), place, axis=0), TEXT, ["N", 1])
    graph.output("probabilities", graph.cast(proba, DOUBLE), DOUBLE, ["N", len(names)])
    return {"prediction": "the class", "probabilities": ", ".join(names)}


def _labels(graph: OnnxGraph, target: Labels, proba: str) -> dict[str, str]:
    c, columns = graph.constant, []
    yes = graph.cast(graph.node("GreaterOrEqual", graph.cast(proba, DOUBLE), c([[0.5]])), INT64)
    for k, pair in enumerate(target.words):
        place = graph.node("Gather", yes, c(np.array([k], np.int64)), axis=1)
        columns.append(graph.node("Gather", c(np.array(list(map(class_text, pair)), object)), place, axis=0))
    graph.output("prediction", graph.node("Concat", *columns, axis=1), TEXT, ["N", len(columns)])
    graph.output("probabilities", graph.cast(proba, DOUBLE), DOUBLE, ["N", len(columns)])
    return {"prediction": ", ".join(target.columns), "probabilities": ", ".join(target.columns)}


def _values(graph: OnnxGraph, subject: Subject, target: Values, X: str) -> dict[str, str]:
    c, kind, n = graph.constant, TYPES[subject.architecture.dtype], len(target.columns)
    outputs = [outputs_of(graph, network, X)[1] for network in subject.networks]
    heads = loss_named(subject.architecture.loss).heads
    if heads is None:
        parts, sides = outputs, []
    else:
        grouped = [graph.node("Reshape", one, c(np.array([-1, n, heads.n], np.int64))) for one in outputs]
        parts = [_head(graph, one, 0) for one in grouped]
        sides = [_levels(graph, one, heads.levels, subject.architecture.dtype) for one in grouped]
    point = graph.cast(_mean(graph, parts, kind), DOUBLE)
    graph.output("prediction", _decoded(graph, target, point), DOUBLE, ["N", n])
    answers = {"prediction": ", ".join(target.columns)}
    if heads is not None:
        levels = [graph.cast(_mean(graph, [one[j] for one in sides], kind), DOUBLE) for j in range(len(heads.levels))]
        for name, level in zip(heads.columns, _widened(graph, point, levels, target, heads.n_below), strict=True):
            graph.output(name, _decoded(graph, target, level), DOUBLE, ["N", n])
            answers[name] = ", ".join(target.columns)
    return answers


def _decoded(graph: OnnxGraph, target: Values, value: str) -> str:
    """Values.decode."""
    c = graph.constant
    wide = graph.node("Add", graph.node("Mul", value, c(_row(target.scale))), c(_row(target.mean)))
    if target.logarithm:
        grown = graph.node("Sub", graph.node("Exp", graph.node("Min", wide, c([[700.0]]))), c([[1.0]]))
        wide = graph.node("Mul", c(_row(target.unit)), grown)
        wide = graph.node("Max", c([[0.0]]), graph.node("Min", wide, c(_row(target.high))))
    return wide


def _head(graph: OnnxGraph, grouped: str, k: int) -> str:
    """Output k of every target, (N, targets), of (N, targets, heads)."""
    return graph.node("Gather", grouped, graph.constant(np.array(k, np.int64)), axis=2)


def _levels(graph: OnnxGraph, grouped: str, levels: tuple[float, ...], dtype: str) -> list[str]:
    """ordered_quantiles of one network."""
    found = [""] * len(levels)
    for sign, places in outward(levels):
        value = _head(graph, grouped, 0)
        for k in places:
            step = activated(graph, "softplus", _head(graph, grouped, k), np.dtype(dtype).type)
            value = found[k - 1] = graph.node("Add" if sign > 0 else "Sub", value, step)
    return found


def _widened(graph: OnnxGraph, point: str, levels: list[str], target: Values, n_below: int) -> list[str]:
    """The levels at their calibrated distances from the point, in order outwards."""
    found, factors = list(levels), target.calibration
    for sign, places in ((-1, range(n_below - 1, -1, -1)), (1, range(n_below, len(levels)))):
        before = ""
        for j in places:
            distance = graph.node("Abs", graph.node("Sub", levels[j], point))
            if factors is not None:
                distance = graph.node("Mul", distance, graph.constant(_row(factors[:, j])))
            before = graph.node("Max", before, distance) if before else distance
            found[j] = graph.node("Add" if sign > 0 else "Sub", point, before)
    return found


def _row(values: Any) -> Any:
    return np.asarray(values, np.float64).reshape(1, -1)
