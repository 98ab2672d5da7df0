"""training_metric=True: the history has the metric of the training rows beside that of the held-out rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr

X, Y = load_iris(return_X_y=True)


def trained(**how: Any) -> cr.Run:
    return cr.train(cr.Network([4, 8, 3]), X, Y, epochs=6, progress=False, optimizer=cr.SGD(0.05), **how)


def test_the_metric_of_the_training_rows_is_in_the_history() -> None:
    """Its last value is the accuracy of the last parameters on the training rows; not one bit of the rest changes."""
    run, plain = trained(training_metric=True), trained()
    assert run.history["training_accuracy"][-1] == np.mean(run.network.predict(X) == Y)
    assert len(run.history["training_accuracy"]) == 6
    assert (run.network.parameters.flat == plain.network.parameters.flat).all()
    assert run.history["loss"] == plain.history["loss"] and "training_accuracy" not in plain.history


def test_beside_the_metric_of_the_held_out_rows() -> None:
    """Only rows that were trained on count; the best epoch is still chosen by the held-out rows."""
    run = trained(validation=0.2, training_metric=True)
    names = list(run.history)
    assert names[:4] == ["loss", "validation_loss", "accuracy", "training_accuracy"]
    kept = run.index
    best = run.result["best_epoch"]
    assert run.history["training_accuracy"][best] == np.mean(run.network.predict(X[kept]) == Y[kept])
    assert run.result["metric"] == "accuracy"


def test_values_and_weights() -> None:
    """Of values it is the rmse; rows count by their weights."""
    weight = np.linspace(0, 2, len(X))
    net = cr.Network([3, 1], output="identity", loss="squared_error", dtype="float64")
    run = cr.train(net, X[:, :3], X[:, 3], sample_weight=weight, epochs=3, training_metric=True, progress=False)
    square = (run.network.predict(X[:, :3]) - X[:, 3]) ** 2
    assert run.history["training_rmse"][-1] == pytest.approx(np.sqrt(np.average(square, weights=weight)), rel=1e-12)


def test_a_run_that_diverged_at_once_has_its_name() -> None:
    """No epoch came to its end: the list is there, empty."""
    with pytest.warns(cr.DivergenceWarning):
        run = cr.train(
            cr.Network([4, 8, 1], output="identity", loss="squared_error"), X, Y * 1.5, optimizer=cr.SGD(1e30),
            batch_size=8, training_metric=True, progress=False,
        )  # fmt: skip
    assert run.history["training_rmse"] == run.history["loss"] == []


def test_it_is_kept_and_resumed(tmp_path: Path) -> None:
    """A run that stopped early goes on with it; a table takes it too; a run that was read shows it."""
    stop = type("Stop", (), {"on_epoch_end": lambda self, control: control.epoch == 2 and control.stop("enough")})()
    trained(training_metric=True, directory=tmp_path / "run", callbacks=[stop])
    assert len(cr.load(tmp_path / "run").history["training_accuracy"]) == 3
    run = trained(training_metric=True, directory=tmp_path / "run", resume=True)
    assert len(run.history["training_accuracy"]) == len(run.history["loss"]) == 6
    assert run.history["training_accuracy"] == trained(training_metric=True).history["training_accuracy"]
    assert cr.load(tmp_path / "run").history["training_accuracy"] == run.history["training_accuracy"]
    table = cr.train("iris", epochs=2, training_metric=True, progress=False)
    assert any(name.startswith("training_") for name in table.history)
