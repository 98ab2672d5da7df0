"""Whether workers train together or worker 0 alone: `--workers auto` measures both for a moment and takes the faster.

On one machine the threads of one process share its memory and exchange nothing, so one process with all threads is
taken there, unless their number is stated and leaves processors free.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from chainrule.engine.protocol import Session, StepSettings

AUTO = "auto"
MEASURED_S, TURNS, MOST_STEPS = 0.02, 3, 64
"""A measurement takes at least so long, so often for each way, or has so many steps."""


def n_workers_here(threads: int | None, leaves: int) -> int:
    """How many workers are worth a try on this machine, where each has a stated number of threads.

    Examples
    --------
    >>> n_workers_here(None, 8)
    1
    """
    return 1 if threads is None else max(1, min(leaves, n_processors() // threads))


def n_processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Choice:
    """Seconds of a step of worker 0 alone and of all workers together."""

    n_workers: int
    alone_s: float
    together_s: float

    @property
    def together(self) -> bool:
        """Whether together is the faster."""
        return self.together_s < self.alone_s

    def text(self) -> str:
        """What was chosen, and why."""
        of = f"a step takes {1e3 * self.together_s:.3g} ms by {self.n_workers} workers, {1e3 * self.alone_s:.3g} by one"
        return f"{self.n_workers if self.together else 1} (auto: {of})"


def measured(alone: Session, together: Session, settings: StepSettings, n_workers: int) -> Choice:
    """Both ways in turns, the shortest of each; the sessions are left in a state to be loaded over."""
    theta, state = together.store()
    theta[:] = np.resize([0.01, -0.02, 0.03], theta.size)
    ways = {"alone": alone, "together": together}
    for session in ways.values():
        session.load(theta, state)
    n = 1
    while (took := _seconds(alone, n, settings)) < MEASURED_S and n < MOST_STEPS:
        n = min(MOST_STEPS, max(2 * n, int(n * MEASURED_S / took)))
    shortest = dict.fromkeys(ways, np.inf)
    for _ in range(TURNS):
        for name, session in ways.items():
            shortest[name] = min(shortest[name], _seconds(session, n, settings) / n)
    return Choice(n_workers, shortest["alone"], shortest["together"])


def _seconds(session: Session, n: int, settings: StepSettings) -> float:
    began = time.perf_counter()
    session.advance(0, np.zeros(n), settings)
    return time.perf_counter() - began
