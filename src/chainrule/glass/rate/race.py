"""A race of short real runs around the learning rate that the curvature proposes.

Curvature tells the scale at which steps become too long, without trial; it cannot tell how it will change
on the way, nor how much the noise of batches costs. Runs of a few hundred steps on the batches of the
training itself can. They begin an octave apart from 1/16 to 8 times the proposal and go on beyond an end
that does about as well as the best, so the race costs little and needs no range chosen beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.glass.rate.problem import Problem, ShortRun

OCTAVES = (-4, 3)
FURTHER = 12
"""Octaves the race may go on beyond an end that does about as well as the best."""
AS_GOOD = 0.05
"""A run that ends within this share of the best progress did about as well."""


@dataclass(frozen=True)
class Race:
    """Short runs by learning rate, ascending; those about as good as the best one, and the one in their middle."""

    runs: dict[float, ShortRun]
    interval: tuple[float, float]
    suggested: float


def rounded(eta: float) -> float:
    """A learning rate as one would type it: two digits."""
    return float(f"{eta:.2g}")


def race(problem: Problem, proposal: float, n_steps: int) -> Race:
    """The runs of n_steps steps around the proposal; the suggestion is the middle of those about as good as the best.

    Formula   as good: end ≤ best + 0.05·(J of the first batch − best), neighbours of the best without a gap;
              end: mean J of the last quarter of the steps
    """
    runs: dict[float, ShortRun] = {}

    def end(octave: int) -> float:
        eta = rounded(proposal * 2.0**octave)
        if eta not in runs:
            runs[eta] = problem.run(np.full(n_steps, eta))
        return runs[eta].end

    low, high = OCTAVES
    ends = {octave: end(octave) for octave in range(low, high + 1)}
    for _ in range(FURTHER):
        limit = _as_good(min(ends.values()), runs)
        if ends[low] <= limit:
            low -= 1
            ends[low] = end(low)
        elif ends[high] <= limit:
            high += 1
            ends[high] = end(high)
        else:
            break
    etas = sorted(runs)
    found = np.array([runs[eta].end for eta in etas])
    best = int(np.argmin(found))
    limit = _as_good(float(found[best]), runs)
    first = last = best
    while first > 0 and found[first - 1] <= limit:
        first -= 1
    while last + 1 < len(etas) and found[last + 1] <= limit:
        last += 1
    middle = etas[first + (last - first + 1) // 2]
    return Race({eta: runs[eta] for eta in etas}, (etas[first], etas[last]), middle)


def _as_good(best: float, runs: dict[float, ShortRun]) -> float:
    """The end up to which a run did about as well as the best."""
    start = float(next(iter(runs.values())).losses[0])
    return best + AS_GOOD * max(start - best, 0.0)
