"""One finding about a learning rate, for all who look at it."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_digits

import chainrule as cr
from chainrule.tune.found import LearningRate


@pytest.fixture(scope="session")
def digits_found() -> LearningRate:
    X, y = load_digits(return_X_y=True)
    return cr.learning_rate(cr.Network([64, 30, 10], "sigmoid", seed=0), X[:1600] / 16, y[:1600], cr.SGD(0.5))
