"""Rules about labels and targets: do they belong to their rows, or do the columns leave them open?

Both wrong labels and outcomes that chance decides contradict their neighbours. What tells them apart:

    scattered   a class that overlaps with others has neighbours, and its contradicting labels are theirs. Wrong labels
                are of any class, whatever class the row seems to be of: quasi-independence.
    alike       chance leaves some rows more open than others, and the forest errs least where it is surest. Wrong
                labels lie everywhere alike: as many where it is surest as over all rows.

Without one of the two the finding is a note: how much these columns leave open, whoever trains on them.

Source    noise at random and noise that depends on the class: Frénay, Verleysen (2014), section II;
          tables without a diagonal: Goodman (1968)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor import label_noise_forest
from chainrule.diagnose.doctor.finding import NOTE, Finding
from chainrule.diagnose.doctor.outliers import share_of_outliers
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.trials import SIGNIFICANT

Array = npt.NDArray[Any]
ABSENT, MANY_COLUMNS = 1.0, 3
"""Standard errors above the constant below which a forest sees nothing of the target (of targets in another order it is
below 0); and columns from which that is said: one or two may well say little, and leave much to those that are not in
the table.
"""
RANKED = 2.0
"""Standard errors by which its order of the rows must be no better than chance, too: where a class is rare, a forest
may know which rows are likelier of it, and still lose to the frequencies by being too sure."""
ENOUGH = 40
"""Rows of other classes than the most frequent one below which a forest may well miss what there is."""
WRONG_LABELS = 0.08
"""Share of contradicted labels among the rows the forest is surest of, from which it is told."""
SCATTERED, CONTRADICTIONS = 3.0, 30
"""Deviations by which contradicting labels may depend on the class that the row seems to be of, and how many it takes
to tell. Overlapping grades of wine come to 7 and more, wrong labels of digits and letters to 2 at most."""
FLAT, SEPARABLE = 0.7, 0.35
"""Contradictions where the forest is surest beside those of all rows, from which they lie everywhere alike; and the
skill it needs: a forest that hardly tells the classes apart is nowhere sure, and errs everywhere alike."""


def label_rules(case: RunView, rows: npt.NDArray[np.int64]) -> Iterator[Finding]:
    """Targets that say nothing about their rows, wrong ones among right ones, or outcomes that are left open.

    Args      rows: places in the sample to judge by, those whose cells were measured
    """
    classes = case.classes
    truth = classes if classes is not None else case.one_value
    if truth is None:
        return
    seen = forest_predictions(case.X[rows], truth[rows], classes is not None)
    if seen is None:
        if len(rows) >= ENOUGH:
            case.learnable = learnable_by_kind(case.X[rows], truth[rows], classes is not None)
        case.unjudged.append("labels")
        return
    case.learnable = learnable(seen, classes is not None)
    t = _above_chance(seen, classes is not None)
    many = sum(column.varies for column in case.cells.columns) >= MANY_COLUMNS
    absent = t < ABSENT and (classes is None or ranks_above_chance(seen.predicted, seen.truth) < RANKED)
    if many and absent and _enough(seen, classes is not None) and not _generalises(case):
        yield Finding(id="label-noise", variant="all", evidence={"skill": seen.skill, "n": len(seen.rows), "t": t})
    elif classes is None:
        yield from _outliers(seen) if many else ()
    else:
        yield from _contradicted(case, replace(seen, rows=rows[seen.rows]))


def forest_predictions(X: Array, truth: Array, classes: bool) -> label_noise_forest.ForestPredictions | None:
    """The forest's word on rows it has not seen."""
    return label_noise_forest.classifier(X, truth) if classes else label_noise_forest.regressor(X, truth)


