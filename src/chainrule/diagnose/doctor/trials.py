"""Trials: the first steps of a run again with one thing changed, everything else to the bit as it was.

Whether a suspect is the cause is not read off a threshold but tried: same rows in the same order, same
seed, same dropout masks, one change. The trial is judged on the sample by the loss per row, so the
comparison is paired, and by how much of the reachable reduction of the loss the run has missed:

Formula   shortfall = (J_run − J_trial) / (J_constant − J_trial)

A trial rescues where the shortfall is above SHORTFALL, the difference is significant over the rows, and the
trial itself beats the constant output. The number of steps is a function of the network's size, never of a
clock: the same run gets the same diagnosis on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.run_view import RunView, row_losses
from chainrule.engine.protocol import Scheduled, StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.training import schedules
from chainrule.training.events import EXTEND, Event
from chainrule.training.parts import at_start, part_at, parts_of, settings_at
from chainrule.training.settings import Settings

Array = npt.NDArray[Any]
SHORTFALL = 0.15
"""A run that has reached 85 % of the reduction a trial reached is not called ill."""
SIGNIFICANT = 4.0
"""Standard errors by which a paired difference must differ from 0: one in 30,000 by chance, for several trials."""
FEW, HALF = 50, 0.5
"""Rows below which none are held out, and means over rows are too few to differ significantly: the loss of all of them
must then fall to this share."""
BEYOND = 10.0
"""Times the constant's loss beyond which it does not matter how much worse a row is."""
WORK_S = 1.0
"""A trial may cost about so long by the engine's own estimate of a step, 6·batch·parameters operations."""
FEWEST, MOST = 150, 20_000
BUDGET_S, MANY_TRIALS = 3.0, 24
"""Unless all is asked for, so many trials together may cost about so long, or a tenth of the training."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a trial does differently. Left out, everything stays as it was.

    learning_rate: factor on η; constant_rate: without schedule; settings: l2, l1, dropout, clip_norm;
    hyper: hyper-parameters of the optimizer; theta: given the initial parameters, others; X: given
    all inputs, others; architecture: another one of the same parameters.
    """

    learning_rate: float = 1.0
    constant_rate: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    hyper: Mapping[str, float] = field(default_factory=dict)
    theta: Callable[[Parameters], Parameters] | None = None
    X: Callable[[Array], Array] | None = None
    architecture: Architecture | None = None
    targets: Callable[[Array], Array] | None = None
    weight: Callable[[Array], Array] | None = None
    """Given the targets that are trained on, the weights of their rows."""
    without_events: bool = False
    """As if no callback had acted."""


@dataclass(kw_only=True)
class Outcome:
    """What a trial came to after n_steps: parameters, and the loss of every row of the sample."""

    case: RunView
    task: Task
    change: Change
    n_steps: int
    parameters: Parameters
    losses: npt.NDArray[np.float64]
    stopped: bool

    @cached_property
    def by_row(self) -> Array:
        """The loss of every row of the sample."""
        return row_losses(self.case.engine, self.task, self.parameters, self.case.sample)

    @cached_property
    def loss(self) -> float:
        """J on the sample; inf where the trial went out of bounds."""
        return np.inf if self.stopped else self.case.mean(self.by_row)


def n_trial_steps(case: RunView, wanted: int | None = None, *, whole: bool = False) -> int:
    """Steps of a trial: all that the run was to have, or as many as the budget of work allows.

    Args      wanted: how many in place of those of the run; whole: as if all was asked for, for a trial that is one of
              its kind and shows nothing when it is cut
    """
    cost = case.engine.step_seconds(6 * case.task.batch_size * case.task.architecture.n_parameters)
    work, fewest = WORK_S, FEWEST
    if not (case.thorough or whole):
        budget = max(BUDGET_S, case.n_planned * cost / 10)
        work, fewest = min(WORK_S, budget / MANY_TRIALS), FEWEST // 3
    allowed = int(np.clip(work / cost, fewest, MOST))
    asked = case.n_planned if wanted is None else wanted
    if allowed < min(asked, int(np.clip(WORK_S / cost, FEWEST, MOST))):
        case.trial_steps = max(allowed, case.trial_steps or 0)
    return min(allowed, asked)


def trial(
    case: RunView, change: Change, n_steps: int, *, start: int | None = None, rows: Array | None = None
) -> Outcome:
    """n_steps from step `start` on with a change; rows: train on these rows only."""
    first = case.first if start is None else start
    case.n_trials += 1
    task = _task(case, change, rows)
    session = case.engine.start(task, _settings(case, change, first))
    parameters = Parameters(task.architecture, case.state(first).flat.copy())
    if change.theta is not None:
        parameters = change.theta(parameters)
    flat = parameters.flat.astype(task.architecture.dtype)
    session.load(flat, session.store()[1] if change.architecture is not None else case.optimizer_state(first))
    losses, stopped, at, end = [], False, first, first + n_steps
    with np.errstate(all="ignore"):
        while at < end and not stopped:
            last = _stretch_end(case, task, at, end)
            case.says(f"trial {case.n_trials}, step {at - first:,} of {n_steps:,}")
            rates, settings = _rates(case, change, task, at, last), _settings(case, change, at)
            done = session.advance(at, rates, settings, scheduled=_scheduled(case, change, task, at, last))
            losses.append(done.losses)
            stopped = done.stopped is not None
            at = last
    final = Parameters(task.architecture, session.store()[0])
    return Outcome(
        case=case,
        task=task,
        change=change,
        n_steps=n_steps,
        parameters=final,
        losses=np.concatenate(losses),
        stopped=stopped,
    )


