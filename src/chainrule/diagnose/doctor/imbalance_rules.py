"""Rare classes: few rows, little weight, or rows that were lost on the way.

    rows      a class of few rows that is not recognised, and would be if every class counted equally
    weights   weights that make a class count for less than its rows, so that it is not recognised
    lost      a class that is many times as frequent among the rows held out as among those trained on

Source    He, Garcia (2009); prior probability shift: Quiñonero-Candela et al. (2009), chapter 1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.trials import SIGNIFICANT, Change, n_trial_steps, trial

Array = npt.NDArray[Any]
RARE, RECALL, MOVED = 10.0, 0.5, 0.1
"""Times that the most frequent class is as frequent as a rare one; rows found of rare classes beside those of others;
and the share of what is found of the others that is lost by counting every class equally, from which the classes
overlap: what is hard to find then is not rare but alike, and weights move the mistakes."""
COUNTABLE, TOGETHER, BETTER_F1 = 15, 40, 0.15
"""Rows of the rarest class, or of all rare classes, from which F1 can be measured, and by how much weights must raise
it: classes that they find more often at as many false alarms overlap too."""


def imbalance_rules(case: RunView) -> Iterator[Finding]:
    """At most one finding about rare classes."""
    classes = case.classes
    if classes is None:
        return
    counts = np.bincount(classes, minlength=max(2, case.task.architecture.n_outputs))
    lost = _lost(case, counts)
    if lost is not None:
        yield lost
    elif case.class_weight is None and case.weight is None:
        yield from _rare(case, classes, counts)
    elif case.weight is not None:
        yield from _outweighed(case, classes, counts)


def _rare(case: RunView, classes: Array, counts: Array) -> Iterator[Finding]:
    """A class of few rows, where every row counts alike."""
    present = counts[counts > 0]
    if len(present) < 2 or present.max() < RARE * present.min():
        return
    rare = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
    are_rare = RARE * counts <= counts.max()
    recall, of_others, f1 = _recalls(case, classes, are_rare, Change())
    evidence = _counts(case, counts, rare) | {"recall": recall, "of_others": of_others}
    if recall >= RECALL * of_others:
        yield Finding(id="class-imbalance", evidence=evidence, severity=NOTE)
        return
    balanced, others_balanced, f1_balanced = _recalls(case, classes, are_rare, Change(weight=_equal_classes))
    evidence |= {
        "recall_balanced": balanced, "of_others_balanced": others_balanced, "f1": f1, "f1_balanced": f1_balanced,
    }  # fmt: skip
    moved = of_others - others_balanced >= MOVED * of_others
    countable = counts[rare] >= COUNTABLE or counts[are_rare].sum() >= TOGETHER
    overlap = moved or (countable and f1_balanced < f1 + BETTER_F1)
    variant, severity = ("overlap", NOTE) if overlap else ("balanced", FAULT)
    yield Finding(id="class-imbalance", variant=variant, evidence=evidence, severity=severity)


def _counts(case: RunView, counts: Array, rare: int) -> dict[str, Any]:
    """A class beside the most frequent one."""
    return {
        "rare": case.class_name(rare), "n_rare": int(counts[rare]), "n_most": int(counts.max()),
        "ratio": float(counts.max() / max(counts[rare], 1)),
    }  # fmt: skip


def _equal_classes(targets: Array) -> Array:
    """Weights by which every class counts as much, with mean 1."""
    classes = targets if targets.ndim == 1 else targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0]
    _, group, counts = np.unique(classes, return_inverse=True, return_counts=True)
    weights: Array = len(classes) / (len(counts) * counts[group.reshape(-1)])
    return weights


def _equal_rows(targets: Array) -> Array:
    """Weights of 1."""
    return np.ones(len(targets))


def _recalls(case: RunView, classes: Array, rare: Array, change: Change) -> tuple[float, float, float]:
    """Share of the rows of rare classes, and of all others, that are told rightly by a training on the other half; and
    the F1 of rare classes against all others; rare: by class."""
    is_rare = rare[classes]
    right, said = np.zeros(len(classes), dtype=bool), np.zeros(len(classes), dtype=bool)
    order = np.lexsort((case.sample, classes))  # both halves get as many of every class
    for half in (0, 1):
        unseen = order[half::2]
        rest = np.setdiff1d(np.arange(case.task.n_samples), case.sample[unseen])
        own = trial(case, change, n_trial_steps(case), rows=rest)
        with np.errstate(all="ignore"):
            output = case.engine.predict(own.parameters, np.ascontiguousarray(case.task.X[case.sample[unseen]]))
        guess = _guess(output)
        right[unseen] = guess == classes[unseen]
        said[unseen] = rare[guess]
    f1 = 2 * float((is_rare & right).sum()) / float(is_rare.sum() + said.sum())
    return float(right[is_rare].mean()), float(right[~is_rare].mean()), f1


def _guess(output: Array) -> npt.NDArray[np.int64]:
    """The most likely class of every row."""
    return (output[:, 0] >= 0.5).astype(np.int64) if output.shape[1] == 1 else output.argmax(axis=1)


# weights ----------------------------------------------------------------------------------------------------


def _outweighed(case: RunView, classes: Array, counts: Array) -> Iterator[Finding]:
    """A class that is not recognised since its rows weigh little, though it is not the most frequent one."""
    assert case.weight is not None
    mass = np.bincount(classes, weights=case.weight, minlength=len(counts))
    mean = mass / np.maximum(counts, 1)
    of_others = (mass.sum() - mass) / np.maximum(counts.sum() - counts, 1)
    light = (counts >= COUNTABLE) & (RARE * mass <= mass.max()) & (RARE * mean <= of_others)
    light &= counts < counts.max()
    if not light.any():
        return
    rare = int(np.argmin(np.where(light, mean, np.inf)))
    recall, others, f1 = _recalls(case, classes, light, Change())
    if recall >= RECALL * others:
        return
    equal, others_equal, f1_equal = _recalls(case, classes, light, Change(weight=_equal_rows))
    if f1_equal < f1 + BETTER_F1:
        return
    evidence = _counts(case, counts, rare) | {
        "weight": float(mean[rare]), "weight_others": float(of_others[rare]), "recall": recall, "of_others": others,
        "recall_equal": equal, "of_others_equal": others_equal, "f1": f1, "f1_equal": f1_equal,
    }  # fmt: skip
    yield Finding(id="class-imbalance", variant="weights", evidence=evidence)


# rows held out ----------------------------------------------------------------------------------------------


def _lost(case: RunView, counts: Array) -> Finding | None:
    """A class that is rare in training, many times as frequent among the rows held out, and not recognised there."""
    if case.held_out is None or case.held_out_targets is None or not np.isfinite(case.end.flat).all():
        return None
    held = case.classes_of(case.held_out_targets)
    if held is None or held.max() >= len(counts):
        return None
    n_held = np.bincount(held, minlength=len(counts))
    expected = counts / counts.sum() * len(held)
    missing = n_held / len(held) * counts.sum() - counts  # a class may well be missing among few rows
    beyond = (n_held - expected > SIGNIFICANT * np.sqrt(expected + 1)) & (
        missing > SIGNIFICANT * np.sqrt(missing + counts)
    )
    lost = (RARE * counts <= counts.max()) & (n_held >= RARE * expected) & (n_held >= COUNTABLE) & beyond
    if not lost.any() or lost[held].all():
        return None
    with np.errstate(all="ignore"):
        right = _guess(case.engine.predict(case.end, np.ascontiguousarray(case.held_out))) == held
    recall, of_others = float(right[lost[held]].mean()), float(right[~lost[held]].mean())
    if recall >= RECALL * of_others:
        return None
    rare = int(np.argmax(np.where(lost, n_held - expected, -np.inf)))
    evidence = _counts(case, counts, rare) | {
        "share": float(counts[rare] / counts.sum()), "share_held": float(n_held[rare] / len(held)),
        "n_held": int(n_held[rare]), "recall": recall, "of_others": of_others,
    }  # fmt: skip
    return Finding(id="class-imbalance", variant="held-out", evidence=evidence)
