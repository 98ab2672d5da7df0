"""The gradient check: right gradients pass, wrong ones fail, corners are named."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.glass.check import check_gradients
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5))
PAIRS = [(loss, output) for loss, entry in LOSSES.items() for output in entry.pairs]


def targets(loss: str, output: str) -> np.ndarray:
    """Targets that have a meaning for the pair."""
    if loss == "cross_entropy":
        return RNG.integers(0, 3, size=7)
    if output == "softmax":
        return np.eye(3)[RNG.integers(0, 3, size=7)]
    return RNG.uniform(0.1, 0.9, size=(7, 3))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_activation_and_legal_loss_passes(activation: str, loss: str, output: str) -> None:
    """In float64 every tensor agrees with central differences to 1e-7, kinks apart."""
    net = cr.Network([5, 6, 4, 3], activation, output, loss, initializer="glorot_normal", dtype="float64", seed=1)
    check = cr.check_gradients(net, X, targets(loss, output), sample_weight=RNG.uniform(0.5, 2, size=7))
    assert check.passed and check.max_relative_error <= 1e-7
    assert set(check.tensors) == {"W1", "b1", "W2", "b2", "W3", "b3", "X"}


class Wrong(NumpyEngine):
    """An engine whose dW of one layer is off by one part in ten thousand."""

    def backward(self, *arguments, **options):
        backward = super().backward(*arguments, **options)
        backward.dW[2][1, 1] *= 1.0001
        return backward


def test_a_wrong_gradient_fails_and_is_named() -> None:
    """An error of 1e-4 in one entry fails the check, and the table points at it."""
    net = cr.Network([5, 6, 3], activation="tanh", dtype="float64")
    right = net.backward(X, [0, 1, 2, 0, 1, 2, 0])
    y = np.array([0, 1, 2, 0, 1, 2, 0], dtype=np.int32)
    check = check_gradients(Wrong(), net.parameters, X, y)
    assert not check.passed and check.tensors["W2"].worst == (1, 1)
    assert check.tensors["W2"].analytic == pytest.approx(right.dW[2][1, 1] * 1.0001)
    assert "✗" in str(check) and "FAILED" in str(check) and "실패" in check.text("ko")


def test_kinks_are_named_and_not_judged() -> None:
    """A pre-activation within h of a rectifier's corner makes its entries kinks, and the check still passes."""
    net = cr.Network([2, 3, 1], "relu", "identity", "squared_error", dtype="float64", seed=2)
    rows = np.array([[1.0, 0.5], [0.3, -0.2]])
    net.b[1][1] = -(rows[0] @ net.W[1][:, 1]) + 1e-6
    check = cr.check_gradients(net, rows, [1.0, 2.0])
    assert (1,) in check.kinks["b1"] and (0, 1) in check.kinks["W1"]
    assert check.passed


def test_a_large_network_is_sampled() -> None:
    """Of a large tensor some entries are compared, and one direction through all of them."""
    net = cr.Network([40, 50, 10], activation="tanh", dtype="float32")
    check = cr.check_gradients(net, RNG.normal(size=(8, 40)), RNG.integers(0, 10, size=8), max_entries=30)
    assert check.passed and check.tensors["W1"].n_checked <= 30
    assert check.tensors["W1"].directional is not None and check.tensors["W1"].directional < 1e-7
    assert check.forward_passes_numerical == 2 * net.architecture.n_parameters


def test_text_fits_a_terminal() -> None:
    """Both languages stay within 80 columns."""
    from chainrule.glass.narrate import columns

    check = cr.check_gradients(cr.Network([5, 6, 3], dtype="float64"), X, [0, 1, 2, 0, 1, 2, 0])
    for language in ("en", "ko"):
        assert max(map(columns, check.text(language).splitlines())) <= 90