def _task(case: RunView, change: Change, rows: Array | None) -> Task:
    task = case.task
    X, targets, weight = task.X, task.targets, task.weight
    if change.X is not None:
        X = np.ascontiguousarray(change.X(X), dtype=task.architecture.dtype)
    if change.targets is not None:
        targets = np.ascontiguousarray(change.targets(targets))
    if rows is not None:
        X, targets = np.ascontiguousarray(X[rows]), np.ascontiguousarray(targets[rows])
        weight = None if weight is None else np.ascontiguousarray(weight[rows])
    if change.weight is not None:
        weight = np.ascontiguousarray(change.weight(targets), dtype=task.architecture.dtype)
    return replace(
        task,
        architecture=change.architecture or task.architecture,
        X=X,
        targets=targets,
        weight=weight,
    )


def _stretch_end(case: RunView, task: Task, at: int, end: int) -> int:
    epoch_end = (at // task.steps_per_epoch + 1) * task.steps_per_epoch
    changes = [event.step for event in case.events if event.kind in ("set", EXTEND) and event.step > at]
    return min(end, epoch_end, *changes)


def _recorded(case: RunView, change: Change) -> tuple[Settings, Sequence[Event]]:
    """Settings and events of the run; without the events, the settings it was begun with."""
    return (at_start(case.settings, case.events), ()) if change.without_events else (case.settings, case.events)


def _settings(case: RunView, change: Change, at: int) -> StepSettings:
    """The settings of a stretch: as recorded, the changed ones as changed."""
    _, settings = settings_at(at, *_recorded(case, change))
    return replace(settings, **change.settings, optimizer={**settings.optimizer, **change.hyper})


def _rates(case: RunView, change: Change, task: Task, first: int, last: int) -> npt.NDArray[np.float64]:
    """η of steps first … last − 1. Beyond the end of the run the last rate goes on."""
    spe, recorded = task.steps_per_epoch, _recorded(case, change)
    eta, parts = settings_at(first, *recorded)[0], parts_of(*recorded, spe)
    if change.constant_rate:
        factors = np.ones(last - first)
    elif first >= case.n_planned and spe == case.task.steps_per_epoch:
        final = schedules.of_part(part_at(parts, case.n_planned - 1), case.n_planned - 1, case.n_planned, spe)
        factors = np.full(last - first, float(final[0])) * case.plateau_factor(case.n_planned // spe)
    else:
        factors = schedules.of_part(part_at(parts, first), first, last, spe) * case.plateau_factor(first // spe)
    return eta * change.learning_rate * factors


def _scheduled(case: RunView, change: Change, task: Task, first: int, last: int) -> Scheduled:
    """The factors of other scheduled settings; beyond the end of the run the last ones go on."""
    spe = task.steps_per_epoch
    parts = parts_of(*_recorded(case, change), spe)
    if first < case.n_planned or spe != case.task.steps_per_epoch:
        return schedules.scheduled(part_at(parts, first), first, last, spe)
    at = case.n_planned - 1
    final = schedules.scheduled(part_at(parts, at), at, at + 1, spe)
    return {name: np.full(last - first, float(factor[0])) for name, factor in final.items()}


# judging ------------------------------------------------------------------------------------------------------


def t_value(case: RunView, worse: Array, better: Array) -> float:
    """Mean paired difference over its standard error, weighted as the loss is.

    Source    Student (1908); weights as in a ratio estimate, Cochran (1977), section 6.3
    """
    return paired_t(worse, better, case.weight, case.reach)


def paired_t(worse: Array, better: Array, weight: Array | None, reach: float = np.inf) -> float:
    """Mean of worse − better over its standard error; a row counts for ten times the constant's loss at most.

    Without a bound the few rows that a run lost sight of decide on all others: their losses have no variance to speak
    of significance by. Source: winsorised differences, Yuen (1974).
    """
    w = np.ones(len(worse)) if weight is None else weight.astype(np.float64)
    with np.errstate(all="ignore"):
        difference = np.where(worse == better, 0.0, worse - better)
        bound = 1e6 * (1 + float(np.median(np.abs(np.where(np.isfinite(better), better, 0.0)))))
        bound = min(bound, BEYOND * abs(reach)) if reach else bound
        difference = np.nan_to_num(np.clip(difference, -bound, bound))
    mean = float((w * difference).sum() / w.sum())
    error = float(np.sqrt((w**2 * (difference - mean) ** 2).sum()) / w.sum())
    if error == 0:
        return 0.0 if mean == 0 else float(np.copysign(np.inf, mean))
    return mean / error


def shortfall(run: float, trial: float, chance: float) -> float:
    """(J_run − J_trial) / (J_constant − J_trial): 0 where the run did as well, 1 where no better than a constant.

    Examples
    --------
    >>> shortfall(1.36, 0.004, 2.303)
    0.589...
    """
    if not np.isfinite(trial) or trial >= chance:
        return 0.0
    return float(min((run - trial) / (chance - trial), 1e6)) if np.isfinite(run) else 1e6


def rescues(outcome: Outcome, chance: float | None = None) -> bool:
    """Whether the run would have done substantially better with the change: than at its end, and at equal steps."""
    case = outcome.case
    constant = case.chance if chance is None else chance
    if shortfall(case.loss_reached, outcome.loss, constant) < SHORTFALL:
        return False
    return all(_is_better(case, worse, outcome) for worse in (case.losses_at_end, case.chance_by_row))


def _is_better(case: RunView, worse: Array, outcome: Outcome) -> bool:
    """Whether a trial does better than these losses by more than rows differ; few rows, all of them known: by half."""
    if case.task.n_samples < FEW and outcome.loss - case.least < HALF * (case.mean(worse) - case.least):
        return True
    return t_value(case, worse, outcome.by_row) > SIGNIFICANT
