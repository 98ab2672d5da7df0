"""The whole examination: curvature, slice, range test, race, three runs; and the short way that `auto` takes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.status import counted_off
from chainrule.tune.effort import FULL, Effort
from chainrule.tune.found import LearningRate, Suggestion
from chainrule.tune.hessian import Hessian
from chainrule.tune.level import LATER, N_BATCHES_AUTO, TOLERANCE_AUTO, Level
from chainrule.tune.numbers import Curve
from chainrule.tune.problem import Array, Problem, ShortRun, curvature
from chainrule.tune.race import Race, race, rounded

N_STEPS = 200
"""Steps of a short run, where the training itself is not shorter."""
N_STEPS_AUTO = 100
LEAST_STEPS = 20
"""Also where the training is shorter: fewer do not show where J goes."""
DECADES = 6
BROKEN = 4.0
"""A range test is over where the smoothed loss is this many times the lowest so far, as in fastai."""
SMOOTHING = 0.9


def suggest(problem: Problem, n_steps: int = N_STEPS_AUTO) -> Suggestion:
    """What to take, by the curvature of two batches and a race: the short way, for a training that is about to begin.

    Where a single run is best by far, the runs were too short to show what a large rate does later: those of a
    second race around it are twice as long.

    Raises DataError if the loss or its gradient is not finite at the start, or no short run stays finite.
    """
    began = time.perf_counter()
    level = Level(problem, N_BATCHES_AUTO, TOLERANCE_AUTO)
    raced, n_before = race(problem, level.proposal, n_steps), 0
    if raced.interval[0] == raced.interval[1]:
        n_before, n_steps = raced.n_steps, 2 * n_steps
        raced = race(problem, raced.suggested, n_steps)
    everything = raced.runs | raced.given_up
    shown = sorted({min(everything), raced.suggested, max(everything)})
    return Suggestion(
        **_common(problem, level, raced, n_steps),
        stable_below=level.stable_below,
        start=float(everything[raced.suggested].losses[0]),
        runs={eta: everything[eta].losses for eta in shown},
        n_products=level.n_products,
        n_run_steps=n_before + raced.n_steps,
        elapsed_s=time.perf_counter() - began,
    )


def examine(problem: Problem, n_steps: int = N_STEPS, effort: Effort = FULL) -> LearningRate:
    """What is too large, what is too small and what to take, with everything that says so, or a sample of it.

    Raises DataError as for suggest.
    """
    began = time.perf_counter()
    level, n_steps = Level(problem, effort.n_batches, effort.tolerance), min(n_steps, effort.most_steps)
    rows = problem.sample(effort.most_rows)
    hessian = problem.hessian(rows)
    of_J = level.counted(curvature(problem.hessian(rows, l2=False), tolerance=effort.exact))
    bound = level.bound(hessian, of_J)
    raced = race(problem, level.proposal, n_steps)
    eta = raced.suggested
    three = {tried: problem.run(np.full(n_steps, tried)) for tried in (rounded(eta / 10), eta, rounded(eta * 10))}
    slice_ = _slice(problem, hessian, rows, level, effort.n_slice)
    ranged = problem.run(_six_decades(level.proposal, effort.n_range))
    later = level.later(eta)
    return LearningRate(
        **_common(problem, level, raced, n_steps),
        stable_below=bound,
        start=hessian.loss + problem.penalty,
        runs={tried: run.losses for tried, run in three.items()},
        n_products=level.n_products,
        n_run_steps=raced.n_steps + n_steps * len(three) + len(ranged.etas) + LATER,
        elapsed_s=time.perf_counter() - began,
        n_rows=len(rows[0]),
        curvature=of_J.value,
        curvature_residual=of_J.residual,
        later_curvature=later,
        slice=slice_,
        range_test=Curve(ranged.etas, ranged.losses),
        breaks_at=breaks_at(ranged.etas, ranged.losses),
        sampled=effort.sampled,
    )


def _common(problem: Problem, level: Level, raced: Race, n_steps: int) -> dict[str, Any]:
    """The results common to both analyses."""
    name = problem.task.optimizer
    return {
        "optimizer": name,
        "hyper": dict(problem.settings.optimizer),
        "approximate": OPTIMIZERS[name].approximate,
        "network": str(problem.task.architecture),
        "batch_size": problem.task.batch_size,
        "batch_curvature": level.value,
        "proposal": level.proposal,
        "suggested": raced.suggested,
        "interval": raced.interval,
        "n_steps": n_steps,
        "race": _ends(raced.runs),
        "given_up": _ends(raced.given_up),
    }


def _ends(runs: dict[float, ShortRun]) -> Curve:
    return Curve(np.array(list(runs)), np.array([run.end for run in runs.values()]))


def _six_decades(centre: float, n: int) -> Array:
    return centre * 10.0 ** np.linspace(-DECADES / 2, DECADES / 2, n)


def _slice(problem: Problem, hessian: Hessian, rows: tuple[Array, Array, Array], level: Level, n: int) -> Curve:
    """J(θ − η·g) over six decades of η around the proposal; of an adaptive rule J(θ − η·g/(√v + ε))."""
    along = hessian.gradient if level.scale is None else level.gradient / level.scale
    etas = _six_decades(level.proposal, n)
    losses = []
    with np.errstate(all="ignore"):
        for eta in counted_off(etas, "loss along the gradient", len(etas)):
            theta = (problem.parameters.flat - eta * along).astype(problem.parameters.flat.dtype)
            J, _ = problem.engine.loss(Parameters(problem.task.architecture, theta), *rows)
            losses.append(J if np.isfinite(J) else np.inf)
    return Curve(etas, np.array(losses))


def breaks_at(etas: Array, losses: Array) -> float | None:
    """The learning rate at which the smoothed loss of a range test is four times its lowest, or no number; or None.

    s ← 0.9·s + 0.1·J, divided by 1 − 0.9^t for the start
    """
    smoothed, lowest = 0.0, np.inf
    for t, (eta, loss) in enumerate(zip(etas, losses, strict=True), start=1):
        smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * float(loss)
        level = smoothed / (1 - SMOOTHING**t)
        lowest = min(lowest, level)
        if not np.isfinite(level) or level > BROKEN * lowest:
            return float(eta)
    return None
