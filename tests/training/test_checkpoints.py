"""Checkpoints where a process may be lost: the latest state is never older than asked, and goes with the next one."""

from __future__ import annotations

import numpy as np

from chainrule.training.checkpoints import Checkpoint, CheckpointStore


def state(step: int) -> Checkpoint:
    return Checkpoint(step=step, theta=np.zeros(3), optimizer={}, best_theta=np.zeros(3))


def kept(most_lost_s: float | None, step_s: float = 1.0, cost_s: float = 0.01, n: int = 1000) -> tuple[list[int], int]:
    """Steps with a checkpoint at the end of n steps, and the most steps that a loss at any time would have cost."""
    store = CheckpointStore(10_000_000)
    if most_lost_s is not None:
        store.most_lost_s = most_lost_s
    store.put(state(0))
    store.charge(cost_s)
    longest = last = 0
    for step in range(1, n + 1):
        longest = max(longest, step - last)
        if store.is_due(step, step * step_s):
            store.put(state(step))
            store.charge(cost_s, step * step_s)
            last = max(store.sizes)
    return sorted(store.sizes), longest


def test_at_most_so_much_is_lost() -> None:
    """Without the limit nothing is kept before the spacing; with it 15 s are lost at most, and a passing one stays."""
    assert kept(None) == ([0], 1000)
    assert kept(15.0) == ([0, 990], 15)


def test_dear_checkpoints_are_kept_less_often() -> None:
    """One that takes 2 s is kept every 40 s: a twentieth of the time."""
    assert kept(15.0, cost_s=2.0) == ([0, 1000], 40)


def test_those_of_the_spacing_stay() -> None:
    """A passing checkpoint goes with the next one; one at a step of the spacing does not."""
    store = CheckpointStore(64 * 10)
    store.most_lost_s = 3.0
    for step in (0, 3, 6, 10, 13):
        store.put(state(step))
    assert sorted(store.sizes) == [0, 10, 13]
    store.put(state(17), pinned=True)
    store.put(state(18))
    assert sorted(store.sizes) == [0, 10, 17, 18]
