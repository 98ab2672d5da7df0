"""The learning rate and the settings of every step: settings, events, schedule, plateau, and what is planned besides.

What no settings tell becomes an event, so that replay takes the same η: a change by a callback, by a rule at the end of
an epoch, or by a plan, which knows η of steps to come (scikit-learn's "invscaling").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Advance, Array, Session, StepSettings
from chainrule.training import schedules
from chainrule.training.events import EXTEND, Event
from chainrule.training.parts import at_start, part_at, parts_of, settings_at
from chainrule.training.settings import Settings

Plan = Callable[[int, int], npt.NDArray[np.float64]]
"""η of steps first … last − 1 before their schedule."""


class Rates:
    """η and step settings, whatever moves them."""

    def __init__(
        self, settings: Settings, steps_per_epoch: int, events: Sequence[Event], planned: Plan | None, first: int
    ) -> None:
        self._settings, self._spe, self._planned = settings, steps_per_epoch, planned
        self._events = [event for event in events if event.kind in ("set", EXTEND)]
        self._parts = parts_of(settings, self._events, steps_per_epoch)
        self._current = settings_at(0, at_start(settings, events), ())
        self._holds_from: float = 0 if not self._events else np.inf
        self._noted, self._noted_to = self._current[0], first
        self._level = np.zeros(0)

    def add(self, event: Event) -> None:
        """An event happened."""
        if event.kind == "set":
            self._events.append(event)
            self._holds_from = np.inf

    def at(self, step: int) -> tuple[float, StepSettings]:
        """η before schedule and plan, and the settings, of a step.

        The same object as long as nothing has changed, so that the engine need not convert it again.
        """
        if step >= self._holds_from:
            return self._current
        found = settings_at(step, self._settings, self._events)
        last = max((event.step for event in self._events), default=0)
        if step >= last:
            self._current, self._holds_from = found, last
        return found

    def advance(
        self, session: Session, first: int, etas: npt.NDArray[np.float64],
        penalties: npt.NDArray[np.float64] | None = None, thetas: Array | None = None,
    ) -> Advance:  # fmt: skip
        """Let a session do the steps from `first` on at these rates, with the settings and their schedules."""
        scheduled = schedules.scheduled(part_at(self._parts, first), first, first + len(etas), self._spe)
        return session.advance(first, etas, self.at(first)[1], penalties, thetas, scheduled)

    def settings_of(self, step: int) -> StepSettings:
        """The settings of one step, their schedules included."""
        factors = schedules.scheduled(part_at(self._parts, step), step, step + 1, self._spe)
        return self.at(step)[1].times(factors, 0)

    def next_change(self, step: int, last: int) -> int:
        """The first step behind `step` whose settings are others, where it comes before `last`; else `last`."""
        return min(last, *(event.step for event in self._events if event.step > step), last)

    def of(self, first: int, last: int, factor: float) -> npt.NDArray[np.float64]:
        """η of steps first … last − 1; where nothing moves it, a part of one array."""
        part = part_at(self._parts, first)
        scheduled = not schedules.is_level(part.settings)
        if self._planned is not None:
            base = self._planned(first, last)
            return base * schedules.of_part(part, first, last, self._spe) if scheduled else base
        eta = self.at(first)[0] * factor
        if scheduled:
            return eta * schedules.of_part(part, first, last, self._spe)
        if len(self._level) < last - first or self._level[0] != eta:
            self._level = np.full(max(self._spe, last - first), eta)
        return self._level[: last - first]

    def to_note(self, step: int) -> list[Event]:
        """Events for the changes of a planned η among the steps before `step` that were not asked for yet."""
        first, events = self._noted_to, []
        if self._planned is None or step <= first:
            return []
        self._noted_to, rates = step, self._planned(first, step)
        if (rates == self._noted).all():
            return []
        for at, rate in enumerate(rates.tolist(), start=first):
            if rate != self._noted:
                events.append(Event(at, "set", "learning_rate", rate))
                self._noted = rate
        return events
