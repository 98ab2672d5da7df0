"""A registered loss whose derivative is not that of its value is named before training follows it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.entries import Loss, Pair
from chainrule.errors import GradientWarning
from chainrule.reference.losses import LOSSES

RNG = np.random.default_rng(0)
X, Y, CLASSES = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2)), RNG.integers(0, 2, 30)
NUMBER = itertools.count()
MISSING = np.where(RNG.random((30, 2)) < 0.2, np.nan, Y)
MISSING[np.isnan(MISSING).all(axis=1)] = 0.0


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = dict(LOSSES)
    yield
    LOSSES.clear()
    LOSSES.update(before)


def train(pair: Pair, output: str = "identity", y: Any = Y, dtype: str = "float32") -> None:
    """One epoch with a loss of this pair, on any output."""
    name = f"mine_{next(NUMBER)}"
    cr.register_loss(name, Loss(name=name, formula="of one's own", anywhere=pair, with_softmax=True))
    net = cr.Network([3, 4, 2], activation="tanh", output=output, loss=name, dtype=dtype)
    cr.train(net, X, y, epochs=1, progress=False)


def square(z: Any, a: Any, y: Any) -> Any:
    return ((a - y) ** 2).sum(axis=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("output", "y"), [("identity", Y), ("identity", MISSING), ("sigmoid", CLASSES), ("softmax", CLASSES)]
)
def test_a_part_in_a_hundred_is_found_and_nothing_else(output: str, y: Any, dtype: str) -> None:
    """Half of the derivative, or 1.01 of it, is named; the right one is not, whatever the output and the targets."""
    if output == "sigmoid":
        y = np.stack([y, 1 - y], axis=1).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)
        train(Pair(value=square, da=lambda a, y: 2 * (a - y)), output, y, dtype)
    for factor in (0.5, 1.01, -1.0):
        with pytest.warns(GradientWarning, match=r"loss 'mine_\d+': its derivative by z\[\d+, \d\] is"):
            train(Pair(value=square, da=lambda a, y, f=factor: 2 * f * (a - y)), output, y, dtype)


def test_a_wrong_delta_is_named_with_both_numbers() -> None:
    """delta goes before da; the message holds it and what differences give: twice as much."""
    pair = Pair(value=square, da=lambda a, y: 2 * (a - y), delta=lambda z, a, y: a - y)
    with pytest.warns(GradientWarning) as caught:
        train(pair)
    numbers = str(caught[0].message)
    delta, true = (float(numbers.split(before)[1].split()[0]) for before in ("] is ", "which is "))
    assert true == pytest.approx(2 * delta, rel=1e-4)


def test_corners_are_no_faults() -> None:
    """|a − y| and a loss of no slope at all train without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)
        train(Pair(value=lambda z, a, y: np.abs(a - y).sum(axis=1), da=lambda a, y: np.sign(a - y)))
        train(Pair(value=lambda z, a, y: (0 * a).sum(axis=1), da=lambda a, y: 0 * a))


@pytest.mark.parametrize(
    "value", [lambda z, a, y: (a - y) ** 2, lambda z, a, y: ((a - y) ** 2).mean(), lambda z, a, y: 0.0]
)
def test_a_value_of_another_shape_is_refused(value: Any) -> None:
    """A number for each row, not one for the batch or for each output."""
    with pytest.raises(cr.SettingsError, match=r"loss 'mine_\d+': value\(z, a, y\) has shape .*: must be \(16,\)"):
        train(Pair(value=value, da=lambda a, y: 2 * (a - y)))
