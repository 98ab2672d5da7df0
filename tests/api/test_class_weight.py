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
from chainrule.api.trial import tried
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
    repeated = y[index] if w is None else np.repeat(y[index], w[index].astype(int))
    by_class = (
        compute_class_weight("balanced", classes=np.array([0, 1]), y=repeated) if given == "balanced" else [0.5, 7.0]
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


def weighted(n: int = 60) -> tuple[Array, Array, Array]:
    """Rows of three classes, and weights that are whole."""
    r = np.random.default_rng(4)
    return r.normal(size=(n, 3)), r.choice(3, size=n, p=[0.6, 0.3, 0.1]), r.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("of_labels", [False, True])
def test_balanced_takes_a_row_of_weight_2_for_two_rows(of_labels: bool) -> None:
    X, y, w = weighted()
    net = cr.Network([3, 4, 3], "tanh", output="softmax", dtype="float64")
    if of_labels:
        y = np.stack([y == 0, y == 1], axis=1).astype(float)
        net = cr.Network([3, 4, 2], "tanh", output="sigmoid", dtype="float64")
    often = np.repeat(np.arange(len(X)), w.astype(int))
    how: dict[str, Any] = {"epochs": 3, "batch_size": 1000, "class_weight": "balanced", "progress": False}
    one = cr.train(net, X, y, sample_weight=w, **how)
    other = cr.train(net, X[often], y[often], **how)
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-12)
    assert one.network.parameters.flat == pytest.approx(other.network.parameters.flat, rel=1e-9)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_balanced_is_of_the_ratios_of_weights_alone(factor: float) -> None:
    X, y, w = weighted()
    net = cr.Network([3, 3], output="softmax", dtype="float64")
    one, other = (
        cr.train(net, X, y, sample_weight=w * c, class_weight="balanced", epochs=1, progress=False).record.class_weight
        for c in (1.0, factor)
    )
    sums = np.bincount(y, weights=w)
    assert one == pytest.approx(dict(enumerate(w.sum() / (3 * sums)))) and other == pytest.approx(one)


def test_a_class_without_weight_is_no_class_to_balance() -> None:
    X, y, w = weighted()
    w = np.where(y == 2, 0.0, w)
    net = cr.Network([3, 3], output="softmax", dtype="float64")
    run = cr.train(net, X, y, sample_weight=w, class_weight="balanced", epochs=1, progress=False)
    assert run.record.class_weight == pytest.approx({c: w.sum() / (2 * w[y == c].sum()) for c in (0, 1)})


def test_the_statistics_of_columns_take_a_row_of_weight_2_for_two_rows() -> None:
    X, y, w = weighted(150)
    frame = pd.DataFrame(X, columns=list("abc")).assign(y=np.array(list("pqr"))[y])
    often = frame.loc[np.repeat(frame.index, w.astype(int))].reset_index(drop=True)
    how: dict[str, Any] = {"target": "y", "class_weight": "balanced", "n_bins": 0}
    one, other = (
        cr.plan(table, **how, **more).candidates[-1].pipeline.arrays()
        for table, more in ((frame.assign(w=w), {"weight": "w"}), (often, {}))
    )
    assert set(one) == set(other) and one
    for name, array in one.items():
        assert array == pytest.approx(other[name], rel=1e-9), name


def begun(folder: Path, rules: int, monkeypatch: pytest.MonkeyPatch, epochs: int, w: Any = None) -> cr.Run:
    """A run as a version with these rules for class weights made it."""
    with monkeypatch.context() as patched:
        patched.setattr("chainrule.api.weight_rules.WEIGHT_RULES", rules)
        return resumed(folder, epochs, w, resume=False)


def resumed(folder: Path, epochs: int, w: Any = None, *, resume: bool = True) -> cr.Run:
    """The same run, begun or gone on with."""
    X, y, _ = weighted()
    return cr.train(
        cr.Network([3, 4, 3], "tanh", output="softmax"), X, y, sample_weight=w, class_weight="balanced",
        validation=0.3, epochs=epochs, directory=folder, resume=resume, progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("rules", [1, 2, 3])
@pytest.mark.parametrize("has_weights", [False, True])
def test_a_run_of_an_earlier_version_is_resumed_by_its_own_rules(
    rules: int, has_weights: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = weighted()[2] + 1 if has_weights else None
    whole = begun(tmp_path / "whole", rules, monkeypatch, 6, w)
    begun(tmp_path / "part", rules, monkeypatch, 3, w)
    run = resumed(tmp_path / "part", 6, w)
    for name in ("loss", "validation_loss", "accuracy"):
        assert run.history[name] == whole.history[name]
    assert np.array_equal(run.network.parameters.flat, whole.network.parameters.flat)
    assert cr.load(tmp_path / "part").replay(-1).backward.loss == whole.losses[-1]


def test_the_rules_differ_where_they_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    w = weighted()[2] + 1
    runs = [begun(tmp_path / str(rules), rules, monkeypatch, 3, w) for rules in (1, 2, 3)]
    assert runs[0].history["loss"] == runs[1].history["loss"] != runs[2].history["loss"]
    assert runs[0].history["validation_loss"] != runs[1].history["validation_loss"]


def test_other_rows_are_refused_whatever_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(tmp_path / "run", 1, monkeypatch, 3)
    with pytest.raises(cr.SettingsError, match="the training rows changed since this run began"):
        resumed(tmp_path / "run", 6, weighted()[2] + 1)


def test_a_run_of_an_earlier_version_is_extended_by_its_own_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = (begun(tmp_path / str(n), 1, monkeypatch, n) for n in (6, 3))
    X, y, _ = weighted()
    run = cr.load(tmp_path / "3").extend(3, data=(X, y), progress=False)
    assert run.history["validation_loss"] == whole.history["validation_loss"]
    assert len(part.history["loss"]) == 3


@pytest.mark.parametrize("rules", [2, 3])
def test_rows_that_are_given_are_weighted_as_the_run_says(
    rules: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y, w = weighted()
    run = begun(tmp_path / "run", rules, monkeypatch, 3, w + 1)
    assert cr.load(tmp_path / "run").replay(-1, data=(X, y, w + 1)).backward.loss == run.losses[-1]
