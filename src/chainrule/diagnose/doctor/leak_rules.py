"""Columns that give the target away, reasoned about column by column of the table.

That one column predicts well is no accusation: y = 2·x + 1, a price by kilometres, a class beyond a threshold are what
a first table looks like, and what a law of nature looks like. A leak takes evidence of another kind:

    copy      the column holds the target itself: the same numbers, or its classes one to one under other names, in
              all rows or in those where it is filled
    sum       two columns whose sum is the target, row by row, of which all others tell something (`sum_rules`)
    filled    the column is filled, or differs from its usual value, for one class and for no other
    settles   the column settles the target to the last row, where all others together only tell something of it: in
              rows that are that uncertain nothing measured beforehand is that sure

What settles the target without one of these is a question to the reader, a note; in a table of one column it is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor import label_noise_forest
from chainrule.diagnose.doctor.columns import Cells, TableColumn
from chainrule.diagnose.doctor.finding import NOTE, Finding
from chainrule.diagnose.doctor.sum_rules import sum_rules

Array = npt.NDArray[Any]
FEWEST = 40
"""Rows below which nothing is said."""
PURE = 0.98
"""Share of the rows (or of the error of a constant) from which a class is told by a column."""
EXACTLY, TO_THE_LAST = 0.995, 0.998
"""Share of the variance that one column takes away, from which it settles values; and without an error of its own."""
SAME = 0.01
"""Two numbers are the same where they differ by less than this share of the target's deviation."""
INFORMED = 0.3
"""Share of the error that the other columns take away together, from which they tell something of the target."""
MARGIN = 3.0
"""Standard errors by which the others must do worse."""
FILLED_ROWS, FILLED_SHARE, BY_CHANCE = 20, 0.25, 1e-9
"""Cells that are filled for one class alone, their share of that class, and how unlikely that is by chance."""
FEW_VALUES, FEW_NEIGHBOURS = 64, 10


@dataclass(frozen=True, kw_only=True)
class Leak:
    """What speaks against a column."""

    column: int
    kind: str
    """"copy", "filled", "several", "settles" or "sum"."""
    skill: float
    to_the_last: bool = False
    evidence: dict[str, Any] | None = None


def leak_rules(cells: Cells) -> Iterator[Finding]:
    """At most one accusation, and at most one question."""
    found = suspects(cells)
    varying = [j for j, column in enumerate(cells.columns) if column.varies]
    accused = accusations(cells, found)
    settles = [leak for leak in found if leak.kind == "settles"]
    if settles and not accused and len(varying) > len(settles):
        yield from _settled(cells, settles)
    if accused:
        yield accusation(cells, accused)
    elif not settles:
        yield from sum_rules(cells)


def accusations(cells: Cells, found: Sequence[Leak]) -> list[Leak]:
    """Columns whose own cells say that they were made of the target."""
    alone = sum(column.varies for column in cells.columns) < 2
    return [leak for leak in found if leak.kind == "filled" or (leak.kind in ("copy", "several") and not alone)]


def accusation(cells: Cells, accused: Sequence[Leak]) -> Finding:
    """One finding for all columns, told by the first that is the surest."""
    order = ("copy", "filled", "several", "settles")
    first = min(accused, key=lambda leak: (order.index(leak.kind), -leak.skill))
    alike = [leak for leak in accused if leak.kind == first.kind]
    names = [cells.columns[leak.column].name for leak in (*alike, *(leak for leak in accused if leak not in alike))]
    evidence = {"columns": names[:12], "column": names[0], "skill": first.skill, "target": cells.target}
    return Finding(id="target-leak", variant=first.kind, evidence=evidence | (first.evidence or {}))


