"""How many threads: what the user, the environment and the machine allow, and how many of them a piece of work pays."""

from __future__ import annotations

import functools
import os

from chainrule.errors import SettingsError

THREAD_OPERATIONS = 1e7
"""Floating-point operations that pay for starting one more thread: about half a millisecond of one core."""


def paying_threads(n_operations: float, allowed: int) -> int:
    """As many of the allowed threads as a piece of work that starts its own pays for, at least one."""
    return max(1, min(allowed, int(n_operations / THREAD_OPERATIONS)))


def allowed_threads(asked: int | None = None) -> tuple[int, bool]:
    """How many threads, and whether the engine may use fewer: `asked` is obeyed, everything else is a bound."""
    if asked is not None:
        if isinstance(asked, bool) or int(asked) != asked or asked < 1:
            raise SettingsError(f"threads={asked!r}: must be an integer ≥ 1. Try threads=1.")
        return int(asked), False
    named = _environment_number("CHAINRULE_THREADS")
    if named is not None:
        return named, False
    bound = _environment_number("OMP_NUM_THREADS")
    cores = _cores_of_process()
    return (min(cores, bound) if bound else cores), True


def _environment_number(name: str) -> int | None:
    text = os.environ.get(name, "").split(",")[0].strip()
    return int(text) if text.isdigit() and int(text) > 0 else None


def _cores_of_process() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(max(1, min(cores, _cores_of_container())))


@functools.cache  # the limit of a container is set before its processes begin
def _cores_of_container() -> float:
    try:  # cgroup v2: microseconds of processor time in a period
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        return float("inf") if quota == "max" else int(quota) // int(period)
    except (OSError, ValueError):
        return float("inf")
