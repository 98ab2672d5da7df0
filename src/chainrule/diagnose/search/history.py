"""A run as a search sees it: any step recomputed, the recorded losses, and what is kept of the states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Engine, Task
from chainrule.network.records import StepRecord
from chainrule.status import doing
from chainrule.training.events import EXTEND, Event, brief


@dataclass(kw_only=True)
class History:
    """A run as a search sees it. record(t) recomputes step t; index: training rows as indices into X, or None."""

    record: Callable[[int], StepRecord]
    task: Task
    engine: Engine
    losses: npt.NDArray[np.float64]
    events: Sequence[Event]
    index: npt.NDArray[np.int64] | None
    kept: Sequence[int] = ()
    """Steps whose state is kept: to look at one takes no replay."""
    thorough: bool = True
    """Whether to look at every step where that takes long."""
    n_examined: int | None = None
    """States that were examined, where not every step was."""
    n_looked: int = 0

    def look(self, step: int) -> StepRecord:
        """The record of a step, counted."""
        self.n_looked += 1
        doing(f"step {step:,}, looked at", self.n_looked)
        return self.record(step)

    def example(self, record: StepRecord, row: int) -> int:
        """A row of a batch as an index into the X given to train."""
        one = int(record.rows[row])
        return one if self.index is None else int(self.index[one])

    def events_at(self, step: int) -> str | None:
        """What a callback, or whoever let the run go on, did before a step, in a few words."""
        kinds = ("set", "edit", EXTEND)
        result = [f"{brief(e)} before step {step}" for e in self.events if e.step == step and e.kind in kinds]
        return "; ".join(result) or None
