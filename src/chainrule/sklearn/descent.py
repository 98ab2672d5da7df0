"""One call of fit or partial_fit by sgd or adam: the training loop, given scikit-learn's rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Engine, Task
from chainrule.network.parameters import Parameters
from chainrule.sklearn.callbacks import CallbackRule, EpochTasks
from chainrule.sklearn.plan import Account, FitMeasure, FitPlan, FitProgress
from chainrule.sklearn.rules import OptimizerState
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.events import Event
from chainrule.training.loop import Trainer
from chainrule.training.result import Result
from chainrule.training.settings import Settings
from chainrule.training.stopping import Divergence, Limit, NoImprovement

Array = npt.NDArray[Any]


class Descent:
    """What the loop is given, and what it leaves to the estimator: state, progress, watch and the result."""

    def __init__(
        self, task: Task, engine: Engine, settings: Settings, *, state: OptimizerState, watch: NoImprovement,
        plan: FitPlan, measure: FitMeasure, progress: FitProgress, tasks: EpochTasks, limits: Sequence[Limit] = (),
    ) -> None:  # fmt: skip
        self.task, self.settings, self.state, self.watch, self.plan = task, settings, state, watch, plan
        self.progress = progress
        self._spe, self._seen_before = task.steps_per_epoch, progress.samples_seen
        self.first_step = -(-state.n_steps // self._spe) * self._spe  # the start of an epoch that was not there yet
        self._divergence = Divergence(None if plan.early_stopping else measure.constant_loss, counts=True)
        self._callbacks = CallbackRule(tasks, task.architecture, progress)
        self._trainer = Trainer(
            task=task,
            settings=settings,
            engine=engine,
            checkpoints=CheckpointStore(self.first_step + plan.max_epochs * self._spe),
            measure=measure,
            rules=[
                Account(plan, progress, task.n_samples),
                watch,
                self._divergence,
                *([self._callbacks] if tasks.active else []),
            ],
            limits=limits,
            events=list(self._events_at_start()),
            first_step=self.first_step,
            n_epochs=plan.max_epochs,
            planned_rates=self._planned_rates(),
            before_epoch=tasks.begin_epoch if tasks.active else None,
            whole_epochs=True,
        )

    def run(self, start: Parameters) -> Parameters:
        """Train to the end; the parameters fit ends with."""
        theta, before = start.flat, np.full(self.first_step, np.nan)  # steps of earlier calls of partial_fit
        first = Checkpoint(step=self.first_step, theta=theta, optimizer=dict(self.state.arrays), best_theta=theta)
        self.result = self._trainer.run(first, before)
        self._take_over(self.result)
        if self.progress.stopped == "epochs" and not self.plan.one_pass:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.plan.max_epochs}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=4,
            )
        return Parameters(self.task.architecture, self._theta())

    @property
    def checkpoints(self) -> CheckpointStore:
        """States to replay from."""
        return self._trainer.checkpoints

    # what does not follow from the settings -----------------------------------------------------------------------

    def _events_at_start(self) -> Iterator[Event]:
        """What an earlier call left otherwise than the settings say: the optimizer goes on as it was."""
        settings, first = self.settings.optimizer, self.first_step
        for name, value in self.state.hyper.items():
            if value != settings.hyper[name]:
                yield Event(first, "set", name, value)
        if self.state.learning_rate != settings.learning_rate and self._planned_rates() is None:
            yield Event(first, "set", "learning_rate", self.state.learning_rate)

    def _planned_rates(self) -> Callable[[int, int], npt.NDArray[np.float64]] | None:
        if self._is_inverse_scaling:
            return self._inverse_scaling
        if self.state.name == "adam_epsilon_hat" and self.state.t != self.first_step:
            rates = self._corrected()
            return lambda first, last: rates[first - self.first_step : last - self.first_step]
        return None

    @property
    def _is_inverse_scaling(self) -> bool:
        return self.plan.learning_rate == "invscaling" and self.state.name.startswith("sgd")

    def _inverse_scaling(self, first: int, last: int) -> npt.NDArray[np.float64]:
        """η₀ / (rows seen + 1)^power_t from the second epoch on, in the first what the last call ended with."""
        ends = range(first // self._spe, -(-last // self._spe))
        rates = [self._scaled(epoch - self.first_step // self._spe) for epoch in ends]
        skipped = first % self._spe
        return np.repeat(rates, self._spe)[skipped : skipped + last - first]

    def _scaled(self, n_epochs: int) -> float:
        if n_epochs == 0:
            return self.state.learning_rate
        plan, seen = self.plan, self._seen_before + n_epochs * self.task.n_samples
        return float(plan.learning_rate_init / (seen + 1.0) ** plan.power_t)

    def _corrected(self) -> npt.NDArray[np.float64]:
        """η of an epoch, times Adam's corrections at the number of updates so far over those at the step's number."""
        b1, b2 = self.state.hyper["beta1"], self.state.hyper["beta2"]

        def size(k: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.sqrt(1 - b2**k) / (1 - b1**k)

        k = np.arange(1.0, self._spe + 1)
        return np.full(self._spe, self.state.learning_rate) * (size(self.state.t + k) / size(self.first_step + k))

    # the end -----------------------------------------------------------------------------------------------------

    def _take_over(self, result: Result) -> None:
        """State and progress as they are behind the last step."""
        progress, state, n = self.progress, self.state, self.progress.n_epochs
        progress.stopped, progress.diverged = result.stopped, result.diverged
        progress.exploded = self._divergence.found is not None
        state.t += n * self._spe
        if self.watch.learning_rate is not None:
            state.learning_rate = self.watch.learning_rate
        elif self._is_inverse_scaling:
            state.learning_rate = self._scaled(n)
        if result.diverged is not None and not progress.exploded:
            progress.not_finite()
            self._callbacks.end_epoch(self._trainer.state()[0])
        state.n_steps = self.first_step + progress.n_epochs * self._spe
        if progress.exploded:  # more may have been done behind the epoch
            self._trainer.replayer().record(state.n_steps - 1)
        state.arrays = dict(self._trainer.state()[1])

    def _theta(self) -> Array:
        """The best by the score where fit stops early; those before the epoch that ran away; else the last."""
        if self.plan.early_stopping:
            return self._trainer.best
        if self.progress.exploded:
            return self._trainer.replayer().record(self.state.n_steps - self._spe).update.old.parameters.flat
        return self._trainer.state()[0]
