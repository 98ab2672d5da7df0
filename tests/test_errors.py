"""The exception tree and its messages."""

from __future__ import annotations

import pytest

from chainrule.errors import (
    ChainruleError,
    DataError,
    DivergedError,
    DivergenceWarning,
    ModelFileError,
    SettingsError,
    ShapeError,
    unknown_name,
)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (ShapeError, ValueError),
        (SettingsError, ValueError),
        (DataError, ValueError),
        (ModelFileError, ValueError),
        (DivergedError, ArithmeticError),
    ],
)
def test_tree(error: type, builtin: type) -> None:
    """Every error is a ChainruleError and the built-in error a caller would expect."""
    assert issubclass(error, ChainruleError)
    assert issubclass(error, builtin)
    assert issubclass(DivergenceWarning, UserWarning)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({}, "not a number"),
        ({"path": "a.csv"}, "a.csv: not a number"),
        ({"line": 3}, "line 3: not a number"),
        ({"path": "a.csv", "line": 3, "column": "age"}, "a.csv, line 3, column 'age': not a number"),
        ({"path": "a.csv", "column": "age"}, "a.csv, column 'age': not a number"),
    ],
)
def test_data_error_says_where(where: dict[str, object], text: str) -> None:
    """A DataError begins with file, line and column as far as known, and keeps them as attributes."""
    error = DataError("not a number", **where)
    assert str(error) == text
    assert (error.path, error.line, error.column) == tuple(where.get(key) for key in ("path", "line", "column"))


def test_diverged_error_says_where() -> None:
    """A DivergedError keeps epoch, step, layer and quantity."""
    error = DivergedError("W2 is inf", epoch=1, step=30, layer=2, quantity="W")
    assert (str(error), error.epoch, error.step, error.layer, error.quantity) == ("W2 is inf", 1, 30, 2, "W")


@pytest.mark.parametrize("typo", ["reul", "Relu", "RELU", "rellu"])
def test_unknown_name_suggests_the_nearest(typo: str) -> None:
    """A misspelt name is answered with the nearest one and the whole table, in one sentence each."""
    text = str(unknown_name("activation", typo, ["tanh", "relu"]))
    assert text == f"activation {typo!r} is unknown; did you mean 'relu'? Known: tanh, relu."


@pytest.mark.parametrize("name", ["zzz", None, 3])
def test_unknown_name_without_a_near_one(name: object) -> None:
    """What resembles nothing is answered with the table alone."""
    assert str(unknown_name("activation", name, iter(["tanh", "relu"]))) == (
        f"activation {name!r} is unknown. Known: tanh, relu."
    )
