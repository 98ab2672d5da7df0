"""Two columns that are parts of the target: their sum, or their difference, is it in every row.

That a target is the sum of two columns may be a law, or the first table of somebody who tries things out. Parts of it
are known too late where all other columns together tell something of the target and leave much of it open: what is that
uncertain is not made of two measurements to the last row.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor import label_noise_forest
from chainrule.diagnose.doctor.columns import Cells
from chainrule.diagnose.doctor.finding import NOTE, Finding

Array = npt.NDArray[np.float64]
SAME, ROWS = 0.01, 0.99
"""A sum is the target where it is off by less than this share of the deviation of the target and of its smaller part,
and in this share of the rows."""
FEWEST, SMALLEST = 40, 0.05
"""Rows below which nothing is said; and the deviation of a part beside that of the target, below which it is none."""
INFORMED, OPEN = 0.3, 0.98
"""Share of the variance that all other columns take away: from which they tell something, and leave something open."""


def sum_rules(cells: Cells) -> Iterator[Finding]:
    """Two columns whose sum or difference is the target: a fault where it is else uncertain, a question elsewhere."""
    pair = None if cells.is_class or cells.truth is None or len(cells) < FEWEST else _parts(cells, cells.truth)
    if pair is None or cells.truth is None:
        return
    i, j, sign = pair
    left = cells.filled([i, j])
    left = left[:, np.ptp(left, axis=0) > 0]
    others = label_noise_forest.regressor(left, cells.truth) if left.shape[1] else None
    skill = 0.0 if others is None else max(others.skill, 0.0)
    names = [cells.columns[k].name for k in (i, j)]
    evidence = {"columns": names, "sum": f" {sign} ".join(names), "others": skill, "target": cells.target}
    is_part = INFORMED <= skill <= OPEN
    yield (
        Finding(id="target-leak", variant="sum", evidence=evidence)
        if is_part
        else Finding(id="target-leak", variant="sum-question", evidence=evidence, severity=NOTE)
    )


def _parts(cells: Cells, truth: Array) -> tuple[int, int, str] | None:
    """Two columns of numbers and "+" or "−", where there are.

    Formula   ‖y − a_i ∓ a_j‖² = ‖y − a_i‖² ∓ 2·(y − a_i)·a_j + ‖a_j‖², least over i ≠ j, then row by row
    """
    numbers = [k for k, column in enumerate(cells.columns) if column.kind == "number" and column.known.all()]
    numbers = [k for k in numbers if np.ptp(cells.columns[k].values) > 0][: label_noise_forest.MOST_COLUMNS]
    if len(numbers) < 3 or not np.isfinite(truth).all() or not truth.std() > 0:  # of two alone nobody is asked
        return None
    A = np.column_stack([cells.columns[k].values for k in numbers]) / truth.std()
    y = truth / truth.std()
    squares, by_y, products = (A**2).sum(axis=0), A.T @ y, A.T @ A
    rest = y @ y - 2 * by_y + squares
    for sign, word in ((1.0, "+"), (-1.0, "−")):
        off = rest[:, None] - 2 * sign * (by_y[None, :] - products) + squares[None, :]
        np.fill_diagonal(off, np.inf)
        if not np.isfinite(off).any():
            continue
        i, j = (int(k) for k in np.unravel_index(int(np.nanargmin(off)), off.shape))
        a, b = A[:, i], sign * A[:, j]
        smaller = min(float(a.std()), float(b.std()))
        if smaller >= SMALLEST and float((np.abs(y - a - b) <= SAME * min(1.0, smaller)).mean()) >= ROWS:
            return numbers[i], numbers[j], word
    return None
