"""JSON that every reader of JSON reads: three words for numbers it has no form for, and plain values for all others.

JSON knows neither NaN nor infinity, and Python's writer of it breaks off at a NumPy number, a path, or a name of a
file that is no Unicode. What a run keeps must not be lost to that: here such numbers are the words "NaN", "Infinity"
and "-Infinity", `number` reads them back, and any other value has a form that holds what it says.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
import os
from collections.abc import Callable, Mapping, Set
from typing import Any

import numpy as np
import numpy.typing as npt


def text(values: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Values as JSON, in characters that UTF-8 can encode.

    Examples
    --------
    >>> text({"loss": float("inf"), 3: np.float32(0.5)})
    '{"loss": "Infinity", "3": 0.5}'
    """
    encode = _encoder(indent, sort_keys)
    try:
        result = encode(values)  # nearly always; checking every value first takes three times as long
    except (TypeError, ValueError):
        result = encode(plain(values))
    if result.isascii():
        return result
    return result.encode("utf-8", "backslashreplace").decode("utf-8")  # of a lone surrogate: its escape in JSON too


@functools.cache
def _encoder(indent: int | None, sort_keys: bool) -> Callable[[Any], str]:
    """One writer of JSON for each form: to make one takes longer than a line does."""
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, sort_keys=sort_keys).encode


def plain(value: Any, *otherwise: None) -> Any:
    """A value in the forms JSON has; a set in order, an array as a list, what JSON has no form for as text.

    Arguments: otherwise: the replacement for a non-finite number, instead of its word.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float | np.longdouble):
        return _real(float(value), *otherwise)
    if isinstance(value, Mapping):
        return {_key(key): plain(entry, *otherwise) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), *otherwise)
    if isinstance(value, list | tuple):
        return [plain(entry, *otherwise) for entry in value]
    if isinstance(value, Set):
        return [plain(entry, *otherwise) for entry in sorted(value, key=str)]
    return _named(value)


def of_array(array: npt.NDArray[Any]) -> list[Any]:
    """An array of numbers as lists; if all are finite, without checking each one.

    Examples
    --------
    >>> of_array(np.array([0.5, np.nan]))
    [0.5, 'NaN']
    """
    values: list[Any] = array.tolist()
    return values if np.isfinite(array).all() else plain(values)


def number(value: Any) -> Any:
    """The number denoted by a word; other values are unchanged.

    Examples
    --------
    >>> number("-Infinity"), number(0.5)
    (-inf, 0.5)
    """
    return float(value) if value in WORDS else value


WORDS = ("NaN", "Infinity", "-Infinity")
"""Python's float reads each of them, as the readers of other languages do."""


def _real(value: float, *otherwise: None) -> float | str | None:
    if math.isfinite(value):
        return value
    if otherwise:
        return otherwise[0]
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _key(key: Any) -> Any:
    """A key as JSON has it: text, or what its writer makes text of."""
    result = plain(key)
    return result if result is None or isinstance(result, bool | int | float | str) else str(result)


def _named(value: Any) -> str:
    """Text that names a value of another kind."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if isinstance(value, bytes | bytearray):
        return os.fsdecode(bytes(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)
