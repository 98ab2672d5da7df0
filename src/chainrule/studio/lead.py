"""A training that is led: paused, stepped, changed and stopped from another thread, between two of its stretches.

The training's own thread calls `on_stretch` and does there all that acts on it, through its Control. Other threads
leave orders and look at `status()`, which never waits. A page that closes leaves nothing behind that the training waits
for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.run import Run
from chainrule.errors import SettingsError
from chainrule.studio.breakpoints import AtStep, Breakpoint, breakpoint_of
from chainrule.training.events import CHANGEABLE, Control

STOPPED_BY = "studio"
"""The reason that the record of a run gives."""
WAIT_S = 0.5
"""So often a training that waits looks up, whatever may have failed to wake it."""
ORDER_S = 20.0
"""Within which a stretch ends and an order is carried out."""


class Lead:
    """A callback of `train`, and the handle by which other threads lead the training.

    Arguments: paused: whether it waits before its first step.
    """

    def __init__(self, *, paused: bool = False) -> None:
        self._changed = threading.Condition()
        self._left: int | None = 0 if paused else None
        """Steps until it waits; None: it runs."""
        self._orders: list[tuple[Callable[[Control], Any], Future[Any]]] = []
        self._state, self._why = "starting", ""
        self._step, self._epoch, self._n_epochs, self._n_events = 0, 0, 0, 0
        self._losses: npt.NDArray[np.float64] = np.zeros(0)
        self._values: dict[str, Any] = {}
        self._n_planned, self._steps_per_epoch = 0, 1
        self._stops, self._hit = False, ""
        self._breaks: dict[str, tuple[Mapping[str, Any], Breakpoint]] = {}
        self._run: tuple[int, Run] | None = None
        self._speed = Speed()
        self.final: Run | None = None

    # the training's own thread ---------------------------------------------------------------------------------

    def on_stretch(self, control: Control) -> None:
        """Say where the training is; carry out what was ordered; wait while it is to wait."""
        with self._changed:
            done = control.step - self._step
            self._see(control)
            if self._left is not None:
                self._left = max(0, self._left - done)
            self._meet(control)
            self._carry_out(control)
            began = time.perf_counter()
            while self._left == 0 and not self._stops:
                self._state = "paused"
                self._changed.wait(WAIT_S)
                self._carry_out(control)
            control.waited_s += time.perf_counter() - began
            self._state = "running"
            if self._stops and control.step:
                control.stop(STOPPED_BY)
            self._set_pace(control)
            self._speed.begin()

    def on_training_end(self, run: Run | None) -> None:
        """The training is over; None where an error ended it."""
        with self._changed:
            if run is not None:
                self.final, self._run = run, None
                self._step, self._losses = run.n_steps, run.losses
                self._n_epochs, self._n_events = len(run.history["loss"]), len(run.events)
                self._epoch = max(run.n_steps - 1, 0) // run.steps_per_epoch
                self._why = str(run.result["stopped"])
            self._state = "failed" if run is None else "ended"
            for _, future in self._orders:
                future.set_exception(SettingsError("the training is over."))
            self._orders.clear()
            self._changed.notify_all()

    def failed(self, message: str) -> None:
        """An error ended what was to be a training."""
        with self._changed:
            self._state, self._why = "failed", message

    def _see(self, control: Control) -> None:
        done = control.step - self._step
        self._speed.done(done, one_by_one=control.most_steps == 1)
        self._step, self._epoch, self._losses = control.step, control.epoch, control.losses
        self._n_epochs = len(next(iter(control.history.values()), ()))
        self._n_planned = control.settings.epochs * control.steps_per_epoch
        self._steps_per_epoch = control.steps_per_epoch
        if not self._values:
            self._values = dict(control.settings.optimizer.hyper) | {
                name: getattr(control.settings, name) for name in CHANGEABLE if name != "learning_rate"
            }
            self._values["learning_rate"] = control.settings.optimizer.learning_rate

    def _meet(self, control: Control) -> None:
        """Wait where a breakpoint is met."""
        for name, (given, one) in list(self._breaks.items()):
            found = one.hit(control) if control.step else None
            if found is not None:
                self._left, self._hit = 0, f"{name}\n{found}"
                if given["kind"] in ("step", "condition"):  # it would be met again at once
                    del self._breaks[name]

    def _carry_out(self, control: Control) -> None:
        orders, self._orders = self._orders, []
        for order, future in orders:
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(order(control))
            except Exception as error:
                future.set_exception(error)

    def _set_pace(self, control: Control) -> None:
        breaks = [one for _, one in self._breaks.values()]
        bounds = [1] if any(one.every_step for one in breaks) else []
        bounds += [n for one in breaks if isinstance(one, AtStep) and (n := one.most(control.step)) is not None]
        if self._left:
            bounds.append(self._left)
        control.pace(min(bounds, default=None) if bounds else None)
        control.watch(any(one.needs_record for one in breaks))

    # other threads -----------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Where the training is, in plain values; without its losses."""
        return {
            "state": self._state, "why": self._why, "step": self._step, "epoch": self._epoch,
            "loss": float(self._losses[-1]) if len(self._losses) else None, "values": dict(self._values),
            "n_steps": self._n_planned, "steps_per_epoch": self._steps_per_epoch, "n_epochs": self._n_epochs,
            "n_events": self._n_events, "hit": self._hit,
            "breaks": [dict(given) for given, _ in list(self._breaks.values())], **self._speed.facts(),
        }  # fmt: skip

    @property
    def losses(self) -> npt.NDArray[np.float64]:
        """J of every step so far."""
        return self._losses

    @property
    def is_over(self) -> bool:
        """Whether no order can be carried out any more."""
        return self._state in ("ended", "failed")

    def pause(self) -> None:
        """Wait behind the stretch that is being done."""
        self._order_soon(lambda: setattr(self, "_left", 0))

    def go_on(self) -> None:
        """Run."""
        self._order_soon(lambda: self._let(None))

    def steps(self, n: int) -> None:
        """Do so many steps, then wait."""
        self._order_soon(lambda: self._let(n))

    def stop(self) -> None:
        """End the training; the best parameters so far are kept."""
        self._order_soon(lambda: setattr(self, "_stops", True))

    def stop_quietly(self) -> None:
        """End the training where it is not over."""
        with self._changed:
            self._stops = True
            self._changed.notify_all()

    def set(self, values: Mapping[str, Any]) -> None:
        """Change settings from the next step on; SettingsError for an unknown name or a value out of range."""

        def order(control: Control) -> None:
            control.set(**values)
            self._values |= {name: event.value for event in control.pending[-len(values) :] if (name := event.name)}
            self._n_events += len(values)

        if values:
            self._ask(order)

    def set_breaks(self, given: Sequence[Any]) -> None:
        """Wait at these breakpoints and no others; SettingsError for one that is none."""

        def order(control: Control) -> None:
            parameters, n_rows = control.parameters.architecture, control.settings.batch_size
            found = {_name_of(one): (one, breakpoint_of(one, parameters, n_rows)) for one in given}
            self._breaks = {name: self._breaks.get(name, pair) for name, pair in found.items()}

        self._ask(order)

    def run(self) -> Run:
        """The training up to here as a Run; SettingsError before its first step."""
        if self.final is not None:
            return self.final
        known = self._run
        if known is not None and known[0] == self._step:
            return known[1]
        found: Run = self._ask(lambda control: control.run())
        self._run = found.n_steps, found
        return found

    def _ask(self, order: Callable[[Control], Any]) -> Any:
        """Let the training's thread do something at the end of its stretch, and what came of it."""
        future: Future[Any] = Future()
        with self._changed:
            if self.is_over:
                raise SettingsError("the training is over.")
            self._orders.append((order, future))
            self._changed.notify_all()
        try:
            return future.result(ORDER_S)
        except TimeoutError:
            future.cancel()
            raise SettingsError(f"the training did not answer within {ORDER_S:g} s; try again.") from None

    def _let(self, n: int | None) -> None:
        self._left, self._hit = n, ""

    def _order_soon(self, change: Callable[[], object]) -> None:
        with self._changed:
            if self.is_over:
                raise SettingsError("the training is over.")
            change()
            self._changed.notify_all()


class Speed:
    """How fast a training goes, and how much slower where every step is looked at."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._step_s = {False: 0.0, True: 0.0}
        self._slow = False

    def begin(self) -> None:
        """Some steps begin."""
        self._began = time.perf_counter()

    def done(self, n: int, *, one_by_one: bool) -> None:
        """So many were done since."""
        if self._began is None or not n:
            return
        seconds = (time.perf_counter() - self._began) / n
        before = self._step_s[one_by_one]
        self._step_s[one_by_one], self._slow = (0.8 * before + 0.2 * seconds if before else seconds), one_by_one

    def facts(self) -> dict[str, Any]:
        """Steps a second, and how many times as long a step takes as it would otherwise; None if unknown."""
        seconds, alone = self._step_s[self._slow], self._step_s[False]
        return {
            "per_second": 1 / seconds if seconds else None,
            "cost": self._step_s[True] / alone if self._slow and alone else None,
        }


def _name_of(given: Any) -> str:
    return f"{given.get('kind')} {given.get('value', '')}".strip() if isinstance(given, Mapping) else str(given)
