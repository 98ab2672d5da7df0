"""The gradient check: right gradients pass, wrong ones fail, corners are named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.errors import SettingsError, ShapeError
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named
from chainrule.text.tables import columns
from chainrule.verify.gradients import _extrapolated, check_gradients
from chainrule.verify.gradients_text import TEXT

X = np.random.default_rng(0).normal(size=(7, 5))
PAIRS = [(loss, output) for loss in (*LOSSES, "quantile:0.9", "focal:0.5") for output in loss_named(loss).pairs]


def targets(loss: str, output: str, rng: np.random.Generator) -> np.ndarray:
    """Targets that have a meaning for the pair."""
    if loss_named(loss).of_classes:
        return rng.integers(0, 3, size=7)
    if output == "softmax":
        return np.eye(3)[rng.integers(0, 3, size=7)]
    return rng.uniform(0.1, 0.9, size=(7, 3))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_every_activation_and_legal_loss_passes(activation: str, loss: str, output: str) -> None:
    """In float64 every tensor agrees with central differences to 1e-7, kinks apart."""
    n_outputs = 3 * loss_named(loss).n_heads
    sizes = [5, 6, 4, n_outputs]
    net = cr.Network(sizes, activation, output, loss, initializer="glorot_normal", dtype="float64", seed=1)
    rng = np.random.default_rng(0)
    check = cr.check_gradients(net, X, targets(loss, output, rng), sample_weight=rng.uniform(0.5, 2, size=7))
    assert check.passed and check.max_relative_error <= 1e-7
    assert set(check.tensors) == {"W1", "b1", "W2", "b2", "W3", "b3", "X"}


@pytest.mark.parametrize(
    "layers", [{"normalization": "layer"}, {"residual": True}, {"normalization": "layer", "residual": True}], ids=str
)
@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if name != "exponential"])
def test_normalised_and_residual_layers_pass(activation: str, layers: dict[str, Any]) -> None:
    """gain and shift are judged like W and b, and the sides of a corner are those of u."""
    rng = np.random.default_rng(8)
    net = cr.Network([5, 6, 6, 3], activation, dtype="float64", seed=1, **layers)
    net.parameters.flat[:] += 0.1 * rng.normal(size=net.parameters.flat.shape)
    check = cr.check_gradients(net, X, rng.integers(0, 3, size=7))
    assert check.passed and check.max_relative_error <= 1e-7
    scaled = {"gain1", "shift1", "gain2", "shift2"} if "normalization" in layers else set()
    assert set(check.tensors) == {"W1", "b1", "W2", "b2", "W3", "b3", "X"} | scaled


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
    rng = np.random.default_rng(0)
    check = cr.check_gradients(net, rng.normal(size=(8, 40)), rng.integers(0, 10, size=8), max_entries=30)
    assert check.passed and check.tensors["W1"].n_checked <= 30
    assert check.tensors["W1"].directional is not None and check.tensors["W1"].directional < 1e-7
    assert check.forward_passes_numerical == 2 * net.architecture.n_parameters


class Nonsense(NumpyEngine):
    """An engine whose dX is not a number."""

    def backward(self, *arguments, **options):
        backward = super().backward(*arguments, **options)
        backward.dX[0, 0] = np.nan
        return backward


def test_nan_never_passes() -> None:
    """A NaN in the gradient fails the check, wherever it stands among right numbers."""
    net = cr.Network([5, 6, 3], activation="tanh", dtype="float64")
    check = check_gradients(Nonsense(), net.parameters, X, np.array([0, 1, 2, 0, 1, 2, 0], dtype=np.int32))
    assert not check.passed and check.tensors["X"].error == np.inf and check.tensors["X"].worst == (0, 0)


def test_a_wrong_gradient_fails_where_only_a_sample_is_compared() -> None:
    """In a large tensor a wrong entry among the compared ones, or a wrong whole, is found."""

    class Scaled(NumpyEngine):
        def backward(self, *arguments, **options):
            backward = super().backward(*arguments, **options)
            backward.dW[1][:] *= 1.00001
            return backward

    net = cr.Network([40, 50, 10], activation="tanh", dtype="float64")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, size=8).astype(np.int32)
    W1 = check_gradients(Scaled(), net.parameters, rng.normal(size=(8, 40)), y, max_entries=30).tensors["W1"]
    assert W1.error == pytest.approx(1e-5, rel=0.01) and W1.directional is not None and W1.directional > 1e-7


@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_saturated_and_vanishing_gradients_pass(scale: float) -> None:
    """Right gradients pass where they are tiny (deep sigmoids) and where outputs saturate."""
    net = cr.Network([5, 8, 8, 8, 8, 3], activation="sigmoid", dtype="float64")
    for l in range(1, 6):
        net.W[l][:] *= scale
    check = cr.check_gradients(net, X, [0, 1, 2, 0, 1, 2, 0])
    assert check.passed
    tiny = [name for name, tensor in check.tensors.items() if not tensor.resolved]
    assert ("W1" in tiny) == (scale == 1e-3)


def test_differences_are_extrapolated_to_h_zero() -> None:
    """From (f(h) − f(−h))/2h at h, 4h, 16h … of sin at 1 the limit cos 1 is found to 1e-10."""
    for h in (1e-6, 1e-4, 1e-3):
        steps = h * 4.0 ** np.arange(5)
        found, doubt = _extrapolated(list((np.sin(1 + steps) - np.sin(1 - steps)) / (2 * steps)), h, 4e-16)
        assert abs(found - np.cos(1.0)) < 1e-10
        assert abs(found - np.cos(1.0)) <= 2 * doubt < 1e-8


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "silu", "gelu", "softplus", "mish"])
@pytest.mark.parametrize(("x", "w"), [(1e5, 1e-5), (1e3, 1e-3), (1e7, 1e-7), (1e-5, 1e5)])
def test_the_width_fits_the_scale_of_the_inputs(activation: str, x: float, w: float) -> None:
    """By hand: J = ½·g(x·w)², so dJ/dw = x·g·g′ at x·w = 1, for inputs of any size."""
    net = cr.Network([1, 1, 1], activation, "identity", "squared_error", dtype="float64")
    net.W[1][:], net.W[2][:], net.b[1][:], net.b[2][:] = w, 1, 0, 0
    check = cr.check_gradients(net, [[x]], [0.0])
    assert check.passed and all(tensor.resolved for tensor in check.tensors.values())
    if activation == "tanh":
        g = np.tanh(1.0)
        assert check.tensors["W1"].analytic == pytest.approx(x * g * (1 - g * g), rel=1e-9)


@pytest.mark.parametrize("outputs", [1, 2])
def test_confident_outputs_are_not_accused(outputs: int) -> None:
    """A network that is sure of every row has gradients below the rounding of J: they cannot be resolved, not wrong."""
    inputs, classes = np.array([[-2.0, 0], [2, 0], [-3, 1], [3, 1]]), [0, 1, 0, 1]
    net = cr.Network([2, 4, outputs], "tanh", "sigmoid" if outputs == 1 else "softmax", seed=0)
    run = cr.train(net, inputs, np.array(classes), epochs=1000, optimizer=cr.Adam(0.01), progress=False)
    assert cr.check_gradients(run.network, inputs, np.array(classes)).passed


def test_a_part_in_ten_thousand_of_a_small_entry_is_found() -> None:
    """An entry of a thousandth of its tensor's largest, off by one part in ten thousand."""

    class Off(NumpyEngine):
        def backward(self, *args: Any, **how: Any) -> Any:
            result = super().backward(*args, **how)
            entries = np.abs(result.dW[1]).reshape(-1)
            at = int(np.argmin(np.where(entries >= 1e-3 * entries.max(), entries, np.inf)))
            result.dW[1].reshape(-1)[at] *= 1 + 1e-4
            return result

    rng = np.random.default_rng(3)
    net = cr.Network([5, 30, 3], "tanh", dtype="float64", seed=2)
    targets_, _ = net.encode(rng.integers(0, 3, 7), 7)
    assert check_gradients(NumpyEngine(), net.parameters, X, targets_).passed
    check = check_gradients(Off(), net.parameters, X, targets_)
    assert not check.passed and check.tensors["W1"].error > check.threshold


