"""The whole examination: curvature, slice, range test, race, three runs; and the short way that `auto` takes."""

from __future__ import annotations

import time

import numpy as np

from chainrule.glass.curvature.eigenvalues import Eigenvalue
from chainrule.glass.curvature.hessian import Hessian
from chainrule.glass.rate.found import Curve, LearningRate
from chainrule.glass.rate.problem import Array, Problem, curvature
from chainrule.glass.rate.race import Race, race, rounded
from chainrule.glass.rate.stability import ADAPTIVE, scales, stable_factor
from chainrule.network.parameters import Parameters
from chainrule.training.settings import OPTIMIZER_CLASSES

N_STEPS = 200
"""Steps of a short run, where the training itself is not shorter."""
N_STEPS_AUTO = 100
LATER = 20
"""Steps after which the curvature is looked at again."""
DECADES = 6
EXACT = 1e-3
"""Tolerance of the curvature that is reported, a tenth of what is promised."""
N_SLICE, N_RANGE = 61, 120
BROKEN = 4.0
"""A range test is over where the smoothed loss is this many times the lowest so far, as in fastai."""
SMOOTHING = 0.9


def suggest(problem: Problem, n_steps: int = N_STEPS_AUTO) -> tuple[Race, int]:
    """The race around the proposal of the curvature of a few batches, and how many products of the Hessian it took."""
    level = _Curvature(problem)
    return race(problem, level.proposal, n_steps), level.n_products


def examine(problem: Problem, n_steps: int = N_STEPS) -> LearningRate:
    """What is too large, what is too small and what to take, with everything that says so.

    Errors    DataError if the loss or its gradient is not finite at the start
    """
    began = time.perf_counter()
    level = _Curvature(problem)
    rows = problem.sample()
    hessian = problem.hessian(rows)
    of_J = level.counted(curvature(problem.hessian(rows, l2=False), tolerance=EXACT))
    bound = level.bound(hessian, of_J)
    raced = race(problem, level.proposal, n_steps)
    eta = raced.suggested
    three = {tried: problem.run(np.full(n_steps, tried)) for tried in (rounded(eta / 10), eta, rounded(eta * 10))}
    slice_ = _slice(problem, hessian, rows, level)
    ranged = problem.run(_six_decades(level.proposal, N_RANGE))
    name, hyper = problem.task.optimizer, dict(problem.settings.optimizer)
    return LearningRate(
        name, hyper, name in ADAPTIVE, str(problem.task.architecture), problem.task.batch_size, len(rows[0]),
        of_J.value, of_J.residual, level.value, level.later(eta), bound,
        level.proposal, eta, raced.interval, hessian.loss, n_steps,
        Curve(np.array(list(raced.runs)), np.array([run.end for run in raced.runs.values()])),
        slice_, Curve(ranged.etas, ranged.losses), breaks_at(ranged.etas, ranged.losses),
        {tried: run.losses for tried, run in three.items()},
        level.n_products,
        n_steps * (len(raced.runs) + len(three)) + len(ranged.etas) + LATER, time.perf_counter() - began,
    )  # fmt: skip


class _Curvature:
    """The curvature a step of the training sees: the median over a few batches, in the coordinates of its rule."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.n_products = problem, 0
        self.name, self.hyper = problem.task.optimizer, problem.settings.optimizer
        self.factor = stable_factor(self.name, self.hyper)
        hessians = problem.batch_hessians()
        self.value, self.scale = self._median(hessians)
        self.gradient = np.mean([h.gradient for h in hessians], axis=0)
        default: float = OPTIMIZER_CLASSES[self.name]().learning_rate  # type: ignore[call-arg]  # each has one
        self.proposal = 0.5 * self.factor / self.value if self.value > 0 else default

    def bound(self, hessian: Hessian, of_J: Eigenvalue) -> float:
        """Where the rule becomes unstable at the start, over many rows; an adaptive rule, over the batches it saw."""
        value = of_J.value if not hessian.l2 else self.counted(curvature(hessian)).value
        value = value if self.scale is None else self.value
        return self.factor / value if value > 0 else float(np.inf)

    def later(self, eta: float) -> float | None:
        """The median after some steps; None where the run was not finite by then."""
        theta = self.problem.run(np.full(LATER, eta)).theta
        return None if theta is None else self._median(self.problem.batch_hessians(theta))[0]

    def counted(self, found: Eigenvalue) -> Eigenvalue:
        """The same, its products counted."""
        self.n_products += found.products
        return found

    def _median(self, hessians: list[Hessian]) -> tuple[float, Array | None]:
        scale = scales(self.name, self.hyper, np.stack([h.gradient for h in hessians]))
        return float(np.median([self.counted(curvature(h, scale)).value for h in hessians])), scale


def _six_decades(centre: float, n: int) -> Array:
    return centre * 10.0 ** np.linspace(-DECADES / 2, DECADES / 2, n)


def _slice(problem: Problem, hessian: Hessian, rows: tuple[Array, Array, Array], level: _Curvature) -> Curve:
    """J(θ − η·g) over six decades of η around the proposal; of an adaptive rule J(θ − η·g/(√v + ε))."""
    along = hessian.gradient if level.scale is None else level.gradient / level.scale
    etas = _six_decades(level.proposal, N_SLICE)
    losses = []
    with np.errstate(all="ignore"):
        for eta in etas:
            theta = (problem.parameters.flat - eta * along).astype(problem.parameters.flat.dtype)
            J, _ = problem.engine.loss(Parameters(problem.task.architecture, theta), *rows)
            losses.append(J if np.isfinite(J) else np.inf)
    return Curve(etas, np.array(losses))


def breaks_at(etas: Array, losses: Array) -> float | None:
    """The learning rate at which the smoothed loss of a range test is four times its lowest, or no number; or None.

    Formula   s ← 0.9·s + 0.1·J, divided by 1 − 0.9^t for the start
    """
    smoothed, lowest = 0.0, np.inf
    for t, (eta, loss) in enumerate(zip(etas, losses, strict=True), start=1):
        smoothed = SMOOTHING * smoothed + (1 - SMOOTHING) * float(loss)
        level = smoothed / (1 - SMOOTHING**t)
        lowest = min(lowest, level)
        if not np.isfinite(level) or level > BROKEN * lowest:
            return float(eta)
    return None
