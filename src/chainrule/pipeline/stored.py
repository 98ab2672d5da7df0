"""What a stored pipeline may be: every encoder's state, its arrays, and the coding of the targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.typed import check_reading
from chainrule.pipeline.columns import CYCLES
from chainrule.pipeline.nearest import LIMIT, MOST_BITS, grid_bits
from chainrule.pipeline.neighbours import FAR_COUNTS, MOST_COUNT
from chainrule.pipeline.ordered import MOST_STEPS
from chainrule.pipeline.target import class_text
from chainrule.schema import (
    Checked,
    Either,
    Flag,
    Kinds,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    Schema,
    SchemaError,
    TensorSchema,
    Text,
    Whole,
    inside,
    refuse,
)

Array = npt.NDArray[Any]
MAX_SEED = 2**64 - 1
N_TABLES_OF_MEANS = 6
"""Means of levels over all training rows, then without each of the five folds."""
_NAME = Text(encodable=False)
"""Of a column, level or class: any text that rows may hold."""
_NUMBER: dict[str, Schema] = {
    "name": _NAME,
    "center": Number(),
    "factor": Number(),
    "limited": Flag(),
    "filled": Number(),
    "indicator": Flag(),
    "low": Optional(Number()),
    "high": Optional(Number()),
    "words": ListOf(_NAME, distinct=True),
}
_CATEGORY: dict[str, Schema] = {
    "name": _NAME,
    "levels": ListOf(_NAME, distinct=True),
    "rare": Flag(),
    "missing": Flag(),
    "means_of": ListOf(_NAME, distinct=True),
}
_NO_WORDS = frozenset({"words", "low", "high"})
"""Of a number without words among its values they may be left out, as may its range."""
_CLASS_NAME = Either((_NAME, Number()), "a text or a finite number")
_TARGET_NAMES = ListOf(_NAME, least=1, distinct=True)
_TIME: dict[str, Schema] = {
    "name": _NAME,
    "elapsed": Record(_NUMBER, may_lack=_NO_WORDS),
    "cycles": ListOf(Text(tuple(CYCLES)), distinct=True),
}
_NEIGHBOURS = Record(
    {
        "of": ListOf(_NAME, least=1, distinct=True),
        "counts": ListOf(Whole(1, MOST_COUNT), least=1, distinct=True),
        "bits": Whole(0, MOST_BITS),
        "weight": Record({"empty": ListOf(Whole(0, 0), 1, 1)}),
    },
    may_lack=frozenset({"weight"}),
)


def _accept_reading(value: Any) -> None:
    """ValueError for an invalid reading of a column."""
    check_reading("of the pipeline", Text().check(value, ""))


PIPELINE = Record(
    {
        "kind": Text(("table",)),
        "columns": ListOf(
            Kinds(
                {
                    "number": Record(_NUMBER, may_lack=_NO_WORDS),
                    "boolean": Record({"name": _NAME}),
                    "category": Record(_CATEGORY),
                    "time": Record(_TIME),
                    "words": Record(
                        {
                            "name": _NAME,
                            "words": ListOf(_NAME, distinct=True),
                            "first": Record(_CATEGORY),
                            "first_two": Record(_CATEGORY),
                        }
                    ),
                    "ordered": Record(
                        {"name": _NAME, "levels": ListOf(_NAME, least=2, distinct=True), "missing": Flag()}
                    ),
                    "code": Record(
                        {"name": _NAME, "number": Record(_NUMBER, may_lack=_NO_WORDS), "category": Record(_CATEGORY)}
                    ),
                }
            )
        ),
        "target": Kinds(
            {
                "classes": Record(
                    {
                        "columns": ListOf(_NAME, 1, 1),
                        "classes": ListOf(_CLASS_NAME, least=2),
                        "positive": Optional(Whole(0, 1)),
                        "temperature": Number(low=1e-6),
                    },
                    may_lack=frozenset({"positive", "temperature"}),
                ),
                "labels": Record({"columns": _TARGET_NAMES, "words": ListOf(ListOf(_CLASS_NAME, 2, 2))}),
                "values": Record({"columns": _TARGET_NAMES, "logarithm": Flag()}),
            }
        ),
        "readings": MapOf(Checked(_accept_reading), _NAME),
        "missing": ListOf(_NAME),
        "weight": Optional(_NAME),
        "n_unnamed": Optional(Whole(1)),
        "seed": Whole(0, MAX_SEED),
        "neighbours": _NEIGHBOURS,
    },
    may_lack=frozenset({"weight", "n_unnamed", "neighbours"}),
)


def check_pipeline(values: Any, arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The JSON of a pipeline, checked together with its arrays.

    Nothing is allocated for it, so a size is compared with what the file holds before anybody asks for memory.
    """
    checked = PIPELINE.check(values, "pipeline")
    width = 0
    for i, state in enumerate(checked["columns"]):
        width += _COLUMNS[state["kind"]](state, arrays, f"{i}", inside("pipeline", f"columns[{i}]"))
    names = [state["name"] for state in checked["columns"]]
    ListOf(_NAME, distinct=True).check(names, "pipeline: the names of its columns")
    _check_target(checked["target"], arrays)
    if "neighbours" in checked:
        width += _check_neighbours(checked["neighbours"], arrays, width)
    TensorSchema(("float64",), (width,)).check(arrays.get("average"), "pipeline.average")
    return checked