def _settled(cells: Cells, settles: Sequence[Leak]) -> Iterator[Finding]:
    """Columns that settle the target: a fault where the rows are else uncertain, a question where nobody can say."""
    truth = cells.truth
    assert truth is not None
    best = max(settles, key=lambda leak: leak.skill)
    X = cells.filled([leak.column for leak in settles])
    X = X[:, np.ptp(X, axis=0) > 0]
    seen = label_noise_forest.classifier if cells.is_class else label_noise_forest.regressor
    others = seen(X, truth) if X.shape[1] else None
    skill = 0.0 if others is None else max(others.skill, 0.0)
    error = np.sqrt(max(skill * (1 - skill), 0.0) / len(truth))
    if 1 - skill <= max(MARGIN * error, 2 * (1 - best.skill), 1 - PURE):
        return
    names = [cells.columns[leak.column].name for leak in settles]
    evidence = {"columns": names[:12], "skill": best.skill, "others": skill, "target": cells.target}
    if skill >= INFORMED and best.to_the_last and len(settles) == 1:  # two lengths of one thing vouch for each other
        yield Finding(id="target-leak", variant="settles", evidence=evidence)
    else:
        yield Finding(id="target-leak", variant="question", evidence=evidence, severity=NOTE)


def suspects(cells: Cells, *, structural: bool = False) -> list[Leak]:
    """Every column against which something speaks, the strongest of it.

    Args      structural: only what its cells say by themselves, which takes a moment
    """
    truth = cells.truth
    if truth is None or len(truth) < FEWEST or len(np.unique(truth)) < 2 or not np.isfinite(truth).all():
        return []
    of_column = _of_classes if cells.is_class else _of_values
    found = [
        leak
        for j, column in enumerate(cells.columns)
        if column.varies and (leak := of_column(j, column, cells, structural)) is not None
    ]
    return found or (_one_for_each(cells) if cells.is_class else [])


# values -----------------------------------------------------------------------------------------------------


def _of_values(j: int, column: TableColumn, cells: Cells, structural: bool) -> Leak | None:
    truth = cells.truth
    assert truth is not None
    known = column.known
    x, y, truth = _squarable(column.values[known], truth[known], truth)
    if column.kind in ("number", "boolean") and _same_numbers(x, y, truth):
        return Leak(column=j, kind="copy", skill=1.0, evidence={"share": float(known.mean())})
    if structural or known.mean() < PURE or column.kind == "category" or len(np.unique(x)) < 3:
        return None
    skill = functional_skill(x, y)
    return Leak(column=j, kind="settles", skill=skill, to_the_last=skill >= TO_THE_LAST) if skill >= EXACTLY else None


def _squarable(x: Array, y: Array, truth: Array) -> tuple[Array, Array, Array]:
    """The arrays, times one power of two where their squares would be no numbers."""
    largest = max(float(np.abs(array).max(initial=0)) for array in (x, y, truth))
    if not largest > 1e150:
        return x, y, truth
    factor = 2.0 ** -int(np.log2(largest))
    return x * factor, y * factor, truth * factor


def _same_numbers(x: Array, y: Array, truth: Array) -> bool:
    """Whether x is y, but for rounding and one row in a hundred."""
    if len(x) < max(FILLED_ROWS, 0.1 * len(truth)) or len(np.unique(y)) < 3:
        return False
    few = len(np.unique(y)) < 10
    return bool((np.abs(x - y) <= (0.0 if few else SAME * truth.std())).mean() >= 0.99)


def functional_skill(x: Array, y: Array) -> float:
    """Share of the variance of y that x takes away, each row by the line between its two neighbours, or by the mean of
    the other rows of the same x; or by one straight line for all. The two ends have no neighbours and are left out.

    Examples
    --------
    >>> x = np.linspace(0, 6, 200)
    >>> functional_skill(x, np.sin(x)) > 0.999
    True
    """
    variance = float(y.var())
    if not variance > 0:
        return 0.0
    order = np.argsort(x, kind="stable")
    values, group, n = np.unique(x[order], return_inverse=True, return_counts=True)
    group, sorted_y = group.reshape(-1), y[order]
    sums = np.bincount(group, weights=sorted_y)
    within = (sums[group] - sorted_y) / np.maximum(n[group] - 1, 1)
    guess = np.where(n[group] > 1, within, _between(values, sums / n)[group])
    slope, intercept = np.polyfit((x - x.mean()) / (x.std() or 1.0), y, 1)
    straight = slope * (x - x.mean()) / (x.std() or 1.0) + intercept
    inner = (group > 0) & (group < len(values) - 1) if len(values) >= FEW_NEIGHBOURS else np.ones(len(y), dtype=bool)
    error = min(float(((sorted_y - guess)[inner] ** 2).mean()), float(((y - straight) ** 2).mean()))
    return 1 - error / variance


