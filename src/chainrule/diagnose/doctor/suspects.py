"""Suspects: causes whose removal rescues the run, and which of them comes first.

The earliest suspect in the order of causes is the first cause, provided that its removal alone does about as
well as the best single change: a rescue that leaves a quarter of the way to another one has not found what
kept the run from going down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.run_view import RunView, row_losses
from chainrule.diagnose.doctor.trials import (
    FEW,
    SHORTFALL,
    SIGNIFICANT,
    Change,
    Outcome,
    n_trial_steps,
    paired_t,
    rescues,
    shortfall,
    trial,
)
from chainrule.seeding import permutation

NOTICEABLE = 0.08
"""Share of the constant's loss that a change must save on unseen rows."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A trial that rescued the run, and the finding it makes."""

    outcome: Outcome
    finding: Callable[[], Finding | None]
    must_hold: bool = False
    """Whether it must do better on unseen rows whatever the run has learned: a penalty is there for these."""
    patient: bool = False
    """Whether the cause makes a run slow rather than stuck: not named where only going on does clearly better."""
    longer: bool = False
    """Whether the trial is the run going on, with more steps than the run had."""
    hastens: bool = False
    """Whether the change makes the way down faster: ahead after few steps, it need not be so at the end."""
    known: bool = False
    """Whether it was shown to rescue the run by other means than its trial."""

    @property
    def rescues(self) -> bool:
        """Whether the run would have done substantially better."""
        return self.known or rescues(self.outcome)


def first_of(case: RunView, suspects: Sequence[Suspect]) -> Finding | None:
    """The finding of the first suspect that does about as well as the best and holds on unseen rows."""
    suspects = [suspect for suspect in suspects if not suspect.must_hold or holds_on_unseen(case, suspect)]
    for suspect in suspects:
        rivals = [other.outcome.loss for other in suspects if suspect.patient or not other.longer]
        if rivals and shortfall(suspect.outcome.loss, min(rivals), case.chance) >= SHORTFALL:
            continue
        trusted = suspect.must_hold or (case.is_hopeless and not case.is_noisy)
        if not (trusted or holds_on_unseen(case, suspect)):
            continue
        found = suspect.finding()
        if found is not None:
            return found
    return None


def trial_evidence(case: RunView, outcome: Outcome) -> dict[str, Any]:
    """What every finding of a trial tells."""
    return {"loss": case.loss_at_end, "loss_trial": outcome.loss, "steps": outcome.n_steps, "chance": case.chance}


def holds_on_unseen(case: RunView, suspect: Suspect) -> bool:
    """Whether the change also helps on rows that neither training saw: else it only fits the rows it was given."""
    n_steps = suspect.outcome.n_steps if suspect.longer else None
    return case.task.n_samples < FEW or helps_on_unseen(case, suspect.outcome.change, n_steps)


def helps_on_unseen(case: RunView, change: Change, n_steps: int | None = None) -> bool:
    """Whether a change does substantially and significantly better on rows that neither training saw.

    Both trainings, the run's own and the changed one, are done again on four fifths of the rows.
    """
    n = case.task.n_samples
    if n < FEW:
        return False
    order = permutation(case.settings.seed, 0, n)
    held, rest = np.sort(order[: n // 5])[:2048], np.sort(order[n // 5 :])
    steps = n_trial_steps(case)
    own = trial(case, replace(change, **UNCHANGED), steps, rows=rest)
    changed = trial(case, change, max(steps, n_steps or 0), rows=rest)
    if changed.stopped or own.stopped:
        return not changed.stopped
    worse, better = (_on(case, outcome, held) for outcome in (own, changed))
    weight = None if case.task.weight is None else case.task.weight[held]
    a, b = (float(np.average(losses, weights=weight)) for losses in (worse, better))
    enough = shortfall(a, b, case.chance) > SHORTFALL / 2 and a - b > NOTICEABLE * case.reach
    return enough and paired_t(worse, better, weight, case.reach) > SIGNIFICANT / 2


UNCHANGED: dict[str, Any] = {
    "learning_rate": 1.0, "constant_rate": False, "settings": {}, "hyper": {}, "theta": None, "X": None,
    "architecture": None, "weight": None, "without_events": False,
}  # fmt: skip


def _on(case: RunView, outcome: Outcome, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The losses of these rows, as the trial saw them."""
    X = case.task.X if outcome.change.X is None else outcome.change.X(case.task.X)
    seen = replace(case.task, X=np.ascontiguousarray(X, dtype=case.task.architecture.dtype))
    return row_losses(case.engine, seen, outcome.parameters, rows)
