"""A session that wraps an engine's: worker 0 leads, the others follow, and every one does the same update.

Worker 0 runs the whole training; its session is an engine's own, with all rows and the whole state. What it shares are
stretches of steps: it tells the others which, each computes the gradients of its leaves, and after the exchange each
updates its own copy of the parameters. Whatever worker 0 does alone, such as to record a step, leaves the others
behind; they are given the state again with the next stretch. The same happens where one of them was lost.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from chainrule.distributed import rows
from chainrule.distributed.beats import Beat
from chainrule.distributed.comm import Comm, WorkerLost, nodes_of
from chainrule.engine.protocol import Advance, Array, Engine, Scheduled, Session, StepSettings, Task
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord

Sent = tuple[dict[str, Any], list[npt.NDArray[Any]]]
OF_TASK = ("X", "targets", "weight")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SharedSteps:
    """Steps that all workers do together."""

    first: int
    etas: npt.NDArray[np.float64]
    settings: StepSettings
    scheduled: Scheduled

    def packed(self) -> Sent:
        """As an order and its arrays."""
        order = {"do": "advance", "first": self.first, "settings": dataclasses.asdict(self.settings)}
        return {**order, "scheduled": list(self.scheduled)}, [self.etas, *map(np.asarray, self.scheduled.values())]

    @classmethod
    def unpacked(cls, order: Mapping[str, Any], arrays: list[npt.NDArray[Any]]) -> SharedSteps:
        """From an order and its arrays."""
        n = len(order["scheduled"])
        scheduled = dict(zip(order["scheduled"], arrays[1 : 1 + n], strict=True))
        settings = StepSettings(**order["settings"])
        return cls(first=order["first"], etas=arrays[0], settings=settings, scheduled=scheduled)


def steps(
    comm: Comm, session: Session, task: Task, stretch: SharedSteps, beat: Beat, begin: int,
    losses: npt.NDArray[np.float64], penalties: npt.NDArray[np.float64] | None = None, thetas: Array | None = None,
) -> str | None:  # fmt: skip
    """Do the steps of a stretch from the begin-th on, as every worker does; what stopped them. Raises WorkerLost."""
    V, spe = task.leaves, task.steps_per_epoch
    for i in range(begin, len(stretch.etas)):
        step, settings = stretch.first + i, stretch.settings.times(stretch.scheduled, i)
        own = session.parts(step, settings, nodes_of(comm.rank, comm.size, V))
        with beat.waiting():
            began = time.perf_counter()
            total = comm.allreduce(own, V)
            beat.exchanged(step, time.perf_counter() - began)
        losses[i] = total.losses[0]
        stopped, penalty = session.finish(step, float(stretch.etas[i]), settings, total, penalties is not None)
        if penalties is not None:
            penalties[i] = penalty
        beat.done = i + 1
        if stopped is not None:
            return stopped
        if thetas is not None and (step + 1) % spe == 0:
            thetas[step // spe - stretch.first // spe] = session.theta()
    return None


class SharedSession:
    """The session of worker 0."""

    def __init__(self, comm: Comm, session: Session, task: Task, beat: Beat) -> None:
        self._comm, self._session, self._task, self._beat = comm, session, task, beat
        self._behind = True
        """Whether the others do not have the state."""

    def load(self, theta: Array, optimizer: Mapping[str, Array]) -> None:
        """Take over a state (copied)."""
        self._session.load(theta, optimizer)
        self._behind = True

    def store(self) -> tuple[Array, dict[str, Array]]:
        """The state as fresh copies."""
        return self._session.store()

    def theta(self) -> Array:
        """The flat parameters alone, a fresh copy."""
        return self._session.theta()

    def record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        """Perform one step alone and return its full record."""
        self._behind = True
        return self._session.record(step, learning_rate, settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def advance(
        self,
        first_step: int,
        learning_rates: npt.NDArray[np.float64],
        settings: StepSettings,
        penalties: npt.NDArray[np.float64] | None = None,
        thetas: Array | None = None,
        scheduled: Scheduled | None = None,
    ) -> Advance:
        """Do len(learning_rates) steps from first_step on, together."""
        etas = np.ascontiguousarray(learning_rates, np.float64)
        stretch = SharedSteps(first=first_step, etas=etas, settings=settings, scheduled=scheduled or {})
        losses, self._beat.done = np.empty(len(etas)), 0
        self._beat.n_rows = self._task.batch_size
        self._beat.steps_per_epoch = self._task.steps_per_epoch
        while True:
            begin = self._beat.done
            try:
                self._begin(stretch, begin)
                stopped = steps(
                    self._comm, self._session, self._task, stretch, self._beat, begin, losses, penalties, thetas
                )
                break
            except WorkerLost:
                self._behind = True
                if not self._comm.recover():
                    raise
        return Advance(losses[: self._beat.done], stopped)

    def _begin(self, stretch: SharedSteps, begin: int) -> None:
        order, arrays = stretch.packed()
        if self._behind:
            theta, state = self._session.store()
            order, arrays = {**order, "state": list(state)}, [*arrays, theta, *state.values()]
        self._comm.tell({**order, "begin": begin}, arrays)
        self._behind = False


class SharedEngine:
    """An engine whose sessions are shared by all workers; whatever else it does, worker 0 does."""

    def __init__(
        self, comm: Comm, engine: Engine, folder: Path, beat: Beat, threads: int,
        choose: Callable[[Session, Session, Task, StepSettings], Session] | None = None,
    ) -> None:  # fmt: skip
        """Arguments: choose: of the shared session and one that shares its steps with another sign of life, which is
        measured, the one to train with.
        """
        self._comm, self._engine, self._folder, self._beat, self._threads = comm, engine, folder, beat, threads
        self._choose = choose

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def start(self, task: Task, settings: StepSettings) -> Session:
        """A session for this task, of which the others are told."""
        arrays = {name: getattr(task, name) for name in OF_TASK}
        of = {name: None if array is None else rows.lend(array, self._folder, name) for name, array in arrays.items()}
        order = {
            "do": "start", "arrays": of, "engine": self._engine.name, "threads": self._threads,
            "architecture": task.architecture.to_dict(), "settings": dataclasses.asdict(settings),
            "task": {name: getattr(task, name) for name in ("optimizer", "batch_size", "seed", "shuffle", "leaves")},
        }  # fmt: skip
        self._comm.tell(order, [])
        rows.spread(self._comm, arrays, of)
        own, _ = select(self._engine.name, task.architecture, self._threads, task.optimizer)
        session = own.start(task, settings)
        shared, measured = (
            cast(Session, SharedSession(self._comm, session, task, beat)) for beat in (self._beat, Beat())
        )
        return shared if self._choose is None else self._choose(shared, measured, task, settings)


def follow(comm: Comm, beat: Beat) -> None:
    """Do what worker 0 tells until it says that it is over. Raises WorkerLost where it is gone."""
    session: Session | None = None
    task: Task | None = None
    while True:
        order, arrays = _heard(comm, beat)
        if order["do"] == "end":
            return
        if order["do"] == "start":
            session, task = _started(comm, order)
        elif order["do"] == "advance" and session is not None and task is not None:
            stretch = SharedSteps.unpacked(order, arrays)
            if "state" in order:
                theta, *state = arrays[1 + len(order["scheduled"]) :]
                session.load(theta, dict(zip(order["state"], state, strict=True)))
            try:
                steps(comm, session, task, stretch, beat, order["begin"], np.empty(len(stretch.etas)))
            except WorkerLost:
                if not comm.recover():
                    raise


def _heard(comm: Comm, beat: Beat) -> Sent:
    while True:
        try:
            with beat.waiting():
                return comm.hear()
        except WorkerLost:
            if not comm.recover():
                raise


def _started(comm: Comm, order: dict[str, Any]) -> tuple[Session, Task]:
    arrays = rows.spread(comm, {}, order["arrays"])
    task = Task(architecture=Architecture.from_dict(order["architecture"]), **arrays, **order["task"])
    engine, _ = select(order["engine"], task.architecture, order["threads"], task.optimizer)
    return engine.start(task, StepSettings(**order["settings"])), task
