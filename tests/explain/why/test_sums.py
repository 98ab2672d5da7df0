"""The engine's arithmetic in Python: one rounding where it has one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chainrule.text.sums import chain, fused, running_sum

F32 = st.floats(-1e6, 1e6, width=32)


@given(F32, F32, F32)
def test_fused_rounds_once_to_float32(x: float, y: float, s: float) -> None:
    """fma in float32 is the float32 nearest to the exact value: both its neighbours are no nearer."""
    exact = Fraction(x) * Fraction(y) + Fraction(s)
    found = fused(np.float32(x), np.float32(y), np.float32(s))
    gap = abs(Fraction(float(found)) - exact)
    for other in (np.nextafter(found, np.float32(np.inf)), np.nextafter(found, np.float32(-np.inf))):
        assert gap <= abs(Fraction(float(other)) - exact)


def test_a_case_that_two_roundings_get_wrong() -> None:
    """1 + 2^-24 + 2^-60: through float64 it would be a tie and go to 1; rounded once it is above."""
    x = np.float32(2.0**-30)
    s = fused(np.float32(1), np.float32(1 + 2.0**-23), np.float32(0))
    assert s == np.float32(1 + 2.0**-23)
    half = fused(np.float32(2.0**-12), np.float32(2.0**-12), np.float32(1))  # an exact tie goes to even
    above = fused(np.float32(2.0**-12 + 2.0**-35), np.float32(2.0**-12), np.float32(1))
    assert half == 1 and above == np.nextafter(np.float32(1), np.float32(2))
    assert fused(x, x, np.float32(1)) == 1


def test_chains_by_hand() -> None:
    """1·2 + 3·4 + 5·6 = 2, 14, 44; plain sums 1, 3, 6."""
    x, y = np.float32([1, 3, 5]), np.float32([2, 4, 6])
    assert chain(x, y).tolist() == [2, 14, 44]
    assert chain(x.astype(np.float64), y.astype(np.float64)).tolist() == [2, 14, 44]
    assert running_sum(np.float32([1, 2, 3])).tolist() == [1, 3, 6]
    assert np.isnan(chain(np.float32([np.inf, 1]), np.float32([0, 1]))[-1])
