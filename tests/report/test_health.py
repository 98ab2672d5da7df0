"""The health of a layer in numbers, redone by hand."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.report import health
from chainrule.report.curves import of_losses


def test_silent_and_saturated_units_by_hand() -> None:
    """One of four relu units never fires on the batch, two of six sigmoid entries lie on its flat ends."""
    net = cr.Network([1, 4, 3], ["relu"], "sigmoid", "cross_entropy", dtype="float64")
    net.W[1][:], net.b[1][:] = [[1.0, 1.0, 1.0, 1.0]], [0.0, 1.0, 2.0, -9.0]
    net.W[2][:], net.b[2][:] = 0.0, [0.0, 1.0, 8.0]
    X, y = np.array([[1.0], [2.0]]), np.array([[1.0, 0, 1], [0, 1, 1]])
    step = cr.train(net, X, y, optimizer=cr.SGD(0.1), batch_size=2, epochs=1, shuffle=False, progress=False).replay(0)
    result = health.of_step(step.record, step.architecture)
    assert result["silent"] == [0.25, 0.0] and result["saturated"] == [None, pytest.approx(2 / 6)]
    assert result["mean"][0] == pytest.approx((1 + 2 + 3 + 0 + 2 + 3 + 4 + 0) / 8)
    assert result["gradient"][1] == pytest.approx(np.linalg.norm(step.backward.dW[2]))
    assert result["ratio"][0] == pytest.approx(np.linalg.norm(step.update.change.W[1]) / 2.0)
    assert result["ratio"][1] is None  # ‖W‖ = 0: no ratio


def test_losses_are_bundled_but_not_lost() -> None:
    """A long run becomes at most 1500 stretches with mean, lowest and highest; a short one stays as it is."""
    losses = np.arange(4001.0)
    losses[7] = np.nan
    result = of_losses(losses)
    assert result["size"] == 3 and len(result["mean"]) == 1334
    assert (result["mean"][0], result["low"][0], result["high"][0], result["mean"][2]) == (1.0, 0.0, 2.0, None)
    assert result["mean"][-1] == 3999.5
    assert of_losses(np.array([2.0, 1.0])) == {"size": 1, "mean": [2.0, 1.0]}
