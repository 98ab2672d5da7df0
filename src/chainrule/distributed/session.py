"""A session that wraps an engine's: worker 0 leads, the others follow, and each updates the slice that it owns.

Worker 0 runs the whole training; its session is an engine's own, with all rows. What it shares are stretches of steps:
it tells the others which, each computes the gradients of its leaves, and the owner of a slice of the parameters adds up
that slice and updates it. The optimizer's arrays lie with the owners, and come together where worker 0 stores a state.
Whatever worker 0 does alone, such as to record a step, leaves the others behind; they are given the state again with
the next stretch. Where one of them was lost, those that are left begin at the last state that worker 0 stored and do
the stretches since once more, to the same bits.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from chainrule.distributed import places, rows
from chainrule.distributed.beats import Beat
from chainrule.distributed.comm import Comm, Sent, WorkerLost
from chainrule.distributed.exchange import Exchange, Ownership
from chainrule.engine.protocol import Advance, Array, Engine, Floats, Scheduled, Session, StepSettings, Task
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.records import StepRecord

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


class Worker:
    """What every worker has of a session whose steps are shared."""

    def __init__(self, comm: Comm, session: Session, task: Task) -> None:
        self._comm, self._session, self._task = comm, session, task
        self.shared = session.share(comm.size, comm.rank)
        self._layout = Ownership.of(self.shared, comm.rank, comm.size, task.leaves, task.architecture.dtype)
        self._exchange: Exchange | None = None

    def fits(self, comm: Comm) -> bool:
        """Whether the workers are as many as they were."""
        return (comm.rank, comm.size) == (self._layout.rank, self._layout.size)

    def take(self, theta: Array, state: Mapping[str, Array | None]) -> None:
        """Begin at a state: theta, and the optimizer's whole arrays, which worker 0 has. Raises WorkerLost."""
        if self._exchange is None:
            self._exchange = self._comm.exchange(self._layout)
        self._exchange.theta[:] = theta
        slices = {name: self._comm.deal(array, self._layout) for name, array in state.items()}
        self.shared.begin(self._exchange.theta, slices)

    def collect(self) -> dict[str, Array | None]:
        """The optimizer's whole arrays, on worker 0. Raises WorkerLost."""
        return {name: self._comm.collect(own, self._layout) for name, own in sorted(self.shared.state().items())}

    def steps(
        self, stretch: SharedSteps, beat: Beat, losses: Floats, penalties: Floats | None = None,
        thetas: Array | None = None,
    ) -> tuple[int, str | None]:  # fmt: skip
        """Do a stretch, as every worker does: the steps done, and what stopped them. Raises WorkerLost."""
        spe, exchange = self._task.steps_per_epoch, self._exchange
        assert exchange is not None
        for i in range(len(stretch.etas)):
            step, settings = stretch.first + i, stretch.settings.times(stretch.scheduled, i)
            nodes = self._layout.nodes[self._layout.rank]
            own = self.shared.parts(step, settings, nodes, exchange.gradients)
            if penalties is not None:
                penalties[i] = self.shared.penalty(step, settings)
            with beat.waiting():
                began = time.perf_counter()
                losses[i], sums = exchange.scatter(own)
                took = time.perf_counter() - began
            if not np.isfinite(losses[i]):
                return i + 1, "loss"
            of_norm = self.shared.add_up(step, settings, sums)
            every = None if settings.clip_norm is None else exchange.spread(of_norm)
            stopped = self.shared.update(step, float(stretch.etas[i]), settings, every)
            with beat.waiting():
                began = time.perf_counter()
                anything = exchange.gather(stopped is not None)
            beat.exchanged(step, took + time.perf_counter() - began)
            if anything:
                return i + 1, "weights"
            if thetas is not None and (step + 1) % spe == 0:
                thetas[step // spe - stretch.first // spe] = self._session.theta()
        return len(stretch.etas), None


class SharedSession:
    """The session of worker 0."""

    def __init__(self, comm: Comm, session: Session, task: Task) -> None:
        self._comm, self._session, self._task, self.beat = comm, session, task, Beat()
        self._worker = Worker(comm, session, task)
        self._whole = True
        """Whether the state lies in the session alone; else the optimizer's arrays lie with their owners."""
        self._stored: tuple[Array, dict[str, Array]] | None = None
        self._since: list[SharedSteps] = []
        """The stretches since the state that was stored, where a lost worker can be done without."""

    def load(self, theta: Array, optimizer: Mapping[str, Array]) -> None:
        """Take over a state (copied)."""
        self._session.load(theta, optimizer)
        self._whole = True

    def store(self) -> tuple[Array, dict[str, Array]]:
        """The state as fresh copies."""
        if self._whole:
            return self._session.store()
        while True:
            try:
                return self._collected()
            except WorkerLost:
                self._recover()

    def theta(self) -> Array:
        """The flat parameters alone, a fresh copy."""
        return self._session.theta()

    def record(self, step: int, learning_rate: float, settings: StepSettings) -> StepRecord:
        """Perform one step alone and return its full record."""
        if not self._whole:
            self.load(*self.store())
        return self._session.record(step, learning_rate, settings)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def advance(
        self,
        first_step: int,
        learning_rates: Floats,
        settings: StepSettings,
        penalties: Floats | None = None,
        thetas: Array | None = None,
        scheduled: Scheduled | None = None,
    ) -> Advance:
        """Do len(learning_rates) steps from first_step on, together."""
        etas = np.ascontiguousarray(learning_rates, np.float64)
        stretch = SharedSteps(first=first_step, etas=etas, settings=settings, scheduled=scheduled or {})
        losses = np.empty(len(etas))
        self.beat.n_rows, self.beat.steps_per_epoch = self._task.batch_size, self._task.steps_per_epoch
        while True:
            try:
                self._begin()
                self._comm.tell(*stretch.packed())
                done, stopped = self._worker.steps(stretch, self.beat, losses, penalties, thetas)
                break
            except WorkerLost:
                self._recover()
        if self._comm.may_recover:
            self._since.append(stretch)
        return Advance(losses[:done], stopped)

    def _begin(self) -> None:
        """Have everyone begin at the state of the session, where it lies here alone."""
        if not self._whole:
            return
        theta, state = self._session.store()
        self._stored, self._since = ((theta, state) if self._comm.may_recover else None), []
        self._deal(theta, state)
        self._whole = False

    def _deal(self, theta: Array, state: Mapping[str, Array]) -> None:
        flat, shared = self._worker.shared.of_plain(theta), self._worker.shared
        self._comm.tell({"do": "take", "state": sorted(state)}, [flat])
        self._worker.take(flat, {name: shared.of_plain(state[name]) for name in sorted(state)})

    def _collected(self) -> tuple[Array, dict[str, Array]]:
        self._comm.tell({"do": "collect"}, [])
        shared = self._worker.shared
        state = {name: shared.to_plain(array) for name, array in self._worker.collect().items() if array is not None}
        theta = self._session.theta()
        if self._comm.may_recover:
            self._stored, self._since = (theta.copy(), {name: array.copy() for name, array in state.items()}), []
        return theta, state

    def _recover(self) -> None:
        """After WorkerLost: those that are left do once more what followed the last stored state. Raises WorkerLost."""
        while True:
            if self._stored is None or not self._comm.recover():
                raise WorkerLost("a worker is gone")
            try:
                self._worker = Worker(self._comm, self._session, self._task)
                self._deal(*self._stored)
                for stretch in self._since:
                    self._comm.tell(*stretch.packed())
                    self._worker.steps(stretch, self.beat, np.empty(len(stretch.etas)))
                self._whole = False
                return
            except WorkerLost:
                continue


class SharedEngine:
    """An engine whose sessions are shared by all workers; whatever else it does, worker 0 does."""

    def __init__(
        self, comm: Comm, engine: Engine, folder: Path, beat: Beat, threads: int,
        choose: Callable[[Session, Task, StepSettings], Session] | None = None,
    ) -> None:  # fmt: skip
        """Arguments: choose: of the shared session and another way, the one to train with; it measures both."""
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
        shared = SharedSession(self._comm, own.start(task, settings), task)
        chosen = cast(Session, shared)
        if self._choose is not None:
            chosen = self._choose(chosen, task, settings)
        shared.beat = self._beat  # none of what was measured counts
        return chosen


def follow(comm: Comm, beat: Beat, perform: Callable[[Sent], Sent] | None = None) -> None:
    """Do what worker 0 tells until it says that it is over. Raises WorkerLost where it is gone.

    Arguments: perform: does a whole training.
    """
    session: tuple[Session, Task] | None = None
    worker: Worker | None = None
    while True:
        order, arrays = _heard(comm, beat)
        if order["do"] == "end":
            return
        try:
            if order["do"] == "start":
                session, worker = _started(comm, order), None
            elif order["do"] == "tasks" and perform is not None:
                places.serve(comm, perform)
            elif session is not None:
                worker = worker if worker is not None and worker.fits(comm) else Worker(comm, *session)
                _obey(worker, beat, order, arrays)
        except WorkerLost:
            if not comm.recover():
                raise


def _obey(worker: Worker, beat: Beat, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
    if order["do"] == "take":
        worker.take(arrays[0], dict.fromkeys(order["state"]))
    elif order["do"] == "collect":
        worker.collect()
    elif order["do"] == "advance":
        stretch = SharedSteps.unpacked(order, arrays)
        worker.steps(stretch, beat, np.empty(len(stretch.etas)))


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
