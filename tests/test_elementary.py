"""log, cosine and powers against arithmetic of 50 digits."""

from __future__ import annotations

import math
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.elementary import cosine_of_half_turns, log, log2, power
from tolerances import COSINE, HAND, POWER, ULPS_LOG, assert_close

mpmath.mp.dps = 50


def test_log_by_hand() -> None:
    """log 1 = 0 exactly; log 2, log e and log ½ to the last digits."""
    assert_close(log(np.array([1.0, 2.0, math.e, 0.5])), [0.0, 0.6931471805599453, 1.0, -0.6931471805599453], HAND)
    assert log(np.array([1.0])).item() == 0.0


def test_log2_is_exact_at_powers_of_two() -> None:
    """log2 of 2^e is e itself."""
    assert [log2(2.0**e) for e in range(-5, 6)] == list(range(-5, 6))


@given(x=st.floats(1.0, 16.0))
def test_log2_to_2_ulp(x: float) -> None:
    """log2 is within 2 ulp of the true value over the numbers of the schedule coslog4."""
    true = mpmath.log(mpmath.mpf(x), 2)
    assert abs(mpmath.mpf(log2(x)) - true) <= ULPS_LOG * math.ulp(float(true))


@given(x=st.floats(min_value=sys.float_info.min * sys.float_info.epsilon, max_value=sys.float_info.max))
def test_log_to_2_ulp(x: float) -> None:
    """log is within 2 ulp of the true value over all positive floats, subnormal ones included."""
    true = mpmath.log(mpmath.mpf(x))
    assert abs(mpmath.mpf(log(np.array([x])).item()) - true) <= ULPS_LOG * math.ulp(float(true))


@given(x=st.floats(0.5, 2.0))
def test_log_near_1_to_2_ulp(x: float) -> None:
    """log keeps its relative accuracy near 1, where it is itself near 0."""
    true = mpmath.log(mpmath.mpf(x))
    assert abs(mpmath.mpf(log(np.array([x])).item()) - true) <= ULPS_LOG * math.ulp(float(true))


@pytest.mark.parametrize(
    ("x", "value"), [(0, 1), (0.5, 0), (1, -1), (1.5, 0), (2, 1), (7, -1), (-1, -1), (-2.5, 0), (1e6 + 0.5, 0)]
)
def test_cosine_is_exact_at_quarter_turns(x: float, value: float) -> None:
    """cos(π·x) is exactly 0, 1 or −1 at multiples of ½."""
    assert cosine_of_half_turns(x) == value


@given(x=st.floats(-1000, 1000))
def test_cosine(x: float) -> None:
    """cos(π·x) is within 2 ulp of 1 of the true value, even, and never beyond ±1."""
    found = cosine_of_half_turns(x)
    assert abs(mpmath.mpf(found) - mpmath.cospi(mpmath.mpf(x))) <= COSINE
    assert found == cosine_of_half_turns(-x)
    assert -1.0 <= found <= 1.0


def test_power_by_hand() -> None:
    """Small powers are exact."""
    assert [power(3.0, n) for n in range(5)] == [1.0, 3.0, 9.0, 27.0, 81.0]
    assert power(0.5, 10) == 2.0**-10
    assert power(0.0, 0) == 1.0


def test_power_squares_from_the_low_bit() -> None:
    """power(b, 11) is ((b·b²)·b⁸) with b⁸ from squaring: these products in this order, to the bit."""
    b = 0.999
    b2 = b * b
    b4 = b2 * b2
    assert power(b, 11) == (b * b2) * (b4 * b4)


@given(base=st.floats(0.5, 1.0), exponent=st.integers(0, 5000))
def test_power(base: float, exponent: int) -> None:
    """power equals the true power relative to its size, while that is a normal number."""
    true = mpmath.mpf(base) ** exponent
    if true > sys.float_info.min:
        assert abs(mpmath.mpf(power(base, exponent)) / true - 1) <= POWER


def test_power_of_a_million_steps_vanishes_quietly() -> None:
    """β^t goes to 0 without a warning, so Adam's correction goes to 1."""
    assert power(0.9, 10**6) == 0.0
    assert power(0.999, 10**9) == 0.0
