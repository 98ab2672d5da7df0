"""The way from a checkpoint to a later step: the same steps again, so the same bits.

A step is reached from the nearest state before it: a checkpoint, where the session stands, or a state
remembered from an earlier visit. On the way through the gap between two checkpoints some states are
remembered, so that walking about in a gap, backwards too, does not begin at its checkpoint each time.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Scheduled, Session, StepSettings
from chainrule.errors import DamagedFileWarning, ModelFileError
from chainrule.network.records import StepRecord
from chainrule.training import schedules
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.events import EXTEND, Event
from chainrule.training.parts import factor_at, part_at, parts_of, settings_at
from chainrule.training.settings import Settings
from chainrule.visible import short_repr

REMEMBERED_BYTES = 32 * 2**20
STATES_OF_A_WAY, SHORTEST_STRIDE = 16, 4
"""On a way of n steps a state is remembered every n / 16, but not more often than every 4: a copy costs
about as much as a step. The last stretch is walked in ever finer strides, so going backwards is cheap too."""

State = tuple[npt.NDArray[Any], Mapping[str, npt.NDArray[Any]]]


class Remembered:
    """States before steps, the least recently used forgotten where they take more than their bytes."""

    def __init__(self, budget_bytes: int = REMEMBERED_BYTES) -> None:
        self.budget_bytes, self.n_bytes = budget_bytes, 0
        self._states: OrderedDict[int, State] = OrderedDict()

    def put(self, step: int, state: State) -> None:
        """Keep a state, unless it alone is larger than the budget."""
        size = _size(state)
        if step in self._states or size > self.budget_bytes:
            return
        self._states[step] = state
        self.n_bytes += size
        while self.n_bytes > self.budget_bytes:
            _, gone = self._states.popitem(last=False)
            self.n_bytes -= _size(gone)

    def get(self, step: int) -> State:
        """The state before exactly this step."""
        self._states.move_to_end(step)
        return self._states[step]

    def last_before(self, step: int) -> int:
        """The last step at or before `step` whose state is kept; −1 if none."""
        return max((kept for kept in self._states if kept <= step), default=-1)


@dataclass(kw_only=True)
class Replayer:
    """A session that goes to any step of a training that is over, or pauses.

    plateau_factor: the factor the plateau schedule had in an epoch.
    """

    session: Session
    checkpoints: CheckpointStore
    settings: Settings
    events: Sequence[Event]
    plateau_factor: Callable[[int], float]
    steps_per_epoch: int
    remembered: Remembered = field(default_factory=Remembered)
    n_advanced: int = 0
    """Steps done so far without telling them: what reaching the others has cost."""
    __repr__ = short_repr

    def __post_init__(self) -> None:
        self._at = -1  # the next step of the session
        self._lock = Lock()
        self._edits = [event.step for event in self.events if event.kind == "edit"]
        self._changes = sorted({event.step for event in self.events if event.kind in ("set", EXTEND)})
        self._parts = parts_of(self.settings, self.events, self.steps_per_epoch)

    def record(self, step: int) -> StepRecord:
        """The record of a step; the session is then at the next one."""
        with self._lock:
            try:
                self._reach(step)
                self._at = -1
                etas, step_settings, factors = self._settings(step, step + 1)
                record = self.session.record(step, float(etas[0]), step_settings.times(factors, 0))
                self._at = step + 1
            except BaseException:
                self._at = -1  # an interrupted session is somewhere in between
                raise
            return record

    def state(self, step: int) -> State:
        """The state before a step, as fresh copies; the session is then at that step."""
        with self._lock:
            try:
                self._reach(step)
            except BaseException:
                self._at = -1
                raise
            self._at = step
            return self.session.store()

    def distance(self, step: int) -> int:
        """Steps between a step and the checkpoint before it."""
        return step - self.checkpoints.last_before(step)

    def _reach(self, step: int) -> None:
        # A checkpoint follows every edit of weights, so no state after `start` precedes an edit.
        start = step - self.distance(step)
        self._refuse_before_edit(start, step)
        remembered = self.remembered.last_before(step)
        if max(start, remembered) < self._at <= step:
            at = self._at
        elif remembered > start:
            at = remembered
            self.session.load(*self.remembered.get(at))
        else:
            checkpoint = self._whole_before(start)
            at = checkpoint.step
            self.session.load(checkpoint.theta, checkpoint.optimizer)
        self._advance(at, step)

    def _refuse_before_edit(self, start: int, step: int) -> None:
        """ModelFileError where weights were edited between two steps: only the checkpoint behind the edit has them."""
        edited = max((edit for edit in self._edits if edit <= step), default=0)
        if start < edited:
            raise ModelFileError(
                f"the checkpoint of step {edited} is missing, which alone holds the weights edited there; "
                f"steps from {edited} on cannot be replayed. Restore it or train again."
            )

    def _whole_before(self, step: int) -> Checkpoint:
        """The last checkpoint at or before a step that can be read: the way from an earlier one leads to the same bits.

        Not past one that an edit of weights left: only it knows them.
        """
        while True:
            start = self.checkpoints.last_before(step)
            self._refuse_before_edit(start, step)
            try:
                return self.checkpoints.get(start)
            except ModelFileError as error:
                if start in self.checkpoints.pinned or start == self.checkpoints.first:
                    raise
                del self.checkpoints.sizes[start]
                if self.checkpoints.is_kept(start):  # else it was thinned out by the run's living writer
                    warnings.warn(f"{error} An earlier checkpoint is used.", DamagedFileWarning, stacklevel=2)

    def _advance(self, at: int, step: int) -> None:
        """Do the steps at … step − 1, remembering some of the states passed."""
        stride = max(SHORTEST_STRIDE, (step - at) // STATES_OF_A_WAY)
        while at < step:
            epoch_end = (at // self.steps_per_epoch + 1) * self.steps_per_epoch
            ends = [epoch_end, (at // stride + 1) * stride, *(change for change in self._changes if change > at)]
            last = min(step, *ends)
            etas, step_settings, factors = self._settings(at, last)
            self.session.advance(at, etas, step_settings, scheduled=factors)
            self.n_advanced += last - at
            at = last
            if at % stride == 0:
                self.remembered.put(at, self.session.store())

    def _settings(self, first: int, last: int) -> tuple[npt.NDArray[np.float64], StepSettings, Scheduled]:
        """The learning rates of steps first … last − 1, the settings they share, and the schedules of these."""
        eta, step_settings = settings_at(first, self.settings, self.events)
        spe = self.steps_per_epoch
        factor = factor_at(self._parts, first, spe, self.plateau_factor(first // spe))
        part = part_at(self._parts, first)
        etas = eta * factor * schedules.of_part(part, first, last, spe)
        return etas, step_settings, schedules.scheduled(part, first, last, spe)


def _size(state: State) -> int:
    return int(state[0].nbytes + sum(array.nbytes for array in state[1].values()))
