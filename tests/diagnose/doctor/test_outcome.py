"""Overfitting: a fault where the weights that were kept suffer from it, a note where it cost nothing but time."""

from __future__ import annotations

import numpy as np

import chainrule as cr


def uncertain(n: int = 900) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that the columns leave open, in part: as good as it gets is a logistic function."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 5))
    return X, (rng.random(n) < 1 / (1 + np.exp(-2 * X[:, 0] - X[:, 1]))).astype(int)


def test_a_rise_after_the_epoch_that_was_kept_is_a_note() -> None:
    """The weights of the best epoch do as well on new rows as a forest; what came afterwards was left behind."""
    X, y = uncertain()
    run = cr.train(
        cr.Network([5, 64, 64, 1], output="sigmoid", seed=0), X, y, validation=0.25, optimizer=cr.Adam(0.01),
        epochs=40, progress=False,
    )  # fmt: skip
    held = run.history["validation_loss"]
    assert held[-1] > 1.3 * min(held)
    diagnosis = run.doctor()
    assert diagnosis.healthy, diagnosis.text()
    assert "overfitting" in [finding.id for finding in diagnosis]


def test_weights_worse_than_a_forest_at_their_best_are_a_fault() -> None:
    """Columns of noise beside two that say everything: at no epoch is the network as good as a forest."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 60))
    y = ((X[:, 0] > 0) ^ (X[:, 1] > 1)).astype(int)
    run = cr.train(
        cr.Network([60, 128, 128, 1], output="sigmoid", seed=0), X, y, validation=0.25, optimizer=cr.Adam(0.01),
        epochs=30, progress=False,
    )  # fmt: skip
    assert [finding.id for finding in run.doctor().faults] == ["overfitting"]


def test_rows_known_by_heart_are_a_fault_where_new_ones_are_not() -> None:
    """Thirty rows, 22,000 weights: training rows to the last digit, and half of the loss left on new ones."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(130, 8))
    y = (X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3])[:, None]
    run = cr.train(
        cr.Network([8, 200, 100, 1], output="identity", loss="squared_error", seed=0), X[:30], y[:30],
        validation=(X[30:], y[30:]), optimizer=cr.Adam(0.005), batch_size=10, epochs=300, progress=False,
    )  # fmt: skip
    faults = run.doctor().faults
    assert [finding.id for finding in faults] == ["overfitting"]
    assert faults[0].evidence["rows"] == 30 and faults[0].evidence["weights"] > 20_000


def test_many_weights_that_tell_new_rows_too_are_no_fault() -> None:
    """Rows known by heart, and new ones nearly as well: many weights are no mistake by themselves."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    y = (X[:, 0] + 0.5 * X[:, 1])[:, None]
    run = cr.train(
        cr.Network([4, 100, 100, 1], output="identity", loss="squared_error", seed=0), X[:100], y[:100],
        validation=(X[100:], y[100:]), optimizer=cr.Adam(0.003), batch_size=20, epochs=60, progress=False,
    )  # fmt: skip
    assert run.doctor().healthy
