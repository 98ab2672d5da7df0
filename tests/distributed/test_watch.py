"""What is taken for a lost worker, and what is not: a table of signs and a system that are made up."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from chainrule.distributed import beats, watch
from chainrule.distributed.watch import Watch


@dataclass
class System:
    """Processes whose states are stated."""

    states: dict[int, str] = field(default_factory=lambda: {1: "S", 10: "S", 11: "R", 12: "S"})
    held_up: set[int] = field(default_factory=set)
    used_s: float = 0.0

    def is_there(self, pid: int) -> bool:
        return pid in self.states

    def is_held_up(self, pid: int) -> bool:
        return pid in self.held_up

    def all(self) -> set[int]:
        return set(self.states)

    def state(self, pid: int) -> str:
        return self.states[pid]

    def processor_s(self, but: set[int]) -> float:
        return self.used_s


class Workers:
    """Three of them, by a clock that a test moves on."""

    def __init__(self, *, started: bool = True, are_here: bool = True) -> None:
        self.table, self.system, self.now = np.zeros((3, beats.N_COLUMNS)), System(), 100.0
        if started:
            self.table[:, beats.PID] = 10, 11, 12
            self.table[:, beats.JOINED] = 1
        self.watch = Watch(self.table, self.system, are_here)
        self.silent: set[int] = set()
        self.steps = 1.0

    def until_trouble(self, seconds: float, look_s: float = 0.25) -> tuple[str, float]:
        """What is found, and after how long; nothing where all is well for so long."""
        end, began = self.now + seconds, self.now
        while self.now < end:
            self.now += look_s
            for rank in range(3):
                if rank not in self.silent:
                    self.table[rank, beats.ALIVE_AT] = self.now
            self.table[:, beats.STEPS] += self.steps
            found = self.watch.trouble(self.now)
            if found:
                return found, self.now - began
        return "", seconds


def test_a_stopped_worker_is_seen_at_once() -> None:
    """SIGSTOP shows in its state; another that is stopped for a moment goes on."""
    workers = Workers()
    assert workers.until_trouble(5) == ("", 5)
    workers.system.states[11] = "T"
    assert workers.until_trouble(1) == ("", 1)
    workers.system.states[11] = "S"
    assert workers.until_trouble(5) == ("", 5)
    workers.system.states[11] = "T"
    found, after = workers.until_trouble(60)
    assert found == "worker 1 was stopped" and after < 4
    assert workers.watch.missing == [1]


def test_one_that_is_stopped_while_it_starts_is_seen_too() -> None:
    """Before it has said that it is there, it is a process without a number."""
    workers = Workers(started=False)
    workers.system.states[12] = "T"
    found, after = workers.until_trouble(60)
    assert found == "a process of a worker was stopped" and after < 4


def test_a_silent_worker_is_frozen_unless_it_waits_for_a_processor() -> None:
    """15 s of silence; 150 s on a loaded machine, where it would go on if it were let."""
    workers = Workers()
    workers.silent = {2}
    found, after = workers.until_trouble(60)
    assert found.startswith("worker 2 gave no sign of life") and 15 <= after < 16
    loaded = Workers()
    loaded.silent, loaded.system.held_up = {2}, {12}
    assert loaded.until_trouble(140) == ("", 140)
    loaded.silent = set()
    assert loaded.until_trouble(20) == ("", 20)
    loaded.silent = {2}
    found, after = loaded.until_trouble(300)
    assert found.startswith("worker 2") and 150 <= after < 152


def test_time_in_which_nobody_looked_does_not_count() -> None:
    """The machine slept for an hour, or this process was not let: the workers were not slower than it."""
    workers = Workers()
    workers.silent = {0, 1, 2}
    assert workers.until_trouble(7200, look_s=3600) == ("", 7200)


def test_a_gone_worker_is_seen_where_mpiexec_is_still_there() -> None:
    """Three seconds, as mpiexec usually ends by itself."""
    workers = Workers()
    del workers.system.states[12]
    found, after = workers.until_trouble(60)
    assert found == "worker 2 is gone" and 3 <= after < 4


def test_a_slow_worker_is_waited_for_and_a_standstill_is_not() -> None:
    """All but one wait for it, for as long as it takes; that all wait for each other without a step is a fault."""
    workers = Workers()
    workers.steps = 0
    workers.table[:, beats.WAITS] = 1, 1, 0
    assert workers.until_trouble(600) == ("", 600)
    workers.table[:, beats.WAITS] = 1
    found, after = workers.until_trouble(60)
    assert found.startswith("all workers waited for each other") and 20 <= after < 21


def test_workers_that_do_not_find_each_other() -> None:
    """All run, but do not join: as where one was killed in between."""
    workers = Workers()
    workers.table[1, beats.JOINED] = 0
    found, after = workers.until_trouble(60)
    assert found.startswith("the workers did not reach each other") and after < 21


def test_a_start_may_take_long_while_it_goes_on() -> None:
    """A loaded machine starts slowly; where nothing is computed for a minute, it does not start."""
    workers = Workers(started=False)
    for _ in range(10):
        workers.system.used_s += 1
        assert workers.until_trouble(55) == ("", 55)
    found, after = workers.until_trouble(200)
    assert found.startswith("a worker did not start") and after <= watch.START_S * 2


def test_worker_0_is_done() -> None:
    """It said how it ended: mpiexec is given a while to end too."""
    workers = Workers()
    workers.table[0, beats.CODE] = 1
    del workers.system.states[10]
    found, after = workers.until_trouble(60)
    assert found == "worker 0 is done" and 10 <= after < 11


@pytest.mark.parametrize("rank", [0, 2])
def test_on_other_machines_only_signs_count(rank: int) -> None:
    """Processes there are not seen: their numbers mean nothing here."""
    workers = Workers(are_here=False)
    workers.system.states = {1: "S"}
    assert workers.until_trouble(60) == ("", 60)
    workers.silent = {rank}
    found, _ = workers.until_trouble(60)
    assert found.startswith(f"worker {rank} gave no sign") and workers.watch.missing == [rank]
