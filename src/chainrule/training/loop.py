"""The loop: stretches of steps, ends of epochs, checkpoints, stopping. All arithmetic is the engine's.

The loop asks the engine for stretches of about 100 ms, cut at checkpoints. Where a stretch is cut changes no
bit of the result: state, step number and settings are all a step depends on. Where nobody may act at the end
of an epoch, a stretch takes in several short ones, and what is due at their ends is done for all of them
together: a core's caches load it once, not after every epoch.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import moderate
from chainrule.engine.protocol import Array, Engine, StepSettings, Targets, Task
from chainrule.errors import DivergedError, UnwrittenWarning
from chainrule.network.parameters import Parameters
from chainrule.training import divergence, schedules
from chainrule.training.checkpoints import Checkpoint, CheckpointStore, Progress
from chainrule.training.events import Control, Event, settings_at
from chainrule.training.metrics import Metric
from chainrule.training.replaying import Replayer
from chainrule.training.settings import Settings

STRETCH_S = 0.1
AHEAD_BYTES = 2**22
"""The parameters at the ends of the epochs within a stretch may take this much."""
PLATEAU_NAME = "learning_rate_factor"


@dataclass(frozen=True)
class Validation:
    """Held-out rows, ready for the engine."""

    X: Array
    targets: Targets
    weight: Array | None
    dense: Array
    """The targets as the metric wants them: class indices (n,) or an array (n, n_outputs)."""


class Observer(Protocol):
    """Somebody who watches a training: the run directory, the progress bar."""

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """An epoch ended; `line` is its entry in the history."""

    def stretch_done(self, step: int, loss: float) -> None:
        """Some steps were done."""

    def event_happened(self, event: Event) -> None:
        """A callback, the user or the clock acted."""

    def before_checkpoint(self, losses: npt.NDArray[np.float64]) -> None:
        """A checkpoint is about to be kept; `losses` are those of all steps before it."""


@dataclass
class Result:
    """What a training came to: the best parameters and why it stopped."""

    parameters: Parameters
    history: dict[str, list[float]]
    losses: npt.NDArray[np.float64]
    events: list[Event]
    progress: Progress
    stopped: str = "epochs"
    diverged: DivergedError | None = None
    seconds: float = 0.0
    step_seconds: float = 0.0
    """Time of one step without validation, callbacks and files: what replaying a step costs."""


@dataclass
class Trainer:
    """One training: what is fixed, and the state that moves."""

    task: Task
    settings: Settings
    engine: Engine
    metric: Metric
    checkpoints: CheckpointStore
    validation: Validation | None = None
    callbacks: Sequence[Any] = ()
    observers: Sequence[Observer] = ()
    time_limit: float | None = None
    interrupted: Callable[[], bool] = lambda: False
    constant_loss: float = 0.0
    history: dict[str, list[float]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._spe = self.task.steps_per_epoch
        self._n_steps = self.settings.epochs * self._spe
        self._losses = np.zeros(0)
        self._progress = Progress()
        self._control = Control(self.settings, self.history)
        self._control.attach(lambda: Parameters(self.task.architecture, self._session.theta()))
        self._stopped: str | None = None
        self._diverged: DivergedError | None = None
        self._stretch = 1
        self._step = 0
        self._in_steps_s, self._n_done = 0.0, 0
        self._unchanged = settings_at(0, self.settings, ())
        self._even_weights: tuple[npt.NDArray[np.float64], float] | None = None
        self._rates = np.zeros(0)
        self._ends: Array = np.zeros((0, 0))
        self._every_step = any(hasattr(callback, "on_step_end") for callback in self.callbacks)
        self._session = self.engine.start(self.task, self._unchanged[1])

    # the way through the steps ---------------------------------------------------------------------------

    def run(self, start: Checkpoint, losses: npt.NDArray[np.float64] | None = None) -> Result:
        """Train from a checkpoint to the end; `losses` are those of the steps before it."""
        self._began, self._epoch_began = time.perf_counter(), time.perf_counter()
        self._session.load(start.theta, start.optimizer)
        self._progress = Progress(**start.progress.to_dict())
        self._best = start.best_theta.copy()
        self._step = start.step
        self._losses = np.zeros(0) if losses is None else losses
        if start.step not in self.checkpoints.sizes:
            self.checkpoints.put(start)
            self.checkpoints.charge(time.perf_counter() - self._began)
        while self._step < self._n_steps and self._stopped is None:
            self._advance_stretch()
        return self._result()

    def _advance_stretch(self) -> None:
        first = self._step
        began = time.perf_counter()
        step_s = self._in_steps_s / self._n_done if self._n_done else 0.0
        wanted = self.checkpoints.next_due(first, began - self._began, step_s)
        last = min(first + self._stretch, self._furthest(first), wanted)
        thetas = self._room_for(first, last)
        eta, settings = self._settings_at(first)
        etas = self._learning_rates(eta * self._progress.plateau_factor, first, last)
        done = self._session.advance(first, etas, settings, None, thetas)
        elapsed = time.perf_counter() - began
        self._in_steps_s += elapsed
        self._n_done += len(done.losses)
        self._step = first + len(done.losses)
        self._make_room_for_losses(self._step)
        self._losses[first : self._step] = done.losses
        if done.stopped:
            self._step -= 1  # the one that went wrong ends no epoch
            self._end_epochs(first, etas, thetas)
            if self._diverged is None:
                self._step += 1
                self._locate()
            return
        self._adapt(last - first, elapsed)
        self._after_stretch(first, etas, thetas)

    def _make_room_for_losses(self, n: int) -> None:
        """Room for n losses at least. It grows with what is done: of many epochs few may fit into a time limit."""
        if n > len(self._losses):
            room = np.zeros(max(n, min(2 * len(self._losses), self._n_steps)))
            room[: len(self._losses)] = self._losses
            self._losses = room

    def _furthest(self, first: int) -> int:
        """Where a stretch must end: at the end of an epoch, the next one where somebody may act there."""
        n_ends = 1
        if not (self.callbacks or self.validation or self.settings.schedule == "plateau" or self.events):
            n_ends = max(1, AHEAD_BYTES // self._best.nbytes)
        return min((first // self._spe + n_ends) * self._spe, self._n_steps)

    def _room_for(self, first: int, last: int) -> Array | None:
        """A row for the parameters at every end of an epoch, where a stretch goes beyond the first of them."""
        n_ends = last // self._spe - first // self._spe
        if last <= (first // self._spe + 1) * self._spe:
            return None
        if len(self._ends) < n_ends:
            self._ends = np.empty((n_ends, self._best.size), self._best.dtype)
        return self._ends

    def _settings_at(self, step: int) -> tuple[float, StepSettings]:
        # The same object as long as nobody changed anything, so that the engine need not translate it again.
        return settings_at(step, self.settings, self.events) if self.events else self._unchanged

    def _learning_rates(self, eta: float, first: int, last: int) -> npt.NDArray[np.float64]:
        """η of steps first … last − 1; where no schedule moves it, a part of one array."""
        if not schedules.is_level(self.settings):
            return eta * schedules.factors(self.settings, first, last, self._spe)
        if len(self._rates) < last - first or self._rates[0] != eta:
            self._rates = np.full(max(self._spe, last - first), eta)
        return self._rates[: last - first]

    def _after_stretch(self, first: int, etas: npt.NDArray[np.float64], thetas: Array | None) -> None:
        for observer in self.observers:
            observer.stretch_done(self._step, float(self._losses[self._step - 1]))
        self._call_back("on_step_end")
        self._end_epochs(first, etas, thetas)
        if self._stopped is None and self.interrupted():
            self._happen(Event(self._step, "stop", value="interrupted"))
        if (
            self._stopped is None
            and self.time_limit is not None
            and time.perf_counter() - self._began > self.time_limit
        ):
            self._happen(Event(self._step, "stop", value="time_limit"))
        over = self._diverged or self._stopped == "early_stopping" or self._step == self._n_steps  # no step follows
        if not over and (self._stopped or self.checkpoints.is_due(self._step, time.perf_counter() - self._began)):
            self._keep_checkpoint()

    def _adapt(self, n_steps: int, elapsed_s: float) -> None:
        # Callbacks on steps need every step; otherwise the next stretch is sized to take STRETCH_S.
        if self._every_step:
            self._stretch = 1
        else:
            self._stretch = max(1, min(4 * self._stretch, int(n_steps * STRETCH_S / max(elapsed_s, 1e-9))))

    # ends of epochs ----------------------------------------------------------------------------------------

    def _end_epochs(self, first: int, etas: npt.NDArray[np.float64], thetas: Array | None) -> None:
        """What is due at the ends of epochs since `first`, in turn; behind one that diverged none counts."""
        done = self._step
        for n, end in enumerate(range((first // self._spe + 1) * self._spe, done + 1, self._spe)):
            self._step = end
            theta = self._session.theta() if thetas is None else thetas[n]
            self._end_epoch(theta, float(etas[end - first - 1]), done - end)
            if self._diverged:
                break
        else:
            self._step = done
        if self._best.base is not None:  # a row of what the next stretch writes over
            self._best = self._best.copy()

    def _end_epoch(self, theta: Array, eta: float, n_behind: int) -> None:
        """The line of an epoch in the history, and all that hangs on it; n_behind more steps were done since."""
        epoch, first = self._step // self._spe - 1, self._step - self._spe
        losses = self._losses[first : self._step]
        weights, total = self._batch_weights(epoch)
        mean = float(np.add.reduce(losses * weights) / total)
        scale = max(float(self._losses[0]), self.constant_loss)
        self._diverged = divergence.exploded(losses, mean, scale, first, epoch, eta)
        if self._diverged is None:
            line = {"loss": mean} | self._validate(theta) | {"penalty": self._penalty(theta), "learning_rate": eta}
            self._diverged = divergence.non_finite_at_end(line, epoch, self._step - 1, eta)
        if self._diverged:
            self._stopped = "diverged"
            return
        if self.settings.schedule == "plateau":
            line[PLATEAU_NAME] = self._progress.plateau_factor
        line["seconds"] = (time.perf_counter() - self._epoch_began) * self._spe / (self._spe + n_behind)
        self._epoch_began += line["seconds"]
        for name, value in line.items():
            self.history.setdefault(name, []).append(value)
        self._judge(epoch, theta, line)
        for observer in self.observers:
            observer.epoch_ended(epoch, line)
        self._call_back("on_epoch_end")

    def _validate(self, theta: Array) -> dict[str, float]:
        v = self.validation
        if v is None:
            return {}
        parameters = Parameters(self.task.architecture, theta)
        loss, output = self.engine.loss(parameters, v.X, v.targets, v.weight)
        if not (np.isfinite(loss) and np.isfinite(output).all()):  # which no metric is asked about
            return {"validation_loss": loss if not np.isfinite(loss) else float("nan")}
        told = self.metric.beside or self.metric
        with np.errstate(all="ignore"):
            return {"validation_loss": loss, told.name: told.score(v.dense, output, v.weight)}

    def _penalty(self, theta: Array) -> float:
        _, settings = self._settings_at(self._step - 1)
        if not settings.l2 and not settings.l1:
            return 0.0
        return self.engine.penalty(Parameters(self.task.architecture, theta), settings.l2, settings.l1)

    def _judge(self, epoch: int, theta: Array, line: dict[str, float]) -> None:
        """Best parameters, patience, plateau. Without validation the lowest training loss is watched."""
        progress, watched = self._progress, self.metric if self.validation else _TRAINING_LOSS
        score = line["loss"] if self.validation is None else line[self.metric.name]
        improved = progress.best_score is None or (
            score != progress.best_score and watched.better(score, progress.best_score)
        )
        if watched.better(score, progress.best_score):
            progress.best_score, progress.best_epoch, self._best = score, epoch, theta
        progress.epochs_without_better = 0 if improved else progress.epochs_without_better + 1
        progress.plateau_epochs = 0 if improved else progress.plateau_epochs + 1
        if self.settings.schedule == "plateau" and progress.plateau_epochs >= self.settings.decay_every:
            progress.plateau_factor *= self.settings.decay_factor
            progress.plateau_epochs = 0
        patience = self.settings.early_stopping
        if patience is not None and progress.epochs_without_better >= patience:
            self._stopped = "early_stopping"

    def _batch_weights(self, epoch: int) -> tuple[npt.NDArray[np.float64], float]:
        """The weight of every batch of an epoch, and of all."""
        n, size = self.task.n_samples, self.task.batch_size
        if self._even_weights is not None:
            return self._even_weights
        starts = np.arange(0, n, size)
        if self.task.weight is None:
            self._even_weights = np.minimum(size, n - starts).astype(np.float64), float(n)
            return self._even_weights
        weights = np.add.reduceat(self.task.weight[self.task.order(epoch)].astype(np.float64), starts)
        weights = np.asarray(moderate(weights), np.float64) if weights.any() else np.ones_like(weights)
        return weights, weights.sum()

    # events --------------------------------------------------------------------------------------------------

    def _call_back(self, moment: str) -> None:
        if not self.callbacks:
            return
        control = self._control
        control.step, control.epoch = self._step, (self._step - 1) // self._spe
        control.loss = float(self._losses[self._step - 1])
        for callback in self.callbacks:
            method = getattr(callback, moment, None)
            if method is None and moment == "on_epoch_end" and not hasattr(callback, "on_step_end"):
                method = callback
            if method is not None:
                self._let(method)
        pending, control.pending = control.pending, []
        for event in pending:
            self._happen(event)
        if control.edited is not None:
            self._session.load(control.edited.flat, self._session.store()[1])
            control.edited = None
            self._keep_checkpoint(pinned=True)

    def _let(self, method: Callable[[Control], object]) -> None:
        """Call somebody back. An error of theirs ends the training, unless it is over: then it is told, as a warning.

        The state up to here is kept first, where there is a directory, so that the training can be resumed.
        """
        try:
            method(self._control)
        except Exception as error:
            if self._stopped is None and self._step < self._n_steps:
                self._keep_checkpoint()
                raise
            told = f"a callback failed after the last step ({type(error).__name__}: {error}); the training is complete."
            warnings.warn(told, UnwrittenWarning, stacklevel=2)

    def _happen(self, event: Event) -> None:
        if event.kind == "stop":
            self._stopped = self._stopped or str(event.value)
        self.events.append(event)
        for observer in self.observers:
            observer.event_happened(event)

    # checkpoints, divergence, the end ----------------------------------------------------------------------

    def _keep_checkpoint(self, *, pinned: bool = False) -> None:
        began = time.perf_counter()
        for observer in self.observers:
            observer.before_checkpoint(self._losses[: self._step])
        theta, optimizer = self._session.store()
        progress = Progress(**self._progress.to_dict())
        kept = Checkpoint(
            step=self._step, theta=theta, optimizer=optimizer, best_theta=self._best, progress=progress,
            n_epochs=len(next(iter(self.history.values()), ())), n_events=len(self.events),
        )  # fmt: skip
        self.checkpoints.put(kept, pinned=pinned)
        self.checkpoints.charge(time.perf_counter() - began)

    def _locate(self) -> None:
        """Name the first non-finite number of the step that just stopped, by replaying it."""
        step = self._step - 1
        with np.errstate(all="ignore"):
            replayer = Replayer(self._session, self.checkpoints, self.settings, self.events, self._factor_of, self._spe)
            record = replayer.record(step)
        self._diverged, self._stopped = divergence.non_finite(record), "diverged"

    def _factor_of(self, epoch: int) -> float:
        known = self.history.get(PLATEAU_NAME, [])
        return known[epoch] if epoch < len(known) else self._progress.plateau_factor

    def _result(self) -> Result:
        theta = self._session.theta()
        # Where no epoch had a metric that is a number, none was best: better the last weights than those of the start.
        no_best = self._progress.best_epoch is None and bool(self.history.get("loss"))
        keep_last = (self.validation is None or no_best) and self._diverged is None
        parameters = Parameters(self.task.architecture, theta if keep_last else self._best.copy())
        return Result(
            parameters,
            self.history,
            self._losses[: self._step].copy(),
            self.events,
            self._progress,
            self._stopped or "epochs",
            self._diverged,
            time.perf_counter() - self._began,
            self._in_steps_s / max(self._n_done, 1),
        )


_TRAINING_LOSS = Metric("loss", False, lambda y, output, weight: float("nan"))
