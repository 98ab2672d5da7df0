"""Fewer than FEW_ROWS rows: nothing is left to chance, and the length of the training is found by cross-validation.

A row of weight 2 must count exactly as two rows, in whatever order they come. So every step sees all rows, nothing is
dropped at random, and the folds follow from what stands in a row, not from its place: equal rows are in one fold.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.errors import DataError
from chainrule.training.presets import Preset

Rows: TypeAlias = tuple[Any, Any, Any]
"""Inputs, targets, weights or None."""
FEW_ROWS = 500
N_FOLDS = 3
RIDGE_STEPS, RIDGE_RATE, RIDGE_L2 = 300, 2.0, 0.01
"""The linear model: gradient descent with momentum, whose rate is divided by the number of inputs.

Scaled inputs have a mean square of about 1 at most, so the curvature of the loss is below n_inputs + 1, and the rate
below 2·(1 + momentum) / curvature, where descent is stable. Of all weights that fit, plain descent from 0 finds the
shortest; Adam moves all weights alike, the useless ones of a wide table too.
"""
RUNGS: tuple[tuple[int, float, float], ...] = ((30, 0.005, 1.0), (75, 0.005, 0.5), (300, 0.005, 0.2))
"""Two hidden layers by AdamW: steps, learning rate, weight decay; the simplest first."""


def few_rows(n: int) -> Preset:
    """What n rows are trained with, whole batches and no chance, behind the simpler ways."""
    whole = {"batch_size": n, "schedule": "cosine", "shuffle": False}
    ridge = Preset(
        (), "silu", "robust", 0, {"name": "sgd", "learning_rate": RIDGE_RATE, "momentum": 0.9},
        {**whole, "epochs": RIDGE_STEPS, "l2": RIDGE_L2}, full_rate_inputs=1.0,
    )  # fmt: skip
    *simpler, longest = (
        Preset(
            (64, 64), "silu", "robust", 0, {"name": "adamw", "learning_rate": learning_rate, "weight_decay": decay},
            {**whole, "epochs": n_steps},
        )
        for n_steps, learning_rate, decay in RUNGS
    )  # fmt: skip
    return replace(longest, simpler=(ridge, *simpler))


def folds(table: Table, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each row, 0 … N_FOLDS − 1, a function of its cells and the seed alone."""
    columns = []
    for column in table.columns:
        if column.kind == "category":
            names = np.array([*(column.levels or ()), ""], dtype=object)
            columns.append([str(name) for name in names[column.values]])
        else:  # adding 0 makes one of the two zeros; NaN and NaT are told by one word
            numbers = column.values if column.kind == "time" else column.values.astype(np.float64) + 0.0
            columns.append(["" if gap else str(v) for v, gap in zip(numbers, column.missing, strict=True)])
    rows = zip(*columns, strict=True) if columns else [()] * len(table)
    digests = (hashlib.blake2b("\0".join((str(seed), *row)).encode(), digest_size=8).digest() for row in rows)
    return np.array([int.from_bytes(digest, "little") % N_FOLDS for digest in digests], dtype=np.int64)


def cross_validated(
    fold: npt.NDArray[np.int64], rows: Rows, loss_on: Callable[[Rows, tuple[Any, ...]], float]
) -> float:
    """The mean of loss_on(the other rows, the rows of a fold) over the folds, by their weight.

    Folds that leave one class only, or nothing, are passed over; inf where none is left.
    """
    total, n = 0.0, 0.0
    for k in range(N_FOLDS):
        out = fold == k
        if not 0 < int(out.sum()) < len(out):
            continue
        X, y, weight = rows
        kept = (X[~out], y[~out], None if weight is None else weight[~out])
        held_out = (X[out], y[out], *([] if weight is None else [weight[out]]))
        size = float(out.sum() if weight is None else weight[out].sum())
        try:
            total, n = total + size * loss_on(kept, held_out), n + size
        except DataError:
            continue
    return total / n if n else math.inf
