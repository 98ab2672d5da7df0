"""Processes of this machine as the system shows them: which are there, stopped, or wait for a processor."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

STOPPED, RUNNABLE, WAITS_FOR_DISK, ZOMBIE = "T", "R", "D", "Z"
"""States, as /proc names them. Stopped by a signal; a debugger's stop is another state."""


def is_there(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def state(pid: int) -> str:
    """The state of a process, empty where the system does not tell."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def is_held_up(pid: int) -> bool:
    """Whether a thread of a process would go on if it were given a processor, or waits for a disk."""
    with contextlib.suppress(OSError, IndexError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            if (thread / "stat").read_text().rpartition(")")[2].split()[0] in (RUNNABLE, WAITS_FOR_DISK):
                return True
    return False


def processor_s(pids: set[int]) -> float:
    """Seconds that processes have used a processor so far."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def send(pid: int, number: int) -> None:
    """Send a signal, where the process is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def descendants(pid: int) -> set[int]:
    """All processes that a process started, and those that these did."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found, left = set[int](), [pid]
    while left:
        below = children.get(left.pop(), [])
        found.update(below)
        left += below
    return found


def started_with(variable: str) -> set[int]:
    """Processes, but this one, in whose environment is this NAME=VALUE; they may be anybody's children by now."""
    found, wanted = set[int](), variable.encode()
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted in entry.read_bytes().split(b"\0") and int(entry.parent.name) != os.getpid():
                found.add(int(entry.parent.name))
    return {pid for pid in found if state(pid) != ZOMBIE}


def kill_all(variable: str) -> None:
    """Kill all processes with this NAME=VALUE in their environment; until there are none, as they may start others."""
    for _ in range(10):
        pids = started_with(variable)
        if not pids:
            return
        for pid in pids:
            send(pid, signal.SIGKILL)
