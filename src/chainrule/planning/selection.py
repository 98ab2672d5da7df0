"""Model selection: candidates are tried, the simplest first, and the best is trained.

A long training of a large network learns the noise of a table by heart, a short one of a small network does not
learn its pattern. Which of the two a table needs is seen by trying: the simplest training first, then freer ones,
each to the end of its schedule, judged on rows held out; of few rows by cross-validation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chainrule.data.folds import N_FOLDS
from chainrule.data.split import HeldOut
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes
from chainrule.planning import intervals
from chainrule.planning.candidates import Candidate
from chainrule.planning.clock import Clock
from chainrule.planning.column_trials import columns_worth_a_trial, on_columns, seconds_of_trees
from chainrule.planning.evaluation import Predictor, baseline, scores, scores_of_folds
from chainrule.planning.executor import Execute, in_turn
from chainrule.planning.inputs import Arrays, EncodedRows, some
from chainrule.planning.longer import is_taken, is_worth_a_trial, overtakes
from chainrule.planning.measures import Scores
from chainrule.planning.neighbour_trials import (
    WORTH,
    best_distance,
    may_have_neighbours,
    seconds_of_lookups,
    with_neighbours,
)
from chainrule.planning.plan import N_SPLITS, TrainingPlan
from chainrule.planning.target_trials import SPREADING, may_be_logarithm, with_logarithm
from chainrule.planning.target_trials import WORTHWHILE as LOWER_ERROR
from chainrule.planning.temperature import temperature
from chainrule.planning.trials import Fit, Losses, Made, Trial, TryEach, tried
from chainrule.status import doing
from chainrule.visible import short_repr

WORTHWHILE = 0.98
"""Columns are left out, and neighbours are worth the rows that the model then holds, where that lowers the loss to so
much of it."""
LONGER_BELOW = 0.9
"""The longest training is worth its time where the freest of the others is better than these by a tenth of their
loss."""
MANY_ROWS = 300_000
"""With this many rows, memorisation is not a concern: the last candidate is trained without a trial."""


MANY_INPUTS = 1_000
"""With more of them, and few rows, networks are tried on the columns that tell something alone."""


@dataclass(frozen=True, kw_only=True)
class Selected:
    """The candidate to train, its place among the others, and what was tried."""

    index: int
    candidate: Candidate
    trials: tuple[Trial, ...] = ()
    record: tuple[dict[str, Any], ...] = ()
    """The trials as plain values, those of a run that is continued too."""
    left_out: tuple[str, ...] = ()
    """Parts of the selection that there was no time for."""
    training: Any = field(default=None, repr=False, compare=False)
    """The training of the candidate itself, where a trial was that."""
    __repr__ = short_repr

    @property
    def models(self) -> tuple[Predictor | None, ...]:
        """Of a cross-validation, what the candidate made of the rows outside each fold."""
        key = (self.index, len(self.candidate.pipeline.columns), self.candidate.on_logarithm)
        keys = [(trial.candidate, trial.n_columns, trial.on_logarithm) for trial in self.trials]
        return self.trials[keys.index(key)].models if key in keys else ()


def select_by_holdout(n_candidates: int, loss_of: Callable[[int], float]) -> int:
    """Which of several candidates, the simplest first, is to be trained, by their losses on rows held out.

    The last and longest one is never tried: it is taken where the one before it was better than the others by far.

    Arguments: loss_of: the validation loss of a candidate; inf where it failed.

    Examples
    --------
    >>> select_by_holdout(4, [0.44, 0.42, 0.43].__getitem__)
    1
    >>> select_by_holdout(4, [0.44, 0.42, 0.41].__getitem__)
    2
    >>> select_by_holdout(4, [0.44, 0.42, 0.31].__getitem__)
    3
    """
    losses = [loss_of(index) for index in range(n_candidates - 1)]
    best = min(range(len(losses)), key=losses.__getitem__, default=0)
    others = min(losses[:-1], default=math.inf)
    is_freest = bool(losses) and best == len(losses) - 1
    longer = is_freest and losses[best] < others - (1 - LONGER_BELOW) * abs(others)
    return best + 1 if longer else best


def select_by_folds(n_candidates: int, loss_of: Callable[[int], float]) -> int:
    """The same if every loss is that of the training itself: the lowest; the longest is tried if the previous one led.

    Examples
    --------
    >>> select_by_folds(3, [0.44, 0.42, 0.43].__getitem__)
    1
    >>> select_by_folds(3, [0.42, 0.44, 0.1].__getitem__)
    0
    """
    losses = [loss_of(index) for index in range(n_candidates - 1)]
    if min(range(len(losses)), key=losses.__getitem__, default=0) == len(losses) - 1:
        losses.append(loss_of(n_candidates - 1))
    return min(range(len(losses)), key=losses.__getitem__, default=0)


def select(plan: TrainingPlan, fit: Fit, execute: Execute = in_turn) -> Selected:
    """Which candidate is to be trained, by trying the simpler ones; a time limit covers trials and training.

    With MANY_ROWS rows or more, no trial is needed.

    Arguments: execute: who does the trials that do not depend on each other.
    """
    candidates, last = plan.candidates, len(plan.candidates) - 1
    if last == 0 or plan.n_read > MANY_ROWS:
        return Selected(index=last, candidate=candidates[last])
    clock, trials = Clock(candidates[last].settings["time_limit"]), list[Trial]()

    def try_each(indices: Sequence[int], made: Made) -> list[Trial]:
        found = tried(plan, indices, made, lambda: clock.share(2 * N_SPLITS * len(candidates)), fit, execute)
        trials.extend(found)
        return found

    choose = select_by_holdout if plan.fold is None else select_by_folds
    made: Made = plan.candidate
    index = choose(len(candidates), losses_of(plan, try_each, made))
    has_time = clock.has(seconds_of_trees(plan), "columns")
    screened = select_screened(plan, trials, try_each, choose) if has_time else None
    index, made = (index, made) if screened is None else screened
    logarithm = select_logarithm(plan, trials, try_each, choose, made)
    index, made = (index, made) if logarithm is None else logarithm
    has_time = clock.has(seconds_of_lookups(plan, made(0).pipeline), "neighbours")
    near, plain = select_neighbours(plan, trials, try_each, made) if plan.fold is None and has_time else None, made
    index, made = (index, made) if near is None else near
    index, made = select_longer(plan, trials, try_each, index, made, plain)
    record = tuple(trial.to_dict() for trial in trials)
    chosen = made(index)
    chosen = replace(chosen, settings=chosen.settings | clock.share(1))
    return Selected(index=index, candidate=chosen, trials=tuple(trials), record=record, left_out=tuple(clock.left_out))


def losses_of(plan: TrainingPlan, try_each: TryEach, made: Made) -> Losses:
    """The losses of all candidates but the last, tried at once; inf for those that are not worth a trial.

    Of few rows with very many inputs only the linear ones are, where there are such: networks learn the rows by heart.
    """
    places = range(len(plan.candidates) - 1)
    linear = [index for index in places if len(plan.candidates[index].network.sizes) == 2]
    is_wide = plan.fold is not None and bool(linear) and made(linear[0]).network.sizes[0] > MANY_INPUTS
    losses = Losses(try_each, linear if is_wide else places, made)
    losses.known = dict.fromkeys(places, math.inf) | losses.known
    return losses


def is_lower(loss: float, before: float, share: float) -> bool:
    """Whether a loss is lower than another by more than what remains of it above a share."""
    return loss < before - (1 - share) * abs(before)


def select_screened(
    plan: TrainingPlan, trials: list[Trial], try_each: TryEach, choose: Callable[[int, Callable[[int], float]], int]
) -> tuple[int, Made] | None:
    """The candidate to train on the columns that tell something; None where most do, or that does not help.

    Arguments: trials: those of all columns; try_each: adds to them; choose: how one of several is chosen.
    """
    before, kept = min(trial.loss for trial in trials), columns_worth_a_trial(plan)
    if kept is None:
        return None
    known = dict[int, EncodedRows]()

    def made(index: int) -> Candidate:
        return on_columns(plan.candidates[index], kept, known)

    losses = losses_of(plan, try_each, made)
    index = choose(len(plan.candidates), losses)
    return (index, made) if is_lower(min(losses.known.values()), before, WORTHWHILE) else None


def select_logarithm(
    plan: TrainingPlan, trials: list[Trial], try_each: TryEach, choose: Callable[[int, Callable[[int], float]], int],
    made: Made,
) -> tuple[int, Made] | None:  # fmt: skip
    """The candidate to train on the logarithm of its target; None where residuals ask for none or it does not help.

    All are tried on it, as without it, and compared by their squared error in the unit of the target; the best one is
    taken if that is lower by enough.

    Arguments: trials: those of the target itself; try_each: adds to them; choose: how one of several is chosen; made:
    the candidates that learn the target itself.
    """
    tried_so = [trial for trial in trials if trial.n_columns == len(made(trial.candidate).pipeline.columns)]
    best = min(tried_so, key=lambda trial: trial.loss)
    if not best.spreading >= SPREADING or not may_be_logarithm(plan):
        return None
    known = dict[int, EncodedRows]()

    def logarithm(index: int) -> Candidate:
        return with_logarithm(plan, made(index), known)

    last = len(plan.candidates) - 1
    squares = {trial.candidate: trial.error**2 for trial in try_each(range(last), logarithm)}

    def square_of(index: int) -> float:
        if index not in squares:
            squares[index] = try_each([index], logarithm)[0].error ** 2
        return squares[index]

    index = choose(len(plan.candidates), square_of)
    return (index, logarithm) if min(squares.values()) <= (LOWER_ERROR * best.error) ** 2 else None


def select_neighbours(
    plan: TrainingPlan, trials: list[Trial], try_each: TryEach, made: Made
) -> tuple[int, Made] | None:
    """The candidate to train with inputs that tell what the nearest training rows say; None where these do not help.

    The best network is tried with them, if they say more of the rows held out than it does; if its loss falls by
    enough, the others with hidden layers too, and one of these is taken as without neighbours.

    Arguments: trials: those without neighbours; try_each: adds to them; made: the candidates without neighbours.
    """
    like = (len(made(0).pipeline.columns), made(0).on_logarithm)
    tried_so = [trial for trial in trials if (trial.n_columns, trial.on_logarithm) == like]
    networks = [trial for trial in tried_so if len(plan.candidates[trial.candidate].network.sizes) > 2]
    if not networks or not may_have_neighbours(plan, made(0).pipeline):
        return None
    best = min(networks, key=lambda trial: trial.loss)
    if best.network is None or best.resample is None:
        return None
    distance = best_distance(plan, made(best.candidate), best.network, best.resample)
    if distance.saved < WORTH:
        return None
    known, before = dict[int, EncodedRows](), min(trial.loss for trial in tried_so)

    def near(index: int) -> Candidate:
        return with_neighbours(plan, made(index), known, distance.influence)

    first = Losses(try_each, [best.candidate], near)(best.candidate)
    if not is_lower(first, before, WORTHWHILE):
        return None
    others = [trial.candidate for trial in networks]
    losses = Losses(try_each, [index for index in others if index != best.candidate], near)
    losses.known[best.candidate] = first
    place = select_by_holdout(len(others) + 1, lambda k: losses(others[k]))
    return [*others, len(plan.candidates) - 1][place], near


def select_longer(
    plan: TrainingPlan, trials: list[Trial], try_each: TryEach, index: int, made: Made, plain: Made
) -> tuple[int, Made]:
    """Whether the longest candidate is to be trained in place of the one that was taken, by a trial of it.

    Without neighbours it is tried where these help short trainings but hardly longer ones.

    Arguments: trials: what was tried; index, made: the candidate that was taken, and all with the inputs that were;
    plain: those without neighbours.
    """
    last = len(plan.candidates) - 1
    known = _like(plan, trials, made)
    freest = known.get(last - 1)
    if index < last - 1 or freest is None or freest.best is None:
        return index, made
    if made is not plain:
        before = _like(plan, trials, plain)
        pairs = [[of[k] for k in (last - 2, last - 1) if k in of] for of in (before, known)]
        if overtakes(*pairs) and is_taken(try_each([last], plain)[0], freest):
            return last, plain
    others = [trial for place, trial in known.items() if place < last - 1]
    if index < last and not is_worth_a_trial(freest, others):
        return index, made
    return last if is_taken(try_each([last], made)[0], freest) else last - 1, made


def _like(plan: TrainingPlan, trials: Sequence[Trial], made: Made) -> dict[int, Trial]:
    """The trials of candidates with the same inputs and target as these, by place."""
    return {trial.candidate: trial for trial in trials if _is_like(trial, made(trial.candidate))}


def _is_like(trial: Trial, candidate: Candidate) -> bool:
    """Whether a trial was one of a candidate, as far as its inputs and its target go."""
    its = (candidate.n_neighbours > 0, len(candidate.pipeline.columns), candidate.on_logarithm)
    return (trial.has_neighbours, trial.n_columns, trial.on_logarithm) == its


def calibrated(plan: TrainingPlan, selection: Selected, network: Any = None) -> TablePipeline:
    """The pipeline of the candidate with its levels calibrated on rows that were not trained on, where it has levels.

    Arguments: network: what was trained, which is asked about the rows held out; of few rows the networks of the folds
    are asked, each about the rows outside its own.
    """
    candidate = selection.candidate
    if plan.fold is not None:
        target, weight = candidate.pipeline.target.encode(plan.table), plan.table.weight
        models, rows = list[Any](), list[Arrays]()
        for k, model in enumerate(selection.models):
            if model:
                inputs = plan.fold_inputs(candidate, k)
                rows.append(some((inputs, target, weight), plan.fold == k))
                models.append(model)
        return intervals.calibrated(candidate.pipeline, models, rows)
    held = candidate.rows.validation
    if held is None or network is None:
        return candidate.pipeline
    judging = candidate.rows.taken(held.out) if isinstance(held, HeldOut) else held
    return intervals.calibrated(candidate.pipeline, [network], [judging])


def with_temperature(plan: TrainingPlan, selection: Selected, pipeline: TablePipeline, network: Any) -> TablePipeline:
    """The pipeline with the temperature of its classes, found on the rows held out; see planning.temperature."""
    held, target = selection.candidate.rows.validation, pipeline.target
    if held is None or not isinstance(target, Classes):
        return pipeline
    judging = selection.candidate.rows.taken(held.out) if isinstance(held, HeldOut) else held
    return replace(pipeline, target=replace(target, temperature=temperature(network, *judging)))


def measure(
    plan: TrainingPlan, selection: Selected, network: Predictor, pipeline: TablePipeline | None = None
) -> dict[str, Scores]:
    """The measures on each part; of few rows also those of their cross-validation; of the simplest prediction.

    Arguments: pipeline: that of the run, where the training added to the candidate's.
    """
    doing("measuring on the training rows")
    candidate, parts = selection.candidate, plan.parts
    pipeline = candidate.pipeline if pipeline is None else pipeline
    found = {"train": scores(network, pipeline, [parts["train"]], plan.inputs(candidate, "train"))}
    if plan.fold is not None and any(selection.models):
        doing("measuring on the folds")
        inputs = [plan.fold_inputs(candidate, k) for k in range(N_FOLDS)]
        found["cross-validation"] = scores_of_folds(selection.models, pipeline, plan.table, inputs, plan.fold)
    for name, table in parts.items():
        if name != "train":
            doing(f"measuring on {name}")
            found[name] = scores(
                network, pipeline, [table], plan.inputs(candidate, name), in_turn=name == "validation"
            )  # fmt: skip
    return found | {"baseline": baseline(pipeline, parts["train"], list(parts.values())[-1])}
