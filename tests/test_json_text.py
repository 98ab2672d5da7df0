"""JSON text: any value has a form, no reader meets a word that JSON does not know, numbers come back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import json_text


def strict(text: str) -> Any:
    """JSON read as the standard has it."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("value", [0.1, -0.0, 1e308, 5e-324, math.inf, -math.inf, math.nan, 3, 2**70, True, None])
def test_numbers_come_back(value: Any) -> None:
    """Every number is read back as it was, to the bit and in its kind."""
    back = json_text.number(strict(json_text.text([value]))[0])
    assert repr(back) == repr(value)


VALUES = {
    "NumPy numbers": (
        {np.int64(0): np.float32(0.5), np.bool_(True): np.float64("inf")},
        {"0": 0.5, "true": "Infinity"},
    ),
    "arrays": (np.array([[1.0, np.nan]]), [[1.0, "NaN"]]),
    "longdouble": (np.longdouble(2), 2.0),
    "complex": (1j, "1j"),
    "paths": ({"data": Path("a") / "b", Path("k"): b"c"}, {"data": "a/b", "k": "c"}),
    "times": (np.datetime64("2024-05-06"), "2024-05-06"),
    "a tuple as key": ({(1, "x"): None}, {"[1, 'x']": None}),
    "a key that is not finite": ({math.inf: 1}, {"Infinity": 1}),
    "a set": ({"b", "a"}, ["a", "b"]),
    "a name that is no Unicode": ("a\udc80", "a\udc80"),
}


@pytest.mark.parametrize("name", VALUES)
def test_any_value_has_a_form(name: str) -> None:
    """What Python's writer of JSON breaks off at is written, as UTF-8 that can be read."""
    given, expected = VALUES[name]
    text = json_text.text(given)
    assert strict(text.encode("utf-8").decode("utf-8")) == expected


def test_letters_stay_letters() -> None:
    """Names in any alphabet are readable in the file."""
    assert json_text.text({"키": "값"}) == '{"키": "값"}'