def test_parameters_are_left_as_they_were() -> None:
    """The check changes neither the network nor the rows, not by a bit."""
    net, rows = cr.Network([5, 6, 3], dtype="float64"), X.copy()
    before = net.parameters.flat.tobytes()
    cr.check_gradients(net, rows, [0, 1, 2, 0, 1, 2, 0])
    assert net.parameters.flat.tobytes() == before and rows.tobytes() == X.tobytes()


def test_text_fits_a_terminal() -> None:
    """Both languages stay within 80 columns and say the same, for sampled, kinked and failing checks."""
    rng, net = np.random.default_rng(2), cr.Network([40, 50, 10], dtype="float64")
    y = rng.integers(0, 10, size=8).astype(np.int32)
    rows = rng.normal(size=(8, 40))
    net.b[1][:] = -(rows[0] @ net.W[1])  # every unit of the first row stands at its corner
    for engine in (NumpyEngine(), Wrong()):
        check = check_gradients(engine, net.parameters, rows, y, max_entries=60)
        assert check.passed == (type(engine) is NumpyEngine) and check.kinks
        for language in TEXT:
            result = check.text(language)
            assert max(map(columns, result.splitlines())) <= 80
            assert re.search(r"W1\[\d+,\d+\],\sW1\[", result)
            assert f"{2 * net.architecture.n_parameters:,}" in result
    with pytest.raises(SettingsError, match="language 'fr' is unknown"):
        check.text("fr")
    with pytest.raises(SettingsError, match="must be h > 0"):
        check_gradients(NumpyEngine(), net.parameters, rows, y, h=0.0)


def test_a_loss_that_is_no_number_fails_the_check() -> None:
    """Where central differences leave the range of float64 the check fails; it does not break off."""
    network = cr.Network([2, 3, 1], "tanh", "identity", "squared_error", dtype="float64")
    X, y = np.full((3, 2), 0.5), np.full((3, 1), 1e200)
    with np.errstate(all="ignore"):
        found = cr.check_gradients(network, X, y)
    assert not found.passed
    assert found.max_relative_error == np.inf
    assert "inf" in found.text()


def test_no_rows_are_refused_by_name() -> None:
    """A mean over no rows is no number."""
    with pytest.raises(ShapeError, match="X has 0 rows"):
        cr.check_gradients(cr.Network([5, 3], seed=0), X[:0], np.zeros(0, int))
