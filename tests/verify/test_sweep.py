"""The V-curve falls and rises; engines are compared entry by entry."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.text.tables import columns
from chainrule.verify.parity import parity
from chainrule.verify.sweep import sweep

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 5))
Y = RNG.integers(0, 3, size=8).astype(np.int32)


class Wrong(NumpyEngine):
    """An engine whose dW of one layer is off in one entry."""

    def backward(self, *arguments, **options):
        backward = super().backward(*arguments, **options)
        backward.dW[2][1, 1] += 0.01
        return backward


def test_a_right_gradient_has_a_v() -> None:
    """Errors fall by two decades per decade of h, have a floor below 1e-9, and rise again."""
    net = cr.Network([5, 6, 3], activation="tanh", dtype="float64", normalization="layer")
    curve = sweep(NumpyEngine(), net.parameters, X, Y)
    by = dict(zip(curve.widths, curve.errors, strict=True))
    assert by[1e-2] > 30 * by[1e-3] > 900 * by[1e-4]
    assert curve.best[1] < 1e-9 and by[1e-11] > 10 * curve.best[1]
    assert 1e-7 <= curve.best[0] <= 1e-3
    for language in ("en", "ko"):
        assert max(map(columns, curve.text(language).splitlines())) <= 80


def test_a_wrong_gradient_has_none() -> None:
    """Where the gradient is wrong, no width brings the error down."""
    net = cr.Network([5, 6, 3], activation="tanh", dtype="float64")
    assert sweep(Wrong(), net.parameters, X, Y).best[1] > 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_worst_entry_is_named(dtype: str) -> None:
    """Engines that agree pass; a difference is found and placed."""
    net = cr.Network([5, 6, 3], activation="tanh", dtype=dtype, normalization="layer")
    rows = X.astype(dtype)
    right = parity(net.engine, NumpyEngine(), net.parameters, rows, Y, None)
    assert right.passed and right.worst.startswith("d")
    wrong = parity(Wrong(), NumpyEngine(), net.parameters, rows, Y, None)
    assert not wrong.passed and wrong.worst == "dW2[1,1]"
    assert wrong.found - wrong.expected == pytest.approx(0.01, rel=1e-3)
