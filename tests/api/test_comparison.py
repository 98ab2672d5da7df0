"""Two runs side by side: where they part, and what differs there."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.comparison import compared

RNG = np.random.default_rng(2)
X = RNG.normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def trained(seed: int = 1, **how: Any) -> cr.Run:
    how = {"epochs": 4, "batch_size": 8, "progress": False} | how
    return cr.train(cr.Network([3, 4, 2], seed=seed), X, Y, **how)


def test_a_run_and_its_branch_part_behind_the_step() -> None:
    """The step's own loss is still that of the common weights."""
    run = trained()
    found = compared(run.record, run.branch(7, 2, learning_rate=0.1, progress=False).record)
    assert found["step"] == 8 and found["n_common"] == 15
    assert ["learning_rate", 0.001, 0.1] in found["differences"]
    assert found["losses"][0] == run.losses[8] != found["losses"][1]


def test_equal_runs_do_not_part() -> None:
    """Not even where one of them is longer."""
    found = compared(trained().record, trained(epochs=6).record)
    assert found["step"] is None and found["n_common"] == 20 and found["differences"] == []


def test_other_weights_rows_and_events_are_named() -> None:
    """What differs from the start is told where the runs part at step 0; a change of a callback at its step."""

    def sets(control: Any) -> None:
        if control.epoch == 1:
            control.set(l2=0.5)

    found = compared(trained().record, trained(seed=2).record)
    assert found["step"] == 0 and ["seed of the weights", 1, 2] in found["differences"]
    found = compared(trained().record, trained(callbacks=[sets]).record)
    assert found["step"] == 11 and ["event", None, "10: set l2 = 0.5"] in found["differences"]
