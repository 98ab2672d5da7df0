"""Measures are those of scikit-learn, weighted by row; what no row knows stays out and is said."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import chainrule as cr
from chainrule.planning import measures
from chainrule.training import metrics
from sklearn import metrics as of

Array = npt.NDArray[Any]
CHANCE = np.random.default_rng(3)
N = 120
WEIGHTS = {"none": None, "some": CHANCE.integers(0, 4, N).astype(float), "uneven": CHANCE.uniform(0.01, 9, N)}
A, B = np.random.default_rng(1).normal(size=(2, N))


def split(weight: Array | None) -> tuple[Array | slice, Array | None]:
    """The rows that weigh something, and their weights."""
    rows: Array | slice = slice(None) if weight is None else weight > 0
    return rows, None if weight is None else weight[rows]


@pytest.fixture(scope="module")
def trained() -> dict[str, cr.Run]:
    """A run for each kind of target, with the rows it was trained on as a frame."""
    frame = pd.DataFrame({"a": A, "b": B})
    targets: dict[str, Any] = {
        "pair": {"y": np.where(A + B > 0.3, "fraud", "legit")},
        "classes": {"y": np.array(["low", "mid", "top"])[np.digitize(A, [-0.5, 0.5])]},
        "labels": {"p": np.where(A > 0, "yes", "no"), "q": np.where(B > 0.4, "in", "out")},
        "value": {"y": 3 * A - B},
        "values": {"p": 3 * A, "q": 100 * B + A},
    }
    return {
        name: cr.train(frame.assign(**columns), target=list(columns), epochs=12, progress=False)
        for name, columns in targets.items()
    }


def rows_of(run: cr.Run, noise: int = 7) -> pd.DataFrame:
    """Rows with targets that the run does not always hit."""
    frame = pd.DataFrame({"a": A, "b": B})
    predicted = np.asarray(run.predict(frame)).reshape(N, -1)
    return frame.assign(**{name: np.roll(predicted[:, k], noise * (k + 1)) for k, name in enumerate(names(run))})


def names(run: cr.Run) -> tuple[str, ...]:
    """The targets of a run."""
    return tuple((run.pipeline or {})["target"]["columns"])


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("kind", ["pair", "classes"])
def test_of_classes(trained: dict[str, cr.Run], kind: str, weight: str) -> None:
    run, (rows, w) = trained[kind], split(WEIGHTS[weight])
    frame = rows_of(run)
    found = run.evaluate(frame, weight=WEIGHTS[weight])
    y, guess, proba = frame["y"][rows], run.predict(frame)[rows], run.predict_proba(frame)[rows].astype(float)
    auc = {"multi_class": "ovr"} if kind == "classes" else {}
    expected = {
        "n_rows": N,
        "accuracy": of.accuracy_score(y, guess, sample_weight=w),
        "balanced_accuracy": of.balanced_accuracy_score(y, guess, sample_weight=w),
        "f1_macro": of.f1_score(y, guess, average="macro", sample_weight=w, zero_division=0),
        "log_loss": of.log_loss(y, proba / proba.sum(axis=1, keepdims=True), sample_weight=w),
        "auc": of.roc_auc_score(y, proba if kind == "classes" else proba[:, 1], sample_weight=w, **auc),
    }
    if kind == "pair":
        expected["f1[fraud]"] = of.f1_score(y, guess, pos_label="fraud", sample_weight=w, zero_division=0)
    assert found == pytest.approx(expected, rel=2e-6) and list(found) == list(expected)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_of_labels(trained: dict[str, cr.Run], weight: str) -> None:
    run, (rows, w) = trained["labels"], split(WEIGHTS[weight])
    frame = rows_of(run)
    found = run.evaluate(frame, weight=WEIGHTS[weight])
    y = np.column_stack([frame["p"] == "yes", frame["q"] == "out"])[rows].astype(int)
    proba = run.predict_proba(frame)[rows].astype(float)
    expected = {
        "n_rows": N,
        "accuracy": of.accuracy_score(y, proba >= 0.5, sample_weight=w),
        "label_accuracy": np.average((y == (proba >= 0.5)).mean(axis=1), weights=w),
        "f1_macro": of.f1_score(y, proba >= 0.5, average="macro", sample_weight=w, zero_division=0),
        "log_loss": np.mean([of.log_loss(y[:, k], proba[:, k], sample_weight=w) for k in range(2)]),
        "auc": of.roc_auc_score(y, proba, sample_weight=w),
    }
    assert found == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("kind", ["value", "values"])
def test_of_values(trained: dict[str, cr.Run], kind: str, weight: str) -> None:
    run, (rows, w) = trained[kind], split(WEIGHTS[weight])
    frame = rows_of(run)
    found = run.evaluate(frame, weight=WEIGHTS[weight])
    y, guess = frame[list(names(run))].to_numpy()[rows], np.asarray(run.predict(frame)).reshape(N, -1)[rows]
    assert found["rmse"] == pytest.approx(of.root_mean_squared_error(y, guess, sample_weight=w), rel=1e-9)
    assert found["mae"] == pytest.approx(of.mean_absolute_error(y, guess, sample_weight=w), rel=1e-9)
    assert found["r2"] == pytest.approx(of.r2_score(y, guess, sample_weight=w), rel=1e-9)
    if kind == "values":
        each = of.root_mean_squared_error(y, guess, sample_weight=w, multioutput="raw_values")
        assert [found["rmse_p"], found["rmse_q"]] == pytest.approx(each.tolist(), rel=1e-9)
        score = metrics.choose("rmse", "values").score
        assert score(y, guess, w) == pytest.approx(found["rmse"], rel=1e-9)


@pytest.mark.parametrize("kind", ["pair", "classes", "labels", "value", "values"])
def test_a_row_of_weight_2_is_two_rows(trained: dict[str, cr.Run], kind: str) -> None:
    run, weight = trained[kind], WEIGHTS["some"]
    assert weight is not None
    frame = rows_of(run)
    repeated = frame.loc[np.repeat(frame.index, weight.astype(int))]
    weighted = run.evaluate(frame.assign(w=weight), weight="w")
    once = run.evaluate(repeated)
    assert {k: v for k, v in weighted.items() if k != "n_rows"} == pytest.approx(
        {k: v for k, v in once.items() if k != "n_rows"}, rel=1e-9
    )
    assert run.evaluate(frame, frame[list(names(run))], weight=weight) == weighted


def test_arrays_are_weighted_too() -> None:
    X, y = np.column_stack([A, B]), (A > B).astype(int)
    run = cr.train(cr.Network([2, 4, 1], output="sigmoid"), X, y, epochs=2, progress=False)
    found = run.evaluate(X, y, weight=WEIGHTS["uneven"])
    assert found["accuracy"] == pytest.approx(
        of.accuracy_score(y, run.predict(X), sample_weight=WEIGHTS["uneven"]), rel=1e-12
    )
    assert "f1[1]" in found
    weight = np.where(np.arange(N) < 40, 0.0, 2.0)
    assert run.evaluate(X, y, weight=weight) == run.evaluate(X[40:], y[40:]) | {"n_rows": N}
    with pytest.raises(cr.DataError, match=r"weight\[0\] is -1"):
        run.evaluate(X, y, weight=-np.ones(N))
    with pytest.raises(cr.ShapeError, match="weight has shape"):
        run.evaluate(X, y, weight=[1, 2])
    with pytest.raises(cr.SettingsError, match="weight='w': must be one number a row"):
        run.evaluate(X, y, weight="w")


def test_no_rows_and_rows_without_targets(trained: dict[str, cr.Run]) -> None:
    frame = rows_of(trained["pair"])
    assert trained["pair"].evaluate(frame[:0]) == {"n_rows": 0}
    assert trained["pair"].evaluate(frame.assign(y=None)) == {"n_rows": 0}
    with pytest.raises(cr.DataError, match="weight holds zeros only"):
        trained["pair"].evaluate(frame, weight=np.zeros(N))


def test_a_label_or_value_that_no_row_knows_stays_out(trained: dict[str, cr.Run]) -> None:
    for kind, keys in (("labels", ["f1_macro", "auc", "log_loss"]), ("values", ["rmse", "mae", "r2"])):
        run = trained[kind]
        frame = rows_of(run)
        with pytest.warns(cr.MeasureWarning, match="q: no row knows it; means are over the other targets"):
            found = run.evaluate(frame.assign(q=None))
        frame["q"] = frame["q"].where(np.arange(N) > 0, None)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            whole = run.evaluate(frame)
        alone = measures.of_values(frame["p"].to_numpy(), np.asarray(run.predict(frame))[:, 0], None, ("p",)) \
            if kind == "values" else None  # fmt: skip
        if alone is not None:
            assert [found[key] for key in keys] == pytest.approx([alone[key] for key in keys], rel=1e-9)
            assert found["rmse_q"] is None and whole["rmse_q"] is not None
        else:
            y, proba = (frame["p"] == "yes").to_numpy(), run.predict_proba(frame)[:, 0].astype(float)
            expected = [of.f1_score(y, proba >= 0.5), of.roc_auc_score(y, proba), of.log_loss(y, proba)]
            assert [found[key] for key in keys] == pytest.approx(expected, rel=2e-6)


def test_rows_of_an_unseen_class_are_left_out_and_named(trained: dict[str, cr.Run], tmp_path: Path) -> None:
    run = trained["classes"]
    frame = rows_of(run)
    strange = frame.copy()
    strange.loc[[5, 9, 60], "y"] = ["huge", "tiny", "huge"]
    strange.to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(cr.MeasureWarning) as caught:
        found = run.evaluate(tmp_path / "t.csv")
    said = [str(entry.message) for entry in caught]
    assert len(said) == 2 and "t.csv, line 7, column 'y': holds the class 'huge', training had low, mid, top" in said[0]
    assert "this row and 1 more of that class are left out" in said[0] and "line 11" in said[1]
    rest = run.evaluate(frame.drop(index=[5, 9, 60]))
    assert found == rest | {"n_unseen": 3} and found["n_rows"] == N - 3
    with pytest.warns(cr.MeasureWarning) as caught:
        assert run.evaluate(strange) == found
    assert "column 'y': row 5 (from 0) holds the class 'huge'" in str(caught[0].message)
    labels = trained["labels"]
    rows = rows_of(labels)
    with pytest.warns(cr.MeasureWarning, match="holds the class 'maybe', training had in, out"):
        assert labels.evaluate(rows.assign(q=rows["q"].where(rows.index != 3, "maybe")))["n_rows"] == N


def test_rows_to_judge_by_name_the_line_of_an_unseen_class(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": A, "y": np.where(A > 0, "x", "y")})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.assign(y=frame["y"].where(frame.index != 30, "z")).to_csv(tmp_path / "v.csv", index=False)
    with pytest.raises(cr.DataError, match=r"v.csv, line 32, column 'y': holds the class 'z'; training had x, y"):
        cr.plan(tmp_path / "t.csv", target="y", validation=tmp_path / "v.csv")
