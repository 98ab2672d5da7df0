"""Starts the workers of a training, watches them, and starts them again where one was lost.

A worker that is killed, frozen or stopped ends all of them; they begin again at the last checkpoint, on the hosts that
are left. Nothing is lost but the steps since: bits depend on the leaves alone. Signals that ask for the end are passed
on to worker 0, which keeps the best model; whatever is left after that is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.distributed import beats, private_network, processes
from chainrule.distributed.datagrams import Receiver
from chainrule.distributed.hosts import Host, check_names, slots_of, workers_on
from chainrule.distributed.mpiexec import JOB, SIGNS, command_of, environment_of, handed_on, mpiexec
from chainrule.distributed.watch import OnThisMachine, Watch
from chainrule.errors import ChainruleError
from chainrule.status import doing
from chainrule.training.interrupt import Listening

POLL_S = 0.05
GRACE_S = 30.0
"""How long worker 0 may take to keep its model once the end was asked for."""
MOST_FAILURES = 3
"""In a row, without a step that none of them had done before."""


@dataclass
class Attempt:
    """How the workers ended: the exit code of worker 0, or None and why there is none; and the last step done."""

    code: int | None
    reason: str
    step: int
    has_begun: bool
    """Whether any worker gave a sign of life."""
    lost: tuple[Host, ...] = ()
    """Hosts none of whose workers gave a sign of life at the end, while others did."""


def supervise(
    command: Callable[[bool], Sequence[str]], n_workers: int, say: Callable[[str], None], folder: Path,
    hosts: Sequence[Host] = (),
) -> int:  # fmt: skip
    """Run workers to the end of their work; the exit code of worker 0.

    Arguments: command: of a worker, of the first attempt or of one that goes on; say: takes a line about a lost worker;
    hosts: the machines; this one where there are none.
    Raises SettingsError without MPI; ChainruleError where workers are lost again and again before a step is done.
    """
    path, n_failed, furthest = mpiexec(), 0, -1
    check_names(hosts)
    (folder / beats.PARENT).write_text(str(os.getpid()))
    with Listening() as asked:
        for again in _attempts():
            n = min(n_workers, slots_of(hosts)) if hosts else n_workers
            attempt = _Workers(path, folder, n, list(command(again)), hosts).to_the_end(asked)
            if attempt.code is not None:
                return attempt.code
            if asked():
                return 128 + (asked.received or signal.SIGINT)
            if hosts and not attempt.has_begun:
                raise ChainruleError(_no_start(hosts, attempt.reason))
            n_failed = 0 if attempt.step > furthest else n_failed + 1
            furthest = max(furthest, attempt.step)
            if n_failed >= MOST_FAILURES:
                raise ChainruleError(
                    f"workers: lost {n_failed} times in a row before a step was done ({attempt.reason}). Look at what "
                    "they printed above, or try without --workers."
                )
            hosts = [host for host in hosts if host not in attempt.lost]
            left = f" on {', '.join(host.name for host in hosts)}" if attempt.lost else ""
            say(f"{attempt.reason}; the workers begin again at the last checkpoint{left}.")
    raise AssertionError


def _no_start(hosts: Sequence[Host], reason: str) -> str:
    names = ", ".join(host.name for host in hosts)
    return (
        f"hosts: {names}: no worker started there ({reason}). Look at what mpiexec printed above, and whether "
        f"`ssh {hosts[-1].name} true` works without a password."
    )


def _attempts() -> Iterator[bool]:
    yield False
    while True:
        yield True


class _Workers:
    """One attempt: mpiexec and the workers that it starts."""

    def __init__(self, path: str, folder: Path, n_workers: int, command: list[str], hosts: Sequence[Host]) -> None:
        self._table = beats.create(folder, n_workers)
        self._n, self._folder, self._hosts = n_workers, folder, hosts
        self._asked_at: float | None = None
        own = environment_of(path, folder, n_workers)
        self._receiver = Receiver(self._table, [host.name for host in hosts]) if hosts else None
        if self._receiver is not None:
            own[SIGNS] = self._receiver.address
        self._process = subprocess.Popen(
            [*command_of(path, n_workers, hosts, handed_on(own)), *command], stdin=subprocess.DEVNULL,
            start_new_session=True, env=own, preexec_fn=_end_with_parent if hosts else _apart,
        )  # fmt: skip
        self._watch = Watch(self._table, OnThisMachine(self._process.pid), are_here=not hosts)

    def to_the_end(self, asked: Callable[[], bool]) -> Attempt:
        """Wait for the end, which may be one that is brought about."""
        reason = ""
        try:
            while self._process.poll() is None:
                self._pass_on(asked())
                reason = self._trouble(time.monotonic())
                if reason:
                    break
                self._show()
                time.sleep(POLL_S)
        finally:
            self._kill()
        code, lost = int(self._table[0, beats.CODE]), self._lost() if reason else ()
        reason = reason or f"mpiexec ended with code {self._process.returncode}, a worker was lost"
        step = int(self._table[0, beats.STEP]) if self._table[0, beats.STEPS] else -1
        return Attempt(code - 1 if code else None, reason, step, bool(self._table[:, beats.PID].any()), lost)

    def _pass_on(self, asked: bool) -> None:
        if asked and self._asked_at is None:
            self._asked_at = time.monotonic()
            leader = int(self._table[0, beats.PID])
            if self._receiver is not None:
                self._receiver.ask_for_the_end()
            elif leader:
                processes.send(leader, signal.SIGINT)

    def _trouble(self, now: float) -> str:
        if self._asked_at is not None and (not self._table[0, beats.PID] or now - self._asked_at > GRACE_S):
            return "the end was asked for"
        return self._watch.trouble(now)

    def _lost(self) -> tuple[Host, ...]:
        missing = set(self._watch.missing)
        on = zip(self._hosts, workers_on(self._hosts, self._n), strict=True)
        lost = tuple(host for host, workers in on if len(workers) and missing.issuperset(workers))
        return lost if len(lost) < len(self._hosts) else ()

    def _show(self) -> None:
        row: Any = self._table[0]
        if row[beats.STEPS]:
            facts = beats.facts_of(row, max(row[beats.ALIVE_AT] - row[beats.BEGAN_AT], 1e-9))
            epoch = int(row[beats.STEP] // row[beats.STEPS_PER_EPOCH])
            doing(
                f"{self._n} workers, epoch {epoch}, step {int(row[beats.STEP]):,}, "
                f"{facts['rows_per_second']:,.0f} rows/s, {facts['exchange']:.0%} of the time in exchange"
            )

    def _kill(self) -> None:
        """End whatever is left of them."""
        if self._receiver is not None and not self._table[0, beats.CODE]:
            self._receiver.ask_all_to_leave()
        if self._process.poll() is None:
            for pid in processes.descendants(self._process.pid) - {self._process.pid}:
                processes.send(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        processes.kill_all(f"{JOB}={self._folder}")
        if self._receiver is not None:
            self._receiver.close()


def _apart() -> None:
    """Of mpiexec, before it begins: a network of its own, and an end with this process."""
    private_network.enter()
    _end_with_parent()


def _end_with_parent() -> None:
    private_network.end_with_parent(signal.SIGTERM)
