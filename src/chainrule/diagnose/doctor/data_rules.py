"""Rules about the data: what no optimizer can put right. They come first in the order of causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.code_rules import Code, code_rules, coded_rows, codes
from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.label_rules import label_rules
from chainrule.diagnose.doctor.leak_rules import leak_rules
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.suspects import Suspect, helps_on_unseen, trial_evidence
from chainrule.diagnose.doctor.trials import Change, n_trial_steps, rescues, trial
from chainrule.run.table_sample import SAMPLE_ROWS
from chainrule.seeding import Purpose, stream_key, words

Array = npt.NDArray[Any]
REPEATED, KINDS = 0.25, 0.1
"""Share of rows that repeat an earlier one above which the rows count for less than their number says, where at least
this share of the different rows is repeated: one row that comes a thousand times is a value, no copies."""
SHARED = 0.1
"""Share of held-out rows that are training rows, above which they no longer tell how new rows will do."""
MOSTLY_CONSTANT = 0.5
CUT = 4.0
"""Spreads of the middle half beyond which a cell is an outlier, or stands for a missing one."""
SMALL, LARGE = 0.1, 10.0
"""Initial weights are drawn for inputs of rms 1 (LeCun et al. 1998, section 4.3). The curvature by the weights of
layer 1 grows with the square of the inputs: a factor 10 is a factor 100 in the usable learning rate."""
RARE, RECALL, MOVED = 10.0, 0.5, 0.1
"""Times that the most frequent class is as frequent as a rare one; rows found of rare classes beside those of others;
and the share of what is found of the others that is lost by counting every class equally, from which the classes
overlap: what is hard to find then is not rare but alike, and weights move the mistakes."""
COUNTABLE, BETTER_F1 = 15, 0.15
"""Rows of the rarest class from which F1 can be measured, and by how much weights must raise it: a class that they find
more often at as many false alarms overlaps too."""


def data_rules(case: RunView) -> Iterator[Finding]:
    """Every finding about the data."""
    broken = list(_non_finite(case))
    yield from broken
    if broken:
        return
    yield from _constant(case)
    yield from _duplicates(case)
    yield from _shared(case)
    yield from leak_rules(case.cells)
    found = codes(case.cells)
    yield from code_rules(case.cells, found, heals=bool(found) and _heal_without(case, found))
    coded = case.in_sample(coded_rows(found, len(case.cells)))
    yield from label_rules(case, np.flatnonzero(~coded))
    yield from _imbalance(case)


def _heal_without(case: RunView, found: Sequence[Code]) -> bool:
    """Whether a run that failed would have gone well with the median in place of codes; inputs made by a pipeline are
    limited, and no code makes them large."""
    if case.columns is not None or case.table_sample is not None or not case.failed:
        return False
    values = {code.column: float(np.median(code.others)) for code in found}

    def imputed(X: Array) -> Array:
        filled = X.astype(np.float64)
        for code in found:
            filled[filled[:, code.column] == np.asarray(code.value, X.dtype), code.column] = values[code.column]
        return filled

    return rescues(trial(case, Change(X=imputed), n_trial_steps(case)))


def _non_finite(case: RunView) -> Iterator[Finding]:
    """A number of X that is none, or whose square is none."""
    bad = ~np.isfinite(case.task.X)
    overflowing = np.abs(case.task.X) > np.sqrt(np.finfo(case.task.architecture.dtype).max)
    if bad.any() or overflowing.any():
        i, j = (int(k) for k in np.argwhere(bad | overflowing)[0])
        evidence = {
            "row": case.example(i),
            "column": case.input_name(j),
            "value": float(case.task.X[i, j]),
            "n": int((bad | overflowing).sum()),
        }
        yield Finding(id="non-finite-data", variant="" if bad.any() else "overflow", evidence=evidence)


def _constant(case: RunView) -> Iterator[Finding]:
    """Columns of which no input varies."""
    constant = np.ptp(case.X, axis=0) == 0
    still = np.flatnonzero(constant)  # in the sample; rare values may lie outside it
    constant[still] = [not np.ptp(case.task.X[:, j]) for j in still]
    columns = case.cells.columns
    names = [column.name for column in columns if constant[column.inputs].all()]
    if names:
        share = len(names) / len(columns)
        evidence = {"n": len(names), "of": len(columns), "share": share, "columns": names[:8]}
        variant = "all" if len(names) == len(columns) else ""
        severity = FAULT if share > MOSTLY_CONSTANT else NOTE
        yield Finding(id="constant-inputs", variant=variant, evidence=evidence, severity=severity)


def _duplicates(case: RunView) -> Iterator[Finding]:
    """Rows that repeat an earlier row, beyond what as many draws from independent columns would repeat."""
    codes_of = [np.unique(column.values, return_inverse=True)[1].reshape(-1) for column in case.cells.columns]
    X = np.column_stack(codes_of)
    if len(X) < 20 or not np.ptp(X, axis=0).any():
        return
    _, first, inverse, times = np.unique(X, axis=0, return_index=True, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    repeats = len(X) - len(first)
    if not repeats:
        return
    agree = sum(float(np.log(((np.bincount(of_column) / len(X)) ** 2).sum())) for of_column in X.T)
    expected = len(X) * -np.expm1(-(len(X) - 1) / 2 * np.exp(agree))
    truth = case.y if case.cells.truth is None or len(case.y) == len(X) else case.cells.truth[:, None]
    conflicting = 0
    if len(truth) == len(X):
        conflicting = int((np.nan_to_num(truth[first][inverse]) != np.nan_to_num(truth)).any(axis=1).sum())
    share = repeats / len(X)
    beyond_chance = repeats > 3 * expected
    many = share >= REPEATED and beyond_chance and (times > 1).mean() >= KINDS
    if many or (share >= 0.01 and beyond_chance):
        evidence = {
            "n": repeats, "of": len(X), "share": share, "expected": float(expected), "conflicting": conflicting,
        }  # fmt: skip
        variant, severity = "conflicting" if conflicting else "", FAULT if many else NOTE
        yield Finding(id="duplicate-rows", variant=variant, evidence=evidence, severity=severity)


def _shared(case: RunView) -> Iterator[Finding]:
    """Held-out rows that are training rows, beyond what repetitions among the training rows let expect."""
    if case.held_out is None or not np.ptp(case.X, axis=0).any():
        return
    held = case.held_out[:: -(-len(case.held_out) // SAMPLE_ROWS)]
    trained, n_alike = np.unique(_keys(case.task.X), return_counts=True)
    expected = float(n_alike[n_alike > 1].sum()) / case.task.n_samples
    n = int(np.isin(_keys(held), trained).sum())
    if n >= SHARED * len(held) and n > 3 * expected * len(held):
        evidence = {"n": n, "of": len(held), "share": n / len(held), "expected": expected}
        yield Finding(id="duplicate-rows", variant="shared", evidence=evidence)


def _keys(X: Array) -> npt.NDArray[np.uint64]:
    """A number of 64 bits for each row: equal for equal rows, and hardly ever else.

    Formula   Σ_j (bits of x_j) · f_j modulo 2^64, with odd f_j
    Source    multilinear hashing: Carter, Wegman (1979)
    """
    bits = np.ascontiguousarray(X).view(np.uint32 if X.dtype.itemsize == 4 else np.uint64)
    halves = words(stream_key(0, Purpose.CHECK), 2 * bits.shape[1]).astype(np.uint64).reshape(2, -1)
    factors = (halves[0] << np.uint64(32)) | halves[1] | np.uint64(1)
    keys = np.zeros(len(X), np.uint64)
    for j, factor in enumerate(factors):
        keys += bits[:, j].astype(np.uint64) * factor
    return keys


# classes ----------------------------------------------------------------------------------------------------


def _imbalance(case: RunView) -> Iterator[Finding]:
    classes = case.classes
    if classes is None or case.class_weight is not None or case.weight is not None:
        return
    counts = np.bincount(classes, minlength=max(2, case.task.architecture.n_outputs))
    present = counts[counts > 0]
    if len(present) < 2 or present.max() < RARE * present.min():
        return
    rare = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
    recall, of_others, f1 = _recalls(case, classes, counts, Change())
    evidence = {
        "rare": case.class_name(rare),
        "n_rare": int(counts[rare]),
        "n_most": int(counts.max()),
        "ratio": float(counts.max() / counts[rare]),
        "recall": recall,
        "of_others": of_others,
    }
    if recall >= RECALL * of_others:
        yield Finding(id="class-imbalance", evidence=evidence, severity=NOTE)
        return
    balanced, others_balanced, f1_balanced = _recalls(case, classes, counts, Change(weight=_equal_classes))
    evidence |= {
        "recall_balanced": balanced,
        "of_others_balanced": others_balanced,
        "f1": f1,
        "f1_balanced": f1_balanced,
    }
    moved = of_others - others_balanced >= MOVED * of_others
    overlap = moved or (counts[rare] >= COUNTABLE and f1_balanced < f1 + BETTER_F1)
    variant, severity = ("overlap", NOTE) if overlap else ("balanced", FAULT)
    yield Finding(id="class-imbalance", variant=variant, evidence=evidence, severity=severity)


def _equal_classes(targets: Array) -> Array:
    """Weights by which every class counts as much, with mean 1."""
    classes = targets if targets.ndim == 1 else targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0]
    _, group, counts = np.unique(classes, return_inverse=True, return_counts=True)
    weights: Array = len(classes) / (len(counts) * counts[group.reshape(-1)])
    return weights


def _recalls(case: RunView, classes: Array, counts: Array, change: Change) -> tuple[float, float, float]:
    """Share of the rows of rare classes, and of all others, that are told rightly by a training on the other half; and
    the F1 of rare classes against all others."""
    rare = np.isin(classes, np.flatnonzero(RARE * counts <= counts.max()))
    right, said = np.zeros(len(classes), dtype=bool), np.zeros(len(classes), dtype=bool)
    order = np.lexsort((case.sample, classes))  # both halves get as many of every class
    for half in (0, 1):
        unseen = order[half::2]
        rest = np.setdiff1d(np.arange(case.task.n_samples), case.sample[unseen])
        own = trial(case, change, n_trial_steps(case), rows=rest)
        with np.errstate(all="ignore"):
            output = case.engine.predict(own.parameters, np.ascontiguousarray(case.task.X[case.sample[unseen]]))
        guess = (output[:, 0] >= 0.5).astype(int) if output.shape[1] == 1 else output.argmax(axis=1)
        right[unseen] = guess == classes[unseen]
        said[unseen] = np.isin(guess, np.flatnonzero(RARE * counts <= counts.max()))
    f1 = 2 * float((rare & right).sum()) / float(rare.sum() + said.sum())
    return float(right[rare].mean()), float(right[~rare].mean()), f1


# the scale of the inputs ------------------------------------------------------------------------------------


def input_scale(case: RunView) -> Suspect | Finding | None:
    """Inputs far from rms 1: a suspect if the run would have gone well with each column at mean 0, variance 1."""
    if not np.isfinite(case.X).all():
        return None
    rms = float(np.sqrt((case.X**2).mean()))
    of_columns = np.sqrt((case.X**2).mean(axis=0))
    largest = int(np.argmax(of_columns))
    if SMALL <= rms <= LARGE and of_columns[largest] <= 10 * LARGE:
        return None
    evidence: dict[str, Any] = {"rms": rms, "column": case.input_name(largest), "largest": float(of_columns[largest])}
    for variant, change in (("large" if rms > 1 else "small", Change(X=standardised)), ("outliers", Change(X=cut_off))):
        scaled = trial(case, change, n_trial_steps(case))
        if (case.failed and rescues(scaled)) or helps_on_unseen(case, change):
            evidence |= trial_evidence(case, scaled) | {"far": float((np.abs(_robust(case.X)) > CUT).mean())}
            finding = partial(Finding, id="input-scale", variant=variant, evidence=evidence)
            return Suspect(outcome=scaled, finding=finding, known=True)
    return Finding(id="input-scale", variant="harmless", evidence=evidence, severity=NOTE)


def cut_off(X: Array) -> Array:
    """Every column at median 0 and the spread of its middle half 1, beyond CUT cut off."""
    return np.clip(_robust(X.astype(np.float64)), -CUT, CUT)


def _robust(X: Array) -> Array:
    """Columns about their medians, by the spread of their middle half, or where that is 0 by the usual one."""
    low, middle, high = np.quantile(X, (0.25, 0.5, 0.75), axis=0)
    spread = (high - low) / 1.349
    usual = float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0
    return (X - middle) / np.where(spread > 0, spread, usual)


def standardised(X: Array) -> Array:
    """Every column at mean 0 and variance 1; a constant one at 0."""
    wide = X.astype(np.float64)
    spread = wide.std(axis=0)
    return (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
