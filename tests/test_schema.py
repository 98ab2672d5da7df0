"""Schemas: what fits passes as it is, what does not is named with its place, its value and the expectation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.schema import (
    Either,
    Flag,
    Json,
    Kinds,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    SchemaError,
    TensorSchema,
    Text,
    Whole,
    parse_json,
)

PERSON = Record({"name": Text(), "age": Whole(0, 150)}, may_lack=frozenset({"age"}))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Whole(), 3),
        (Number(), 3),
        (Number(low=0, high=1), 0.5),
        (Flag(), True),
        (Text(("a", "b")), "a"),
        (Optional(Flag()), None),
        (ListOf(Whole(), 1, 2), [1, 2]),
        (MapOf(Number()), {"a": 1.5}),
        (PERSON, {"name": "Ada", "other": [None]}),
        (Kinds({"person": PERSON}), {"kind": "person", "name": "Ada"}),
        (Either((Text(), Number()), "a name or a number"), 4),
        (Json(), {"a": [1, {"b": None}]}),
    ],
)
def test_what_fits_passes_as_it_is(schema: Any, value: Any) -> None:
    """The value comes back equal; entries that nobody knows stay."""
    assert schema.check(value, "") == value


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (Whole(1, 9), 10, "x holds 10; expected a whole number from 1 to 9"),
        (Whole(), True, "x holds true; expected a whole number"),
        (Whole(), 1.0, "x holds 1.0; expected a whole number"),
        (Whole(), 10**4000, "a whole number of 13,288 bits"),
        (Number(), float("nan"), "x holds nan; expected a finite number"),
        (Number(), "NaN", "x holds 'NaN'; expected a finite number"),
        (Number(low=0, open_low=True), 0, "expected a finite number > 0"),
        (Number(), 10**400, "expected a finite number"),
        (Flag(), 1, "x holds 1; expected true or false"),
        (Text(("a", "b")), "c", "x holds 'c'; expected one of a, b"),
        (Text(("a",)), "c", "x holds 'c'; expected a"),
        (Text(), "\ud800", "expected whole characters"),
        (Text(), ["a"] * 9, "x holds a list of 9; expected a text"),
        (ListOf(Text(), distinct=True), ["a", "b", "a"], "x holds 'a'; expected it once only"),
        (ListOf(Whole(), 2, 2), [1], "expected a list of 2"),
        (ListOf(Whole()), [1, "2"], r"x\[1\] holds '2'"),
        (ListOf(Whole()), {"0": 1}, "x holds an object with 1 entries; expected a list"),
        (PERSON, {"age": 3}, "x lacks the entry 'name'"),
        (PERSON, {"name": "Ada", "age": -1}, r"x\.age holds -1"),
        (Kinds({"person": PERSON}), {"kind": "dog"}, r"x\.kind holds 'dog'; expected person"),
        (Kinds({"person": PERSON}), {"kind": ["person"]}, r"x\.kind holds a list of 1"),
        (Either((Text(), Flag()), "a name, true or false"), 4, "x holds 4; expected a name, true or false"),
        (Json(), [float("inf")], "x holds inf"),
    ],
)
def test_what_does_not_fit_is_named(schema: Any, value: Any, message: str) -> None:
    """Place, value and expectation, whatever the value is."""
    with pytest.raises(SchemaError, match=message):
        schema.check(value, "x")


def test_a_measured_number_may_be_a_word() -> None:
    """NaN and the infinities are kept as words; where a number was measured they are read back."""
    read = [Number(finite=False).check(word, "") for word in ("NaN", "Infinity", "-Infinity", 0.5)]
    assert np.array_equal(read, [np.nan, np.inf, -np.inf, 0.5], equal_nan=True)
    with pytest.raises(SchemaError):
        Number(finite=False).check("nan", "x")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3, np.float32), "x holds float32; expected numbers of float64"),
        (np.zeros(()), r"x has shape \(\); expected \(n,\)"),
        (np.zeros((3, 1)), r"x has shape \(3, 1\)"),
        (np.array([1.0, np.nan]), "non-finite"),
        (np.array([1.0, 2.5]), "from 1.0 to 2.5; expected 0 to 2"),
        (None, "x holds null"),
    ],
)
def test_arrays_have_dtype_shape_and_range(array: Any, message: str) -> None:
    """Each of them is named."""
    with pytest.raises(SchemaError, match=message):
        TensorSchema(("float64",), (-1,), low=0, high=2).check(array, "x")
    assert len(TensorSchema(("float64",), (-1,), low=0, high=2).check(np.ones(4), "x")) == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1, "a": 2}', "has the key 'a' twice"),
        (b'[{"b": {"c": 1, "c": 1}}]', "has the key 'c' twice"),
        (b"[" * 100_000, "nested"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'{"a": ', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"9" * 5000, "not valid JSON"),
    ],
)
def test_json_is_read_strictly(content: bytes, message: str) -> None:
    """A key twice, nesting without end, no UTF-8, half a value."""
    with pytest.raises(SchemaError, match=message):
        parse_json(content)
