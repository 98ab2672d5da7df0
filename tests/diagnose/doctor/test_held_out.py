"""Rows that judge: at the scale of those trained on, or not."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(4)
X = RNG.normal(size=(700, 5))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * RNG.normal(size=700)


def run_judged_on(held: np.ndarray, y: np.ndarray = Y) -> cr.Run:
    """A training on 500 rows, judged on 200 others as they are given."""
    return cr.train(
        cr.Network([5, 24, 1], "tanh", "identity", "squared_error", seed=1), X[:500], y[:500],
        validation=(held, y[500:]), optimizer=cr.Adam(0.01), epochs=25, progress=False,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "mean", "factor"), [("raw", 50.0, 20.0), ("far", 40.0, 1.0), ("wide", 0.0, 30.0)])
def test_held_out_rows_that_were_not_scaled_are_named(name: str, mean: float, factor: float) -> None:
    """In units of their own, beside the training rows, or 30 times as wide: input-scale, told by the held-out rows."""
    diagnosis = run_judged_on(mean + factor * X[500:]).doctor()
    first = diagnosis.faults[0]
    assert (first.id, first.variant) == ("input-scale", "held-out"), diagnosis.text()
    assert first.evidence["n"] == first.evidence["of"] == 5 and abs(first.evidence["mean"]) < 0.2
    assert first.evidence["mean_held"] == pytest.approx(mean, abs=0.2 * factor)


def test_rows_of_a_later_time_are_not_accused() -> None:
    """One column that goes on beyond the training rows, and all of them a little elsewhere: as time moves them."""
    later = X[500:] + 0.5
    later[:, 4] += 8.0
    assert "input-scale" not in [finding.id for finding in run_judged_on(later).doctor().faults]


def test_rows_that_are_judged_well_are_not_accused() -> None:
    """A line that holds far beyond the rows it was fitted to: far rows are no fault where they are predicted."""
    y, far = X[:, 0] - X[:, 1], X[500:] + np.array([9.0, -9.0, 9.0, 9.0, 9.0])
    run = cr.train(
        cr.Network([5, 1], output="identity", loss="squared_error", seed=1), X[:500], y[:500],
        validation=(far, far[:, 0] - far[:, 1]), optimizer=cr.SGD(0.1), epochs=30, progress=False,
    )  # fmt: skip
    assert run.doctor().healthy
