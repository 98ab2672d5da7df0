"""run.explain_row and run.importances: the columns of one prediction and of many, as the command line has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.api.results import results_of
from chainrule.cli import main
from chainrule.errors import MeasureWarning
from chainrule.text.tables import columns


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """y = 3·a, of colour nothing, the same everywhere; size is large where a > 0."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=120).round(3)
    return pd.DataFrame(
        {
            "a": a,
            "colour": rng.choice(["red", "blue"], 120),
            "same": 1.5,
            "y": 3 * a,
            "size": np.where(a > 0, "large", "small"),
        }
    )


@pytest.fixture(scope="module")
def linear(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> cr.Run:
    """A run of a file with 20 % held out, without hidden layers, in a directory."""
    path = tmp_path_factory.mktemp("columns")
    frame.drop(columns="size").to_csv(path / "t.csv", index=False)
    return _trained(path / "t.csv", "y", directory=path / "run")


def _trained(source: Any, target: str, **more: Any) -> cr.Run:
    settings: dict[str, Any] = {"hidden_sizes": (), "epochs": 60, "learning_rate": 0.05, "n_bins": 0, "validation": 0.2}
    return cr.train(source, target=target, neighbours=False, progress=False, **settings, **more)


def test_a_contribution_is_what_changing_the_column_changes(linear: cr.Run, frame: pd.DataFrame) -> None:
    """Without hidden layers: replace the cell of one column, and its contribution moves as the prediction does."""
    other = frame.assign(a=frame["a"] + 1.0)
    (here,), (there,) = linear.explain_row(frame, 7), linear.explain_row(other, 7)
    before, after = ({e.column: e.contribution for e in one.found} for one in (here, there))
    moved = linear.predict(other)[7] - linear.predict(frame)[7]
    assert moved == pytest.approx(3.0, abs=0.3)  # y = 3·a
    assert after["a"] - before["a"] == pytest.approx(moved, rel=1e-4)
    assert after["colour"] == pytest.approx(before["colour"], abs=1e-6)
    assert here.score == pytest.approx(linear.predict(frame)[7], rel=1e-6)
    assert sum(before.values()) == pytest.approx(here.score - here.baseline, abs=1e-9)
    assert (here.probability, here.ranked[0].column) == (None, "a")


def test_run_model_and_command_line_say_the_same(
    linear: cr.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One computation behind all of them, and the same for a path, a frame and a mapping of columns."""
    linear.save(tmp_path / "model.safetensors")
    model = cr.load(tmp_path / "model.safetensors")
    source = linear.source["data"] if linear.source else ""
    found = linear.explain_row(source, 3)
    assert model.explain_row(pd.read_csv(source), row=3) == found
    assert linear.explain_row(pd.read_csv(source)[3:4].to_dict("list")).targets == found.targets
    assert main(["explain", str(linear.directory), "--data", str(source), "--row", "3", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["drivers"] == found.to_dict()["targets"]
    worth = linear.importances()
    assert main(["explain", str(linear.directory), "--global", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == worth.to_dict()
    for shown in (found, worth):
        for language in ("en", "ko"):
            text = shown.text(language)
            assert max(map(columns, text.splitlines())) <= 80 and "colour" in text
        assert repr(shown).count("\n") == 0 and "<script" not in shown._repr_html_()
        json.dumps(shown.to_dict(), allow_nan=False)


def test_importances_of_held_out_rows_and_those_given(linear: cr.Run, frame: pd.DataFrame) -> None:
    """The column that y is made of costs about √2·sd(y), the other hardly anything; targets beside the rows."""
    own = linear.importances()
    assert (own.rows, own.n_rows, own.n_sampled, own.measure) == ("held_out", 24, 24, "rmse")
    given = linear.importances(frame)
    a, colour = given
    assert (given.rows, a.column, colour.column) == ("data", "a", "colour")
    assert a.rise == pytest.approx(np.sqrt(2) * frame["y"].std(), rel=0.2)
    assert colour.low <= colour.rise <= colour.high and abs(colour.rise) < 0.05 * a.rise
    assert linear.importances(frame.drop(columns="y"), frame["y"]) == given
    assert results_of(linear._replayer, linear.kept_rows, asked=True)["importances"] == {
        "n": 24,
        "columns": own.to_dict()["columns"],
    }


def test_of_classes(frame: pd.DataFrame) -> None:
    """The score is the log-odds of the predicted class; unknown classes are left out; a frame is no source."""
    table = frame.drop(columns=["y", "same"])
    run = _trained(table, "size")
    (found,) = run.explain_row(table, 0)
    p = run.predict_proba(table)[0].max()
    assert found.prediction == f"size = {run.predict(table)[0]}" and found.probability == pytest.approx(p)
    assert found.score == pytest.approx(np.log(p / (1 - p)), rel=1e-4)
    odd = pd.concat([table, table[:1].assign(size="huge"), table[:1].assign(size=None)], ignore_index=True)
    with pytest.warns(MeasureWarning, match="'huge'"):
        assert run.importances(odd) == run.importances(table)
    with pytest.raises(cr.SettingsError, match="does not say where its rows came from"):
        run.importances()


def test_more_rows_are_sampled(linear: cr.Run, frame: pd.DataFrame) -> None:
    """2,000 of 2,400, which the text says."""
    found = linear.importances(pd.concat([frame] * 20, ignore_index=True))
    assert (found.n_rows, found.n_sampled) == (2_400, 2_000)
    assert "2,400" in found.text() and "2,000" in found.text("ko")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run, X: run.explain_row(X, 120), r"row=120: must be 0 to 119, a row of X"),
        (lambda run, X: run.explain_row(X, -1), r"row=-1: must be 0 to 119"),
        (lambda run, X: run.explain_row(X, True), r"row=True: must be one whole number"),
        (lambda run, X: run.explain_row(X, 0.0), r"row=0.0: must be one whole number"),
        (lambda run, X: run.explain_row(np.zeros((2, 3))), r"X is a ndarray: must be a path"),
        (lambda run, X: run.explain_row(X.drop(columns="a")), r"'a'"),
        (lambda run, X: run.explain_row(X[:0]), r"row=0: must be"),
        (lambda run, X: run.importances(y=X["y"]), r"X=None: must hold the rows of y"),
        (lambda run, X: run.importances(X.drop(columns="y")), r"'y'"),
        (lambda run, X: run.importances(X.assign(y=np.nan)), r"no row with a target: must hold some"),
        (lambda run, X: run.importances(X, X["y"][:3]), r"y has 3 rows"),
        (lambda run, X: run.importances(X[:0]), r"row"),
    ],
)
def test_what_is_refused(linear: cr.Run, frame: pd.DataFrame, call: Any, message: str) -> None:
    """By name, with what it must be."""
    with pytest.raises(cr.ChainruleError, match=message):
        call(linear, frame.drop(columns="size"))


def test_of_arrays_and_of_models_without_a_source(linear: cr.Run, frame: pd.DataFrame, tmp_path: Path) -> None:
    """Arrays have no column names; a model file names no rows."""
    plain = cr.train(cr.Network([1, 2]), [[0.0], [1.0]], [0, 1], epochs=1, progress=False)
    for call in (lambda: plain.explain_row(frame), lambda: plain.importances(frame)):
        with pytest.raises(cr.SettingsError, match="got a training on arrays"):
            call()
    linear.save(tmp_path / "m.safetensors")
    with pytest.raises(cr.SettingsError, match="X=None: must be rows with their targets"):
        cr.load(tmp_path / "m.safetensors").importances()
