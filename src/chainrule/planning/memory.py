"""Memory: how many trainings at once there is room for."""

from __future__ import annotations

import os

import numpy as np

from chainrule.planning.candidates import Candidate

SHARE = 0.5
"""Trainings beside each other take this share of what is free at most: other processes want some too."""
STATES = 16
"""Vectors of parameters that a training holds at most: its state and gradient, in the engine and in the loop."""
LEAST_BYTES = 2**24


def bytes_of(candidate: Candidate) -> int:
    """About how much memory a training takes for itself: its rows in the order of the split, its state."""
    architecture = candidate.network.architecture
    state = STATES * architecture.n_parameters * np.dtype(architecture.dtype).itemsize
    return int(candidate.rows.X.nbytes + candidate.rows.y.nbytes + state + LEAST_BYTES)


def trainings_at_once(candidates: tuple[Candidate, ...]) -> int | None:
    """As many as there is room for, at least one; None where the system does not say what is free."""
    free = _free_bytes()
    return None if free is None else max(1, int(SHARE * free / max(map(bytes_of, candidates))))


def _free_bytes() -> int | None:
    """What this process may still take, by the system and by its container."""
    found = [one for one in (_free_of_system(), _free_of_container()) if one is not None]
    return min(found, default=None)


def _free_of_system() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _free_of_container() -> int | None:
    try:  # cgroup v2
        with (
            open("/sys/fs/cgroup/memory.max", encoding="ascii") as most,
            open("/sys/fs/cgroup/memory.current", encoding="ascii") as used,
        ):
            limit = most.read().strip()
            return None if limit == "max" else max(0, int(limit) - int(used.read()))
    except (OSError, ValueError):
        return None
