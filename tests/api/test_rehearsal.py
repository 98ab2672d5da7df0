"""Rehearsals: noise stays with a simple training, a pattern gets a free one; the choice is a function of the seed."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from chainrule.api.network import Network
from chainrule.api.rehearsal import climb, rehearse
from chainrule.api.train import train
from chainrule.planning.presets import preset


def test_the_best_of_those_rehearsed_is_done_and_the_longest_where_the_freest_was_best_by_far() -> None:
    """Of equals the simpler; a training that failed is never done, unless all did."""
    assert climb(1, lambda rung: pytest.fail("nothing to rehearse")) == (0, ())
    assert climb(4, [0.3, 0.2, 0.25].__getitem__) == (1, (0.3, 0.2, 0.25))
    assert climb(4, [0.3, 0.2, 0.1].__getitem__) == (3, (0.3, 0.2, 0.1))
    assert climb(4, [0.3, 0.2, 0.19].__getitem__) == (2, (0.3, 0.2, 0.19))
    assert climb(4, [-0.3, -0.2, -0.31].__getitem__)[0] == 2
    assert climb(4, [math.inf, math.inf, 0.5].__getitem__)[0] == 2
    assert climb(4, [0.2, 0.2, math.inf].__getitem__)[0] == 0


def chosen(noise: float) -> int:
    """The rung that the presets take for 600 rows of a product of signs under noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 4)).astype(np.float32)
    chance = np.where(X[:, 0] * X[:, 1] > 0, 1 - noise, noise)
    y = (rng.random(600) < chance).astype(np.int64)
    longest = preset("auto", n_rows=600, n_numbers=4, is_class=True)
    rungs = (*longest.simpler, longest)

    def loss_of(i: int) -> float:
        network = Network([4, *rungs[i].hidden_sizes, 1], rungs[i].activation, "sigmoid")
        return rehearse(network, X, y, seed=3, validation=0.2, optimizer=rungs[i].optimizer, **rungs[i].settings)

    return climb(len(rungs), loss_of)[0]


def test_a_pattern_is_climbed_for_and_chance_is_not() -> None:
    """Without noise the longest training is done; of chance one of the two simplest, and the same again."""
    assert chosen(0.0) == 3
    assert chosen(0.5) == chosen(0.5) <= 1


def test_the_loss_is_a_mean_over_splits_of_few_rows_and_infinite_where_training_fails() -> None:
    """Three seeds hold out three parts of few rows; a divergence is inf and no warning."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((60, 2)).astype(np.float32), rng.integers(0, 2, 60)
    network, how = Network([2, 1], output="sigmoid"), {"epochs": 2, "optimizer": "adam"}
    each = [
        rehearse(network, X, y, seed=seed, validation=(X[:12], y[:12]), **how)  # type: ignore[arg-type]
        for seed in (5, 6, 7)
    ]
    assert len(set(each)) == 3
    mean = rehearse(network, X, y, seed=5, validation=0.2, **how)  # type: ignore[arg-type]
    assert mean == rehearse(network, X, y, seed=5, validation=0.2, **how)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = rehearse(
            Network([2, 8, 1], output="identity", loss="squared_error"), X * 1e4, y * 1e4, seed=0, validation=0.2,
            optimizer={"name": "sgd", "learning_rate": 10.0}, epochs=3,
        )  # fmt: skip
    assert values == math.inf


def test_classes_are_judged_by_loss_and_accuracy_is_told_beside_it() -> None:
    """metric="loss": the best epoch has the lowest validation loss; the history holds the accuracy of every epoch."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 5)).astype(np.float32)
    y = (X[:, 0] + rng.standard_normal(80) > 0).astype(np.int64)
    network = Network([5, 32, 1], output="sigmoid")
    run = train(
        network, X, y, validation=0.3, metric="loss", epochs=40, optimizer={"name": "adam", "learning_rate": 0.02}
    )
    losses = run.history["validation_loss"]
    assert run.result["best_epoch"] == int(np.argmin(losses)) < 39
    assert run.result["best_score"] == min(losses)
    assert len(run.history["accuracy"]) == 40
    assert preset("auto", n_rows=900, n_numbers=3, is_class=True).settings["metric"] == "loss"
    assert preset("auto", n_rows=900, n_numbers=3, is_class=False).settings["metric"] == "auto"
