"""The task: whether a target names classes or measures values, and why it is taken so."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, unknown_name

Task: TypeAlias = Literal["classification", "regression"]
TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 20
ROWS_PER_CLASS = 10


def choose_task(target: npt.NDArray[Any], asked: str, name: str | None = None) -> tuple[Task, str]:
    """The task and the reason for it. Auto: strings are classes, and so are whole numbers with few values.

    Few is 2, or up to 20 with at least 10 rows for each on average.

    Errors    SettingsError for an unknown task; DataError if the target cannot serve the task asked for
    """
    if asked not in TASKS:
        raise unknown_name("task", asked, TASKS)
    n_values = len(np.unique(target))
    text = target.dtype.kind in "US"
    if asked == "regression":
        if text:
            raise DataError(f"holds text such as {str(target[0])!r}; task 'regression' expects numbers.", column=name)
        return "regression", "asked for"
    if asked == "classification":
        if n_values > max(MOST_CLASSES, len(target) // 2):
            told = f"holds {n_values} different values in {len(target)} rows; task 'classification' expects few."
            raise DataError(told, column=name)
        return "classification", "asked for"
    if text and n_values > max(MOST_CLASSES, len(target) // 2):
        told = f"holds text with {n_values} different values in {len(target)} rows; expected classes or numbers."
        raise DataError(told, column=name)
    if text or target.dtype.kind == "b":
        return "classification", "the target is text" if text else "the target is true or false"
    whole = bool((np.floor(target) == target).all())
    if whole and n_values <= max(2, min(MOST_CLASSES, len(target) // ROWS_PER_CLASS)):
        return "classification", f"whole numbers with {n_values} values"
    return "regression", f"{'whole ' if whole else ''}numbers with {n_values} values"
