"""Checkpoints: the full state before a step, kept evenly spaced under a budget of bytes and one of time.

Whatever happened before step k is in the checkpoint of step k: replay and resume need nothing else but
the data, the settings and the events. Where the budget is full, every second checkpoint goes and the
spacing doubles, so a run of any length keeps between half the budget and all of it. Where checkpoints have
taken their share of the time, one that is due is left out: any step is then about COST_SHARE of the way
to it away, and which steps have a checkpoint changes no bit of any of them. Where a process may be lost at any time,
the latest state is kept too, as a passing checkpoint that goes with the next one.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError, SettingsError
from chainrule.visible import short_repr

Array = npt.NDArray[np.floating[Any]]
BUDGET_BYTES = 256 * 2**20
FIRST_COUNT = 64
"""Checkpoints a run of known length aims at: a step is then at most 1/64 of the run away from one."""
COST_SHARE = 0.01
"""The share of the training's time that checkpoints may take together."""
PASSING_SHARE = 0.05
"""The same of passing ones, which are kept less often where they cost more."""


@dataclass
class Progress:
    """How far a training has come, besides its parameters: best epoch, patience, plateau."""

    best_score: float | None = None
    best_epoch: int | None = None
    epochs_without_better: int = 0
    plateau_factor: float = 1.0
    plateau_epochs: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(vars(self))

    def take(self, other: Progress) -> None:
        """Be where another one is; rules that hold this one go on from there."""
        vars(self).update(vars(other))


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state before step `step`: parameters, the optimizer's arrays, the best parameters, progress."""

    step: int
    theta: Array
    optimizer: Mapping[str, Array]
    best_theta: Array
    progress: Progress = field(default_factory=Progress)
    n_epochs: int | None = 0
    """Epochs in the history when it was kept, and events so far; None where an older file does not say."""
    n_events: int | None = 0
    __repr__ = short_repr

    @property
    def n_bytes(self) -> int:
        """Bytes of all arrays."""
        return self.theta.nbytes + self.best_theta.nbytes + sum(array.nbytes for array in self.optimizer.values())


