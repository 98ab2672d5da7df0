"""Mean and scale are StandardScaler's to the bit, which the bits of every standardised input follow."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from chainrule.pipeline.statistics import mean_and_scale

CHANCE = np.random.default_rng(0)
VALUES = {
    "one": np.array([3.7]),
    "constant": np.full(77, 3.3),
    "whole": CHANCE.integers(-5, 5, 300),
    "float32": CHANCE.normal(size=500).astype(np.float32),
    "far": CHANCE.normal(1e9, 1.0, 1001),
    "small": CHANCE.normal(0, 1e-9, 2500),
}


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("weighted", [False, True])
def test_as_standard_scaler(values: str, weighted: bool) -> None:
    x = VALUES[values]
    weight = np.random.default_rng(1).uniform(0, 2, len(x)) if weighted else None
    scaler = StandardScaler().fit(x.reshape(-1, 1).astype(np.float64), sample_weight=weight)
    assert mean_and_scale(x, weight) == (scaler.mean_[0], scaler.scale_[0])


def test_squares_that_overflow() -> None:
    """Mean 2e200 and deviation 1e200, though the squares are no numbers."""
    mean, scale = mean_and_scale(np.array([1e200, 3e200]), None)
    assert math.isclose(mean, 2e200) and math.isclose(scale, 1e200)
    mean, scale = mean_and_scale(np.array([1e200, 3e200, 7.0]), np.array([1e300, 1e300, 0.0]))
    assert math.isclose(mean, 2e200) and math.isclose(scale, 1e200)
