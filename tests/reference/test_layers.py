"""One dense layer, forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.reference.layers import dense_backward, dense_delta, dense_forward
from tolerances import ALGEBRA, assert_close

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
