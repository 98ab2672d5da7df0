"""Columns become inputs in ONNX, as the pipeline's encoders make them: numbers in double.

A number enters as double (missing: NaN; a word among the numbers, such as >20, is a text of its own under NAME (word)),
a boolean as double (1, 0, NaN), a category as text (missing: ""), a time as int64 seconds since 1970-01-01 (missing:
the smallest int64), a code as double.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import SettingsError
from chainrule.export.onnx.graph import OnnxGraph
from chainrule.pipeline.codes import CodeEncoder
from chainrule.pipeline.columns import CYCLES, FARTHEST, SOFT_LIMIT, BooleanEncoder, NumberEncoder, TimeEncoder
from chainrule.pipeline.encoders import Encoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.ordered import OrderedEncoder
from chainrule.pipeline.table_pipeline import TablePipeline

WORD = " (word)"
"""Added to the name of a column of numbers for the words that stand among them, such as >20."""
DOUBLE, INT64, TEXT = 11, 7, 8
"""Of onnx.TensorProto."""
NO_TIME = int(np.iinfo(np.int64).min)
DAY_S = 86_400


def inputs_of(graph: OnnxGraph, pipeline: TablePipeline) -> str:
    """All columns as inputs of the graph, encoded: (N, n_inputs), double.

    Raises SettingsError for what has no form in ONNX.
    """
    if pipeline.neighbours is not None:
        raise SettingsError(
            "the model uses the nearest training rows, which are not exported to ONNX. Train with --no-neighbours."
        )
    parts = [_WRITERS[type(encoder)](graph, encoder, pipeline) for encoder in _known(pipeline)]
    return graph.node("Concat", *parts, axis=1)


def _known(pipeline: TablePipeline) -> list[Encoder]:
    for encoder in pipeline.encoders:
        if type(encoder) not in _WRITERS:
            raise SettingsError(
                f"column {encoder.name!r} is read as {encoder.kind}, which is not exported to ONNX. Train with "
                f"--kind {encoder.name}=category, or --drop {encoder.name}."
            )
    return list(pipeline.encoders)


def _number(graph: OnnxGraph, encoder: NumberEncoder, pipeline: TablePipeline) -> str:
    """A number; where words stand among the numbers they are an input of their own, in which "" is no word."""
    values = graph.input(encoder.name, DOUBLE)
    if not encoder.words:
        return number(graph, encoder, values)
    texts = graph.input(encoder.name + WORD, TEXT)
    places = graph.mapped(texts, {word: i for i, word in enumerate(encoder.words)}, -1)
    is_word = graph.node("Equal", places, graph.constant(np.arange(len(encoder.words), dtype=np.int64)[None]))
    parts = [number(graph, replace(encoder, indicator=False), values)]
    if encoder.indicator:
        none = graph.node("Less", places, graph.constant(np.array([[0]], np.int64)))
        parts.append(graph.cast(graph.node("And", graph.node("IsNaN", values), none), DOUBLE))
    return graph.node("Concat", *parts, graph.cast(is_word, DOUBLE), axis=1)


def number(graph: OnnxGraph, encoder: NumberEncoder, values: str) -> str:
    """NumberEncoder.of of a double tensor (N, 1)."""
    c = graph.constant
    missing = graph.node("IsNaN", values)
    v = graph.node("Where", missing, c([[encoder.filled]], np.float64), values)
    parts = [_scaled(graph, encoder, v)]
    if encoder.n_bins:
        a, b = encoder.edges[:-1], encoder.edges[1:]
        share = graph.node("Div", graph.node("Sub", v, c(a[None])), c((b - a)[None]))
        parts.append(_clip(graph, share, 0.0, 1.0))
    if encoder.indicator:
        parts.append(graph.cast(missing, DOUBLE))
    return graph.node("Concat", *parts, axis=1)


def _clip(graph: OnnxGraph, value: str, low: float, high: float) -> str:
    return graph.node("Clip", value, graph.constant(low, np.float64), graph.constant(high, np.float64))


def _scaled(graph: OnnxGraph, encoder: NumberEncoder, v: str) -> str:
    c = graph.constant
    if encoder.knots.shape[1]:
        return graph.node("Mul", _interpolated(graph, v, *encoder.knots), c([[encoder.factor]], np.float64))
    if encoder.factor == 0:
        return _zeros(graph, v)
    x = graph.node("Mul", graph.node("Sub", v, c([[encoder.center]], np.float64)), c([[encoder.factor]], np.float64))
    x = _clip(graph, x, -FARTHEST, FARTHEST)
    if not encoder.limited:
        return x
    third = graph.node("Div", x, c([[SOFT_LIMIT]], np.float64))
    root = graph.node("Sqrt", graph.node("Add", c([[1.0]], np.float64), graph.node("Mul", third, third)))
    return graph.node("Div", x, root)


def _zeros(graph: OnnxGraph, like: str) -> str:
    """Zeros of as many rows; not 0·v, which is NaN for an infinite v."""
    return graph.node("Where", graph.node("IsNaN", like), graph.constant([[0.0]]), graph.constant([[0.0]]))


def _interpolated(graph: OnnxGraph, v: str, x: Any, y: Any) -> str:
    """np.interp: between the knots a line, beyond them the last value."""
    c = graph.constant
    if len(x) == 1:
        return graph.node("Add", _zeros(graph, v), c([[float(y[0])]]))
    v = _clip(graph, v, float(x[0]), float(x[-1]))
    above = graph.cast(graph.node("GreaterOrEqual", v, c(x[None, 1:-1])), INT64) if len(x) > 2 else ""
    axes = c(np.array([1], np.int64))
    if above:
        place = graph.node("ReduceSum", above, axes, keepdims=1)
    else:
        place = graph.cast(_zeros(graph, v), INT64)
    slope = np.diff(y) / np.diff(x)
    taken = [graph.node("Gather", c(np.asarray(one, np.float64)), place, axis=0) for one in (x[:-1], y[:-1], slope)]
    return graph.node("Add", graph.node("Mul", graph.node("Sub", v, taken[0]), taken[2]), taken[1])


def _boolean(graph: OnnxGraph, encoder: BooleanEncoder, pipeline: TablePipeline) -> str:
    values, c = graph.input(encoder.name, DOUBLE), graph.constant
    sign = graph.node("Where", graph.node("Greater", values, c([[0.0]])), c([[1.0]]), c([[-1.0]]))
    return graph.node("Where", graph.node("IsNaN", values), c([[0.0]]), sign)


def _category(graph: OnnxGraph, encoder: CategoryEncoder, pipeline: TablePipeline) -> str:
    texts = graph.input(encoder.name, TEXT)
    return category(graph, encoder, lambda places, default: _mapped(graph, texts, places, default, pipeline))


def _mapped(graph: OnnxGraph, texts: str, places: dict[Any, int], default: int, pipeline: TablePipeline) -> str:
    """Places of levels; None stands for a missing value, which every spelling of one that is no level means."""
    gone = places.pop(None)
    return graph.mapped(texts, {**dict.fromkeys(("", *pipeline.missing), gone), **places}, default)


def category(graph: OnnxGraph, encoder: CategoryEncoder, place_of: Callable[[dict[Any, int], int], str]) -> str:
    """CategoryEncoder.encode; place_of: the numbers of levels and of None, a missing value, with a default."""
    c, n = graph.constant, len(encoder.levels)
    other = n if encoder.rare else -1
    places: dict[Any, int] = {level: i for i, level in enumerate(encoder.levels)}
    slots = place_of({**places, None: n + encoder.rare if encoder.missing else other}, other)
    if encoder.is_pair:
        is_one, is_zero = (graph.node("Equal", slots, c(np.array([[k]], np.int64))) for k in (1, 0))
        return graph.node("Where", is_one, c([[1.0]]), graph.node("Where", is_zero, c([[-1.0]]), c([[0.0]])))
    width = n + encoder.rare + encoder.missing
    parts = [graph.cast(graph.node("Equal", slots, c(np.arange(width, dtype=np.int64)[None])), DOUBLE)] if width else []
    if encoder.means.size:
        unknown = len(encoder.means_of)
        means = place_of({**{level: i for i, level in enumerate(encoder.means_of)}, None: unknown}, unknown)
        flat = graph.node("Squeeze", means, c(np.array([1], np.int64)))
        parts.append(graph.node("Gather", c(encoder.means[0].astype(np.float64)), flat, axis=0))
    return graph.node("Concat", *parts, axis=1)


def _ordered(graph: OnnxGraph, encoder: OrderedEncoder, pipeline: TablePipeline) -> str:
    c, texts = graph.constant, graph.input(encoder.name, TEXT)
    places: dict[Any, int] = {level: k for k, level in enumerate(encoder.levels)}
    ranks = _mapped(graph, texts, {**places, None: -1}, -1, pipeline)
    known = graph.node("GreaterOrEqual", ranks, c(np.array([[0]], np.int64)))
    scale = 2.0 / (len(encoder.levels) - 1) if len(encoder.levels) > 1 else 0.0
    place = graph.node("Sub", graph.node("Mul", graph.cast(ranks, DOUBLE), c([[scale]], np.float64)), c([[1.0]]))
    parts = [graph.node("Where", known, place, c([[0.0]]))]
    if len(encoder.steps):
        parts.append(graph.cast(graph.node("GreaterOrEqual", ranks, c(encoder.steps.astype(np.int64)[None])), DOUBLE))
    if encoder.missing:
        parts.append(graph.cast(graph.node("Not", known), DOUBLE))
    return graph.node("Concat", *parts, axis=1)


def _code(graph: OnnxGraph, encoder: CodeEncoder, pipeline: TablePipeline) -> str:
    """As a number, and by its whole value as a category; of a fraction the category is unknown."""
    c, values = graph.constant, graph.input(encoder.name, DOUBLE)
    beyond, gone = -(2**62), -(2**62) + 1
    is_whole = graph.node("Equal", values, graph.node("Floor", values))
    near = graph.node("Less", graph.node("Abs", values), c([[2.0**53]]))
    usable = graph.node("And", is_whole, near)
    whole = graph.cast(graph.node("Where", usable, values, c([[0.0]])), INT64)
    key = graph.node("Where", usable, whole, c(np.array([[beyond]], np.int64)))
    key = graph.node("Where", graph.node("IsNaN", values), c(np.array([[gone]], np.int64)), key)

    def place_of(places: dict[Any, int], default: int) -> str:
        keys = {gone if level is None else int(level): place for level, place in places.items()}
        return graph.node(
            "LabelEncoder", key, domain="ai.onnx.ml", keys_int64s=list(keys), values_int64s=list(keys.values()),
            default_int64=default,
        )  # fmt: skip

    part = category(graph, encoder.category, place_of)
    return graph.node("Concat", number(graph, encoder.number, values), part, axis=1)


# times --------------------------------------------------------------------------------------------------------------


def _time(graph: OnnxGraph, encoder: TimeEncoder, pipeline: TablePipeline) -> str:
    c, seconds = graph.constant, graph.input(encoder.name, INT64)
    missing = graph.node("Equal", seconds, c(np.array([[NO_TIME]], np.int64)))
    t = graph.node("Where", missing, c(np.array([[0]], np.int64)), seconds)
    elapsed = graph.node("Where", missing, c([[np.nan]]), graph.cast(t, DOUBLE))
    parts = [number(graph, encoder.elapsed, elapsed)]
    for cycle in encoder.cycles:
        turn = graph.node("Mul", _SHARES[cycle](graph, t), c([[2 * np.pi]]))
        for k in range(1, CYCLES[cycle][1] + 1):
            angle = graph.node("Mul", turn, c([[float(k)]]))
            quarter = graph.node("Add", angle, c([[np.pi / 2]]))  # the cosine, which runtimes may not have in double
            parts += [graph.node("Where", missing, c([[0.0]]), graph.node("Sin", one)) for one in (angle, quarter)]
    return graph.node("Concat", *parts, axis=1)


def _mod(graph: OnnxGraph, value: str, n: int) -> str:
    """The remainder that is never negative."""
    return graph.node("Mod", value, graph.constant(np.array([[n]], np.int64)))


def _floor_div(graph: OnnxGraph, value: str, n: int) -> str:
    return graph.node("Div", graph.node("Sub", value, _mod(graph, value, n)), graph.constant(np.array([[n]], np.int64)))


def _share_of_day(graph: OnnxGraph, t: str) -> str:
    return graph.node("Div", graph.cast(_mod(graph, t, DAY_S), DOUBLE), graph.constant([[float(DAY_S)]]))


def _share_of_week(graph: OnnxGraph, t: str) -> str:
    day = graph.node("Add", _floor_div(graph, t, DAY_S), graph.constant(np.array([[3]], np.int64)))
    return graph.node("Div", graph.cast(_mod(graph, day, 7), DOUBLE), graph.constant([[7.0]]))


def _share_of_year(graph: OnnxGraph, t: str) -> str:
    """Seconds since the first of January of the year, by 365.25 days.

    Years are counted from the first of March, so that the day that leap years have more is the last one.
    Source: Richards (1998), Mapping time, the conversion of day numbers to the Gregorian calendar.
    """

    def c(n: int) -> str:
        return graph.constant(np.array([[n]], np.int64))

    def of(kind: str, a: str, b: str) -> str:
        return graph.node(kind, a, b)

    days = _floor_div(graph, t, DAY_S)
    z = of("Add", days, c(719_468))  # since 0000-03-01
    era = _floor_div(graph, z, 146_097)
    day_of_era = _mod(graph, z, 146_097)
    less = of("Sub", of("Add", day_of_era, of("Div", day_of_era, c(36_524))), of("Div", day_of_era, c(1_460)))
    year_of_era = of("Div", of("Sub", less, of("Div", day_of_era, c(146_096))), c(365))
    before = of("Sub", of("Add", of("Mul", year_of_era, c(365)), of("Div", year_of_era, c(4))),
                of("Div", year_of_era, c(100)))  # fmt: skip
    day_of_year = of("Sub", day_of_era, before)  # from the first of March
    is_next = graph.node("GreaterOrEqual", day_of_year, c(306))  # January and February
    year = of("Add", of("Add", year_of_era, of("Mul", era, c(400))), graph.cast(is_next, INT64))
    whole = of("Sub", year, c(1))
    first = of("Sub", of("Add", of("Mul", whole, c(365)), of("Sub", _floor_div(graph, whole, 4),
               of("Sub", _floor_div(graph, whole, 100), _floor_div(graph, whole, 400)))), c(719_162))  # fmt: skip
    passed = of("Sub", t, of("Mul", first, c(DAY_S)))
    return graph.node("Div", graph.cast(passed, DOUBLE), graph.constant([[DAY_S * 365.25]]))


_SHARES = {"year": _share_of_year, "week": _share_of_week, "day": _share_of_day}
_WRITERS: dict[type, Callable[[OnnxGraph, Any, TablePipeline], str]] = {
    NumberEncoder: _number, BooleanEncoder: _boolean, CategoryEncoder: _category, OrderedEncoder: _ordered,
    CodeEncoder: _code, TimeEncoder: _time,
}  # fmt: skip
