"""A loss of one's own is compared with differences at fit, and check_gradients takes estimators."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.errors import GradientWarning
from chainrule.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor
from chainrule.verify.own_loss import wrong_delta

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = RNG.normal(size=(60, 2)) * [1.0, 30.0]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def each(value: Any) -> Any:
    return lambda a, y: value(a - y).sum(axis=1)


RIGHT: dict[str, tuple[Any, Any]] = {
    "squared": (each(lambda e: 0.5 * e * e), lambda a, y: a - y),
    "absolute": (each(np.abs), lambda a, y: np.sign(a - y)),
    "huber": (each(lambda e: np.where(abs(e) < 1, 0.5 * e * e, abs(e) - 0.5)), lambda a, y: np.clip(a - y, -1, 1)),
    "log cosh": (each(lambda e: np.logaddexp(e, -e)), lambda a, y: np.tanh(a - y)),
    "quartic": (each(lambda e: e**4), lambda a, y: 4 * (a - y) ** 3),
    "insensitive": (each(lambda e: np.maximum(abs(e) - 1, 0)), lambda a, y: np.sign(a - y) * (abs(a - y) > 1)),
    "in float32": (each(lambda e: (0.5 * e * e).astype(np.float32)), lambda a, y: (a - y).astype(np.float32)),
    "large": (each(lambda e: 5e8 * e * e), lambda a, y: 1e9 * (a - y)),
    "small": (each(lambda e: 5e-10 * e * e), lambda a, y: 1e-9 * (a - y)),
    "with an offset": (lambda a, y: 1e3 + ((a - y) ** 2).sum(axis=1), lambda a, y: 2 * (a - y)),
    "mixing the outputs": (
        lambda a, y: 0.5 * (a - y).sum(axis=1) ** 2, lambda a, y: np.repeat((a - y).sum(axis=1)[:, None], 2, axis=1),
    ),
    "two-sided slope": (each(lambda e: np.where(e > 0, 3 * e, -e)), lambda a, y: np.where(a > y, 3.0, -1.0)),
}  # fmt: skip
WRONG: dict[str, tuple[Any, Any]] = {
    "sign": (RIGHT["squared"][0], lambda a, y: y - a),
    "half": (each(lambda e: e * e), lambda a, y: a - y),
    "a hundredth": (RIGHT["squared"][0], lambda a, y: 1.01 * (a - y)),
    "one output": (RIGHT["squared"][0], lambda a, y: (a - y) * [1, 0.5]),
    "divided by rows": (RIGHT["squared"][0], lambda a, y: (a - y) / len(a)),
    "of another loss": (RIGHT["absolute"][0], lambda a, y: a - y),
    "nothing": (RIGHT["quartic"][0], lambda a, y: 0 * a),
    "beyond a corner": (RIGHT["absolute"][0], lambda a, y: 5 * np.sign(a - y)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_delta_passes(name: str) -> None:
    """Of random outputs, of outputs at the targets, where losses have corners, and near them."""
    for scale in (1.0, 1e-3, 0.0):
        assert wrong_delta(RIGHT[name], Y + scale * RNG.normal(size=Y.shape), Y) is None


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_delta_is_named_at_fit(name: str) -> None:
    """The warning has the entry, what delta says there and what differences of value give."""
    value, delta = WRONG[name]
    with pytest.warns(GradientWarning, match=r"delta\(a, y\)\[\d+, [01]\] is .*: must be the derivative") as caught:
        MLPRegressor((value, delta), (4,), max_iter=1, random_state=0).fit(X, Y)
    assert sum(issubclass(w.category, GradientWarning) for w in caught) == 1


def test_the_entry_named_is_the_wrong_one() -> None:
    """Row, output, delta and difference are those of the functions."""
    value, _ = RIGHT["squared"]
    a = Y + RNG.normal(size=Y.shape)

    def delta(a: Any, y: Any) -> Any:
        d = a - y
        d[7, 1] *= 2
        return d

    found = wrong_delta((value, delta), a[:16], Y[:16])
    assert found is not None and (found.row, found.output) == (7, 1)
    assert found.difference == pytest.approx(a[7, 1] - Y[7, 1], rel=1e-5)
    assert found.delta == 2 * (a[7, 1] - Y[7, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["squared", "log cosh", "absolute"])
def test_a_right_delta_is_no_warning_at_fit(name: str, dtype: Any) -> None:
    """Fits in either precision, also by parts and with one row."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GradientWarning)
        MLPRegressor(RIGHT[name], (4,), max_iter=2, random_state=0).fit(X.astype(dtype), Y.astype(dtype))
        MLPRegressor(RIGHT[name], (4,), random_state=0).partial_fit(X[:1], Y[:1])


def test_check_gradients_takes_estimators() -> None:
    """Fitted estimators of every kind, with weights, options and labels; a loss of one's own by its functions."""
    labels = (X[:, 0] > 0).astype(int)
    names = np.array(["a", "b"])[labels]
    for estimator, y in (
        (MLPClassifier((5,), "tanh", max_iter=3), names),
        (MLPClassifier((5,), "tanh", max_iter=3), (X > 0).astype(int)),
        (MLPRegressor("huber", (5,), "tanh", max_iter=3), Y),
        (MLPRegressor(RIGHT["squared"], (5,), "tanh", max_iter=3), Y),
        (TabularClassifier(hidden_layer_sizes=[4], max_iter=2), names),
        (TabularRegressor(hidden_layer_sizes=[4], max_iter=2), Y[:, 0]),
    ):
        estimator.set_params(random_state=0).fit(X, y)
        assert cr.check_gradients(estimator, X[:9], y[:9], np.arange(9.0), max_entries=12).passed
        with pytest.raises(ValueError, match="9 rows, y 8"):
            cr.check_gradients(estimator, X[:9], y[:8])
    with pytest.raises(ValueError, match="not fitted"):
        cr.check_gradients(MLPClassifier(), X, labels)


def test_check_gradients_finds_a_wrong_own_loss() -> None:
    """The differences are those of value."""
    with pytest.warns((GradientWarning, ConvergenceWarning)):
        wrong = MLPRegressor(WRONG["half"], (5,), "tanh", max_iter=2, random_state=0).fit(X, Y)
    assert not cr.check_gradients(wrong, X[:9], Y[:9]).passed


def test_check_gradients_takes_runs_and_refuses_the_rest() -> None:
    """A run by its network; anything else is named."""
    run = cr.train(cr.Network([3, 2]), X, (X[:, 0] > 0).astype(int), epochs=1, progress=False)
    assert cr.check_gradients(run, X[:5], [0, 1, 0, 1, 0]).passed
    with pytest.raises(cr.SettingsError, match="network is a list: must be a Network"):
        cr.check_gradients([], X, Y)
