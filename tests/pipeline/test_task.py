"""Which task a target stands for, and when it cannot serve the one asked for."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.task import choose_task

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
    chosen, reason = choose_task(target, "auto")
    assert chosen == task
    assert reason


def test_what_is_asked_for_is_done_or_refused() -> None:
    """An override is obeyed where the target can serve it."""
    assert choose_task(np.array([0, 1]), "regression") == ("regression", "asked for")
    assert choose_task(np.arange(30) % 10, "classification")[0] == "classification"
    with pytest.raises(DataError, match="expects numbers"):
        choose_task(np.array(["a", "b"]), "regression")
    with pytest.raises(DataError, match="1000 different values"):
        choose_task(np.arange(1000), "classification")
    with pytest.raises(DataError, match="100 different values"):
        choose_task(np.array([f"name {i}" for i in range(100)]), "auto")
    with pytest.raises(SettingsError, match="'regression'"):
        choose_task(np.array([0, 1]), "regresion")
