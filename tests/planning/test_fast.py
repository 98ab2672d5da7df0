"""The preset fast: one network, no trials, rows held out however few there are."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.model_selection import choose
from chainrule.sklearn import TabularClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(700, 60))
Y = np.where(X[:, 0] + X[:, 1] ** 2 > 0.8, "yes", "no")


@pytest.mark.parametrize("n", [200, 700])
def test_one_candidate_and_no_trial(n: int) -> None:
    """Nothing is tried, no columns are screened and no neighbours looked up; a fifth of the rows judges the epochs."""
    table = {f"x{k}": X[:n, k] for k in range(60)} | {"y": Y[:n]}
    plan = cr.plan(table, target="y", preset="fast").details
    chosen = choose(plan, progress=False)
    assert (len(plan.candidates), chosen.trials, plan.fold) == (1, (), None)
    assert plan.counts == {"train": n * 4 // 5, "validation": n // 5}
    network = chosen.candidate.network
    assert network.sizes[1:] == (128, 128, 1) and chosen.candidate.n_neighbours == 0
    steps = chosen.candidate.settings["epochs"] * -(-plan.counts["train"] // chosen.candidate.settings["batch_size"])
    assert steps <= 2_250


def test_it_learns_and_is_recorded() -> None:
    """It is far better than the majority class; where something is stated, the record says which preset remains."""
    table = {f"x{k}": X[:, k] for k in range(2)} | {"y": Y}
    run = cr.train(table, target="y", preset="fast", progress=False)
    assert run.evaluate(table)["accuracy"] > 0.95
    stated = cr.train(table, target="y", preset="fast", batch_size=64, epochs=2, progress=False)
    assert stated.record.source["preset"]["name"] == "fast"


def test_the_estimator_takes_it() -> None:
    """TabularClassifier(preset="fast") of few rows trains one network too."""
    made = TabularClassifier(preset="fast", random_state=0).fit(X[:200, :2], Y[:200])
    assert made.network_.architecture.layers[0].n_out == 128
    assert made.score(X[200:, :2], Y[200:]) > 0.85
