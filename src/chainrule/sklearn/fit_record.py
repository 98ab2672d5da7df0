"""What stays of a fit besides the weights: the record a Run is made of; and how many threads a fit may take."""

from __future__ import annotations

import functools
import gc
import multiprocessing
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays
from chainrule.engine.protocol import Task
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.targets import OutputKind
from chainrule.sklearn.descent import Descent
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.events import Event
from chainrule.training.settings import Settings
from chainrule.visible import short_repr

if TYPE_CHECKING:
    from chainrule.api.run import Run

Array = npt.NDArray[Any]


@dataclass(kw_only=True)
class FitRecord:
    """Task, settings, events and checkpoints of a fit: whatever replay needs, and no engine, so that it pickles."""

    task: Task
    settings: Settings
    history: dict[str, list[float]]
    losses: Array
    events: list[Event]
    checkpoints: CheckpointStore
    result: dict[str, Any]
    kind: OutputKind
    fingerprint: str
    __repr__ = short_repr

    @classmethod
    def of(cls, descent: Descent, seconds: float, kind: OutputKind) -> FitRecord:
        """The record of a fit that just ended."""
        task, found = descent.task, descent.result
        n = len(found.history.get("loss", []))
        steps = n * task.steps_per_epoch
        result = {"stopped": found.stopped, "epochs": n, "steps": steps, "seconds": seconds}
        return cls(
            task=task,
            settings=descent.settings,
            history=found.history,
            losses=found.losses[: descent.first_step + steps],
            events=found.events,
            checkpoints=descent.checkpoints,
            result=result,
            kind=kind,
            fingerprint=arrays.fingerprint(task.X, task.targets, task.weight),
        )

    def run(self, parameters: Parameters) -> Run:
        """The Run, with these parameters as those it ended with."""
        from chainrule.api.run import Run
        from chainrule.run.record import RunRecord, versions
        from chainrule.run.rows import Rows

        task = self.task
        engine = select("auto", task.architecture)[0]
        record = RunRecord(
            parameters=parameters.copy(),
            kind=self.kind,
            seed=self.settings.seed,
            settings=self.settings,
            history=self.history,
            losses=self.losses,
            events=self.events,
            result=self.result,
            checkpoints=self.checkpoints,
            steps_per_epoch=task.steps_per_epoch,
            fingerprint=self.fingerprint,
            engine=engine.describe(),
            versions=versions(),
        )
        return Run(record, engine, Rows(task.X, task.targets, task.weight))


def mean_over_batches(constants: Array, task: Task, epoch: int) -> float:
    """What the constants of the rows add to the loss of an epoch: each batch's weighted mean, by its rows."""
    if task.weight is None:
        return float(constants.mean())
    order, total = task.order(epoch), 0.0
    for first in range(0, task.n_samples, task.batch_size):
        rows = order[first : first + task.batch_size]
        weight = task.weight[rows].astype(np.float64)
        if weight.any():
            total += len(rows) * float(np.average(constants[rows], weights=weight))
    return total / task.n_samples


FEW_STEPS = 7
"""With fewer steps in an epoch the engine has no room to try which number of threads is fastest."""
SMALL_STEP = 2e7
"""Floating-point operations of a step below which one thread is the safe choice."""


def is_small(architecture: Architecture, batch_size: int) -> bool:
    """Whether a step is so short that threads may wait for each other longer than they compute."""
    return 6.0 * batch_size * architecture.n_parameters < SMALL_STEP


def threads_of(asked: int | None) -> int | None:
    """The threads a fit asks the engine for; None leaves the choice to the engine, which obeys OMP_NUM_THREADS.

    A fit that runs in a thread of joblib takes one: its neighbours take the other cores. (Worker processes of
    joblib have OMP_NUM_THREADS set to their share of the cores.)
    """
    if asked is not None:
        return int(asked)
    parallel = sys.modules.get("joblib.parallel")
    if parallel is None or threading.current_thread() is threading.main_thread():
        return None
    backend = parallel.get_active_backend()[0]
    return 1 if getattr(backend, "nesting_level", 0) else None


@functools.cache
def settle_worker() -> None:
    """In a worker process of joblib, once: what is loaded by now is left out of garbage collection.

    Where psutil is not installed joblib collects garbage in every worker once a second. With scikit-learn loaded that
    is a tenth of a second each time, nearly all of it spent on modules, which never become garbage.
    """
    if multiprocessing.current_process().name.startswith("LokyProcess"):
        gc.freeze()
