"""What y means: one-hot rows are classes, anything else is values; one row, one class and soft targets train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)


def trained(sizes: list[int], output: str, loss: str, y: Any, path: Path | None = None, **how: Any) -> cr.Run:
    """A run of three epochs on as many random rows as there are targets."""
    X = np.random.default_rng(1).normal(size=(len(y), sizes[0]))
    network = cr.Network(sizes, "tanh", output, loss, dtype="float64", seed=1)
    return cr.train(network, X, y, **{"epochs": 3, "batch_size": 2, "directory": path, "progress": False} | how)


def test_mazur_trains() -> None:
    """Matt Mazur's example through cr.train: his error before and after, his weights."""
    network = cr.Network([2, 2, 2], "sigmoid", "sigmoid", "squared_error", dtype="float64")
    network.W[1][:], network.b[1][:] = [[0.15, 0.25], [0.20, 0.30]], 0.35
    network.W[2][:], network.b[2][:] = [[0.40, 0.50], [0.45, 0.55]], 0.60
    X, y = [[0.05, 0.10]], [[0.01, 0.99]]
    run = cr.train(network, X, y, optimizer=cr.SGD(0.5), epochs=1, progress=False)
    assert run.losses[0] == pytest.approx(0.2983711087600027, rel=1e-14)
    after = [[0.35891647971788465, 0.5113012702387375], [0.4086661860762334, 0.5613701211079891]]
    np.testing.assert_allclose(run.network.W[2], after, rtol=1e-14)
    below = [[0.1497807161327628, 0.24975114363236958], [0.19956143226552567, 0.29950228726473915]]
    np.testing.assert_allclose(run.network.W[1], below, rtol=1e-14)
    for l in (1, 2):  # he leaves the biases as they are
        run.network.b[l][:] = network.b[l]
    assert run.network.backward(X, y).loss == pytest.approx(0.29102777369359933, rel=1e-14)
    assert run.network.kind == "values" and run.network.predict(X).shape == (1, 2)


