"""What the learning rate is for: a network at its start, its rows, batches and update rule; and real runs of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.tune.eigenvalues import Eigenvalue, largest_eigenvalue
from chainrule.tune.hessian import Hessian
from chainrule.tune.stability import Preconditioned

Array = npt.NDArray[Any]
WORK = 100_000_000
LEAST_ROWS, MOST_ROWS = 256, 8192
"""Rows of the curvature over many rows: about WORK products of numbers a pass, within these bounds."""


@dataclass(frozen=True)
class ShortRun:
    """Some training steps: J of every batch with the penalty, inf from the first non-finite value on; θ at the end."""

    etas: Array
    losses: Array
    theta: Array | None

    @property
    def end(self) -> float:
        """The mean of J over the last quarter of the steps."""
        return float(self.losses[-max(1, len(self.losses) // 4) :].mean())


@dataclass(frozen=True)
class Problem:
    """One training before its first step."""

    engine: Engine
    task: Task
    settings: StepSettings
    parameters: Parameters

    def batch(self, i: int) -> tuple[Any, Any, Any]:
        """X, targets and weight of the batch of step i of the first epoch, as the training will see them."""
        return self._rows(self.task.batch(self.task.order(0), i))

    @property
    def n_sampled(self) -> int:
        """Rows of the curvature over many rows."""
        most = int(np.clip(WORK // self.parameters.flat.size, LEAST_ROWS, MOST_ROWS))
        return min(most, self.task.n_samples)

    def sample(self, most_rows: int = MOST_ROWS) -> tuple[Any, Any, Any]:
        """All rows, or where they are too many the first ones of the order of the first epoch."""
        most = min(self.n_sampled, most_rows)
        return self._rows(np.sort(self.task.order(0)[:most]) if self.task.n_samples > most else slice(None))

    def _rows(self, rows: Any) -> tuple[Any, Any, Any]:
        task = self.task
        return task.X[rows], task.targets[rows], None if task.weight is None else task.weight[rows]

    @property
    def penalty(self) -> float:
        """What l2 and l1 add to J at the start."""
        return float(self.engine.penalty(self.parameters, self.settings.l2, self.settings.l1))

    def hessian(self, rows: tuple[Any, Any, Any], theta: Array | None = None, l2: bool = True) -> Hessian:
        """The Hessian over these rows, at the start or at θ, of J or of J + penalty."""
        at = self.parameters if theta is None else self.parameters.like(theta)
        weight = len(rows[0]) if rows[2] is None else float(rows[2].sum())
        return Hessian(at, *rows, l2=self.settings.l2_of(weight) if l2 else 0.0)

    def batch_hessians(self, n_batches: int, theta: Array | None = None) -> list[Hessian]:
        """Those of the first batches."""
        n = min(n_batches, self.task.steps_per_epoch)
        return [self.hessian(self.batch(i), theta) for i in range(n)]

    def run(self, etas: Array) -> ShortRun:
        """The first steps of the training with these learning rates, one each, from the start."""
        going = self.begin()
        going.on(etas)
        return going.run

    def begin(self) -> RunUnderWay:
        """A run before its first step."""
        return RunUnderWay(self)


class RunUnderWay:
    """A training run from the start that may be continued; J of a step that is non-finite or was not reached is inf."""

    def __init__(self, problem: Problem) -> None:
        self._session = problem.engine.start(problem.task, problem.settings)
        theta = problem.parameters.flat
        self._session.load(theta, OPTIMIZERS[problem.task.optimizer].start(theta, problem.settings.optimizer))
        self._settings = problem.settings
        self._stopped = False
        self.etas, self.losses = np.zeros(0), np.zeros(0)

    def on(self, etas: Array) -> None:
        """The next steps, with these learning rates."""
        losses = np.full(len(etas), np.inf)
        if not self._stopped:
            with np.errstate(all="ignore"):
                added = np.zeros(len(etas)) if self._settings.l2 or self._settings.l1 else None
                rates = np.asarray(etas, dtype=np.float64)
                done = self._session.advance(len(self.losses), rates, self._settings, added)
            n = len(done.losses)
            losses[:n] = done.losses if added is None else done.losses + added[:n]
            losses[~np.isfinite(losses)] = np.inf
            self._stopped = bool(done.stopped)
            if self._stopped:
                losses[len(done.losses) - 1 :] = np.inf
        self.etas, self.losses = np.concatenate([self.etas, etas]), np.concatenate([self.losses, losses])

    def level(self, n_steps: int) -> float:
        """Mean J of the last steps, a quarter as many as a run of n_steps has."""
        return float(self.losses[-max(1, n_steps // 4) :].mean())

    @property
    def run(self) -> ShortRun:
        """The run as far as it went."""
        return ShortRun(self.etas, self.losses, None if self._stopped else self._session.store()[0])


def curvature(hessian: Hessian, scale: Array | None = None, tolerance: float = 0.01) -> Eigenvalue:
    """The largest eigenvalue of a Hessian, or of P^−½·H·P^−½ where P is given."""
    return largest_eigenvalue(hessian if scale is None else Preconditioned(hessian, scale), tolerance)
