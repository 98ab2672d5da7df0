"""The loop: stretches of steps, ends of epochs, checkpoints, stopping. All arithmetic is the engine's.

The loop asks the engine for stretches of about 100 ms, cut at checkpoints. Where a stretch is cut changes no
bit of the result: state, step number and settings are all a step depends on. Where nobody looks at the parameters
between epochs, a stretch takes in several short ones, and what is due at their ends is done for all of them
together: a core's caches load it once, not after every epoch. Where a rule then says that training should have ended,
or gone on otherwise, within the stretch, the state before it is loaded again and the steps up to there are repeated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Array, Engine, Task
from chainrule.errors import DivergedError
from chainrule.network.parameters import Parameters
from chainrule.training import divergence
from chainrule.training.callbacks import Callbacks
from chainrule.training.checkpoints import Checkpoint, CheckpointStore, Progress
from chainrule.training.events import Control, Event, Observer
from chainrule.training.measure import Measure
from chainrule.training.rates import Plan, Rates
from chainrule.training.recorded import advance_recorded
from chainrule.training.replaying import Replayer, State
from chainrule.training.result import Result
from chainrule.training.schedule import PLATEAU_NAME
from chainrule.training.settings import Settings
from chainrule.training.stopping import EpochEnd, Limit, Rule

STRETCH_S = 0.1
UNCERTAIN_SHARE = 0.2
"""A stretch in which a rule may act takes this share of STRETCH_S, so that what is repeated then costs little."""
AHEAD_BYTES = 2**22
"""The parameters at the ends of the epochs within a stretch may take this much."""


class Stretch(NamedTuple):
    """Steps done in one go."""

    first: int
    etas: npt.NDArray[np.float64]
    thetas: Array | None
    """The parameters behind every epoch that ended, where one went beyond the first of them."""
    before: State | None
    """The state before the first step, where a rule may want to go back there."""


@dataclass(kw_only=True)
class Trainer:
    """One training: what is fixed, and the state that moves.

    rules see the end of every epoch, limits every stretch; progress is the rules' state that checkpoints hold.
    """

    task: Task
    settings: Settings
    engine: Engine
    checkpoints: CheckpointStore
    measure: Measure
    rules: Sequence[Rule] = ()
    limits: Sequence[Limit] = ()
    progress: Progress = field(default_factory=Progress)
    callbacks: Sequence[Any] = ()
    observers: Sequence[Observer] = ()
    history: dict[str, list[float]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    keeps_best: bool = False
    """Whether the result is the best epoch, not the last."""
    first_step: int = 0
    n_epochs: int | None = None
    """Epochs from first_step on, which is above 0 where another training went before; None: those of the settings."""
    planned_rates: Plan | None = None
    before_epoch: Callable[[], None] | None = None
    """Called before the first step of every epoch."""
    as_run: Callable[[Result], Any] | None = None
    """Makes a Run of the training up to some step, for callbacks."""
    whole_epochs: bool = False
    """Whether limits end the training, and checkpoints are kept, at ends of epochs alone: those a stretch comes to."""

    def __post_init__(self) -> None:
        self._spe = self.task.steps_per_epoch
        n_epochs = self.settings.epochs if self.n_epochs is None else self.n_epochs
        self._n_steps = self.first_step + n_epochs * self._spe
        self._losses, self._penalties = np.zeros(0), np.zeros(0)
        self._control = Control(self.settings, self.history)
        self._control.attach(lambda: Parameters(self.task.architecture, self._session.theta()), self._so_far)
        self._stopped: str | None = None
        self._diverged: DivergedError | None = None
        self._over = False
        """Whether a rule ended the training: there is nothing to resume."""
        self._rate: float | None = None
        """What a rule wants η to be from the next step on."""
        self._stretch, self._step, self._kept_at = 1, 0, 0
        self._in_steps_s, self._n_done = 0.0, 0
        self._rates = Rates(self.settings, self._spe, self.events, self.planned_rates, self.first_step)
        self._ends: Array = np.zeros((0, 0))
        self._called = Callbacks(self.callbacks, self._control)
        self._every_epoch = bool(self._called.every_epoch or self.measure.every_epoch or self.before_epoch)
        self._needs_theta = self.measure.every_epoch or any(rule.needs_parameters for rule in self.rules)
        self._session = self.engine.start(self.task, self._rates.at(0)[1])

    # the way through the steps ---------------------------------------------------------------------------

    def run(self, start: Checkpoint, losses: npt.NDArray[np.float64] | None = None) -> Result:
        """Train from a checkpoint to the end; `losses` are those of the steps before it."""
        self._began, self._epoch_began = time.perf_counter(), time.perf_counter()
        self._session.load(start.theta, start.optimizer)
        self.progress.take(start.progress)
        self._best = start.best_theta.copy()
        self._step = self._kept_at = start.step
        self._losses = np.zeros(0) if losses is None else losses
        if start.step not in self.checkpoints.sizes:
            self.checkpoints.put(start)
            self.checkpoints.charge(time.perf_counter() - self._began)
        self._between_stretches()
        while self._step < self._n_steps and self._stopped is None:
            self._advance_stretch()
        return self._result()

    def _advance_stretch(self) -> None:
        first, began = self._step, time.perf_counter()
        self._begin_stretch()
        last, certain = self._end_of_stretch(began)
        thetas = self._room_for(first, last)
        before = self._session.store() if last > certain else None
        stretch = Stretch(first, self._rates.of(first, last, self.progress.plateau_factor), thetas, before)
        n_done, went_wrong = self._advance(stretch)
        elapsed = time.perf_counter() - began
        self._in_steps_s, self._n_done = self._in_steps_s + elapsed, self._n_done + n_done
        self._step = first + n_done
        if went_wrong:
            self._step -= 1  # the one that went wrong ends no epoch
            if not self._end_epochs(stretch, first + n_done):
                self._step += 1
                self._locate()
            return
        self._adapt(last - first, elapsed)
        self._after_stretch(stretch)

    def _begin_stretch(self) -> None:
        if self._rate is not None:
            self._happen(Event(self._step, "set", "learning_rate", self._rate))
            self._rate = None
        if self.before_epoch is not None and self._step % self._spe == 0:
            self.before_epoch()

    def _advance(self, stretch: Stretch) -> tuple[int, bool]:
        """Do the steps: how many were done, and whether the last of them went wrong."""
        first, etas, thetas, _ = stretch
        penalties = np.zeros(len(etas)) if self.measure.penalties else None
        if self._control.watches and len(etas) == 1 and penalties is None and thetas is None:
            how = float(etas[0]), self._rates.settings_of(first)
            done, self._control.record = advance_recorded(self._session, first, *how)
        else:
            done, self._control.record = self._rates.advance(self._session, first, etas, penalties, thetas), None
        last = first + len(done.losses)
        self._losses = self._with_room(self._losses, last)
        self._losses[first:last] = done.losses
        if penalties is not None:
            self._penalties = self._with_room(self._penalties, last)
            self._penalties[first:last] = penalties[: last - first]
        return len(done.losses), bool(done.stopped)

    def _with_room(self, values: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.float64]:
        """Room for n values at least. It grows with what is done: of many epochs few may fit into a time limit."""
        if n <= len(values):
            return values
        room = np.zeros(max(n, min(2 * len(values), self._n_steps)))
        room[: len(values)] = values
        return room

    def _end_of_stretch(self, began: float) -> tuple[int, int]:
        """Where a stretch ends; and the step up to which no rule acts but at its last."""
        first, spe = self._step, self._spe
        step_s = self._in_steps_s / self._n_done if self._n_done else 0.0
        last = min(first + min(self._stretch, self._control.most_steps or self._stretch), self._n_steps)
        if not self.whole_epochs:
            last = min(last, self.checkpoints.next_due(first, began - self._began, step_s))
        epoch_end = (first // spe + 1) * spe
        if last <= epoch_end:
            return self._rates.next_change(first, last), epoch_end
        n_ends = 1
        if not self._every_epoch:
            n_ends = max(1, AHEAD_BYTES // self._best.nbytes) if self._needs_theta else self._n_steps
        least = min((rule.least_epochs() for rule in self.rules), default=np.inf)
        certain = int(min((first // spe + least) * spe, self._n_steps))
        likely = max(certain, first + int(self._stretch * UNCERTAIN_SHARE), epoch_end)
        last = min(last, (first // spe + n_ends) * spe, likely)
        return self._rates.next_change(first, last), certain

    def _room_for(self, first: int, last: int) -> Array | None:
        """A row for the parameters at every end of an epoch, where a stretch goes beyond the first of them."""
        n_ends = last // self._spe - first // self._spe
        if not self._needs_theta or last <= (first // self._spe + 1) * self._spe:
            return None
        if len(self._ends) < n_ends:
            self._ends = np.empty((n_ends, self._best.size), self._best.dtype)
        return self._ends

    def _after_stretch(self, stretch: Stretch) -> None:
        for observer in self.observers:
            observer.stretch_done(self._step, float(self._losses[self._step - 1]))
        self._call_back("on_step_end")
        self._end_epochs(stretch, self._step)
        if self._stopped is None and self._step < self._n_steps:
            self._between_stretches()
        if self.whole_epochs and self._step % self._spe:
            return
        elapsed = time.perf_counter() - self._began
        reasons = (limit.reached(elapsed) for limit in self.limits if self._stopped is None)
        for reason in filter(None, reasons):
            self._happen(Event(self._step, "stop", value=reason))
        over = self._over or self._step == self._n_steps  # no step follows
        if not over and (self._stopped or self._is_checkpoint_due()):
            self._keep_checkpoint()

    def _is_checkpoint_due(self) -> bool:
        if self.whole_epochs:
            return self.checkpoints.next_after(self._kept_at) <= self._step
        return self.checkpoints.is_due(self._step, time.perf_counter() - self._began)

    def _adapt(self, n_steps: int, elapsed_s: float) -> None:
        # Callbacks on steps need every step; otherwise the next stretch is sized to take STRETCH_S.
        longest = 1 if self._called.every_step else int(n_steps * STRETCH_S / max(elapsed_s, 1e-9))
        self._stretch = max(1, min(4 * self._stretch, longest))

    # ends of epochs ----------------------------------------------------------------------------------------

    def _end_epochs(self, stretch: Stretch, reached: int) -> bool:
        """What is due at the ends of epochs of a stretch, in turn; whether a rule acted at one of them.

        Steps after that one, up to `reached`, are not part of the training.
        """
        first, etas, thetas, before = stretch
        done, acted, spe = self._step, False, self._spe
        for n, means in enumerate(self._means(first, done)):
            self._step = end = (first // spe + 1 + n) * spe
            theta = None if not self._needs_theta else self._session.theta() if thetas is None else thetas[n]
            self._end_epoch(means, theta, float(etas[end - first - 1]), done - end)
            acted = self._over or self._rate is not None
            if acted:
                break
        else:
            self._step = done
        if before is not None and self._step < reached and acted:
            self._session.load(*before)
            self._rates.advance(self._session, first, etas[: self._step - first])
        if self._best.base is not None:  # a row of what the next stretch writes over
            self._best = self._best.copy()
        self._note_planned()
        return acted

    def _means(self, first: int, done: int) -> list[tuple[float, float]]:
        """Of J and penalty, for every epoch that ended since step `first`."""
        begin, n = first // self._spe, done // self._spe - first // self._spe
        if n == 0:
            return []
        steps, shape = slice(begin * self._spe, (begin + n) * self._spe), (n, self._spe)
        penalties = self._penalties[steps].reshape(shape) if self.measure.penalties else None
        return self.measure.means(begin, self._losses[steps].reshape(shape), penalties)

    def _end_epoch(self, means: tuple[float, float], theta: Array | None, eta: float, n_behind: int) -> None:
        """The line of an epoch in the history, and all that hangs on it; n_behind more steps were done since."""
        epoch, settings = self._step // self._spe - 1, self._rates.settings_of(self._step - 1)
        objective, line = self.measure.line(epoch, means, theta, settings)
        line["learning_rate"] = eta
        if self.settings.schedule == "plateau" or PLATEAU_NAME in self.history:
            line[PLATEAU_NAME] = self.progress.plateau_factor
        line["seconds"] = (time.perf_counter() - self._epoch_began) * self._spe / (self._spe + n_behind)
        losses, first_loss = self._losses[self._step - self._spe : self._step], float(self._losses[self.first_step])
        if not self._decide(EpochEnd(epoch, self._step, losses, means[0], objective, eta, line, first_loss, theta)):
            return
        self._epoch_began += line["seconds"]
        for name, value in line.items():
            self.history.setdefault(name, []).append(value)
        for observer in self.observers:
            observer.epoch_ended(epoch, line)
        self._call_back("on_epoch_end")

    def _decide(self, end: EpochEnd) -> bool:
        """Carry out what the rules decide, asked in turn; whether the epoch is part of the history."""
        for rule in self.rules:
            decision = rule.epoch_ended(end)
            if decision is None:
                continue
            if decision.is_best and end.theta is not None:
                self._best = end.theta
            if decision.learning_rate is not None:
                self._rate = decision.learning_rate
            if decision.diverged is not None:
                self._diverged, self._stopped, self._over = decision.diverged, "diverged", True
            elif decision.stop is not None:
                self._stopped, self._over = self._stopped or decision.stop, True
            if not decision.counts:
                return False
        return True

    # events --------------------------------------------------------------------------------------------------

    def _between_stretches(self) -> None:
        """Callbacks may look on, act, and wait, which counts as no time of the training."""
        self._call_back("on_stretch")
        waited, self._control.waited_s = self._control.waited_s, 0.0
        self._began, self._epoch_began = self._began + waited, self._epoch_began + waited

    def _call_back(self, moment: str) -> None:
        methods = self._called.of(moment)
        if not methods:
            return
        control = self._control
        control.at(self._step, self._spe, self._losses)
        goes_on = self._stopped is None and self._step < self._n_steps
        for method in methods:
            self._called.call(method, self._keep_checkpoint if goes_on else None)
        for event in control.taken():
            self._happen(event)
        if control.edited is not None:
            self._session.load(control.edited.flat, self._session.store()[1])
            control.edited = None
            self._keep_checkpoint(pinned=True)

    def _happen(self, event: Event) -> None:
        if event.kind == "stop":
            self._stopped = self._stopped or str(event.value)
        self._rates.add(event)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        for observer in self.observers:
            observer.event_happened(event)

    def _note_planned(self) -> None:
        for event in self._rates.to_note(self._step):
            self._tell(event)

    # checkpoints, divergence, the end ----------------------------------------------------------------------

    def _keep_checkpoint(self, *, pinned: bool = False) -> None:
        began = time.perf_counter()
        for observer in self.observers:
            observer.before_checkpoint(self._losses[: self._step])
        theta, optimizer = self._session.store()
        progress = Progress(**self.progress.to_dict())
        kept = Checkpoint(
            step=self._step, theta=theta, optimizer=optimizer, best_theta=self._best, progress=progress,
            n_epochs=len(next(iter(self.history.values()), ())), n_events=len(self.events),
        )  # fmt: skip
        self.checkpoints.put(kept, pinned=pinned)
        self.checkpoints.charge((now := time.perf_counter()) - began, now - self._began)
        self._kept_at = self._step

    def _locate(self) -> None:
        """Name the first non-finite number of the step that just stopped, by replaying it."""
        self._note_planned()
        with np.errstate(all="ignore"):
            record = self.replayer().record(self._step - 1)
        self._diverged, self._stopped, self._over = divergence.non_finite(record), "diverged", True

    def replayer(self) -> Replayer:
        """The way back to any step done, with the training's own session."""
        return Replayer(
            session=self._session, checkpoints=self.checkpoints, settings=self.settings, events=self.events,
            plateau_factor=self._factor_of, steps_per_epoch=self._spe,
        )  # fmt: skip

    def _factor_of(self, epoch: int) -> float:
        known = self.history.get(PLATEAU_NAME, [])
        return known[epoch] if epoch < len(known) else self.progress.plateau_factor

    @property
    def best(self) -> Array:
        """The flat parameters behind the best epoch; those of the start where none was."""
        return self._best

    def state(self) -> State:
        """The state behind the last step, as fresh copies: the flat parameters and the optimizer's arrays."""
        return self._session.store()

    def _so_far(self) -> Any:
        """The training up to here, by as_run."""
        return None if self.as_run is None else self.as_run(self._result())

    def _result(self) -> Result:
        theta = self._session.theta()
        # Where no epoch had a metric that is a number, none was best: better the last weights than those of the start.
        no_best = self.progress.best_epoch is None and bool(self.history.get("loss"))
        keep_last = (not self.keeps_best or no_best) and self._diverged is None
        return Result(
            parameters=Parameters(self.task.architecture, theta if keep_last else self._best).copy(),
            history=self.history, losses=self._losses[: self._step].copy(), events=self.events, progress=self.progress,
            stopped=self._stopped or "epochs", diverged=self._diverged,
            seconds=time.perf_counter() - self._began, step_seconds=self._in_steps_s / max(self._n_done, 1),
        )  # fmt: skip
