"""A trial on the rows of the training itself is that training, to the bit: its steps are taken over, not done again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.api.prepare import Setup
from chainrule.api.run_writer import RunWriter
from chainrule.planning.candidates import Candidate
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.result import Result
from chainrule.training.settings import Settings

KEPT_BYTES = 64 * 2**20
"""The checkpoints of one trial may take this much memory."""
WHOLE = ("epochs", "early_stopping")
"""How a training ends that a run with the same settings would end in the same way."""


@dataclass(frozen=True, kw_only=True)
class DoneBefore:
    """A training of a candidate from its first step to its end."""

    candidate: Candidate
    settings: Settings
    loss: float
    result: Result
    checkpoints: CheckpointStore

    def is_that_of(self, setup: Setup) -> bool:
        """Whether a run would repeat it: the settings may have changed since, as when a learning rate is looked for."""
        return self.settings == setup.settings and self.result.parameters.architecture == setup.network.architecture

    def taken_over(self, writer: RunWriter, observers: Sequence[Any]) -> Result:
        """Its history, events and checkpoints become those of a run; checkpoints as many as the run would keep."""
        return taken_over(self.result, self.checkpoints, writer, observers)


def taken_over(result: Result, checkpoints: CheckpointStore, writer: RunWriter, observers: Sequence[Any]) -> Result:
    """A training that was done elsewhere becomes a run; checkpoints as many as the run would keep."""
    store, last = writer.store, max(len(result.losses), 1)
    writer.history.update(result.history)
    writer.events.extend(result.events)
    for event in result.events:
        for observer in observers:
            observer.event_happened(event)
    for epoch in range(len(result.history["loss"])):
        line = {name: column[epoch] for name, column in result.history.items()}
        for observer in observers:
            observer.epoch_ended(epoch, line)
    for step in sorted(checkpoints.sizes):
        began = time.perf_counter()
        if step == 0 or not store.is_due(step, result.seconds * step / last):
            continue
        for observer in observers:
            observer.before_checkpoint(result.losses[:step])
        store.put(checkpoints.get(step))
        store.charge(time.perf_counter() - began)
    return result


class DoneTrials:
    """Of the trials on the rows of the training, for each set of inputs the one with the lowest loss and the latest."""

    def __init__(self) -> None:
        self._best, self._latest = dict[int, DoneBefore](), dict[int, DoneBefore]()

    def keep(self, done: DoneBefore) -> None:
        """Keep it if it is the best so far; which ones are kept changes the time that a training takes, and no bit."""
        place = id(done.candidate.rows)
        best = self._best.get(place)
        if best is None or done.loss < best.loss:
            self._best[place] = done
        self._latest[place] = done

    def of(self, candidate: Candidate) -> DoneBefore | None:
        """The training of a candidate on its rows, where it was done."""
        kept = [known.get(id(candidate.rows)) for known in (self._best, self._latest)]
        wanted = (candidate.network, candidate.optimizer, candidate.settings["epochs"])
        for done in kept:
            if done is not None:
                made = done.candidate
                if (made.network, made.optimizer, made.settings["epochs"]) == wanted:
                    return done
        return None
