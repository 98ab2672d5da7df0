"""Which steps the page shows: the first ones, the last, where the run went on, and some near checkpoints."""

from __future__ import annotations

import numpy as np

from chainrule.report.report_input import ReportInput
from chainrule.training.events import EXTEND

EARLY = (0, 1, 2, 5, 10)
MOST_STEPS = 12
HEALTH_STEPS = 40


def to_keep(given: ReportInput, n: int, allowed: int) -> list[int]:
    """At most n steps in order of importance: first, last, second, third, first of other parts, spread over the run.

    Arguments: allowed: the most steps to do again for one that has no checkpoint of its own.
    """
    last = given.n_steps - 1
    if last < 0 or n < 1:
        return []
    chosen = [0, _reachable(given, last, allowed), 1, 2]
    chosen += [int(event["step"]) for event in given.events if event["kind"] == EXTEND]
    for parts in (2, 4, 8, 16):
        chosen += [_near(given, round(last * k / parts)) for k in range(1, parts, 2)]
        if parts == 4:
            chosen += EARLY[3:]
    return list(dict.fromkeys(step for step in chosen if step <= last))[:n]


def for_health(given: ReportInput, n: int = HEALTH_STEPS, allowed: int = 0) -> list[int]:
    """At most n steps evenly over the run; at checkpoints where the run is longer than the steps allowed."""
    last = given.n_steps - 1
    if last < 0:
        return []
    even = [int(step) for step in np.linspace(0, last, min(n, last + 1))]
    return even if last < allowed else sorted({_near(given, step) for step in even})


def _near(given: ReportInput, step: int) -> int:
    """The checkpoint nearest to a step; the step itself where the whole run is short."""
    inside = [kept for kept in given.checkpoints if kept < given.n_steps]
    if given.n_steps <= HEALTH_STEPS or not inside:
        return step
    return min(inside, key=lambda kept: abs(kept - step))


def _reachable(given: ReportInput, step: int, allowed: int) -> int:
    """The step, or the last checkpoint before it where the way from there is too long."""
    return step if given.replayed(step) <= allowed else step - given.replayed(step)
