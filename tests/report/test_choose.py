"""Which steps are kept: the first ones, the last, and some in between that a checkpoint makes cheap."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.report import report_input_of
from chainrule.report import choose
from chainrule.report.collect import collect


def given(n_steps: int, checkpoints: list[int]) -> Any:
    X = np.random.default_rng(0).normal(size=(10, 2))
    run = cr.train(cr.Network([2, 3, 2]), X, (X[:, 0] > 0).astype(int), epochs=1, progress=False)
    run.record.losses = np.ones(n_steps)
    result = report_input_of(run._replayer, run.rows, None)
    object.__setattr__(result, "checkpoints", checkpoints)
    return result


def test_first_last_and_in_between() -> None:
    """In order of importance: 0, the last, 1, 2, then checkpoints spread over the run; never more than asked for."""
    result = given(1000, list(range(0, 1001, 100)))
    chosen = choose.to_keep(result, 9, allowed=1000)
    assert chosen[:4] == [0, 999, 1, 2] and len(chosen) == len(set(chosen)) == 9
    assert {200, 500, 700} <= set(chosen)
    assert choose.to_keep(result, 2, allowed=1000) == [0, 999]


def test_a_last_step_far_from_its_checkpoint_gives_way() -> None:
    """Where the way to the last step is longer than allowed, the checkpoint before it stands in for it."""
    result = given(1000, [0, 400, 800])
    assert choose.to_keep(result, 2, allowed=199) == [0, 999]
    assert choose.to_keep(result, 2, allowed=198) == [0, 800]


def test_a_short_run_keeps_every_step_it_has() -> None:
    """A run of three steps keeps those three; one without steps keeps none."""
    assert sorted(choose.to_keep(given(3, [0]), 12, 100)) == [0, 1, 2]
    assert choose.to_keep(given(0, [0]), 12, 100) == [] == choose.for_health(given(0, [0]))


def test_the_budget_is_kept() -> None:
    """Steps are left out until the rest fits; a network too large for even one says so, with its size."""
    X = np.random.default_rng(0).normal(size=(60, 40))
    run = cr.train(cr.Network([40, 50, 3]), X, np.arange(60) % 3, epochs=3, batch_size=6, progress=False)
    result = report_input_of(run._replayer, run.rows, None)
    few, all_of_them = (collect(result, budget_bytes=n, seconds=1) for n in (90_000, 10_000_000))
    assert len(few.numbers) * 3 / 4 <= 90_000 and 1 <= len(few.values["steps"]) < len(all_of_them.values["steps"]) == 12
    none = collect(result, budget_bytes=1000, seconds=1)
    assert none.values["steps"] == [] and none.values["missing"]["why"] == "size"
    assert none.values["missing"]["bytes"] > 4000