def _between(values: Array, means: Array) -> Array:
    """For every value the mean on the line between those on both sides; at the ends that of the neighbour."""
    guess = np.empty(len(means))
    if len(values) < 3:
        guess[:] = means[::-1]
        return guess
    share = (values[1:-1] - values[:-2]) / (values[2:] - values[:-2])
    guess[1:-1] = (1 - share) * means[:-2] + share * means[2:]
    guess[0], guess[-1] = means[1], means[-2]
    return guess


# classes ----------------------------------------------------------------------------------------------------


def _of_classes(j: int, column: TableColumn, cells: Cells, structural: bool) -> Leak | None:
    truth = cells.truth
    assert truth is not None
    values, known = column.values, column.known
    distinct, n = np.unique(values[known], return_counts=True)
    leak = _filled(j, known, cells) if not known.all() else None
    if leak is None and len(distinct) > 2:
        usual = distinct[int(np.argmax(n))]  # the level or number of rows that have nothing to say
        most_others = 5 if column.kind == "number" else 2
        leak = _filled(j, values != usual, cells, whole=True) if len(distinct) > most_others else None
    if leak is None:
        leak = _copied_in_part(j, column, truth)
    if leak is not None or known.mean() < PURE:
        return leak
    x, y = values[known], truth[known]
    if _one_to_one(x, y):
        return Leak(column=j, kind="copy", skill=1.0, evidence={"share": float(known.mean())})
    if structural:
        return None
    skill, to_the_last = class_skill(x, y, len(distinct))
    return Leak(column=j, kind="settles", skill=skill, to_the_last=to_the_last) if skill >= PURE else None


def _filled(j: int, filled: npt.NDArray[np.bool_], cells: Cells, *, whole: bool = False) -> Leak | None:
    """Cells that are filled for one class and for no other; whole: and for all of its rows."""
    truth = cells.truth
    assert truth is not None
    n, of_class = int(filled.sum()), np.bincount(truth)
    by_class = np.bincount(truth[filled], minlength=len(of_class))
    for k in np.flatnonzero(of_class):
        inside, outside = int(by_class[k]), n - int(by_class[k])
        of, rest = int(of_class[k]), len(truth) - int(of_class[k])
        wrong = (of - inside) + outside
        exact = wrong <= (1 - PURE) * min(of, rest) and min(of, rest) >= 5
        alone = outside == 0 and n >= FILLED_ROWS and inside >= FILLED_SHARE * of
        by_chance = n * np.log(of / len(truth)) < np.log(BY_CHANCE)
        if exact or (alone and by_chance and not whole):
            name = cells.class_names[k] if k < len(cells.class_names) else f"{k}"
            evidence = {"class": name, "inside": inside, "of": of, "outside": outside, "rest": rest}
            return Leak(column=j, kind="filled", skill=1 - wrong / min(of, rest), evidence=evidence)
    return None


def _copied_in_part(j: int, column: TableColumn, truth: Array) -> Leak | None:
    """The classes one to one wherever the column is filled, or differs from one value that tells nothing of them.

    What it leaves open must be open at random, and what it says be right: three grades of which the lowest and the
    highest are of one class each are no copy, since the middle one is more of this class or of that.
    """
    known, (distinct, n) = column.known, np.unique(column.values[column.known], return_counts=True)
    if not 2 <= len(distinct) <= FEW_VALUES:
        return None
    blanks = [~known] if known.mean() < PURE else [known & (column.values == v) for v in distinct[n >= FILLED_ROWS]]
    for blank in blanks:
        said = known & ~blank
        if said.sum() < max(FILLED_ROWS, FILLED_SHARE * len(truth)) or len(np.unique(truth[said])) < np.ptp(truth) + 1:
            continue
        least = int(np.bincount(truth[said]).min())
        if least >= FILLED_ROWS and _one_to_one(column.values[said], truth[said], EXACTLY) and _alike(truth, blank):
            return Leak(column=j, kind="copy", skill=1.0, evidence={"share": float(said.mean())})
    return None


