"""The operations of a layer, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.reference.kinds.layer_norm import layer_norm_backward, layer_norm_forward, normalised
from chainrule.reference.layers import (
    dense_backward,
    dense_delta,
    dense_forward,
    residual_backward,
    residual_forward,
)
from tolerances import ALGEBRA, FLOAT32, HAND, assert_close

A_IN = np.array([[1.0, 2.0], [3.0, -1.0]])
W = np.array([[1.0, -2.0, 0.0], [0.5, 1.0, -1.0]])
B = np.array([0.0, 1.0, -1.0])


def test_forward_by_hand() -> None:
    """z = a_in @ W + b and a = relu(z) for two rows, two inputs, three units."""
    z, a = dense_forward(A_IN, W, B, "relu")
    assert z.tolist() == [[2.0, 1.0, -3.0], [2.5, -6.0, 0.0]]
    assert a.tolist() == [[2.0, 1.0, 0.0], [2.5, 0.0, 0.0]]


def test_forward_with_mask_by_hand() -> None:
    """Dropout multiplies a by its mask and leaves z alone."""
    mask = np.array([[2.0, 0.0, 2.0], [0.0, 2.0, 2.0]])
    z, a = dense_forward(A_IN, W, B, "relu", mask)
    assert z.tolist() == [[2.0, 1.0, -3.0], [2.5, -6.0, 0.0]]
    assert a.tolist() == [[4.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_backward_by_hand() -> None:
    """dW = a_in.T @ delta, db = Σ_i delta_i and da_in = delta @ W.T."""
    dW, db, da_in = dense_backward(A_IN, W, np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]))
    assert dW.tolist() == [[7.0, 3.0, -1.0], [0.0, -1.0, -2.0]]
    assert db.tolist() == [3.0, 1.0, -1.0]
    assert da_in.tolist() == [[1.0, 1.5], [0.0, 2.0]]


def test_delta_by_hand() -> None:
    """delta lets da through where relu was open, times the mask where there is one."""
    z, a = dense_forward(A_IN, W, B, "relu")
    da = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert dense_delta(z, a, da, "relu").tolist() == [[1.0, 2.0, 0.0], [4.0, 0.0, 0.0]]
    mask = np.array([[2.0, 0.0, 2.0], [2.0, 2.0, 2.0]])
    assert dense_delta(z, a * mask, da, "relu", mask).tolist() == [[2.0, 0.0, 0.0], [8.0, 0.0, 0.0]]


def test_delta_with_mask_uses_the_unmasked_activation() -> None:
    """Where g′ is computed from a, the masked a (here 2·½) must not be mistaken for g(z): σ′ = ¼, times 2."""
    z = np.zeros((1, 1))
    mask = np.full((1, 1), 2.0)
    _, a = dense_forward(np.zeros((1, 1)), np.ones((1, 1)), np.zeros(1), "sigmoid", mask)
    assert a.item() == 1.0
    assert dense_delta(z, a, np.ones((1, 1)), "sigmoid", mask).item() == 0.5


@given(n=st.integers(1, 6), n_in=st.integers(1, 5), n_out=st.integers(1, 5), seed=st.integers(0, 999))
def test_backward_is_the_adjoint(n: int, n_in: int, n_out: int, seed: int) -> None:
    """⟨delta, z(a_in, W, b)⟩ is linear in each argument, with dW, db, da_in as coefficients."""
    rng = np.random.default_rng(seed)
    a_in, weights, delta = rng.normal(size=(n, n_in)), rng.normal(size=(n_in, n_out)), rng.normal(size=(n, n_out))
    b = rng.normal(size=n_out)
    z, _ = dense_forward(a_in, weights, b, "identity")
    dW, db, da_in = dense_backward(a_in, weights, delta)
    assert (dW.shape, db.shape, da_in.shape) == (weights.shape, b.shape, a_in.shape)
    whole = (delta * z).sum()
    assert_close((dW * weights).sum() + (db * b).sum(), whole, ALGEBRA)
    assert_close((da_in * a_in).sum() + (db * b).sum(), whole, ALGEBRA)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype: type) -> None:
    """Everything a layer computes has the dtype it was given."""
    a_in, weights, b = A_IN.astype(dtype), W.astype(dtype), B.astype(dtype)
    mask = np.ones((2, 3), dtype=dtype)
    z, a = dense_forward(a_in, weights, b, "gelu", mask)
    delta = dense_delta(z, a, np.ones_like(a), "gelu", mask)
    assert {array.dtype for array in (z, a, delta, *dense_backward(a_in, weights, delta))} == {np.dtype(dtype)}


def test_layer_norm_by_hand() -> None:
    """z = (0, 2) has mean 1 and variance 1, so x̂ = (−1, 1)/√(1 + 1e-5); gain and shift act unit by unit."""
    z, gain, shift = np.array([[0.0, 2.0]]), np.array([3.0, 1.0]), np.array([10.0, 20.0])
    s = np.sqrt(1 + 1e-5)
    assert_close(layer_norm_forward(z, gain, shift), [[10 - 3 / s, 20 + 1 / s]], HAND)
    # dx̂ = (3, 2): mean 2.5; mean of dx̂·x̂ is −½/s; what is left is ½·(1 − 1/s²) up and down
    delta, dgain, dshift = layer_norm_backward(z, gain, np.array([[1.0, 2.0]]))
    left = 0.5 * (1 - 1 / s**2) / s
    assert_close(delta, [[left, -left]], HAND)
    assert_close(dgain, [-1 / s, 2 / s], HAND)
    assert dshift.tolist() == [1.0, 2.0]


@given(n=st.integers(1, 5), units=st.integers(1, 40), seed=st.integers(0, 999))
def test_rows_are_brought_to_mean_0_and_variance_1(n: int, units: int, seed: int) -> None:
    """x̂ of every row has mean 0 and variance var/(var + ε), and is the same wherever the row is moved to."""
    z = np.random.default_rng(seed).normal(size=(n, units))
    x_hat, deviation = normalised(z)
    var = z.var(axis=1)
    assert_close(x_hat.mean(axis=1), np.zeros(n), ALGEBRA)
    assert_close(x_hat.var(axis=1), var / (var + 1e-5), ALGEBRA)
    assert_close(deviation[:, 0], np.sqrt(var + 1e-5), ALGEBRA)
    assert_close(normalised(z + 8.0)[0], x_hat, 1e3 * ALGEBRA)  # the rounding of z + 8, divided by at least √ε


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [0.0, 0.1, -3.3, 1e4, 12345.678, 1e8])
@pytest.mark.parametrize("units", [1, 2, 3, 17, 64, 1000])
def test_equal_numbers_become_the_shift(units: int, level: float, dtype: type) -> None:
    """A row of equal numbers has no direction: x̂ is 0, u is the shift, whatever the level; nothing flows back."""
    z, shift = np.full((2, units), level, dtype), np.linspace(0, 1, units).astype(dtype)
    u = layer_norm_forward(z, np.full(units, 2, dtype), shift)
    assert_close(u, np.tile(shift, (2, 1)), FLOAT32 * max(1.0, abs(level) * 1e-4))
    delta, dgain, dshift = layer_norm_backward(z, np.ones(units, dtype), np.ones((2, units), dtype))
    assert np.isfinite(delta).all()
    assert_close(dshift, np.full(units, 2.0), FLOAT32)
    assert u.dtype == delta.dtype == dgain.dtype == dshift.dtype == dtype


def test_huge_numbers_keep_their_digits() -> None:
    """float32 rows around 1e4 are normalised as float64 does it, up to the digits that z itself has."""
    z = (1e4 + np.random.default_rng(0).normal(size=(20, 64))).astype(np.float32)
    wide = normalised(z.astype(np.float64))[0]
    assert_close(normalised(z)[0], wide, FLOAT32)
    assert_close(normalised(1e4 * z)[0], normalised(1e4 * z.astype(np.float64))[0], 1e-2)  # z itself is rounded to 8


def test_one_unit_lets_nothing_back() -> None:
    """A single unit equals its mean: u is the shift, and delta is 0."""
    z = np.array([[5.0], [-7.0]])
    assert layer_norm_forward(z, np.array([3.0]), np.array([0.5])).tolist() == [[0.5], [0.5]]
    delta, dgain, dshift = layer_norm_backward(z, np.array([3.0]), np.array([[1.0], [2.0]]))
    assert not delta.any() and not dgain.any()
    assert dshift.tolist() == [3.0]


def test_residual_by_hand() -> None:
    """The input is added to what the layer makes of it; the error comes down both ways."""
    assert residual_forward(A_IN, np.array([[1.0, -2.0], [0.5, 0.0]])).tolist() == [[2.0, 0.0], [3.5, -1.0]]
    assert residual_backward(np.array([[1.0, 2.0]]), np.array([[0.5, -2.0]])).tolist() == [[1.5, 0.0]]
