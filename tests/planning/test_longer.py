"""A longer training is tried where the loss still falls, and taken where its best epoch is better."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chainrule.api.model_selection import choose, train_candidate
from chainrule.data.table import Table, column_of
from chainrule.planning import summary
from chainrule.planning.longer import is_taken, is_worth_a_trial, overtakes
from chainrule.planning.plan import plan_table
from chainrule.planning.request import Request
from chainrule.planning.selection import select
from chainrule.planning.task import choose_task
from chainrule.planning.trials import Fitted, Trial


def trial(loss: float, best: float | None) -> Trial:
    return Trial(candidate=0, name="", settings={}, losses=(loss,), loss=loss, seconds=0.0, best=best)


@pytest.mark.parametrize(
    ("loss", "best", "others", "expected"),
    [
        (0.50, 0.50, 0.60, True),  # leads by far, still falling
        (0.50, 0.497, 0.60, True),  # as good as falling
        (0.50, 0.45, 0.60, False),  # it rises already: rows are learned by heart
        (0.50, 0.50, 0.51, False),  # no better than shorter ones
        (0.50, 0.50, 0.40, False),
        (-1.50, -1.50, -1.0, True),  # a likelihood may be negative
        (math.inf, 0.4, 0.6, False),
        (0.50, None, 0.60, False),  # nobody measured its epochs
    ],
)
def test_what_is_worth_a_trial(loss: float, best: float | None, others: float, expected: bool) -> None:
    assert is_worth_a_trial(trial(loss, best), [trial(others, others), trial(0.9, 0.9)]) is expected


def test_best_epochs_are_compared() -> None:
    assert is_taken(trial(0.9, 0.40), trial(0.5, 0.5)) and not is_taken(trial(0.4, 0.496), trial(0.5, 0.5))
    assert is_taken(trial(-1.0, -2.0), trial(-1.0, -1.9)) and not is_taken(trial(0.4, None), trial(0.5, 0.5))


def test_what_falls_fast_is_expected_to_overtake() -> None:
    """0.57 → 0.19 → 0.06 overtakes 0.17 → 0.13 → 0.10; 0.13 → 0.10 → 0.08 does not overtake 0.081 → 0.075 → 0.070."""
    near, far = [trial(0.17, None), trial(0.13, None)], [trial(0.57, None), trial(0.19, None)]
    assert overtakes(far, near) and not overtakes(near, far)
    assert not overtakes([trial(0.13, None), trial(0.10, None)], [trial(0.081, None), trial(0.075, None)])
    assert not overtakes(far[1:], near) and not overtakes(far, [trial(-0.2, None), trial(-0.1, None)])


def plan_of(n: int) -> Any:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, 2)), rng.standard_normal(n)
    table = Table(path="rows", columns=(column_of("a", X[:, 0]), column_of("b", X[:, 1])), targets=(column_of("y", y),))
    return plan_table(table, Request(neighbours=False), choose_task(table.targets, "auto"), {})


@pytest.mark.parametrize(("best", "index", "why"), [(0.30, 3, "it is taken"), (0.499, 2, "the best is taken")])
def test_the_longest_is_tried_and_taken_by_its_best_epoch(best: float, index: int, why: str) -> None:
    plan = plan_of(2000)
    epochs = [candidate.settings["epochs"] for candidate in plan.candidates]
    known = {epochs[0]: (0.9, 0.9), epochs[1]: (0.6, 0.6), epochs[2]: (0.5, 0.5), epochs[3]: (0.8, best)}

    def fit(candidate: Any, resample: Any) -> Fitted:
        loss, lowest = known[candidate.settings["epochs"]]
        return Fitted(loss, None, lowest)

    found = select(plan, fit)
    assert found.index == index and [trial.candidate for trial in found.trials] == [0, 1, 2, 3]
    assert summary.tried(plan, found)["tried"].endswith(f"{why})")


def test_what_was_tried_at_length_is_not_trained_again() -> None:
    """A clean pattern takes the longest training; the run has the bits of a training of its own."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-2, 2, (1600, 2))
    y = np.sin(3 * X[:, 0]) * np.cos(3 * X[:, 1])
    table = Table(path="rows", columns=(column_of("a", X[:, 0]), column_of("b", X[:, 1])), targets=(column_of("y", y),))
    plan = plan_table(table, Request(neighbours=False), choose_task(table.targets, "auto"), {})
    chosen = choose(plan, progress=False)
    assert chosen.index == 3 and chosen.training is not None
    run = train_candidate(plan, chosen, progress=False)
    assert run.history["loss"] == chosen.training.result.history["loss"]
    assert min(run.history["validation_loss"]) == chosen.trials[-1].best
