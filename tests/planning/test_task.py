"""Which task a target stands for, and when it cannot serve the one asked for."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.data.table import column_of
from chainrule.errors import DataError, SettingsError
from chainrule.planning.task import PredictionTask, choose_task


def chosen(*targets: np.ndarray, asked: str = "auto") -> PredictionTask:
    return choose_task([column_of(f"y{i}", target) for i, target in enumerate(targets)], asked)


CASES = {
    "text": (np.array(["a", "b"] * 5), "classification"),
    "0 and 1 in few rows": (np.array([0, 1, 1, 0]), "classification"),
    "true and false": (np.array([True, False]), "classification"),
    "ten digits in many rows": (np.arange(1000) % 10, "classification"),
    "whole floats": (np.arange(1000) % 3.0, "classification"),
    "ten numbers in few rows": (np.arange(30) % 10, "regression"),
    "many whole numbers": (np.arange(1000), "regression"),
    "fractions with two values": (np.array([0.5, 1.0] * 50), "regression"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_task_is_seen_from_the_target(name: str) -> None:
    """Text and few whole numbers are classes; everything else is values. The reason is told."""
    target, task = CASES[name]
    found = chosen(target)
    assert found.name == task
    assert found.reason


def test_what_is_asked_for_is_done_or_refused() -> None:
    """An override is obeyed where the target can serve it."""
    assert chosen(np.array([0, 1]), asked="regression") == PredictionTask("values", "asked for")
    assert chosen(np.arange(30) % 10, asked="classification").kind == "classes"
    with pytest.raises(DataError, match="expects numbers"):
        chosen(np.array(["a", "b"]), asked="regression")
    with pytest.raises(DataError, match="1000 different values"):
        chosen(np.arange(1000), asked="classification")
    with pytest.raises(DataError, match="100 different values"):
        chosen(np.array([f"text {i}" for i in range(100)]))
    with pytest.raises(SettingsError, match="did you mean 'regression'"):
        chosen(np.arange(9), asked="regresion")


def test_several_targets() -> None:
    """Columns of two values each are labels, columns of numbers are values, anything between is refused by name."""
    zero_one, words, numbers = np.array([0, 1, 1]), np.array(["no", "yes", "no"]), np.array([0.5, 2.5, 7.0])
    assert chosen(zero_one, words) == PredictionTask("labels", "each target has two values", ((0, 1), ("no", "yes")))
    assert chosen(zero_one, numbers).kind == "values"
    with pytest.raises(DataError, match=r"'y1': holds text such as 'no'; task 'regression' expects numbers"):
        chosen(numbers, words)
    with pytest.raises(
        DataError, match=r"'y1': holds 3 different values; several targets must be numbers, or have two.*--target y1"
    ):
        chosen(words, np.array(["a", "b", "c"]))


def test_missing_values_are_no_class() -> None:
    """A target that is missing in some rows keeps its classes; one that is missing in all is refused."""
    assert chosen(np.array(["a", "", "b"])).words == (("a", "b"),)
    with pytest.raises(DataError, match="has no values"):
        chosen(np.array([np.nan, np.nan]))
