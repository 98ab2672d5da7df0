"""A time limit leaves out what cannot be broken off and would not leave half of the time; the run records it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.planning.clock import Clock

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 3))
TABLE = {f"x{k}": X[:, k] for k in range(3)} | {"y": np.where(X[:, 0] * X[:, 1] > 0, "yes", "no")}


def test_half_of_the_time_must_be_left() -> None:
    """Without a limit there is time for everything; what takes none is never left out."""
    assert Clock(None).has(1e9, "neighbours") and Clock(1e-9).has(0.0, "neighbours")
    clock = Clock(1_000.0)
    assert clock.has(400.0, "columns") and not clock.has(501.0, "neighbours")
    assert clock.left_out == ["neighbours"] and 990 < clock.left <= 1_000


def test_the_run_records_what_there_was_no_time_for(tmp_path: Path) -> None:
    """Of a millisecond nothing remains for neighbours, whatever the machine; a run without a limit says nothing."""
    run = cr.plan(TABLE, target="y").train(tmp_path / "r", time_limit=1e-3, progress=False)
    assert run.record.source["left_out"] == ["neighbours"] == cr.load(tmp_path / "r").record.source["left_out"]
    free = cr.plan(TABLE, target="y", preset="auto").train(progress=False)
    assert "left_out" not in free.record.source


def test_without_neighbours_nothing_is_left_out() -> None:
    """What is not wanted takes no time."""
    run = cr.plan(TABLE, target="y", neighbours=False).train(time_limit=1e-3, progress=False)
    assert "left_out" not in run.record.source
