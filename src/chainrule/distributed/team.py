"""The workers of this process: how it joins them, what they do, and how it leaves."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from chainrule.distributed import choice, world
from chainrule.distributed.beats import Beat
from chainrule.distributed.comm import Comm, Sent, WorkerLost
from chainrule.distributed.mpiexec import JOB, SIGNS
from chainrule.distributed.session import SharedEngine, follow
from chainrule.engine.protocol import Engine, Session, StepSettings, Task
from chainrule.engine.select import allowed_threads, select


class Team:
    """The workers that train together, as one of them sees it."""

    def __init__(self) -> None:
        folder, signs = os.environ.get(JOB), os.environ.get(SIGNS)
        if signs is not None:
            self.beat = Beat.by_datagrams(signs, world.rank())
        else:
            self.beat = Beat() if folder is None else Beat.in_file(Path(folder), world.rank())
        self.comm: Comm = world.join()
        self.beat.joined()
        self._folder = None if folder is None else Path(folder)
        self.stated_threads: int | None = None
        self.is_auto = False
        """Whether worker 0 may train alone, where that is faster."""
        self.choice: choice.Choice | None = None

    @property
    def _is_supervised(self) -> bool:
        return any(name in os.environ for name in (JOB, SIGNS))

    @property
    def leads(self) -> bool:
        """Whether this is worker 0, which does everything but steps alone."""
        return self.comm.rank == 0

    def follow(self, perform: Callable[[Sent], Sent] | None = None) -> int:
        """Do what worker 0 tells, to the end; the exit code.

        Arguments: perform: does a whole training (`api.elsewhere`).
        """
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; worker 0 ends the training in order
        try:
            follow(self.comm, self.beat, perform)
        except WorkerLost:
            os._exit(1)
        return 0

    def end(self, code: int) -> int:
        """Worker 0 is done: the others go. Returns what this process is to exit with.

        That is 0 where its launcher reads the code elsewhere: mpiexec takes any other number for a lost worker.
        """
        self.beat.ended(code)
        with contextlib.suppress(WorkerLost):
            self.comm.tell({"do": "end"}, [])
        return code if not self._is_supervised else 0

    def share(self, engine: Engine, leaves: int) -> Engine:
        """The engine with its sessions shared by all workers; itself where there are no others."""
        comm = world.joined()
        if comm.size == 1:
            return engine
        world.check_leaves(comm.size, leaves)
        choose = self._faster_than(engine) if self.is_auto else None
        return cast(Engine, SharedEngine(comm, engine, self._room(), self.beat, self.threads, choose))

    def _faster_than(self, engine: Engine) -> Callable[[Session, Task, StepSettings], Session]:
        def choose(shared: Session, task: Task, settings: StepSettings) -> Session:
            threads = allowed_threads(self.stated_threads)[0]
            alone = select(engine.name, task.architecture, threads, task.optimizer)[0].start(task, settings)
            self.choice = choice.measured(alone, shared, settings, self.comm.size)
            return shared if self.choice.together else alone

        return choose

    @property
    def threads(self) -> int:
        """Threads of each worker: as stated, else all workers of a machine together have those that it allows."""
        n, may_choose = allowed_threads(self.stated_threads)
        return max(1, n // self.comm.size_here) if may_choose else n

    def facts(self) -> dict[str, Any]:
        """How many workers, rows a second, and the share of the time that the exchange took."""
        chosen = {} if self.choice is None else {"workers_chosen": self.choice.text()}
        return {"workers": self.comm.size, **chosen, **self.beat.facts}

    def _room(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="chainrule-"))
            atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder


_TEAM: list[Team] = []


def join() -> Team:
    """The team of this process, joined once. Raises SettingsError where it was started by MPI that cannot be loaded."""
    if not _TEAM:
        _TEAM.append(Team())
    return _TEAM[0]


def joined() -> Team | None:
    """The team, where this process joined one."""
    return _TEAM[0] if _TEAM else None
