"""Activations and their pullbacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import peers
from chainrule.reference.activations import ACTIVATIONS, SELU_ALPHA, SELU_SCALE
from tolerances import ALGEBRA, CENTRAL_DIFFERENCE, CENTRAL_DIFFERENCE_STEP, HAND, PARITY, assert_close

NAMES = list(ACTIVATIONS)
ELEMENTWISE = [name for name in NAMES if ACTIVATIONS[name].elementwise]
E = math.e

# name: [(z, g(z), g′(z))], redone on paper
BY_HAND = {
    "identity": [(-2.0, -2.0, 1.0), (3.0, 3.0, 1.0)],
    "relu": [(-2.0, 0.0, 0.0), (0.0, 0.0, 0.0), (3.0, 3.0, 1.0)],
    "leaky_relu": [(-2.0, -0.02, 0.01), (3.0, 3.0, 1.0)],
    "elu": [(-1.0, 1 / E - 1, 1 / E), (3.0, 3.0, 1.0)],
    "selu": [
        (-1.0, SELU_SCALE * SELU_ALPHA * (1 / E - 1), SELU_SCALE * SELU_ALPHA / E),
        (2.0, 2 * SELU_SCALE, SELU_SCALE),
    ],
    "gelu": [(0.0, 0.0, 0.5), (1.0, 0.8413447460685429, 0.8413447460685429 + 0.24197072451914337)],
    "silu": [(0.0, 0.0, 0.5), (1.0, E / (1 + E), E / (1 + E) + E / (1 + E) ** 2)],
    "mish": [(0.0, 0.0, 0.6), (1.0, ((1 + E) ** 2 - 1) / ((1 + E) ** 2 + 1), 1.0490362200997922)],
    "softplus": [(0.0, math.log(2), 0.5), (1.0, math.log(1 + E), E / (1 + E))],
    "sigmoid": [(0.0, 0.5, 0.25), (math.log(3), 0.75, 0.1875), (-math.log(3), 0.25, 0.1875)],
    "tanh": [(0.0, 0.0, 1.0), (math.log(2), 0.6, 0.64)],
    "exponential": [(0.0, 1.0, 1.0), (1.0, E, E), (-1.0, 1 / E, 1 / E)],
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value_and_derivative_by_hand(name: str) -> None:
    """g and g′ have the values that paper gives."""
    z, a, slope = (np.array([[row[k] for row in BY_HAND[name]]]) for k in range(3))
    assert_close(ACTIVATIONS[name].g(z), a, HAND, "g")
    assert_close(ACTIVATIONS[name].pullback(z, a, np.full_like(z, 2.0)), 2 * slope, HAND, "2·g′")


def test_softmax_by_hand() -> None:
    """softmax of (0, ln 2, ln 3) is (1, 2, 3)/6, and its pullback is a ⊙ (da − Σ da·a)."""
    z = np.log([[1.0, 2.0, 3.0]])
    a = ACTIVATIONS["softmax"].g(z)
    assert_close(a, np.array([[1.0, 2.0, 3.0]]) / 6, HAND)
    # da = (6, 0, 0): Σ da·a = 1, so delta = a ⊙ (5, −1, −1) = (5, −2, −3)/6
    assert_close(ACTIVATIONS["softmax"].pullback(z, a, np.array([[6.0, 0, 0]])), np.array([[5.0, -2, -3]]) / 6, HAND)


def test_selu_constants() -> None:
    """SELU keeps mean 0 and variance 1 of a standard normal: the two equations that define its constants."""
    z = np.linspace(-12, 12, 480_001)
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    a = ACTIVATIONS["selu"].g(z)
    assert abs((a * density).sum()) < CENTRAL_DIFFERENCE
    assert abs((a * a * density).sum() - 1) < CENTRAL_DIFFERENCE


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_the_derivative_jumps(name: str) -> None:
    """The pullback is continuous across 0 unless 0 is listed as a kink."""
    left, right = (np.array([[z, 1.0]]) for z in (-1e-9, 1e-9))
    one = np.array([[1.0, 0.0]])
    entry = ACTIVATIONS[name]
    jump = entry.pullback(right, entry.g(right), one) - entry.pullback(left, entry.g(left), one)
    assert (abs(jump[0, 0]) > 1e-3) == (0.0 in entry.kinks)


@pytest.mark.parametrize("name", NAMES)
@given(z=st.lists(st.floats(-15, 15), min_size=2, max_size=4), seed=st.integers(0, 2**16))
def test_pullback_is_the_derivative(name: str, z: list[float], seed: int) -> None:
    """pullback(z, a, da) equals central differences of Σ da·g(z), away from kinks."""
    entry, h = ACTIVATIONS[name], CENTRAL_DIFFERENCE_STEP
    point = np.array([z])
    for kink in (*entry.kinks, 0.0):  # elu has a jump in g″ at 0, which a central difference feels too
        point[np.abs(point - kink) < 2 * h] = kink + 0.5
    if name == "exponential":
        point = np.minimum(point, 2.0)  # e^15 has derivatives of 3e6, beyond an absolute step of 1e-5
    da = np.random.default_rng(seed).uniform(-1, 1, point.shape)
    numeric = np.empty_like(point)
    for j in range(point.shape[1]):
        shift = np.zeros_like(point)
        shift[0, j] = h
        numeric[0, j] = (da * (entry.g(point + shift) - entry.g(point - shift))).sum() / (2 * h)
    assert_close(entry.pullback(point, entry.g(point), da), numeric, CENTRAL_DIFFERENCE)


@pytest.mark.parametrize("name", NAMES)
def test_nan_goes_through(name: str) -> None:
    """A NaN in z is a NaN in a, and a NaN in da is a NaN in delta, on both sides of 0."""
    entry = ACTIVATIONS[name]
    assert np.isnan(entry.g(np.array([[np.nan, 1.0]]))[0, 0])
    z = np.array([[-1.0, 1.0]])
    assert np.isnan(entry.pullback(z, entry.g(z), np.full_like(z, np.nan))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_extremes_are_finite(name: str, dtype: type) -> None:
    """At |z| = 1e4 no value and no pullback overflows or is invalid."""
    entry = ACTIVATIONS[name]
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [100, -100, 50]], dtype=dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a = entry.g(z)
        delta = entry.pullback(z, a, np.ones_like(z))
    assert np.isfinite(a).all()
    assert np.isfinite(delta).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NAMES)
def test_dtype_is_kept_and_arguments_are_left_alone(name: str, dtype: type) -> None:
    """float32 stays float32, float64 stays float64; the results are new arrays and the arguments unchanged."""
    entry = ACTIVATIONS[name]
    z = np.array([[-1.5, 0.25, 2.0]], dtype=dtype)
    da = np.array([[1.0, -2.0, 0.5]], dtype=dtype)
    a = entry.g(z)
    delta = entry.pullback(z, a, da)
    assert a.dtype == delta.dtype == dtype
    assert not np.shares_memory(a, z)
    assert not np.shares_memory(delta, da)
    assert z.tobytes() == np.array([[-1.5, 0.25, 2.0]], dtype=dtype).tobytes()
    assert da.tobytes() == np.array([[1.0, -2.0, 0.5]], dtype=dtype).tobytes()


@given(z=st.lists(st.floats(-700, 700), min_size=2, max_size=5), shift=st.floats(-100, 100))
def test_softmax_is_a_distribution(z: list[float], shift: float) -> None:
    """softmax sums to 1, lies in [0, 1] and does not see a shift of its row; its delta sums to 0."""
    row = np.array([z])
    entry = ACTIVATIONS["softmax"]
    a = entry.g(row)
    assert ((a >= 0) & (a <= 1)).all()
    assert_close(a.sum(axis=1), [1.0], ALGEBRA)
    assert_close(entry.g(row + shift), a, ALGEBRA)
    assert_close(entry.pullback(row, a, np.arange(1.0, 1 + row.shape[1])[None]).sum(axis=1), [0.0], ALGEBRA)


@pytest.mark.parametrize("name", NAMES)
def test_parity_with_torch(name: str) -> None:
    """g and the pullback equal PyTorch's forward and autograd in float64."""
    torch = peers.torch()
    rng = np.random.default_rng(1)
    z = np.concatenate([rng.normal(size=(40, 5)), 20 * rng.normal(size=(10, 5)), np.full((1, 5), -30.0)])
    if name == "exponential":
        z = np.minimum(z, 5.0)
    da = rng.normal(size=z.shape)
    t = torch.tensor(z, requires_grad=True)
    torch_a = peers.torch_activation(name)(t)
    torch_a.backward(torch.tensor(da))
    a = ACTIVATIONS[name].g(z)
    assert_close(a, torch_a.detach().numpy(), PARITY, "g")
    assert_close(ACTIVATIONS[name].pullback(z, a, da), t.grad.numpy(), PARITY, "pullback")
