"""How many threads: what the user, the environment and the machine allow, and how many of them a piece of work pays."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chainrule.errors import SettingsError

THREAD_OPERATIONS = 1e7
"""Floating-point operations that pay for starting one more thread: about half a millisecond of one core."""


def paying_threads(n_operations: float, allowed: int) -> int:
    """As many of the allowed threads as a piece of work that starts its own pays for, at least one."""
    return max(1, min(allowed, int(n_operations / THREAD_OPERATIONS)))


_SHARE: ContextVar[int | None] = ContextVar("share", default=None)
"""Threads of each of several trainings that share those that are allowed."""


@contextmanager
def at_most(n_threads: int) -> Iterator[None]:
    """In this context an engine has no more threads than these, whatever is asked for: no result depends on it."""
    token = _SHARE.set(n_threads)
    try:
        yield
    finally:
        _SHARE.reset(token)


def allowed_threads(asked: int | None = None) -> tuple[int, bool]:
    """How many threads, and whether the engine may use fewer: `asked` is obeyed, everything else is a bound."""
    share = _SHARE.get()
    n_threads, may_choose = _allowed(asked)
    return (n_threads if share is None else min(n_threads, share)), may_choose


def _allowed(asked: int | None) -> tuple[int, bool]:
    """The same where nothing runs beside it."""
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