def outputs_of(target: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """What the outputs of a network before this target mean, and how many there may be."""
    if target["kind"] == "classes":
        n = len(target["classes"])
        return "class", (n, 1) if n == 2 else (n,)
    return target["kind"], (len(target["columns"]),)


def _array(
    state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, name: str, place: str, empty: list[int]
) -> Any:
    """The array `name` of a state, as the file holds it; None where the state says that it is empty."""
    where = inside(place, name)
    if f"{key}.{name}" in arrays:
        return arrays[f"{key}.{name}"]
    result = Record({"empty": ListOf(Whole())}).check(state.get(name), where)
    if result["empty"] != empty:
        raise refuse(f"{where}.empty", str(result["empty"])[:60], f"{empty}")
    return None


def _number(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    """Inputs of a number."""
    knots = _array(state, arrays, key, "knots", place, [2, 0])
    if knots is not None:
        TensorSchema(("float64",), (2, -1)).check(knots, f"{place}.knots")
        _ascending(knots[0], f"{place}.knots")
    edges = _array(state, arrays, key, "edges", place, [0])
    if edges is not None:
        TensorSchema(("float64",), (-1,)).check(edges, f"{place}.edges")
        _ascending(edges, f"{place}.edges")
    n_bins = len(edges) - 1 if edges is not None and len(edges) > 2 else 0
    return 1 + n_bins + state["indicator"] + len(state.get("words", ()))


def _ascending(values: Array, place: str) -> None:
    if not len(values) or not (values[1:] > values[:-1]).all():
        raise SchemaError(f"{place} holds numbers that are not ascending; expected ascending numbers")


def _boolean(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    return 1


def _category(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    """Inputs of a category; a table of means has a row for each of its levels and one for the others."""
    n_levels, n_others = len(state["levels"]), state["rare"] + state["missing"]
    means = _array(state, arrays, key, "means", place, [0, 0, 0])
    if n_levels == 2 and not n_others:
        return 1
    if means is None:
        return n_levels + n_others
    TensorSchema(("float64",), (N_TABLES_OF_MEANS, len(state["means_of"]) + 1, -1)).check(means, f"{place}.means")
    return n_levels + n_others + int(means.shape[2])


def _time(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    waves = sum(2 * CYCLES[cycle][1] for cycle in state["cycles"])
    return waves + _number(state["elapsed"], arrays, f"{key}.elapsed", f"{place}.elapsed")


def _code(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    number = _number(state["number"], arrays, f"{key}.number", f"{place}.number")
    return number + _category(state["category"], arrays, f"{key}.category", f"{place}.category")


def _ordered(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    n_steps = len(state["levels"]) - 1
    return 1 + (min(n_steps, MOST_STEPS) if n_steps > 1 else 0) + state["missing"]


def _words(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str, place: str) -> int:
    categories = (_category(state[name], arrays, f"{key}.{name}", f"{place}.{name}") for name in ("first", "first_two"))
    return len(state["words"]) + sum(categories)


_COLUMNS = {
    "number": _number,
    "boolean": _boolean,
    "category": _category,
    "time": _time,
    "code": _code,
    "ordered": _ordered,
    "words": _words,
}


def _check_neighbours(state: Mapping[str, Any], arrays: Mapping[str, Array], n_inputs: int) -> int:
    """Inputs of the neighbours: as many rows, targets and folds; distances that are exact."""
    place = "pipeline.neighbours"

    def checked(name: str, dtype: str, shape: tuple[int, ...], low: float = -np.inf, high: float = np.inf) -> Array:
        schema = TensorSchema((dtype,), shape, low=low, high=high)
        return schema.check(arrays.get(f"neighbours.{name}"), f"{place}.{name}")

    places = checked("places", "int64", (-1,), 0, n_inputs - 1)
    if (np.diff(places) <= 0).any():
        raise SchemaError(f"{place}.places holds numbers that are not ascending; expected ascending numbers")
    limit = LIMIT * 2 ** state["bits"]
    n, d = checked("rows", "int16", (-1, len(places)), -limit, limit).shape
    if not n or not d or state["bits"] > grid_bits(n, d):
        raise refuse(f"{place}.bits", state["bits"], f"at most {grid_bits(n, d)} for rows of shape {(n, d)}")
    checked("spread", "float64", (d,), 0, 1)
    checked("folds", "int8", (n,), 0)
    checked("targets", "float32", (n, len(state["of"])))
    if "neighbours.weight" in arrays:
        checked("weight", "float64", (n,), float(np.nextafter(0, 1)))
    elif "weight" not in state:
        raise refuse(f"{place}.weight", "nothing", f"{n} numbers")
    width = len(state["counts"]) * len(state["of"]) + len(FAR_COUNTS)
    checked("center", "float64", (width,))
    checked("factor", "float64", (width,), 0)
    return width


def _check_target(target: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Distinct names, as many words as labels, arrays as long as there are values."""
    n = len(target["columns"])
    if target["kind"] == "classes":
        _check_distinct(target["classes"], "pipeline.target.classes")
    elif target["kind"] == "labels":
        if len(target["words"]) != n:
            raise refuse("pipeline.target.words", target["words"], f"{n} pairs, one for each column")
        for k, pair in enumerate(target["words"]):
            _check_distinct(pair, f"pipeline.target.words[{k}]")
    else:
        for name in ("mean", "scale", "unit", "high"):
            low = np.nextafter(0, 1) if name in ("scale", "unit") else -np.inf
            TensorSchema(("float64",), (n,), low=float(low)).check(
                arrays.get(f"target.{name}"), f"pipeline.target.{name}"
            )
        if "target.calibration" in arrays:
            TensorSchema(("float64",), (n, -1), low=0).check(
                arrays["target.calibration"], "pipeline.target.calibration"
            )


def _check_distinct(names: list[Any], place: str) -> None:
    ListOf(_NAME, distinct=True).check([class_text(name) for name in names], place)