def _contradicted(case: RunView, seen: label_noise_forest.ForestPredictions) -> Iterator[Finding]:
    """Labels that the forest contradicts where it is surest: a fault where chance would not make them so."""
    top = np.sort(seen.predicted, axis=1)
    wrong = seen.predicted.argmax(axis=1) != seen.truth
    order = np.argsort(top[:, -2] - top[:, -1], kind="stable")
    n = len(order)
    tenth, surest, sure = (wrong[order[: max(20, n // part)]] for part in (10, 4, 2))
    q = float(surest.mean())
    if q < WRONG_LABELS or q - 2 * np.sqrt(q * (1 - q) / len(surest)) <= WRONG_LABELS / 2:
        return
    suspects = order[wrong[order]]
    contradicted = order[: len(sure)][sure]
    second, upper, at_random = _second_choice(seen, contradicted)
    depends, df = quasi_independence(seen.predicted[contradicted].argmax(axis=1), seen.truth[contradicted])
    evidence: dict[str, Any] = {
        "share": float(wrong.mean()), "surest": q, "tenth": float(tenth.mean()), "n": n, "n_surest": len(surest),
        "second": second, "at_random": at_random, "depends": depends, "n_sure": len(contradicted), "skill": seen.skill,
        "examples": [case.example(int(i)) for i in case.sample[seen.rows[suspects[:8]]]],
    }  # fmt: skip
    alike = min(q, evidence["tenth"]) > FLAT * evidence["share"]
    scattered = df > 1 and len(contradicted) >= CONTRADICTIONS and depends < SCATTERED
    if scattered and upper < (1 + at_random) / 2 and q > FLAT * sure.mean():
        yield Finding(id="label-noise", evidence=evidence)
    elif alike and seen.skill >= SEPARABLE:
        yield Finding(id="label-noise", variant="alike", evidence=evidence)
    else:
        yield Finding(id="label-noise", variant="open", evidence=evidence, severity=NOTE)


def _second_choice(
    seen: label_noise_forest.ForestPredictions, contradicted: npt.NDArray[np.int64]
) -> tuple[float, float, float]:
    """How often a contradicting label is the forest's second choice; two standard errors more; and how often one
    drawn at random among the other classes would be.

    Of two classes there is no other: every one is the second choice.
    """
    ranked = np.argsort(-seen.predicted[contradicted], axis=1, kind="stable")
    second = float((ranked[:, 1] == seen.truth[contradicted]).mean()) if len(contradicted) else 1.0
    error = np.sqrt(max(second * (1 - second), 0.01) / max(len(contradicted), 1))
    return second, second + 2 * float(error), 1 / max(len(np.unique(seen.truth)) - 1, 1)


def quasi_independence(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> tuple[float, int]:
    """By how many of its deviations χ² of a table without a diagonal exceeds its mean, and its degrees of freedom.

    Formula   e_ij = a_i·b_j for i ≠ j with the sums of the table; (Σ (n_ij − e_ij)²/e_ij − df) / √(2·df)
    Args      rows, columns (n,): two classes of every case, which differ
    Source    Goodman (1968); iterative proportional fitting: Deming, Stephan (1940)

    Examples
    --------
    >>> quasi_independence(np.array([0, 0, 1, 1, 2, 2] * 9), np.array([1, 2, 0, 2, 0, 1] * 9))[1]
    1
    """
    _, codes = np.unique(np.concatenate([rows, columns]), return_inverse=True)
    i, j = codes.reshape(-1)[: len(rows)], codes.reshape(-1)[len(rows) :]
    n = np.zeros((int(codes.max(initial=0)) + 1,) * 2)
    np.add.at(n, (i, j), 1.0)
    cells = (n.sum(axis=1) > 0)[:, None] & (n.sum(axis=0) > 0)[None, :] & ~np.eye(len(n), dtype=bool)
    df = int(cells.sum() - (n.sum(axis=1) > 0).sum() - (n.sum(axis=0) > 0).sum() + 1)
    if df < 1:
        return 0.0, 0
    e = cells.astype(np.float64)
    for _ in range(200):
        for axis in (1, 0):
            sums = e.sum(axis=axis, keepdims=True)
            e *= np.where(sums > 0, n.sum(axis=axis, keepdims=True) / np.where(sums > 0, sums, 1.0), 0.0)
    chi = float((((n - e) ** 2)[cells] / np.maximum(e[cells], 1e-9)).sum())
    return (chi - df) / float(np.sqrt(2 * df)), df


def _enough(seen: label_noise_forest.ForestPredictions, classes: bool) -> bool:
    """Whether there are enough rows besides the most frequent class for a relation to show."""
    return not classes or len(seen.truth) - int(np.bincount(seen.truth).max()) >= ENOUGH


def _outliers(seen: label_noise_forest.ForestPredictions) -> Iterator[Finding]:
    """Values of which a share seems to belong to other rows."""
    q, t = share_of_outliers(seen.truth, seen.predicted)
    if q >= WRONG_LABELS and t >= SIGNIFICANT:
        yield Finding(
            id="label-noise", variant="values", evidence={"share": q, "t": t, "n": len(seen.rows), "skill": seen.skill}
        )


def learnable(seen: label_noise_forest.ForestPredictions, classes: bool) -> float:
    """Share of the loss of a constant output that the forest takes away on rows it has not seen."""
    if not classes:
        return seen.skill
    n, k = len(seen.truth), seen.predicted.shape[1]
    p = (seen.predicted[np.arange(n), seen.truth] + 1 / n) / (1 + k / n)
    frequency = np.bincount(seen.truth, minlength=k)[seen.truth] / n
    return float(1 - np.log(p).mean() / np.log(frequency).mean())


def learnable_by_kind(X: Array, truth: Array, classes: bool) -> float:
    """The same where there are few different rows: each row by the others of its kind, and one of all kinds."""
    kind = np.unique(X, axis=0, return_inverse=True)[1].reshape(-1)
    targets = np.eye(int(truth.max()) + 1)[truth] if classes else truth[:, None].astype(np.float64)
    sums = np.zeros((int(kind.max()) + 1, targets.shape[1]))
    np.add.at(sums, kind, targets)
    n = np.bincount(kind)
    guess = (sums[kind] - targets + targets.mean(axis=0)) / n[kind][:, None]
    if not classes:
        return float(1 - ((targets - guess) ** 2).mean() / truth.var())
    rows = np.arange(len(truth))
    return float(1 - np.log(guess[rows, truth]).mean() / np.log(targets.mean(axis=0)[truth]).mean())


def _above_chance(seen: label_noise_forest.ForestPredictions, classes: bool) -> float:
    """By how many standard errors the forest beats the constant."""
    if classes:
        known = np.arange(len(seen.truth)), seen.truth  # probability given to the true class, beside its frequency
        gain = seen.predicted[known] - np.bincount(seen.truth)[seen.truth] / len(seen.truth)
    else:
        gain = (seen.truth - seen.truth.mean()) ** 2 - (seen.truth - seen.predicted) ** 2
    error = gain.std() / np.sqrt(len(gain))
    return float(gain.mean() / error) if error > 0 else 0.0


def ranks_above_chance(predicted: Array, classes: npt.NDArray[np.int64]) -> float:
    """By how many standard errors rows of a class rank above the others by its probability, over all classes.

    Formula   z_c = (U_c − n_c·m_c / 2) / √(n_c·m_c·(n + 1) / 12), m_c = n − n_c; Σ_c z_c / √K, of two classes z_1
    Source    Mann, Whitney (1947)

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    >>> round(ranks_above_chance(p, np.array([0, 0, 1, 1])), 4)
    1.5492
    """
    from scipy.stats import rankdata

    n, found = len(classes), []
    for c in np.unique(classes):
        inside = classes == c
        n_c = int(inside.sum())
        m_c = n - n_c
        u = float(rankdata(predicted[:, c])[inside].sum()) - n_c * (n_c + 1) / 2
        found.append((u - n_c * m_c / 2) / np.sqrt(n_c * m_c * (n + 1) / 12) if m_c else 0.0)
    return float(found[1]) if len(found) == 2 else float(sum(found) / np.sqrt(len(found)))


def _generalises(case: RunView) -> bool:
    """Whether held-out rows were predicted better than by a constant: then the labels do hold something."""
    held = [value for value in case.history.get("validation_loss", []) if np.isfinite(value)]
    return bool(held) and case.chance - min(held) > 0.1 * case.reach
