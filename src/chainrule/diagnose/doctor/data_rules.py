"""Rules about the data: what no optimizer can put right. They come first in the order of causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.code_rules import Code, code_rules, coded_rows, codes
from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.held_out_rules import held_out_rules
from chainrule.diagnose.doctor.imbalance_rules import imbalance_rules
from chainrule.diagnose.doctor.label_rules import label_rules
from chainrule.diagnose.doctor.leak_rules import leak_rules
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.suspects import Suspect, helps_on_unseen, trial_evidence
from chainrule.diagnose.doctor.trials import Change, n_trial_steps, rescues, trial

Array = npt.NDArray[Any]
REPEATED, KINDS = 0.25, 0.1
"""Share of rows that repeat an earlier one above which the rows count for less than their number says, where at least
this share of the different rows is repeated: one row that comes a thousand times is a value, no copies."""
MOSTLY_CONSTANT = 0.5
CUT = 4.0
"""Spreads of the middle half beyond which a cell is an outlier, or stands for a missing one."""
SMALL, LARGE = 0.1, 10.0
"""Initial weights are drawn for inputs of rms 1 (LeCun et al. 1998, section 4.3). The curvature by the weights of
layer 1 grows with the square of the inputs: a factor 10 is a factor 100 in the usable learning rate."""


def data_rules(case: RunView) -> Iterator[Finding]:
    """Every finding about the data."""
    broken = list(_non_finite(case))
    yield from broken
    if broken:
        return
    yield from _constant(case)
    yield from _duplicates(case)
    yield from held_out_rules(case)
    yield from leak_rules(case.cells)
    found = codes(case.cells)
    yield from code_rules(case.cells, found, heals=bool(found) and _heal_without(case, found))
    coded = case.in_sample(coded_rows(found, len(case.cells)))
    yield from label_rules(case, np.flatnonzero(~coded))
    yield from imbalance_rules(case)


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
