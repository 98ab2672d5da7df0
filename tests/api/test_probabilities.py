"""Both probabilities of two classes have all digits of their dtype, and logarithms come from z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.cli import main
from chainrule.sklearn import MLPClassifier, TabularClassifier

Array = npt.NDArray[Any]
TOO_SMALL = {"float32": 2.0**-112, "float64": 2.0**-1008}
Z = np.concatenate([np.linspace(-60, 60, 241), [-1e-4, 1e-4, 87.0, -87.0]])


def digits(found: Array, expected: Array, dtype: str) -> None:
    """Within a few roundings of the dtype, relative; what is too small to count is 0 (docs/notation.md)."""
    assert np.allclose(found, expected, rtol=4 * np.finfo(dtype).eps, atol=TOO_SMALL[dtype])


def identity(dtype: str, n_hidden: int = 0) -> cr.Network:
    """A network whose z of the output is its input."""
    net = cr.Network([1, *([2] * n_hidden), 1], "identity", output="sigmoid", dtype=dtype)
    for W, b in zip(net.W[1:], net.b[1:], strict=True):
        W[...], b[...] = 0, 0
        W[0, 0] = 1
    return net


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_hidden", [0, 2])
def test_of_a_network(dtype: str, n_hidden: int) -> None:
    net, z = identity(dtype, n_hidden), Z.astype(dtype)
    proba = net.predict_proba(z[:, None])
    exact = z.astype(np.float64)
    digits(proba, np.column_stack([expit(-exact), expit(exact)]), dtype)
    assert np.array_equal(proba[:, 1], net.forward(z[:, None]).output[:, 0]) and proba.dtype == dtype
    assert np.array_equal(net.logits(z[:, None])[:, 0], z)
    for row in (0, 120, 200, 244):  # alone as among others
        assert np.array_equal(net.predict_proba(z[row : row + 1, None])[0], proba[row])
    assert net.predict_proba(np.zeros((0, 1))).shape == (0, 2)


def test_the_parameters_stay_as_they_are() -> None:
    net = cr.Network([3, 4, 1], output="sigmoid", seed=1)
    before = net.parameters.flat.copy()
    X = np.random.default_rng(0).normal(size=(50, 3))
    net.predict_proba(X)
    net.logits(X)
    assert np.array_equal(net.parameters.flat, before)


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_logits_are_z_of_the_output_layer(output: str) -> None:
    for n_hidden, normalization in ((0, None), (2, None), (2, "layer")):
        net = cr.Network([3, *([4] * n_hidden), 2], output=output, seed=2, normalization=normalization)
        X = np.random.default_rng(0).normal(size=(70, 3))
        assert np.array_equal(net.logits(X), net.forward(X).z[-1])


def test_the_log_loss_is_that_of_z_where_probabilities_have_ended() -> None:
    net = identity("float32")
    X, y = np.array([[-300.0], [200.0], [3.0]]), np.array([1, 0, 1])
    found = cr.train(net, X, y, epochs=1, optimizer=cr.SGD(1e-30), progress=False).evaluate(X, y)
    assert found["log_loss"] == pytest.approx((300 + 200 + np.log1p(np.exp(-3))) / 3, rel=1e-6)
    labels = cr.Network([1, 2], output="sigmoid")
    labels.W[1][...], labels.b[1][...] = [[1.0, -1.0]], 0.0
    Y = np.array([[1.0, 1], [0, 0], [1, np.nan]])
    found = cr.train(labels, X, Y, epochs=1, optimizer=cr.SGD(1e-30), progress=False).evaluate(X, Y)
    assert found["log_loss"] == pytest.approx((300 + 0 + 200 + 0 + np.log1p(np.exp(-3))) / 5, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_of_the_estimators(dtype: Any) -> None:
    X = np.linspace(-1, 1, 60, dtype=dtype)[:, None]
    with pytest.warns(ConvergenceWarning):
        fit = MLPClassifier((2,), activation="identity", max_iter=2, random_state=0).fit(X, X[:, 0] > 0)
    fit.coefs_[0][...], fit.coefs_[1][...] = [[1, 0]], [[1], [0]]
    for intercept in fit.intercepts_:
        intercept[...] = 0
    z = Z.astype(dtype)[:, None]
    exact = z[:, 0].astype(np.float64)
    expected = np.column_stack([expit(-exact), expit(exact)])
    for rows in (z, sparse.csr_matrix(z)):
        proba = fit.predict_proba(rows)
        below = np.minimum(expected, 1 - np.finfo(proba.dtype).epsneg)
        digits(proba, below, str(proba.dtype))


def test_of_tables_and_files(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 600)
    frame = pd.DataFrame({"x": x, "y": np.where(x > 0.02, "b", "a")})
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = cr.train(frame, target="y", epochs=60, learning_rate=0.05, progress=False, directory=tmp_path / "run")
    proba = run.predict_proba(frame)
    z = run.network.logits(run.encode(frame))[:, 0].astype(np.float64)
    assert np.abs(z).max() > 17  # where 1 − p would have ended
    digits(proba, np.column_stack([expit(-z), expit(z)]), "float32")
    assert (proba > 0).all()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "t.csv"), "-o", str(tmp_path / "p.csv")]) == 0
    written = pd.read_csv(tmp_path / "p.csv", dtype={"probability_a": np.float32, "probability_b": np.float32})
    assert np.array_equal(written[["probability_a", "probability_b"]].to_numpy(), proba)
    model = TabularClassifier(random_state=0, max_iter=60, learning_rate_init=0.05).fit(frame[["x"]], frame["y"])
    assert (model.predict_proba(frame[["x"]]) > 0).all()


def test_the_metric_log_loss_is_the_validation_loss() -> None:
    net = identity("float32")
    X, y = np.array([[-300.0], [200.0], [3.0], [-1.0]]), np.array([1, 0, 1, 0])
    how: dict[str, Any] = {"epochs": 1, "optimizer": cr.SGD(1e-30), "progress": False, "metric": "log_loss"}
    history = cr.train(net, X, y, validation=(X, y), **how).history
    assert history["log_loss"] == history["validation_loss"] == pytest.approx([125.09045], rel=1e-5)
