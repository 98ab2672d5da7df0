"""Events: changes to a run that do not follow from settings, seed, data and step.

A callback acts through `Control` alone; each action becomes an Event with its step and exact value, so
replay and resume can apply it again. A callback is called with the control at the end of every epoch;
an object may instead have any of the methods on_epoch_end(control), on_step_end(control) and on_stretch(control), which
is called before the first step and then between stretches of steps of about 100 ms each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.training.settings import Settings, check

CHANGEABLE = ("learning_rate", "l2", "l1", "dropout", "clip_norm")
EXTEND = "extend"
"""The kind of event with which a run goes on after its end."""
KINDS = ("set", "edit", "stop", "resume", EXTEND)


@dataclass(frozen=True)
class Event:
    """What happened before a step.

    Attributes
    ----------
    step : int
        The step, from 0.
    kind : str
        "set" (name, value), "edit", "stop" or "resume" (with a reason), "extend" (with [before, after] by name).
    name : str or None
        What was set.
    value : object
        Its value, the reason, or what changed where the run was extended.
    """

    step: int
    kind: str
    name: str | None = None
    value: Any = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON values.

        Returns
        -------
        dict
            Its attributes; empty ones are left out.
        """
        return {key: value for key, value in vars(self).items() if value is not None or key == "value"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Event:
        """Return the event that `to_dict` wrote.

        Parameters
        ----------
        values : mapping
            What `to_dict` gave.

        Returns
        -------
        Event
            The same event.
        """
        return cls(int(values["step"]), str(values["kind"]), values.get("name"), values.get("value"))


def brief(event: Event) -> str:
    """An event in a few words: its kind, and what was set or what changed."""
    if event.kind == "set":
        return f"set {event.name} = {_short(event.value)}"
    if event.kind != EXTEND:
        return event.kind
    return f"extend ({', '.join(f'{name} {_short(a)} → {_short(b)}' for name, (a, b) in event.value.items())})"


def _short(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


class Observer(Protocol):
    """An observer of a training that does not affect it: the run directory, the progress bar."""

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """An epoch ended; `line` is its entry in the history."""

    def stretch_done(self, step: int, loss: float) -> None:
        """Some steps were done."""

    def event_happened(self, event: Event) -> None:
        """A callback, the user or the clock acted."""

    def before_checkpoint(self, losses: npt.NDArray[np.float64]) -> None:
        """A checkpoint is about to be kept; `losses` are those of all steps before it."""


class Control:
    """A callback's view of a running training, and its only way to act on it.

    A callback is a function that is called after every epoch, or an object with `on_epoch_end`, `on_step_end` or
    `on_stretch` (before the first step, then about every 100 ms between steps); each is given the Control.

    Attributes
    ----------
    settings : Settings
        The settings at the start.
    history : mapping of str to sequence of float
        The history so far, one entry per epoch.
    step, epoch : int
        Steps done so far, and the epoch of the last one, from 0.
    steps_per_epoch : int
        Steps of an epoch.
    loss : float
        J of the last batch.
    losses : array
        J of the batch of every step so far.
    record : StepRecord or None
        Everything the last step computed, if `watch` asked for it.
    waited_s : float
        Seconds that a callback waited, to be added by it: they are no time of the training.

    Examples
    --------
    >>> import chainrule as cr
    >>> def halve(control):
    ...     if control.epoch == 0:
    ...         control.set(learning_rate=0.05)
    >>> net = cr.Network([1, 1], output="identity", loss="squared_error")
    >>> run = cr.train(net, [[1.0]], [[2.0]], optimizer=cr.SGD(0.1), epochs=2, callbacks=[halve], progress=False)
    >>> [step.update.learning_rate for step in run.replay(range(2))]
    [0.1, 0.05]
    """

    def __init__(self, settings: Settings, history: Mapping[str, Sequence[float]]) -> None:
        self.settings, self.history = settings, history
        self.epoch, self.step, self.loss, self.steps_per_epoch = 0, 0, float("nan"), 1
        self._parameters: Callable[[], Parameters] | None = None
        self._run: Callable[[], Any] | None = None
        self.losses: npt.NDArray[np.float64] = np.zeros(0)
        self.pending: list[Event] = []
        self.edited: Parameters | None = None
        self.record: StepRecord | None = None
        self.watches, self.most_steps, self.waited_s = False, 0, 0.0

    def set(self, **values: Any) -> None:
        """Change settings from the next step on.

        Parameters
        ----------
        **values
            What to change: learning_rate, l2, l1, dropout, clip_norm, or a hyper-parameter of the optimizer.

        Raises
        ------
        SettingsError
            If a name is unknown, or a value is out of range.
        """
        hyper = self.settings.optimizer.hyper
        for name, value in values.items():
            if name not in CHANGEABLE and name not in hyper:
                raise unknown_name("control.set: setting", name, [*CHANGEABLE, *hyper])
            if name == "momentum" and (value > 0) != (hyper["momentum"] > 0):
                raise SettingsError("control.set: momentum cannot turn on or off during training. Start with one > 0.")
            self.pending.append(Event(self.step, "set", name, check(name, value)))

    def stop(self, reason: str = "callback") -> None:
        """End the training after this step; the best parameters so far are kept.

        Parameters
        ----------
        reason : str, default "callback"
            What the record of the run gives as the reason.
        """
        self.pending.append(Event(self.step, "stop", value=reason))

    @property
    def parameters(self) -> Parameters:
        """A copy of the parameters as they are now."""
        assert self._parameters is not None
        return self._parameters().copy()

    def edit(self, change: Callable[[Parameters], None]) -> None:
        """Let a function change the parameters; a checkpoint is kept behind the edit.

        Parameters
        ----------
        change : callable
            Called with the Parameters; writes to W[l] and b[l].
        """
        parameters = self.edited if self.edited is not None else self.parameters
        change(parameters)
        self.edited = parameters
        self.pending.append(Event(self.step, "edit"))

    def pace(self, n_steps: int | None) -> None:
        """Bound how many steps are done before `on_stretch` is called again.

        Parameters
        ----------
        n_steps : int or None
            At most so many, ≥ 1; None: as many as take about 100 ms.
        """
        self.most_steps = n_steps or 0

    def watch(self, on: bool) -> None:
        """Let every single step be recorded from here on; `record` then holds all it computed. The bits stay the same.

        Parameters
        ----------
        on : bool
            Whether; it takes effect for stretches of one step (`pace`).
        """
        self.watches = on

    def run(self) -> Any:
        """Return the training up to here as a Run, which can be asked while the training waits or goes on.

        Returns
        -------
        Run
            A copy; nothing done to it changes the training.

        Raises
        ------
        SettingsError
            If no step was done yet, or the training is none of `train`.
        """
        found = None if self._run is None or not self.step else self._run()
        if found is None:
            raise SettingsError("control.run(): needs a training by train with at least one step done.")
        return found

    def taken(self) -> list[Event]:
        """Return what was asked for, which is then pending no longer; called by the loop.

        Returns
        -------
        list of Event
            In the order in which it was asked for.
        """
        pending, self.pending = self.pending, []
        return pending

    def at(self, step: int, steps_per_epoch: int, losses: npt.NDArray[np.float64]) -> None:
        """Set where the training is; called by the loop.

        Parameters
        ----------
        step, steps_per_epoch : int
            Steps done, and those of an epoch.
        losses : array
            J of every step's batch, with room behind the last.
        """
        self.step, self.epoch, self.steps_per_epoch = step, max(step - 1, 0) // steps_per_epoch, steps_per_epoch
        self.losses = losses[:step]
        self.loss = float(losses[step - 1]) if step else float("nan")

    def attach(self, parameters: Callable[[], Parameters], run: Callable[[], Any] | None = None) -> None:
        """Set how to obtain the parameters and the run so far; called by the loop.

        Parameters
        ----------
        parameters, run : callable
            Give the Parameters as they are, and the training up to here as a Run.
        """
        self._parameters, self._run = parameters, run
