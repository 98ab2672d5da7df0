"""Every tolerance of the tests, each with its reason. No test is made to pass by widening one.

The error of a quantity is judged as a whole: max|found − expected| / max(1, max|expected|). Entries far
smaller than their neighbours carry the rounding of the sums they come from, not information.
"""

from __future__ import annotations

from typing import Any

import numpy as np

HAND = 1e-12
"""A few operations in float64 redone on paper or by mpmath: some ulp, with room for 12 printed digits."""

ULPS_LOG = 2.0
"""What elementary.log promises: e·ln 2 and the series are rounded once each."""

COSINE = 1e-15
"""cosine_of_half_turns: 2 ulp of 1 and the rounding of π·x; the reference value has more digits."""

POWER = 1e-12
"""Squaring doubles a relative error at each of up to 13 bits of the exponent: 2^13 · 1e-16."""

INVERSE_NORMAL = 2e-15
"""AS 241 promises about 1e-16 relative; scipy's ndtri is itself good to a few ulp."""

CENTRAL_DIFFERENCE_STEP = 1e-5
"""Truncation h² · g‴/6 ≈ 1e-10 and cancellation ε/h ≈ 1e-11 are about in balance in float64."""

CENTRAL_DIFFERENCE = 1e-8
"""Truncation and cancellation of the step above, times third derivatives and sums up to about 50."""

GRADIENT_CHECK = 1e-7
"""Central differences of J through a whole network: the derivative of a composition grows with depth."""

PARITY = 1e-10
"""Reference against PyTorch in float64: the same formulas in another order of summation, over a few layers."""

ALGEBRA = 1e-12
"""Two orders of the same sum or two forms of the same expression in float64, over at most a few hundred terms."""

FUSED = 1e-9
"""a − y against the pullback of ∂loss/∂a, which divides by a(1 − a) ≥ 1e-4 before multiplying by it again."""

FLOAT32 = 2e-6
"""Some 10 roundings of 6e-8 each: the same sum in float32 taken in another order."""

ULPS_NATIVE = 3.0
"""What native/elementary.hpp promises of exp, log, tanh, erf, sigmoid in float32; the same is asked in float64."""

ULPS_NORMAL_DISTRIBUTION = 5.0
"""Φ is a product of three factors that are each rounded: 1 ulp apiece, and the rounding of x/√2 in the middle."""

NATIVE = {"float32": 1e-5, "float64": 1e-13}
"""One step, native against reference: sums of up to 1000 products in another order, through a few layers."""


def normalised(tolerance: float, record: Any) -> float:
    """The tolerance of a step with layer normalisation: rounding in z is divided by √(var + 1e-5) of its row.

    A row whose units are nearly equal makes that up to 316 times larger, once for every normalised layer, and
    once more on the way back.
    """
    factor = 1.0
    for l, u in enumerate(record.forward.u):
        if u is not None and len(u):
            variance = record.forward.z[l].astype(np.float64).var(axis=1).min()
            factor *= max(1.0, 1 / np.sqrt(variance + 1e-5))
    return tolerance * factor**2


SECOND_ORDER = {"float32": 2e-5, "float64": 1e-13}
"""H·v has about twice the operations of a gradient, and g″ cancels more digits than g′ does."""

NATIVE_100_STEPS = {"float32": 2e-3, "float64": 1e-9}
"""A hundred steps of a small network: the differences above, carried on by training."""

CHI_SQUARE_5 = 20.52
"""Quantile 0.999 of chi-square with 5 degrees of freedom. The draws are fixed, so a pass stays a pass."""

CHI_SQUARE_255 = 330.52
"""Quantile 0.999 of chi-square with 255 degrees of freedom."""

SKLEARN_EPOCHS = 1e-11
"""Weights and losses after 20 epochs in float64 against scikit-learn's: the order of sums differs, 1e-15 a step, and
the steps between multiply it."""

SIGMAS = 4.0
"""Standard errors a sample moment may be off. The draws are fixed, so a pass stays a pass."""


def error(found: Any, expected: Any) -> float:
    """max|found − expected| / max(1, max|expected|); NaN where either is not finite."""
    found, expected = np.asarray(found, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    if found.size == 0:
        return 0.0
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def assert_close(found: Any, expected: Any, tolerance: float, what: str = "") -> None:
    """Found equals expected within the tolerance, which NaN never does."""
    e = error(found, expected)
    assert e <= tolerance, f"{what} error {e:.3g} > {tolerance:g}\nfound    {found}\nexpected {expected}"
