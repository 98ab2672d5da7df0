"""The task: whether targets name classes or measure values, and why they are taken so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from chainrule.data.table import Column
from chainrule.errors import DataError, unknown_name
from chainrule.pipeline.target import ClassName, names_of

TargetKind: TypeAlias = Literal["classes", "labels", "values"]
TASKS = ("auto", "classification", "regression")
MOST_CLASSES = 20
ROWS_PER_CLASS = 10


@dataclass(frozen=True)
class PredictionTask:
    """What is to be predicted: one of several classes, several labels, or values; and the reason."""

    kind: TargetKind
    reason: str
    words: tuple[tuple[ClassName, ...], ...] = ()
    """For classes their names (one tuple), for labels the words of each for 0 and 1."""

    @property
    def name(self) -> str:
        """Classification or regression."""
        return "regression" if self.kind == "values" else "classification"


def choose_task(targets: Sequence[Column], asked: str) -> PredictionTask:
    """The task and the reason for it.

    One target: text and true or false are classes, and so are whole numbers with few values: 2, or up to 20
    with at least 10 rows for each on average. Several targets: labels where each has two names or is 0 and 1,
    else values.

    Raises SettingsError for an unknown task; DataError if the targets cannot serve the task asked for.
    """
    if asked not in TASKS:
        raise unknown_name("task", asked, TASKS)
    for target in targets:
        if target.missing.all():
            raise DataError("has no values: some rows must have one.", column=target.name)
    if asked == "regression" or (asked == "auto" and _are_values(targets)):
        for target in targets:
            if target.kind != "number" and not (target.kind == "boolean" and asked == "regression"):
                shown = f" such as {target.levels[0]!r}" if target.levels else ""
                message = f"holds {'text' if target.kind == 'category' else target.kind}{shown}"
                raise DataError(f"{message}; task 'regression' expects numbers.", column=target.name)
        return PredictionTask("values", "asked for" if asked == "regression" else _why_values(targets))
    if len(targets) > 1:
        words = tuple(_words_of_label(target) for target in targets)
        return PredictionTask("labels", "asked for" if asked != "auto" else "each target has two values", words)
    names, codes = names_of(targets[0])
    n_rows = int((codes >= 0).sum())
    if len(names) > max(MOST_CLASSES, n_rows // 2):
        what = "too many for task 'classification'" if asked != "auto" else "must hold classes or numbers"
        message = (
            f"holds {'' if asked != 'auto' else 'text with '}{len(names)} different values in {n_rows} rows; {what}."
        )
        raise DataError(message, column=targets[0].name)
    return PredictionTask("classes", "asked for" if asked != "auto" else _why_classes(targets[0], len(names)), (names,))


def _are_values(targets: Sequence[Column]) -> bool:
    if len(targets) > 1:
        numbers = [target.kind == "number" and not _is_zero_or_one(target) for target in targets]
        return any(numbers)
    return targets[0].kind == "number" and not _few_whole_numbers(targets[0])


def _is_zero_or_one(target: Column) -> bool:
    values = target.values[~target.missing]
    return bool(((values == 0) | (values == 1)).all())


def _few_whole_numbers(target: Column) -> bool:
    values = target.values[~target.missing]
    n_values = len(np.unique(values))
    return bool((np.floor(values) == values).all()) and n_values <= max(
        2, min(MOST_CLASSES, len(values) // ROWS_PER_CLASS)
    )


def _why_values(targets: Sequence[Column]) -> str:
    if len(targets) > 1:
        return "the targets are numbers"
    values = targets[0].values[~targets[0].missing]
    whole = bool((np.floor(values) == values).all())
    return f"{'whole ' if whole else ''}numbers with {len(np.unique(values)):,} values"


def _why_classes(target: Column, n_classes: int) -> str:
    if target.kind == "number":
        return f"whole numbers with {n_classes} values"
    return "the target is text" if target.kind == "category" else "the target is true or false"


def _words_of_label(target: Column) -> tuple[ClassName, ...]:
    if target.kind == "number" and _is_zero_or_one(target):
        return (0, 1)
    if target.kind == "boolean":
        return tuple(target.levels or ("false", "true"))
    names, _ = names_of(target)
    if len(names) != 2:
        message = (
            f"holds {len(names)} different values; several targets must be numbers, or have two values each. "
            f"Train one model per target: --target {target.name}, then the others."
        )
        raise DataError(message, column=target.name)
    return names