MEANINGS: dict[str, tuple[list[int], str, str, Any, str]] = {
    "sigmoid, squared error: one-hot": ([2, 3, 2], "sigmoid", "squared_error", [[1, 0], [0, 1.0]], "class"),
    "sigmoid, squared error: indices": ([2, 3, 2], "sigmoid", "squared_error", [1, 0, 1], "class"),
    "sigmoid, squared error: two ones": ([2, 3, 2], "sigmoid", "squared_error", [[1, 1], [0, 1.0]], "values"),
    "sigmoid, squared error: no one": ([2, 3, 2], "sigmoid", "squared_error", [[0, 0], [0, 1.0]], "values"),
    "sigmoid, squared error: values": ([2, 3, 2], "sigmoid", "squared_error", [[0.05, 0.99]], "values"),
    "sigmoid, absolute error": ([2, 3, 2], "sigmoid", "absolute_error", [[0.1, 0.99], [0.2, 0.2]], "values"),
    "sigmoid, huber": ([2, 3, 2], "sigmoid", "huber", [[0.1, 0.99], [0.2, 0.2]], "values"),
    "sigmoid, quantile": ([2, 3, 2], "sigmoid", "quantile:0.9", [[0.1, 0.99], [0.2, 0.2]], "values"),
    "one sigmoid, squared error": ([2, 3, 1], "sigmoid", "squared_error", [0.3, 0.2, 0.7], "values"),
    "softmax, squared error: one-hot": ([2, 3, 2], "softmax", "squared_error", [[1, 0], [0, 1.0]], "class"),
    "softmax, squared error: values": ([2, 3, 2], "softmax", "squared_error", [[0.3, 0.3], [0.5, 0.5]], "values"),
    "softmax: one row": ([2, 3, 2], "softmax", "cross_entropy", [1], "class"),
    "softmax: one class": ([2, 3, 2], "softmax", "cross_entropy", [1, 1, 1], "class"),
    "softmax: one-hot": ([2, 3, 2], "softmax", "cross_entropy", [[1, 0], [0, 1.0]], "class"),
    "softmax: soft": ([2, 3, 2], "softmax", "cross_entropy", [[0.3, 0.7], [0.5, 0.5], [1, 0]], "values"),
    "one sigmoid: one row": ([2, 3, 1], "sigmoid", "cross_entropy", [1], "class"),
    "one sigmoid: one class": ([2, 3, 1], "sigmoid", "cross_entropy", [0, 0, 0], "class"),
    "one sigmoid: soft": ([2, 3, 1], "sigmoid", "cross_entropy", [0.3], "values"),
    "one sigmoid: soft and hard": ([2, 3, 1], "sigmoid", "cross_entropy", [0.3, 1, 0], "values"),
    "one sigmoid: a soft column": ([2, 3, 1], "sigmoid", "cross_entropy", [[0.3], [0.7]], "values"),
    "sigmoids: labels": ([2, 3, 2], "sigmoid", "cross_entropy", [[1, 1], [0, 1.0]], "labels"),
    "sigmoids: one-hot labels": ([2, 3, 2], "sigmoid", "cross_entropy", [[1, 0], [0, 1.0]], "labels"),
    "sigmoids: a label missing": ([2, 3, 2], "sigmoid", "cross_entropy", [[1, np.nan], [0, 1.0]], "labels"),
    "sigmoids: soft": ([2, 3, 2], "sigmoid", "cross_entropy", [[0.3, 0.3], [1, 0]], "values"),
    "identity: one-hot": ([2, 3, 2], "identity", "squared_error", [[1, 0], [0, 1.0]], "values"),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_what_targets_mean(name: str, tmp_path: Path) -> None:
    """y decides; run.json and the printed run say it; explain, why, doctor, report and evaluate take it."""
    sizes, output, loss, y, kind = MEANINGS[name]
    run = trained(sizes, output, loss, y, tmp_path / "run")
    assert run.network.kind == kind and f"targets {kind}" in repr(run)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["targets"] == kind
    assert cr.load(tmp_path / "run").network.kind == kind
    X = np.random.default_rng(1).normal(size=(len(y), 2))
    shape = (len(y),) if kind == "class" or sizes[-1] == 1 else (len(y), 2)
    assert run.network.predict(X).shape == shape
    if kind == "values":
        assert np.array_equal(run.network.predict(X).ravel(), run.network.forward(X).output.ravel())
    scores = run.evaluate(X, y)
    assert scores["n_rows"] == len(y) and ("rmse" if kind == "values" else "accuracy") in scores
    step = run.replay(0)
    assert "nan" not in step.explain() + step.why(f"delta{2}[0,0]").text() + step.circuit(0).text()
    assert run.doctor().text("ko") and (tmp_path / "run" / "report.html").exists()
    assert cr.check_gradients(run.network, X, y).passed


def test_the_loss_of_soft_targets_is_their_cross_entropy() -> None:
    """−Σ y·log a of softmax, −y·log a − (1 − y)·log(1 − a) of one sigmoid."""
    X = RNG.normal(size=(3, 2))
    soft = np.array([[0.3, 0.7], [0.5, 0.5], [1.0, 0.0]])
    net = cr.Network([2, 2], dtype="float64")
    a = net.forward(X).output
    assert net.backward(X, soft).loss == pytest.approx(-(soft * np.log(a)).sum(axis=1).mean(), rel=1e-13)
    one, y = cr.Network([2, 1], output="sigmoid", dtype="float64"), np.array([0.3, 0.9, 0.0])
    p = one.forward(X).output[:, 0]
    assert one.backward(X, y).loss == pytest.approx(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), rel=1e-13)
    assert one.predict_proba(X).shape == (3, 2)


def test_one_soft_target_is_reached() -> None:
    """One sigmoid on a row with target 0.3 comes to say 0.3, whose cross-entropy is its entropy."""
    net = cr.Network([1, 1], output="sigmoid", dtype="float64")
    run = cr.train(net, [[1.0]], [0.3], optimizer=cr.SGD(1.0), epochs=200, progress=False)
    assert run.network.predict([[1.0]]) == pytest.approx(0.3, abs=1e-6)
    assert run.network.predict_proba([[1.0]])[0] == pytest.approx([0.7, 0.3], abs=1e-6)
    assert run.losses[-1] == pytest.approx(-0.3 * np.log(0.3) - 0.7 * np.log(0.7), abs=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_an_autoencoder_is_judged_as_values(loss: str) -> None:
    """Digits through 64-16-64 sigmoids: scored by rmse and r2, the best epoch that of the lowest loss."""
    from sklearn.datasets import load_digits

    X = load_digits().data[:300] / 16
    network = cr.Network([64, 16, 64], "sigmoid", "sigmoid", loss, seed=0)
    run = cr.train(network, X, X, validation=0.2, epochs=12, optimizer=cr.Adam(0.01), progress=False)
    assert run.result["best_epoch"] == int(np.argmin(run.history["validation_loss"]))
    assert run.result["metric"] == "validation_loss" and "accuracy" not in run.history
    predicted = run.network.predict(X)
    assert predicted.shape == X.shape and predicted.dtype == np.float32
    scores = run.evaluate(X, X)
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - X) ** 2, axis=0)).mean(), rel=1e-6)
    assert "r2" in scores and "accuracy" not in scores


