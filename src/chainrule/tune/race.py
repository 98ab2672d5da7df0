"""A race of short real runs around the learning rate that the curvature proposes.

Curvature gives the scale at which steps become too long, without a trial; it does not show how it will change
on the way, nor how much the noise of batches costs. Runs of a hundred or two steps on the batches of the
training itself can. They begin two octaves apart around the proposal and go on beyond an end that does
about as well as the best; then the octaves beside those that do well are run. A run that lags far behind
half way is given up, so most of the work goes into rates that may be right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.errors import DataError
from chainrule.status import doing
from chainrule.tune.numbers import LEAST_PROGRESS
from chainrule.tune.problem import Problem, ShortRun

FIRST = (0, -2, 2)
"""Octaves from the proposal at which runs begin."""
FURTHER = 12
"""Runs by which the race may go on beyond them."""
WIDEST = 8
"""Octaves that do about as well, after which their ends need not be found: the middle would leave the proposal."""
AS_GOOD = 0.05
"""A run that ends within this share of the best progress did about as well."""
HOPELESS = 0.7
"""A run that has made less than this share of the best progress halfway is stopped."""


@dataclass(frozen=True)
class Race:
    """Short runs by learning rate, ascending: those run to the end, and those stopped halfway.

    interval: from the lowest to the highest about as good as the best; suggested: the run in their middle.
    """

    runs: dict[float, ShortRun]
    given_up: dict[float, ShortRun]
    interval: tuple[float, float]
    suggested: float

    @property
    def n_steps(self) -> int:
        """Steps of all runs together."""
        return sum(len(run.losses) for run in (*self.runs.values(), *self.given_up.values()))


def rounded(eta: float) -> float:
    """A learning rate as one would type it: two digits."""
    return float(f"{eta:.2g}")


def race(problem: Problem, proposal: float, n_steps: int) -> Race:
    """The runs of n_steps steps around the proposal; the suggestion is the middle of those about as good as the best.

        as good: end ≤ best + max(0.05·(J of the first batch − best), 1e-3·J of the first batch),
        neighbours of the best without a gap;
        end: mean J of the last quarter of the steps

    Raises DataError if no run stays finite.

    Of two in the middle the smaller is taken: in a short run a large rate looks better than in a long one. Where no
    run gains anything, the one nearest to the proposal is taken.
    """
    track = _Track(problem, proposal, n_steps)
    for octave in FIRST:
        track.run(octave)
    for _ in range(FURTHER):
        low, high = track.as_good
        known = track.runs
        beyond = [end + way for end, last, way in ((low, min(known), -2), (high, max(known), 2)) if end == last]
        if not np.isfinite(known[low].end):
            track.run(min(known) - 2)
        elif beyond and high - low < WIDEST:
            track.run(min(beyond, key=abs))
        elif low - 1 not in known and low > min(known):
            track.run(low - 1)
        elif high + 1 not in known and high < max(known):
            track.run(high + 1)
        else:
            break
    low, high = track.as_good
    if not np.isfinite(track.runs[low].end):
        tried = [track.eta(octave) for octave in (min(track.runs), max(track.runs))]
        raise DataError(
            f"no learning rate from {tried[0]:g} to {tried[1]:g} keeps the loss finite for {n_steps} steps. "
            "Scale the inputs and targets, or use other initial weights."
        )
    inside = [k for k in track.finished if low <= k <= high]
    middle = min(inside, key=lambda k: (abs(2 * k - low - high), k) if track.made_progress else (abs(k), k))
    by_eta = {track.eta(octave): octave for octave in sorted(track.runs)}
    return Race(
        {eta: track.runs[k] for eta, k in by_eta.items() if k in track.finished},
        {eta: track.runs[k] for eta, k in by_eta.items() if k not in track.finished},
        (track.eta(low), track.eta(high)), track.eta(middle),
    )  # fmt: skip


class _Track:
    """The runs so far, by octaves from the proposal."""

    def __init__(self, problem: Problem, proposal: float, n_steps: int) -> None:
        self.problem, self.proposal, self.n_steps = problem, proposal, n_steps
        self.runs: dict[int, ShortRun] = {}
        self.finished: list[int] = []
        self.half_way: list[float] = []

    def eta(self, octave: int) -> float:
        """The learning rate so many octaves from the proposal."""
        return rounded(self.proposal * 2.0**octave)

    def run(self, octave: int) -> None:
        """One more run; to its end only where it keeps up with the best half way, or nothing gets on at all."""
        half, eta = max(1, self.n_steps // 2), self.eta(octave)
        doing(f"run {len(self.runs) + 1}, with learning rate {eta:g}")
        going = self.problem.begin()
        going.on(np.full(half, eta))
        start, level = float(going.losses[0]), going.level(self.n_steps)
        self.half_way.append(level)
        best = min(self.half_way)
        if level <= max(best, start - HOPELESS * (start - best)):
            going.on(np.full(self.n_steps - half, eta))
            self.finished.append(octave)
        self.runs[octave] = going.run

    @property
    def made_progress(self) -> bool:
        """Whether the best run gained anything worth a difference."""
        start = self.runs[self.finished[0]].losses[0]
        best = min(self.runs[k].end for k in self.finished)
        return bool(start - best > LEAST_PROGRESS * abs(start))

    @property
    def as_good(self) -> tuple[int, int]:
        """The lowest and the highest octave about as good as the best, without a worse one between."""
        ends = {k: self.runs[k].end for k in self.finished}
        best = min(sorted(ends), key=ends.__getitem__)
        start = self.runs[best].losses[0]
        progress = start - ends[best] if np.isfinite([start, ends[best]]).all() else 0.0
        limit = ends[best] + max(AS_GOOD * progress, LEAST_PROGRESS * abs(start))
        order = sorted(self.runs)
        first = last = order.index(best)
        while first > 0 and ends.get(order[first - 1], float("inf")) <= limit:
            first -= 1
        while last + 1 < len(order) and ends.get(order[last + 1], float("inf")) <= limit:
            last += 1
        return order[first], order[last]
