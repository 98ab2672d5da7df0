"""Whether the workers of an attempt are well: what is seen of them, and how long each trouble has to last.

Time is counted in looks, none longer than LONGEST_LOOK_S: where this process itself was not given a processor, or the
machine slept, the workers were not slower than it. A worker that is silent while it waits for a processor or a disk
is slow, not frozen, and is given BUSY times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.distributed import beats, processes

START_S, JOIN_S, FROZEN_S, STOPPED_S, STUCK_S, GONE_S, LEAVE_S = 60.0, 20.0, 15.0, 2.0, 20.0, 3.0, 10.0
"""How long: the start may take without progress; workers that all run, to reach each other; no sign of life; stopped by
a signal; all wait for each other without a step; a worker may be gone, or worker 0 be done, while mpiexec runs."""
BUSY = 10
LONGEST_LOOK_S = 0.5
SURVEY_S = 0.5
"""So often processes are looked at, which takes longer than a look at the signs."""


class Processes(Protocol):
    """What the system shows of the processes of an attempt, as far as they are on this machine."""

    def is_there(self, pid: int) -> bool:
        """Whether a process exists."""

    def is_held_up(self, pid: int) -> bool:
        """Whether a process waits for a processor or a disk."""

    def all(self) -> set[int]:
        """Those of the attempt that are on this machine."""

    def state(self, pid: int) -> str:
        """The state of a process."""

    def processor_s(self, but: set[int]) -> float:
        """Seconds of a processor that all of them but these have used."""


@dataclass
class OnThisMachine:
    """The processes that mpiexec started."""

    root: int

    is_there = staticmethod(processes.is_there)
    is_held_up = staticmethod(processes.is_held_up)
    state = staticmethod(processes.state)

    def all(self) -> set[int]:
        """mpiexec and what it started."""
        return {self.root} | processes.descendants(self.root)

    def processor_s(self, but: set[int]) -> float:
        """Seconds of a processor that those which mpiexec started have used, but these."""
        return processes.processor_s(self.all() - but - {self.root})


@dataclass
class Lasting:
    """How long something has been so, look after look."""

    seconds: float = 0.0

    def __call__(self, yes: Any, passed: float) -> float:
        """The seconds, with this look."""
        self.seconds = self.seconds + passed if yes else 0.0
        return self.seconds


@dataclass
class Watch:
    """The workers of one attempt."""

    table: npt.NDArray[np.float64]
    system: Processes
    are_here: bool = True
    """Whether all workers are on this machine, where their processes can be seen."""
    missing: list[int] = field(default_factory=list)
    """The workers that the trouble is about, where it is about some."""

    def __post_init__(self) -> None:
        n = len(self.table)
        self._seen, self._steps = self.table.copy(), -1.0
        self._silent = [Lasting() for _ in range(n)]
        self._gone, self._done, self._stopped, self._stuck, self._idle, self._joining = (Lasting() for _ in range(6))
        self._looked_at: float | None = None
        self._since_survey, self._used_s = SURVEY_S, 0.0
        self._has_stopped, self._stopped_workers = False, list[int]()

    def trouble(self, now: float) -> str:
        """Why the workers have to be ended, in words; empty where all is well."""
        passed = min(now - self._looked_at, LONGEST_LOOK_S) if self._looked_at is not None else 0.0
        self._looked_at = now
        self._survey(passed)
        looks: tuple[Callable[[float], str], ...] = (self._stop, self._start)
        if (self.table[:, beats.PID] > 0).all():
            looks = (self._stop, self._leave, self._silence, self._join, self._standstill)
        return next(filter(None, (look(passed) for look in looks)), "")

    def _survey(self, passed: float) -> None:
        self._since_survey += passed
        if self._since_survey >= SURVEY_S:
            self._since_survey = 0.0
            found = {pid for pid in self.system.all() if self.system.state(pid) == processes.STOPPED}
            self._has_stopped = bool(found)
            self._stopped_workers = [r for r, pid in enumerate(self.table[:, beats.PID]) if int(pid) in found]

    def _start(self, passed: float) -> str:
        self._idle.seconds += passed
        if self._idle.seconds > START_S:
            used = self.system.processor_s(set(self.table[:, beats.PID].astype(int).tolist()))
            if used - self._used_s < 0.01 * START_S:
                return f"a worker did not start within {START_S:.0f} s"
            self._idle.seconds, self._used_s = 0.0, used
        return ""

    def _join(self, passed: float) -> str:
        late = self._joining(not self.table[:, beats.JOINED].all(), passed) > JOIN_S
        return f"the workers did not reach each other within {JOIN_S:.0f} s" if late else ""

    def _stop(self, passed: float) -> str:
        if self._stopped(self._has_stopped, passed) <= STOPPED_S:
            return ""
        self.missing = self._stopped_workers
        return f"worker {self.missing[0]} was stopped" if self.missing else "a process of a worker was stopped"

    def _leave(self, passed: float) -> str:
        pids = self.table[:, beats.PID].astype(int)
        gone = [r for r, pid in enumerate(pids) if not self.system.is_there(pid)] if self.are_here else []
        is_done = bool(self.table[0, beats.CODE])
        if self._done(is_done, passed) > LEAVE_S:
            return "worker 0 is done"
        if self._gone(gone and not is_done, passed) > GONE_S:
            self.missing = gone
            return f"worker {gone[0]} is gone"
        return ""

    def _silence(self, passed: float) -> str:
        signs, seen = self.table[:, beats.ALIVE_AT], self._seen[:, beats.ALIVE_AT]
        longest = [
            lasting(sign == before, passed) for lasting, sign, before in zip(self._silent, signs, seen, strict=True)
        ]
        self._seen[:, beats.ALIVE_AT] = signs
        pids = self.table[:, beats.PID].astype(int)
        self.missing = [
            r for r, seconds in enumerate(longest)
            if seconds > FROZEN_S * (BUSY if seconds <= FROZEN_S * BUSY and self._is_held_up(pids[r]) else 1)
        ]  # fmt: skip
        return f"worker {self.missing[0]} gave no sign of life for {FROZEN_S:.0f} s" if self.missing else ""

    def _is_held_up(self, pid: int) -> bool:
        return self.are_here and self.system.is_held_up(pid)

    def _standstill(self, passed: float) -> str:
        steps = float(self.table[:, beats.STEPS].sum())
        waits = bool(self.table[:, beats.WAITS].all()) and steps == self._steps
        self._steps = steps
        return f"all workers waited for each other for {STUCK_S:.0f} s" if self._stuck(waits, passed) > STUCK_S else ""
