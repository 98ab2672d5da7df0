"""Penalties, the clip, and the dropout mask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine.protocol import StepSettings
from chainrule.reference.penalties import PENALTIES, clip, dropout_mask, penalty, penalty_gradient
from chainrule.seeding import Purpose, stream_key, words
from chainrule.training.settings import SETTINGS
from tolerances import CENTRAL_DIFFERENCE, CENTRAL_DIFFERENCE_STEP, FLOAT32, HAND, SIGMAS, assert_close

W1 = np.array([[1.0, -2.0], [0.0, 3.0]])
W2 = np.array([[-4.0]])


def test_penalty_by_hand() -> None:
    """½·0.1·(1 + 4 + 9 + 16) + 0.5·(1 + 2 + 3 + 4) = 1.5 + 5."""
    assert_close(penalty([W1, W2], {"l2": 0.1, "l1": 0.5}), 6.5, HAND)
    assert penalty([W1, W2], {"l2": 0.0, "l1": 0.0}) == 0.0


def test_penalty_gradient_by_hand() -> None:
    """0.1·W + 0.5·sign(W), and 0 where W is 0."""
    assert_close(penalty_gradient(W1, {"l2": 0.1, "l1": 0.5}), [[0.6, -0.7], [0.0, 0.8]], HAND)


@given(l2=st.floats(0, 2), l1=st.floats(0, 2), seed=st.integers(0, 999))
def test_penalty_gradient_is_the_derivative(l2: float, l1: float, seed: int) -> None:
    """The gradient equals central differences of the penalty, away from W = 0."""
    W = np.random.default_rng(seed).normal(size=(2, 3))
    W[np.abs(W) < 0.01] = 0.5
    h, numeric, strengths = CENTRAL_DIFFERENCE_STEP, np.empty_like(W), {"l2": l2, "l1": l1}
    for index in np.ndindex(W.shape):
        shift = np.zeros_like(W)
        shift[index] = h
        numeric[index] = (penalty([W + shift], strengths) - penalty([W - shift], strengths)) / (2 * h)
    assert_close(penalty_gradient(W, strengths), numeric, CENTRAL_DIFFERENCE)


@pytest.mark.parametrize("name", PENALTIES)
def test_every_entry_has_the_slope_of_its_value_and_a_setting_of_its_name(name: str) -> None:
    """On one weight: strength · slope is the difference quotient of value, its strength is a setting that is 0."""
    entry, h, W = PENALTIES[name], CENTRAL_DIFFERENCE_STEP, np.array([-1.5])
    numeric = (entry.value(W + h, 0.7) - entry.value(W - h, 0.7)) / (2 * h)
    assert_close(0.7 * entry.slope(W), [numeric], CENTRAL_DIFFERENCE)
    assert SETTINGS[name] is entry.setting and entry.setting.default == 0.0
    assert set(StepSettings().penalties) == set(PENALTIES)


def test_penalty_of_float32_is_summed_in_float64() -> None:
    """A million equal float32 weights add up to their exact sum, which float32 running sums would miss."""
    W = np.full((1000, 1000), 0.1, dtype=np.float32)
    assert_close(penalty([W], {"l2": 2.0, "l1": 0.0}) / 1e6, float(np.float32(0.1)) ** 2, HAND)


def test_clip_by_hand() -> None:
    """(3, 4) has length 5: clipped to 1 it is (0.6, 0.8), and a bound of 5 or more leaves the array itself."""
    g = np.array([3.0, 4.0])
    assert_close(clip(g, 1.0), [0.6, 0.8], HAND)
    assert clip(g, 5.0) is g
    assert g.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8), bound=st.floats(0.01, 100))
def test_clip_bounds_the_length_and_keeps_the_direction(dtype: type, values: list[float], bound: float) -> None:
    """The clipped gradient is at most clip_norm long, parallel to g and of its dtype; a shorter one keeps its bits."""
    g = np.array(values, dtype=dtype)
    clipped, norm = clip(g, bound), float(np.linalg.norm(g.astype(np.float64)))
    assert clipped.dtype == dtype
    if norm <= bound:
        assert clipped.tobytes() == g.tobytes()
    else:
        assert_close(np.linalg.norm(clipped.astype(np.float64)), bound, FLOAT32)
        assert_close(clipped * (norm / bound), g, FLOAT32)


def test_clip_of_a_norm_beyond_float32() -> None:
    """The norm is taken in float64: entries whose squares overflow float32 are still clipped to length 1."""
    assert_close(clip(np.full(4, 1e30, dtype=np.float32), 1.0), [0.5] * 4, FLOAT32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_mask_by_hand(dtype: type) -> None:
    """At p = ¼ a unit is kept from word 2^30 on, and a kept one counts 4/3."""
    word = np.array([[0, 2**30 - 1, 2**30, 2**32 - 1]], dtype=np.uint32)
    mask = dropout_mask(word, 0.25, np.dtype(dtype))
    assert mask.dtype == dtype
    assert mask.tolist() == [[0, 0, float(dtype(4 / 3)), float(dtype(4 / 3))]]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_mask_has_mean_1(p: float) -> None:
    """Inverted dropout keeps the expectation: the mean of the mask is 1 and the share dropped is p."""
    n = 40_000
    mask = dropout_mask(words(stream_key(0, Purpose.DROPOUT), n), p, np.dtype(np.float64))
    spread = np.sqrt(p * (1 - p) / n)
    assert abs((mask == 0).mean() - p) < SIGMAS * spread
    assert abs(mask.mean() - 1) < SIGMAS * spread / (1 - p)


@pytest.mark.parametrize("p", [0.0, 0.9999999999, np.nextafter(1.0, 0.0)])
def test_dropout_mask_at_the_ends(p: float) -> None:
    """p = 0 keeps every unit as it is; the largest p below 1 still fits the 32-bit word."""
    word = np.array([0, 2**31, 2**32 - 1], dtype=np.uint32)
    mask = dropout_mask(word, p, np.dtype(np.float64))
    assert mask.tolist() == ([1.0] * 3 if p == 0 else [0.0, 0.0, 1 / (1 - p)])