def _alike(truth: Array, rows: npt.NDArray[np.bool_]) -> bool:
    """Whether the classes are as frequent in these rows as in the others, by MARGIN standard errors.

    Formula   |χ² − df| ≤ MARGIN·√(2·df) above, df = number of classes − 1; Pearson (1900)
    """
    table = np.array([np.bincount(truth[part], minlength=int(truth.max()) + 1) for part in (rows, ~rows)], float)
    expected = table.sum(axis=0) * table.sum(axis=1, keepdims=True) / table.sum()
    chi, df = float(((table - expected) ** 2 / np.maximum(expected, 1e-9)).sum()), table.shape[1] - 1
    return chi <= df + MARGIN * float(np.sqrt(2 * df))


def _one_to_one(x: Array, y: Array, least: float = PURE) -> bool:
    """Whether the values of a column are the classes under other names: one value, or one narrow range of values far
    from all others, for each class; least: share of its rows that are of that class."""
    values, codes = np.unique(x, return_inverse=True)
    classes, of = np.unique(y, return_inverse=True)
    k = len(classes)
    if len(values) < k:
        return False
    if len(values) > k:  # cut where the largest gaps are
        gaps = np.diff(values)
        cuts = np.sort(np.argsort(-gaps, kind="stable")[: k - 1])
        ranges = np.split(values, cuts + 1)
        if max(float(np.ptp(part)) for part in ranges) >= 0.5 * float(gaps[cuts].min()):
            return False
        codes = np.searchsorted(cuts, codes.reshape(-1), side="left")
    table = np.zeros((k, k))
    np.add.at(table, (codes.reshape(-1), of.reshape(-1)), 1)
    most = table.max(axis=1)
    pure = most >= least * np.maximum(table.sum(axis=1), 1)
    return bool(pure.all() and len(set(table.argmax(axis=1))) == k)


def class_skill(x: Array, y: Array, n_values: int) -> tuple[float, bool]:
    """How much of the error of a constant the column takes away, and whether it does so to the last row.

    Classes that lie apart along a column (three kinds of iris) are told by it to the last row as well: what counts is
    that they touch, as a column that was cut into the classes does.
    """
    order = np.argsort(np.arange(len(y)) * 0.6180339887498949 % 1.0)  # even and odd rows alike in every stretch
    skill = label_noise_forest.column_skill(x[order], y[order], classes=True)
    if skill < PURE:
        return skill, False
    if n_values <= FEW_VALUES:
        return skill, True
    by = np.argsort(x, kind="stable")
    runs = np.flatnonzero(np.diff(y[by]))
    gaps = (x[by][runs + 1] - x[by][runs]) / (float(np.subtract(*np.quantile(x, (0.75, 0.25)))) or 1.0)
    touching = len(runs) < 2 * len(np.unique(y)) and len(y) >= 5 * FEWEST and bool((gaps < 0.05).all())
    return skill, touching


def _one_for_each(cells: Cells) -> list[Leak]:
    """Columns of two values that tell the classes one by one, as one-hot columns do; none if a class has none."""
    truth = cells.truth
    assert truth is not None
    binary = [(j, c.values) for j, c in enumerate(cells.columns) if c.known.all() and len(np.unique(c.values)) == 2]
    present, counts = np.unique(truth, return_counts=True)
    found: dict[int, float] = {}
    for k, n in zip(present, counts, strict=True):
        wrong = {j: int(((values == values.max()) != (truth == k)).sum()) for j, values in binary}
        best = min(wrong, key=lambda j: wrong[j], default=None)
        if best is not None and wrong[best] <= (1 - PURE) * n:
            found[best] = 1 - wrong[best] / n
    enough = len(found) >= max(2, len(present) - 1)  # one class may be told by the absence of the others
    return [Leak(column=j, kind="several", skill=skill) for j, skill in sorted(found.items())] if enough else []