class CheckpointStore:
    """Checkpoints in memory. `run/` keeps them in files by overriding _write, _read and _drop."""

    def __init__(self, n_steps: int, budget_bytes: int = BUDGET_BYTES, spacing: int | None = None) -> None:
        self.spacing = spacing if spacing is not None else max(1, -(-n_steps // FIRST_COUNT))
        self.budget_bytes = budget_bytes
        self.sizes: dict[int, int] = {}
        self.pinned: set[int] = set()
        self.place = "the run"
        """Where they are, for messages."""
        self._kept: dict[int, Checkpoint] = {}
        self._spent_s, self._cheapest_s = 0.0, 0.0
        self.most_lost_s = math.inf
        """So much of the training may be lost with the process, in seconds."""
        self._kept_at_s = 0.0
        self._passing: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.sizes):,} states, {sum(self.sizes.values()):,} bytes)"

    def next_after(self, step: int) -> int:
        """The first step after `step` that wants a checkpoint."""
        return (step // self.spacing + 1) * self.spacing

    def next_due(self, step: int, elapsed_s: float, step_s: float) -> int:
        """The first step after `step` at which a checkpoint is due and probably affordable.

        step_s: the time of a step, or 0 if not yet known.
        """
        wanted = self.next_after(step)
        missing_s = (self._spent_s + self._cheapest_s) / COST_SHARE - elapsed_s
        if step_s == 0 or missing_s <= (wanted - step) * step_s:
            return wanted
        return -(-(step + int(missing_s / step_s)) // self.spacing) * self.spacing

    def is_due(self, step: int, elapsed_s: float) -> bool:
        """Whether a checkpoint at this step is wanted, and affordable after so many seconds of training.

        The next one is assumed to cost as much as the cheapest, so a temporarily busy disk only delays it.
        """
        if elapsed_s - self._kept_at_s >= max(self.most_lost_s, self._cheapest_s / PASSING_SHARE):
            return True
        return step % self.spacing == 0 and self._spent_s + self._cheapest_s <= COST_SHARE * elapsed_s

    def charge(self, seconds: float, elapsed_s: float = 0.0) -> None:
        """Record the cost of the last checkpoint, kept after so many seconds of training.

        The first one, before any step, only predicts the cost of the next; passing ones are not counted.
        """
        self._spent_s += seconds if self._cheapest_s and self._passing is None else 0.0
        self._cheapest_s = min(seconds, self._cheapest_s or seconds)
        self._kept_at_s = elapsed_s

    def snapshot(self) -> CheckpointStore:
        """The checkpoints there are now, for one who reads them while others are kept and dropped."""
        found = copy.copy(self)
        found.sizes, found.pinned, found._kept = dict(self.sizes), set(self.pinned), dict(self._kept)
        return found

    def widen(self, n_steps: int) -> None:
        """Keep later checkpoints less often, where a run of so many steps would have too many; they are not moved."""
        while n_steps > 2 * FIRST_COUNT * self.spacing:
            self.spacing *= 2

    def put(self, checkpoint: Checkpoint, *, pinned: bool = False) -> None:
        """Keep a checkpoint; thin out the others, save the pinned ones, where the budget is full."""
        self._write(checkpoint)
        self.sizes[checkpoint.step] = checkpoint.n_bytes
        if pinned:
            self.pinned.add(checkpoint.step)
        self._let_pass(checkpoint.step)
        while sum(self.sizes.values()) > self.budget_bytes and len(self.sizes) > 2:
            self.spacing *= 2
            keep = {checkpoint.step, *self.pinned}
            for step in [step for step in self.sizes if step % self.spacing and step not in keep]:
                self._drop(step)
                del self.sizes[step]
            if self.spacing > max(self.sizes):
                break

    def _let_pass(self, step: int) -> None:
        if self._passing not in (None, step) and self._passing in self.sizes:
            self._drop(self._passing)
            del self.sizes[self._passing]
        is_passing = self.most_lost_s < math.inf and step % self.spacing > 0 and step not in self.pinned
        self._passing = step if is_passing else None

    def get(self, step: int) -> Checkpoint:
        """The checkpoint of exactly this step."""
        return self._read(step)

    def is_kept(self, step: int) -> bool:
        """Whether a checkpoint still is where it was kept."""
        return step in self._kept

    def nearest(self, step: int) -> Checkpoint:
        """The last checkpoint at or before a step; the first step of a run always has one."""
        return self._read(self.last_before(step))

    @property
    def first(self) -> int:
        """The first step that can be reached.

        Raises ModelFileError if no checkpoint is left.
        """
        if not self.sizes:
            raise ModelFileError(
                f"{self.place}: holds no checkpoint, not even step-00000000.safetensors. Without one, no step can be "
                "replayed. Restore it or train again."
            )
        return min(self.sizes)

    def last_before(self, step: int) -> int:
        """The step of the last checkpoint at or before a step."""
        earlier = [kept for kept in self.sizes if kept <= step]
        if not earlier:
            raise SettingsError(f"step={step}: must be at least {self.first}; earlier steps were not kept.")
        return max(earlier)

    def longest_gap(self, n_steps: int) -> int:
        """The most steps that lie between a step of the run and the checkpoint before it, that step included."""
        kept = sorted({*(step for step in self.sizes if step < n_steps), n_steps})
        return max((b - a for a, b in pairwise(kept)), default=0)

    def last(self) -> Checkpoint:
        """The latest checkpoint."""
        return self._read(max(self.sizes))

    def forget_after(self, step: int) -> None:
        """Drop every checkpoint later than a step."""
        for late in [kept for kept in self.sizes if kept > step]:
            self._drop(late)
            del self.sizes[late]

    def _write(self, checkpoint: Checkpoint) -> None:
        self._kept[checkpoint.step] = checkpoint

    def _read(self, step: int) -> Checkpoint:
        return self._kept[step]

    def _drop(self, step: int) -> None:
        del self._kept[step]
