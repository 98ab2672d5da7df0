"""Class weights weigh whatever a training is judged by: losses and metrics of held-out rows, trials of candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_class_weight

import chainrule as cr
from chainrule.api.model_selection import tried
from chainrule.cli import main
from chainrule.planning.plan import Resample
from chainrule.sklearn import TabularClassifier

Array = npt.NDArray[Any]


def rare(n: int, seed: int = 0) -> tuple[Array, Array]:
    """Rows of which 3 % are positive, by a sum and a product."""
    r = np.random.default_rng(seed)
    X = r.normal(size=(n, 6))
    z = 2.2 * X[:, 0] + 1.5 * X[:, 1] * X[:, 2] - X[:, 3] + 0.5 * r.normal(size=n)
    return X, (z > np.quantile(z, 0.97)).astype(int)


@pytest.mark.parametrize("given", ["balanced", {0: 0.5, 1: 7.0}])
@pytest.mark.parametrize("how", ["share", "rows", "weighted rows"])
def test_the_history_weighs_both_losses_alike(given: Any, how: str) -> None:
    X, y = rare(600)
    w = None if how != "weighted rows" else np.random.default_rng(1).integers(1, 4, 600).astype(float)
    split = slice(0, 400), slice(400, 600)
    validation: Any = (X[split[1]], y[split[1]], None if w is None else w[split[1]])
    rows = (X[split[0]], y[split[0]]) if how != "share" else (X, y)
    net = cr.Network([6, 8, 1], "tanh", output="sigmoid", dtype="float64")
    run = cr.train(
        net, *rows, epochs=1, validation=0.25 if how == "share" else validation, class_weight=given, progress=False,
        sample_weight=None if w is None else w[split[0]],
    )  # fmt: skip
    index = run.index if how == "share" else np.arange(400)
    out = np.setdiff1d(np.arange(600), index)
    by_class = (
        compute_class_weight("balanced", classes=np.array([0, 1]), y=y[index]) if given == "balanced" else [0.5, 7.0]
    )
    factor = np.asarray(by_class)[y[out]] * (1 if w is None else w[out])
    proba = run.network.predict_proba(X[out])
    assert run.history["validation_loss"][0] == pytest.approx(log_loss(y[out], proba, sample_weight=factor), rel=1e-9)
    expected = accuracy_score(y[out], run.network.predict(X[out]), sample_weight=factor)
    assert run.history["accuracy"][0] == pytest.approx(expected, rel=1e-12)


def test_the_best_epoch_is_that_of_the_weighted_loss() -> None:
    X, y = rare(1200)
    net = cr.Network([6, 32, 1], "tanh", output="sigmoid")
    how: dict[str, Any] = {"epochs": 60, "validation": (X[800:], y[800:]), "metric": "loss", "progress": False}
    plain = cr.train(net, X[:800], y[:800], optimizer=cr.Adam(0.01), **how)
    run = cr.train(net, X[:800], y[:800], optimizer=cr.Adam(0.01), class_weight="balanced", **how)
    assert run.result["best_epoch"] == int(np.argmin(run.history["validation_loss"]))
    scores = [balanced_accuracy_score(y[800:], one.network.predict(X[800:])) for one in (plain, run)]
    assert scores[1] > scores[0] + 0.05


def test_trials_on_folds_weigh_the_rows_outside() -> None:
    X, y = rare(400)
    frame = pd.DataFrame(X).rename(columns=str).assign(y=y)
    plan = cr.plan(frame, target="y", class_weight="balanced").details
    assert plan.fold is not None
    candidate = plan.candidates[0]
    learned, out = candidate.rows.taken(plan.fold != 0), candidate.rows.taken(plan.fold == 0)
    found = tried(candidate, Resample(rows=learned, seed=0, outside=out), "balanced")
    assert found is not None
    by_class = compute_class_weight("balanced", classes=np.array([0, 1]), y=learned[1])
    expected = log_loss(out[1], found[1].predict_proba(out[0]), sample_weight=by_class[out[1]])
    assert found[0] == pytest.approx(expected, rel=1e-9)
    X0, y0, _ = (part[out[1] == 0] if part is not None else None for part in out)
    assert tried(candidate, Resample(rows=learned, seed=0, outside=(X0, y0, None)), {0: 0.0}) is None


def test_a_table_of_rare_positives_comes_to_the_accuracy_of_the_estimator(tmp_path: Path) -> None:
    X, y = rare(3000, 2)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    learned, rest = frame[:1800], frame[1800:]
    learned.to_csv(tmp_path / "t.csv", index=False)
    how = ["--target", "y", "--class-weight", "balanced", "-o", str(tmp_path / "run"), "--quiet", "--epochs", "40"]
    assert main(["train", str(tmp_path / "t.csv"), *how]) == 0
    run = cr.load(tmp_path / "run")
    found = balanced_accuracy_score(rest["y"], run.predict(rest).astype(int))
    model = TabularClassifier(class_weight="balanced", random_state=0, max_iter=40).fit(
        learned[list("abcdef")], learned["y"]
    )
    expected = balanced_accuracy_score(rest["y"], model.predict(rest[list("abcdef")]))
    assert found > 0.9 and found > expected - 0.02


def test_the_statistics_of_the_columns_follow_the_weights() -> None:
    X, y = rare(600)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    plain, weighted = (cr.plan(frame, target="y", class_weight=w).candidates[-1].pipeline for w in (None, "balanced"))
    edges = [pipeline.arrays()["0.edges"] for pipeline in (plain, weighted)]
    assert np.median(edges[1]) > np.median(edges[0]) + 0.3  # towards the positives, which have larger a
