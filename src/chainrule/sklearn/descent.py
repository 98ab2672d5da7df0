"""Training by mini-batches under scikit-learn's rules: stretches of epochs in the engine, judged afterwards.

Where nothing has to be looked at between epochs, several are done in one go. If the rule says that training
should have stopped within them, the state before the stretch is loaded again and the epochs up to that point
are repeated: a step is a function of state and number, so the result is the same to the bit.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import Engine, StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.sklearn.callbacks import EpochTasks, attributes
from chainrule.sklearn.plan import Judge, Plan, Progress
from chainrule.sklearn.rules import RATE_DIVISOR, SMALLEST_RATE, OptimizerState, Watch
from chainrule.training import divergence, schedules
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.events import Event
from chainrule.training.replaying import Replayer
from chainrule.training.settings import Settings

Array = npt.NDArray[Any]
STRETCH_S = 0.02
"""A stretch of epochs takes about this long, so that what is repeated after a stop costs little."""
CERTAIN_S = 0.1
"""The same where the rule cannot stop training before the last of them; it bounds what replay repeats."""


class Descent:
    """One call of fit or partial_fit by sgd or adam."""

    def __init__(
        self,
        task: Task,
        engine: Engine,
        settings: Settings,
        step: StepSettings,
        start: Parameters,
        state: OptimizerState,
        watch: Watch,
        plan: Plan,
        judge: Judge,
        progress: Progress,
        tasks: EpochTasks,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._interrupted = interrupted
        self.task, self.engine, self.settings, self.step_settings = task, engine, settings, step
        self.state, self.watch, self.plan, self.judge, self.progress, self.tasks = (
            state, watch, plan, judge, progress, tasks,
        )  # fmt: skip
        self.architecture = task.architecture
        self.events: list[Event] = []
        self._spe = task.steps_per_epoch
        self.first_step = -(-state.n_steps // self._spe) * self._spe  # the start of an epoch that was not there yet
        self.checkpoints = CheckpointStore(self.first_step + plan.max_epochs * self._spe)
        starts = np.arange(0, task.n_samples, task.batch_size)
        self._shares = np.minimum(task.batch_size, task.n_samples - starts) / task.n_samples
        self._session = engine.start(task, step)
        self._session.load(start.flat, state.arrays)
        self._theta0 = start.flat
        self._n_ahead = 1
        self._told_rate = plan.learning_rate_init
        self._scheduled = settings.schedule != "constant" or settings.warm_up > 0

    # the way through the epochs ---------------------------------------------------------------------------

    def run(self) -> Parameters:
        """Train to the end; the parameters fit ends with. state, watch, progress and events are brought up to date."""
        self._began = time.perf_counter()
        progress = self.progress
        progress.best = self._theta0.copy() if self.judge.validate else None
        self.checkpoints.put(
            Checkpoint(
                step=self.first_step,
                theta=self._theta0.copy(),
                optimizer=dict(self.state.arrays),
                best_theta=self._theta0,
            )
        )
        while progress.n_epochs < self.plan.max_epochs and not self._ended:
            self._stretch()
            if self._interrupted() and not self._ended:
                progress.stopped = "interrupted"
            if self.plan.one_pass:
                break
            if progress.n_epochs == self.plan.max_epochs:
                self._warn_unfinished()
        return self._finish()

    @property
    def _ended(self) -> bool:
        return self.progress.stopped != "epochs"

    def _stretch(self) -> None:
        began, done = time.perf_counter(), self.progress.n_epochs
        first, n = self.first_step + done * self._spe, self._n_epochs_ahead()
        before = self._session.store() if n > 1 else None
        rates = self._rates(done, n)
        self.tasks.begin_epoch()
        losses, penalties = self._advance(first, rates)
        if self.progress.diverged is None:
            kept = self._judge(losses, penalties, rates, n, (time.perf_counter() - began) / n)
            if kept < n and before is not None:
                self._session.load(*before)
                self._advance(first, rates[: kept * self._spe])
            self._keep_checkpoint(kept)
        if self.tasks.end_epoch(self._fitted) and not self._ended:
            self.progress.stopped = "callback"
        limit = self.plan.time_limit
        if limit is not None and not self._ended and time.perf_counter() - self._began > limit:
            self.progress.stopped = "time_limit"

    def _n_epochs_ahead(self) -> int:
        if self.judge.validate or self.tasks.active or self.plan.one_pass:
            return 1
        last = self.progress.seconds[-1] if self.progress.seconds else 0.0
        wanted = max(int(STRETCH_S / last), int(min(self.watch.least_epochs, CERTAIN_S / last))) if last else 1
        self._n_ahead = max(1, min(4 * self._n_ahead, wanted))
        return min(self._n_ahead, self.plan.max_epochs - self.progress.n_epochs)

    def _rates(self, epoch: int, n: int) -> npt.NDArray[np.float64]:
        """η of every step of n epochs, (n · steps per epoch,)."""
        plan, spe = self.plan, self._spe
        base = np.full(n, self.state.learning_rate)
        if plan.learning_rate == "invscaling" and self.state.name.startswith("sgd"):
            seen = self.progress.samples_seen + np.arange(n) * self.task.n_samples
            later = plan.learning_rate_init / (seen + 1.0) ** plan.power_t
            base[1:] = later[1:]
        rates = np.repeat(base, spe)
        first = epoch * spe
        if self._scheduled:
            rates *= schedules.factors(self.settings, first, first + n * spe, spe)
        if self.state.name == "adam_epsilon_hat":
            rates *= self._correction(first, n * spe)
        return rates

    def _correction(self, first: int, n: int) -> npt.NDArray[np.float64] | float:
        """What Adam's corrections at the number of updates so far are of those at the number of the step."""
        step, t = self.first_step + first, self.state.t
        if t == step:
            return 1.0
        b1, b2 = self.step_settings.optimizer["beta1"], self.step_settings.optimizer["beta2"]

        def size(k: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            return np.sqrt(1 - b2**k) / (1 - b1**k)

        k = np.arange(1.0, n + 1)
        return size(t + k) / size(step + k)

    def _advance(self, first: int, rates: npt.NDArray[np.float64]) -> tuple[Array, Array]:
        penalties = np.zeros(len(rates))
        done = self._session.advance(first, rates, self.step_settings, penalties)
        if done.stopped:
            self._diverge(first, rates, len(done.losses))
        return done.losses, penalties

    # judging epochs ----------------------------------------------------------------------------------------

    def _judge(self, losses: Array, penalties: Array, rates: Array, n: int, seconds: float) -> int:
        """Take in n epochs one after the other; how many of them training really went through."""
        spe, progress = self._spe, self.progress
        J, extra = self._means(losses, n), self._means(penalties, n)
        as_told = not self._scheduled and bool((rates == self._told_rate).all())
        for i in range(n):
            epoch, steps = progress.n_epochs, slice(i * spe, (i + 1) * spe)
            progress.loss = self.judge.scale * J[i] + extra[i] + self.judge.constant(epoch)
            progress.loss_curve.append(progress.loss)
            progress.losses.append(losses[steps])
            progress.rates.append(float(rates[steps.stop - 1]))
            progress.penalties.append(extra[i])
            progress.seconds.append(seconds)
            if not as_told:
                self._note_rates(epoch, rates[steps])
            progress.n_epochs += 1
            progress.samples_seen += self.task.n_samples
            self.state.t += spe
            if self.plan.verbose:
                print(f"Iteration {progress.n_epochs}, loss = {progress.loss:.8f}")
            rate, too_many = self.state.learning_rate, self._too_many()
            self._end_epoch()
            if too_many:
                self._give_up()
            if not self.plan.early_stopping and self._exploded(epoch, J[i]):
                return i + 1
            if self._is_not_finite(epoch, extra[i]):
                return i + 1
            if self._ended or (self.state.learning_rate != rate and self.plan.learning_rate == "adaptive"):
                return i + 1
        return n

    def _means(self, values: Array, n: int) -> list[float]:
        """The mean over the rows of each of n epochs; whatever n is, an epoch is added up in the same order."""
        means: list[float] = (values.reshape(n, self._spe) * self._shares).sum(axis=1).tolist()
        return means

    def _exploded(self, epoch: int, mean: float) -> bool:
        """Whether the loss ran away; then the state before this epoch is what is left."""
        progress, first = self.progress, self.first_step + epoch * self._spe
        scale = max(float(progress.losses[0][0]), self.judge.constant_loss)
        progress.diverged = divergence.exploded(progress.losses[-1], mean, scale, first, epoch, progress.rates[-1])
        if progress.diverged is not None:
            progress.exploded, progress.stopped = True, "diverged"
        return progress.exploded

    def _is_not_finite(self, epoch: int, penalty: float) -> bool:
        """Whether the penalty or the loss on held-out rows is no number; what is left is as where the loss ran away."""
        progress, step = self.progress, self.first_step + (epoch + 1) * self._spe - 1
        line = {"penalty": penalty}
        if self.judge.validate is not None and progress.validation_losses:
            line["validation_loss"] = progress.validation_losses[-1]
        found = divergence.non_finite_at_end(line, epoch, step, progress.rates[-1])
        if found is not None:
            progress.diverged, progress.exploded, progress.stopped = found, True, "diverged"
        return found is not None

    def _too_many(self) -> bool:
        """Whether too many epochs passed without improvement, by the loss or, to stop early, by the score."""
        progress, watch = self.progress, self.watch
        if self.judge.validate is None:
            return watch.loss(progress.loss)
        theta = self._session.store()[0]
        loss, score = self.judge.validate(Parameters(self.architecture, theta))
        assert progress.validation_scores is not None
        assert progress.validation_losses is not None
        progress.validation_losses.append(loss)
        progress.validation_scores.append(score)
        if self.plan.verbose:
            print(f"Validation score: {score:f}")
        if not self.plan.early_stopping:
            watch.best_score = max(score, -np.inf if watch.best_score is None else watch.best_score)
            return watch.loss(progress.loss)
        is_best, too_many = watch.score(score)
        if is_best:
            progress.best = theta
        return too_many

    def _end_epoch(self) -> None:
        plan = self.plan
        if plan.learning_rate == "invscaling" and self.state.name.startswith("sgd"):
            self.state.learning_rate = plan.learning_rate_init / (self.progress.samples_seen + 1.0) ** plan.power_t

    def _give_up(self) -> None:
        """Too many epochs without improvement: stop, or go on with a smaller η where it is adaptive."""
        what = "Validation score" if self.plan.early_stopping else "Training loss"
        told = f"{what} did not improve by more than tol={self.watch.tol:g} for {self.watch.patience} epochs in a row."
        state = self.state
        if self.plan.learning_rate == "adaptive" and state.name.startswith("sgd"):
            if state.learning_rate > SMALLEST_RATE:
                state.learning_rate /= RATE_DIVISOR
                self.watch.count = 0
                if self.plan.verbose:
                    print(f"{told} Learning rate is {state.learning_rate:g}.")
                return
            told += " Learning rate too small."
        self.progress.stopped = "converged"
        if self.plan.verbose:
            print(f"{told} Stopping.")

    # what replay needs ----------------------------------------------------------------------------------------

    def _note_rates(self, epoch: int, rates: Array) -> None:
        """Keep every change of η that is no function of the settings as an event with its step and value."""
        first = self.first_step + epoch * self._spe
        if self._scheduled:
            rates = np.full(len(rates), self.state.learning_rate)
        if rates[0] == rates[-1] == self._told_rate and (len(rates) < 3 or (rates == rates[0]).all()):
            return
        for i, rate in enumerate(rates):
            if rate != self._told_rate:
                self.events.append(Event(first + i, "set", "learning_rate", float(rate)))
                self._told_rate = float(rate)

    def _keep_checkpoint(self, n_epochs: int) -> None:
        step = self.first_step + self.progress.n_epochs * self._spe
        if self.checkpoints.next_after(step - n_epochs * self._spe) <= step:
            theta, arrays = self._session.store()
            self.checkpoints.put(Checkpoint(step=step, theta=theta, optimizer=arrays, best_theta=theta))

    def _diverge(self, first: int, rates: Array, n_done: int) -> None:
        step = first + n_done - 1
        for i in range(0, n_done, self._spe):
            self._note_rates((first - self.first_step + i) // self._spe, rates[i : i + self._spe])
        progress = self.progress
        progress.diverged, progress.stopped = divergence.non_finite(self._replayed(step)), "diverged"
        progress.n_epochs += 1
        progress.loss = float("nan")
        progress.loss_curve.append(progress.loss)
        if progress.validation_scores is not None and progress.validation_losses is not None:
            progress.validation_scores.append(float("nan"))
            progress.validation_losses.append(float("nan"))

    def _replayed(self, step: int) -> StepRecord:
        """A step that was done, as it was; the session stands behind it then."""
        with np.errstate(all="ignore"):
            return Replayer(
                self._session, self.checkpoints, self.settings, self.events, lambda epoch: 1.0, self._spe
            ).record(step)

    # the end -----------------------------------------------------------------------------------------------------

    def _fitted(self) -> dict[str, Any]:
        parameters = Parameters(self.architecture, self._session.store()[0])
        return attributes(parameters, self.progress.n_epochs, self.progress.loss)

    def _finish(self) -> Parameters:
        theta, arrays = self._session.store()
        self.state.arrays = arrays
        self.state.n_steps = self.first_step + self.progress.n_epochs * self._spe
        if self.plan.early_stopping and self.progress.best is not None:
            theta = self.progress.best
        elif self.progress.exploded:
            theta = self._replayed(self.state.n_steps - self._spe).update.old.parameters.flat
        return Parameters(self.architecture, theta)

    def _warn_unfinished(self) -> None:
        if not self._ended:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.plan.max_epochs}) reached and the optimization "
                "hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
