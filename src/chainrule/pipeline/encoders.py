"""Which encoder a column has, how it is fitted, and its state as plain values and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column
from chainrule.pipeline.codes import CodeEncoder, values_name
from chainrule.pipeline.columns import BooleanEncoder, NumberEncoder, TimeEncoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.ordered import OrderedEncoder
from chainrule.pipeline.words import WordsEncoder

Array = npt.NDArray[Any]
Encoder: TypeAlias = (
    NumberEncoder | BooleanEncoder | CategoryEncoder | TimeEncoder | CodeEncoder | OrderedEncoder | WordsEncoder
)
ENCODERS: Mapping[str, type[Encoder]] = {
    "number": NumberEncoder, "boolean": BooleanEncoder, "category": CategoryEncoder, "time": TimeEncoder,
    "code": CodeEncoder, "ordered": OrderedEncoder, "words": WordsEncoder,
}  # fmt: skip
"""Encoders by what they make of a column."""
PARTS: Mapping[str, type[NumberEncoder] | type[CategoryEncoder]] = {
    "elapsed": NumberEncoder, "number": NumberEncoder, "category": CategoryEncoder, "first": CategoryEncoder,
    "first_two": CategoryEncoder,
}  # fmt: skip
"""The fields of an encoder that are encoders themselves."""


def fit_encoder(
    column: Column, weight: Array | None, by_target: Array | None, folds: Array, codes: bool, **how: Any
) -> Encoder:
    """The encoder of a training column.

    Arguments: by_target (n, n_targets): for the means of levels, if any; codes: whether a number may be a name.
    """
    if column.kind == "number":
        if codes and by_target is not None:
            beyond = 2 * int(how["n_bins"])
            if values_name(column.values, by_target, weight, folds, beyond=beyond):
                return CodeEncoder.fit(column, weight, by_target, folds, **how)
        return NumberEncoder.fit(column, weight, **how)
    if column.kind == "boolean":
        return BooleanEncoder.fit(column)
    if column.kind == "time":
        return TimeEncoder.fit(column, weight)
    if column.order == "words":
        return WordsEncoder.fit(column, weight, by_target, folds)
    if isinstance(column.order, tuple):
        return OrderedEncoder.fit(column)
    return CategoryEncoder.fit(column, weight, by_target, folds)


LEFT_OUT = ("words", "calibration", "temperature")
"""Fields that are not written where there is nothing in them."""


def plain(state: Any) -> dict[str, Any]:
    """The fields of an encoder that are not arrays; for empty arrays, the shape."""
    found: dict[str, Any] = {}
    for item in fields(state):
        value = getattr(state, item.name)
        if isinstance(value, NumberEncoder | CategoryEncoder):
            found[item.name] = plain(value)
        elif isinstance(value, np.ndarray):
            if value.size == 0:
                found[item.name] = {"empty": list(value.shape)}
        elif item.name not in LEFT_OUT or value:
            found[item.name] = value
    return found


def has_means(encoder: Encoder) -> bool:
    """Whether mean targets are among its inputs, which leave a training row's own fold out."""
    categories = [encoder, *(getattr(encoder, name, None) for name in PARTS)]
    return any(isinstance(part, CategoryEncoder) and part.means.size for part in categories)


def arrays_of(state: Any, prefix: str) -> dict[str, Array]:
    """The arrays of an encoder by the names they have in a model file."""
    found: dict[str, Array] = {}
    for item in fields(state):
        value = getattr(state, item.name)
        if isinstance(value, NumberEncoder | CategoryEncoder):
            found |= arrays_of(value, f"{prefix}.{item.name}")
        elif isinstance(value, np.ndarray) and value.size:
            found[f"{prefix}.{item.name}"] = value
    return found


def restored(cls: Any, state: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> Any:
    """The inverse of plain and arrays_of."""
    made: dict[str, Any] = {}
    for item in fields(cls):
        name = f"{prefix}.{item.name}"
        if name in arrays:
            made[item.name] = arrays[name]
        elif item.name in PARTS:
            made[item.name] = restored(PARTS[item.name], state[item.name], arrays, name)
        elif item.name not in state:
            made[item.name] = item.default
        elif isinstance(state[item.name], dict):
            made[item.name] = np.zeros(state[item.name]["empty"])
        else:
            made[item.name] = _tuples(state[item.name])
    return cls(**made)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
