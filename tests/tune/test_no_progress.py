"""A learning rate where nothing can be learned, and with a penalty."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr

R = np.random.default_rng(0)
X = R.normal(size=(60, 3))


def constant_inputs() -> tuple[Any, ...]:
    """Inputs of zeros, classes in equal numbers: the biases have nothing to learn either."""
    return cr.Network([3, 4, 2], seed=0), np.zeros((40, 3)), np.arange(40) % 2


def solved() -> tuple[Any, ...]:
    """y = 2x + 1, the weights exactly so."""
    net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64", seed=0)
    net.parameters.W[1][:], net.parameters.b[1][:] = 2, 1
    return net, X[:, :1], 2 * X[:, :1] + 1


def dead() -> tuple[Any, ...]:
    """No rectifier is ever positive, and the mean of y is 0."""
    net = cr.Network([3, 5, 1], activation="relu", output="identity", loss="squared_error", seed=0)
    net.parameters.b[1][:] = -100
    return net, X, X[:, :1] - X[:, :1].mean()


@pytest.mark.parametrize("make", [constant_inputs, solved, dead])
@pytest.mark.parametrize("optimizer", [cr.SGD(0.1), cr.Adam(0.01)])
def test_where_nothing_is_learned_no_rate_is_praised(make: Any, optimizer: Any) -> None:
    """The text says so in both languages, and what curvature alone proposes is no accident of rounding."""
    found = cr.learning_rate(*make(), optimizer=optimizer)
    assert not found.made_progress
    assert "No learning rate from" in found.text() and "Its neighbours" not in found.text()
    assert "어떤 학습률도" in found.text("ko")
    assert 1e-4 < found.suggested < 100


def test_what_learns_is_judged_as_before() -> None:
    """A line: progress is made, and said."""
    net = cr.Network([3, 1], output="identity", loss="squared_error", seed=0)
    found = cr.learning_rate(net, X, X @ [[1.0], [2], [3]])
    assert found.made_progress and "Suggested:" in found.text()


def test_curvature_and_bound_are_of_one_objective() -> None:
    """With l2 the λ that is shown is that of J + penalty, and the runs are judged with the penalty."""
    net = cr.Network([2, 4, 1], output="identity", loss="squared_error", seed=0)
    y = X[:, :1] + 2 * X[:, 1:2]
    found = cr.learning_rate(net, X[:, :2], y, l2=2, optimizer=cr.SGD(0.1))
    stable, shown = map(float, re.search(r"above\s+([0-9.]+),.*?λ\s+=\s+([0-9.]+)", found.text(), re.S).groups())
    assert stable * shown == pytest.approx(2, rel=0.01)
    penalty = float(sum((W.astype(float) ** 2).sum() for W in net.parameters.W[1:]))
    losses = next(iter(found.runs.values()))
    plain = net.engine.loss(net.parameters, *[np.asarray(a, np.float32) for a in (X[:, :2], y)], None)[0]
    assert found.start == pytest.approx(plain + penalty, rel=1e-4)
    assert losses[0] > penalty
