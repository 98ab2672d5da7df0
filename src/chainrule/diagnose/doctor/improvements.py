"""Changes under which a run that learned would have done better, on rows that it did not see.

A run may learn most of what there is and still be held back: by a rate that keeps it bouncing above the minimum, or by
one that faded before it was reached. By the way from a constant output to the best trial this is little; by what is
left to learn it is much. Two kinds of evidence are asked for, each of which a healthy run lacks:

    fits     after as many steps the changed training has a much lower loss on the rows it was trained on. A smaller
             rate does not, unless the run's own is too large; a larger one does not, unless it is too small.
    holds    and it does better on rows that neither training saw: five pairs of trainings on four fifths of the rows,
             so that every row is unseen once. A change that only learns rows by heart does not.

Source    K-fold cross-validation: Stone (1974); paired mistakes: McNemar (1947)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.run_view import RunView, row_losses
from chainrule.diagnose.doctor.suspects import UNCHANGED, Suspect
from chainrule.diagnose.doctor.trials import (
    FEW,
    SHORTFALL,
    Change,
    Outcome,
    n_trial_steps,
    paired_t,
    shortfall,
    t_value,
    trial,
)
from chainrule.seeding import permutation

Array = npt.NDArray[Any]
N_FOLDS = 5
FITS = 0.75
"""The loss of the training rows must fall to this share of what the run reached."""
HOLDS, CLEARLY = 0.9, 3.0
"""That of unseen rows to this share, where they have values; and standard errors of either difference, which are two
independent ones."""
FEWER, SURELY = 0.9, 2.5
"""Mistakes on unseen rows to this share, by so many deviations of the rows that only one of the two gets right."""
WORTH, WORTH_FASTER, WORTH_LONGER = 0.015, 0.04, 0.08
"""Share of the mistakes, or of the loss, of a constant output that must be won on unseen rows; by a change that makes a
run faster; and by more steps: a training that goes a little slowly, or stops a little early, is no mistake."""
MOST = 0.6
"""The first cause is the first change that brings this share of what the best one brings."""


@dataclass(frozen=True)
class UnseenRows:
    """What trainings come to on rows that they did not see: the loss of every row, and which are mistaken."""

    losses: Array
    mistaken: npt.NDArray[np.bool_] | None


class FoldTrials:
    """The run's own training and changed ones, each done again without one fifth of the rows after the other."""

    def __init__(self, case: RunView) -> None:
        self.case = case
        order = permutation(case.settings.seed, 0, case.task.n_samples)
        self.parts = [np.sort(part) for part in np.array_split(order, N_FOLDS)]

    @cached_property
    def own(self) -> UnseenRows:
        """The run's own training."""
        return self.of(Change(), self.case.n_planned)

    def of(self, change: Change, n_steps: int) -> UnseenRows:
        """A changed training, for as many epochs as n_steps are of the run's."""
        case, n = self.case, self.case.task.n_samples
        losses = np.full(n, np.nan)
        mistaken = np.zeros(n, dtype=bool)
        for part in self.parts:
            held = np.intersect1d(part, case.sample)
            rest = np.setdiff1d(np.arange(n), part)
            outcome = trial(case, change, max(1, n_steps * (N_FOLDS - 1) // N_FOLDS), rows=rest)
            losses[held] = np.inf if outcome.stopped else losses_on(case, outcome, held)
            mistaken[held] = mistakes_on(case, outcome, held)
        seen = case.sample
        return UnseenRows(losses[seen], mistaken[seen] if case.classes is not None else None)


def losses_on(case: RunView, outcome: Outcome, rows: npt.NDArray[np.int64]) -> Array:
    """The losses of these rows, as the trial saw them."""
    seen = replace(case.task, X=_inputs(case, outcome))
    return row_losses(case.engine, seen, outcome.parameters, rows)


def mistakes_on(case: RunView, outcome: Outcome, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which of these rows of the sample are given another class than theirs; none where there are no classes."""
    if case.classes is None:
        return np.zeros(len(rows), dtype=bool)
    with np.errstate(all="ignore"):
        output = case.engine.predict(outcome.parameters, np.ascontiguousarray(_inputs(case, outcome)[rows]))
    guess = (output[:, 0] >= 0.5).astype(np.int64) if output.shape[1] == 1 else output.argmax(axis=1)
    wrong: npt.NDArray[np.bool_] = guess != case.classes[np.searchsorted(case.sample, rows)]
    return wrong


def _inputs(case: RunView, outcome: Outcome) -> Array:
    X = case.task.X if outcome.change.X is None else outcome.change.X(case.task.X)
    return np.ascontiguousarray(X, dtype=case.task.architecture.dtype)


# judging ------------------------------------------------------------------------------------------------------


def first_improvement(case: RunView, suspects: Sequence[Suspect]) -> Finding | None:
    """The finding of the first change that does about as much good on unseen rows as the best of them."""
    if case.task.n_samples < FEW:
        return None
    cut = n_trial_steps(case) < case.n_planned  # after fewer steps a larger rate is ahead whatever the end would be
    fitting = [suspect for suspect in suspects if not (suspect.hastens and cut) and fits_better(suspect.outcome)]
    folds = FoldTrials(case)
    held = [(suspect, folds.of(_whole(suspect), suspect.outcome.n_steps)) for suspect in fitting]
    good = [(suspect, unseen) for suspect, unseen in held if holds_better(case, folds.own, unseen, worth(suspect))]
    gains = [case.mean(folds.own.losses) - case.mean(unseen.losses) for _, unseen in good]
    for (suspect, unseen), gain in zip(good, gains, strict=True):
        found = suspect.finding() if not gain < MOST * max(gains) else None
        if found is not None:
            losses = {"own_unseen": case.mean(folds.own.losses), "trial_unseen": case.mean(unseen.losses)}
            return replace(found, evidence={**found.evidence, **losses})
    return None


def _whole(suspect: Suspect) -> Change:
    """The change as from the first step on."""
    return suspect.outcome.change if not suspect.longer else replace(suspect.outcome.change, **UNCHANGED)


def fits_better(outcome: Outcome) -> bool:
    """Whether the loss of the training rows falls much, by what is left of it or by the way from a constant output."""
    case = outcome.case
    on_the_way = shortfall(case.loss_reached, outcome.loss, case.chance) >= SHORTFALL
    if not (on_the_way or outcome.loss - case.least <= FITS * (case.loss_reached - case.least)):
        return False
    return all(t_value(case, worse, outcome.by_row) > CLEARLY for worse in (case.losses_at_end, case.chance_by_row))


def worth(suspect: Suspect) -> float:
    """How much a change must bring to be told."""
    if suspect.longer:
        return WORTH_LONGER
    return WORTH_FASTER if suspect.hastens or suspect.must_hold else WORTH


def holds_better(case: RunView, own: UnseenRows, changed: UnseenRows, least: float) -> bool:
    """Whether unseen rows have a lower loss beyond doubt, and much of it or of the mistakes is gone."""
    before, after = case.mean(own.losses), case.mean(changed.losses)
    if not after < min(before, case.chance) or paired_t(own.losses, changed.losses, case.weight, case.reach) < CLEARLY:
        return False
    if own.mistaken is None or changed.mistaken is None:
        return after - case.least <= HOLDS * (before - case.least) and before - after >= least * case.reach
    mended, spoilt = (int(rows.sum()) for rows in (own.mistaken & ~changed.mistaken, changed.mistaken & ~own.mistaken))
    of_constant = len(own.mistaken) - int(np.bincount(case.classes).max()) if case.classes is not None else 0
    fewer = changed.mistaken.sum() <= FEWER * own.mistaken.sum() and mended - spoilt >= least * of_constant
    return bool(fewer and mended - spoilt >= SURELY * np.sqrt(mended + spoilt))
