"""The width of a difference is that of what moves: inputs of any scale, rows of several, errors planted in them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.verify.gradients import check_gradients

SMOOTH = ["tanh", "sigmoid", "silu", "gelu", "softplus", "mish"]


def network(activation: str, scale: float) -> cr.Network:
    """One hidden unit whose z is about 1 where an input is about `scale`."""
    net = cr.Network([1, 1, 1], activation=activation, output="identity", loss="squared_error", dtype="float64")
    net.W[1][:], net.W[2][:] = 1 / scale, 1.0
    return net


class Wrong(NumpyEngine):
    """An engine whose dW1 is off by one part in ten thousand."""

    def backward(self, *arguments, **options):
        backward = super().backward(*arguments, **options)
        backward.dW[1][0, 0] *= 1.0001
        return backward


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("scale", [1e8, 1e9, 1e12, 1e15])
@pytest.mark.parametrize("rows", [[1.0], [1.0, 1e-8], [1.0, -0.5, 1e-9, -1e-3]])
def test_plateaus_to_both_sides_are_seen_through(activation: str, scale: float, rows: list[float]) -> None:
    """Where ±h lies on the plateaus of an activation, differences agree on 0, or on what other rows say."""
    net, X, y = network(activation, scale), np.array(rows)[:, None] * scale, np.zeros((len(rows), 1))
    right = check_gradients(NumpyEngine(), net.parameters, X, y)
    assert right.passed and right.tensors["W1"].resolved
    wrong = check_gradients(Wrong(), net.parameters, X, y)
    assert not wrong.passed and wrong.tensors["W1"].error == pytest.approx(1e-4, rel=0.1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_classes", [3, 7, 10, 49])
def test_soft_targets_that_round_are_not_accused(n_classes: int, dtype: str) -> None:
    """1/3 of each class, or random shares, sum to 1 up to rounding; a part in ten thousand is still found."""
    rng = np.random.default_rng(n_classes)
    X, shares = rng.normal(size=(20, 3)), rng.dirichlet(np.full(n_classes, 0.3), size=20)
    net = cr.Network([3, 4, n_classes], activation="tanh", dtype=dtype)
    for y in (np.full((20, n_classes), 1 / n_classes), shares):
        assert cr.check_gradients(net, X, y).passed
        rounded = y.astype(dtype)
        assert not check_gradients(Wrong(), net.parameters, X.astype(dtype), rounded).passed


@pytest.mark.parametrize("unit", [1e100, 1e150])
def test_targets_of_any_size_are_compared(unit: float) -> None:
    """Squares of numbers on the way may be beyond float64; what is compared is not."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 1)), rng.normal(size=(20, 1)) * unit
    net = network("tanh", 1.0)
    net.W[2][:] *= unit
    right, wrong = (check_gradients(engine, net.parameters, X, y) for engine in (NumpyEngine(), Wrong()))
    assert right.passed and right.tensors["W1"].resolved
    assert not wrong.passed and wrong.tensors["W1"].error == pytest.approx(1e-4, rel=0.1)