def test_validation_rows_are_judged_as_the_training_rows() -> None:
    """Classes against soft rows, values against one-hot rows or class indices: one meaning, that of the training."""
    hard, soft = np.eye(2)[[0, 1, 1]], np.array([[0.3, 0.7], [0.6, 0.4]])
    X = RNG.normal(size=(2, 2))
    run = trained([2, 3, 2], "softmax", "cross_entropy", hard, validation=(X, soft))
    assert run.network.kind == "class" and "accuracy" in run.history
    run = trained([2, 3, 2], "softmax", "cross_entropy", soft, validation=(X, [0, 1]))
    assert run.network.kind == "values" and "rmse" in run.history
    assert "rmse" in run.evaluate(X, [0, 1])
    run = trained([2, 3, 2], "sigmoid", "cross_entropy", hard, validation=(X, soft))
    assert run.network.kind == "values" and "rmse" in run.history


@pytest.mark.parametrize(
    ("sizes", "output", "y", "message"),
    [
        ([2, 3, 1], "sigmoid", [0.5, 1.5], r"y holds numbers outside \[0, 1\]"),
        ([2, 3, 1], "sigmoid", [0.5, np.nan], r"y\[1, 0\] is nan"),
        ([2, 3, 1], "sigmoid", [0, 2], "class 2; expected class indices 0 to 1"),
        ([2, 3, 2], "softmax", [0.5, 1.0], "whole class indices 0 to 1"),
        ([2, 3, 2], "softmax", [[0.5, 0.2], [0.5, 0.5]], "do not sum to 1"),
    ],
)
def test_targets_that_mean_nothing(sizes: list[int], output: str, y: Any, message: str) -> None:
    """Neither classes nor probabilities: named before the first step."""
    with pytest.raises(cr.DataError, match=message):
        trained(sizes, output, "cross_entropy", y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounded_probabilities_are_divided_by_their_sum(dtype: str) -> None:
    """Three of 0.333 sum to 0.999, for which delta = a - y would not be the gradient of the loss."""
    X, rounded = RNG.normal(size=(4, 2)), np.full((4, 3), 0.333)
    net = cr.Network([2, 5, 3], output="softmax", loss="cross_entropy", dtype=dtype, seed=1)
    exact = net.backward(X, np.full((4, 3), 1 / 3))
    found = net.backward(X, rounded)
    assert np.allclose(found.delta[2], exact.delta[2], rtol=0, atol=4 * np.finfo(dtype).eps)
    assert np.abs(found.delta[2].sum(axis=1)).max() < 4 * np.finfo(dtype).eps
    assert cr.check_gradients(net, X, rounded).passed


def test_a_table_says_what_its_targets_mean(tmp_path: Path) -> None:
    """Labels of a table stay labels with any loss, and classes stay classes on sigmoids."""
    import pandas as pd

    x = RNG.normal(size=(60, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "p": x[:, 0] > 0, "q": x[:, 1] > 0})
    how: dict[str, Any] = dict(epochs=2, hidden_sizes=[3], progress=False, directory=tmp_path / "run")
    run = cr.train(frame, target=["p", "q"], loss="squared_error", **how)
    assert run.network.kind == "labels" and set(np.unique(run.network.predict(run.encode(frame)))) <= {0, 1}
    run = cr.train(frame.drop(columns="q"), target="p", loss="absolute_error", **how | {"directory": None})
    assert run.network.kind == "class" and "accuracy" in run.evaluate(frame)


def test_soft_targets_that_are_all_held_out_leave_values(tmp_path: Path) -> None:
    """Training rows of 0 and 1 alone stay values where a held-out row is soft: read again, every step replays."""
    from chainrule.data.split import holdout

    X, y = RNG.normal(size=(10, 2)), (np.arange(10) % 2).astype(float)
    y[holdout(10, 0.2, 0)[1]] = 0.3
    network = cr.Network([2, 3, 1], output="sigmoid")
    cr.train(network, X, y, validation=0.2, epochs=3, batch_size=4, directory=tmp_path / "run", progress=False)
    run = cr.load(tmp_path / "run")
    assert run.network.kind == "values" and run.kept_rows.targets.shape == (8, 1)
    assert run.replay(-1).backward.loss == run.replay(-1, data=(X, y)).backward.loss == run.losses[-1]
