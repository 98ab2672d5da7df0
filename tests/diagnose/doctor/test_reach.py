"""Losses below 0: what a run has learned is measured by what there was to take away, not by 0."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.doctor.run_view import constant_losses, least_losses

RNG = np.random.default_rng(2)
X = RNG.normal(size=(600, 3))


def test_the_least_poisson_loss_by_hand() -> None:
    """y − y·log y: 0 of no event, 1 of one, e − e of e events, 4 − 4·log 4 of four; below 0 where the constant is."""
    y = np.array([[0.0], [1.0], [np.e], [4.0]])
    least = least_losses("poisson", y, None)
    assert least == pytest.approx([0.0, 1.0, 0.0, 4 - 4 * np.log(4)], abs=1e-12)
    assert (least <= constant_losses("poisson", y, None)).all()
    assert least_losses("squared_error", y, None) == pytest.approx(np.zeros(4))


def test_counts_that_are_predicted_well_are_healthy() -> None:
    """Counts of about five, whose loss is below 0 for a constant too: a run that learned them did not stall."""
    y = RNG.poisson(np.exp(1.5 + 0.6 * X[:, 0] - 0.4 * X[:, 1])).astype(float)
    run = cr.train(
        cr.Network([3, 12, 1], "tanh", "exponential", "poisson", seed=1), X, y, validation=0.2,
        optimizer=cr.Adam(0.01), epochs=25, progress=False,
    )  # fmt: skip
    assert max(run.history["loss"][-1], 0) == 0
    diagnosis = run.doctor()
    assert diagnosis.healthy, diagnosis.text()


def test_counts_that_are_not_learned_are_told() -> None:
    """A rate of 1e-7 on the same counts: nothing was learned, by the rate."""
    y = RNG.poisson(np.exp(1.5 + 0.6 * X[:, 0] - 0.4 * X[:, 1])).astype(float)
    run = cr.train(
        cr.Network([3, 12, 1], "tanh", "exponential", "poisson", seed=1), X, y, optimizer=cr.SGD(1e-7), epochs=10,
        progress=False,
    )  # fmt: skip
    assert run.doctor().faults[0].id == "learning-rate-too-small"


@pytest.mark.parametrize("unit", [1.0, 0.1])
def test_a_normal_distribution_is_judged_in_any_unit(unit: float) -> None:
    """A log-likelihood is below 0 where values are small, whatever was learned of them."""
    y = unit * (X[:, 0] + 0.5 * X[:, 1] + 0.2 * RNG.normal(size=600))
    run = cr.train(
        cr.Network([3, 16, 2], "tanh", "identity", "gaussian", seed=1), X, y, optimizer=cr.Adam(0.01), epochs=40,
        progress=False,
    )  # fmt: skip
    diagnosis = run.doctor()
    assert "stalled" not in [finding.id for finding in diagnosis.faults], diagnosis.text()


def test_ten_times_the_rate_is_named_before_more_steps() -> None:
    """A small rate, where four times the steps come nearly as far as a usual one: the rate was what was missing."""
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    run = cr.train(
        cr.Network([3, 32, 32, 1], "tanh", "identity", "squared_error", seed=1), X, y, optimizer=cr.Adam(1e-4),
        epochs=40, progress=False,
    )  # fmt: skip
    assert [finding.id for finding in run.doctor().faults] == ["learning-rate-too-small"]
