"""Weights of rows have one meaning: in training, in the table at its end, in its baseline, and in evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from tests.cli.test_tables import shared

import chainrule as cr
from chainrule.cli import main

N = 700


def frame() -> pd.DataFrame:
    """Rows whose weights change what is the best epoch and the majority."""
    r = np.random.default_rng(5)
    a, b = r.normal(size=(2, N))
    y = np.where(a + r.normal(size=N) > 0.4, "x", "y")
    return pd.DataFrame({"a": a, "b": b, "w": np.where(y == "x", 5.0, 1.0) * r.integers(1, 4, N), "y": y})


def result(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, Any]:
    """What a command prints as JSON."""
    assert main([*map(str, arguments), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_table_of_train_obeys_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, path, run = frame(), tmp_path / "t.csv", tmp_path / "run"
    table.to_csv(path, index=False)
    table.to_csv(tmp_path / "test.csv", index=False)
    table.drop(columns="w").to_csv(tmp_path / "bare.csv", index=False)
    asked = ["train", path, "--target", "y", "--weight", "w", "--metric", "accuracy", "--epochs", "4"]
    found = result(capsys, *asked, "-o", run, "--test", tmp_path / "test.csv")
    kept = cr.load(run)
    assert found["validation"]["accuracy"] == pytest.approx(found["best_score"], rel=1e-12)
    weighted = accuracy_score(table["y"], kept.predict(table), sample_weight=table["w"])
    assert found["test"]["accuracy"] == pytest.approx(weighted, rel=1e-12)
    assert found["baseline"]["accuracy"] == pytest.approx(np.average(table["y"] == "x", weights=table["w"]), rel=1e-12)
    assert main([*map(str, asked), "-o", f"{run}2", "--test", str(tmp_path / "bare.csv"), "--json"]) == 0
    said = capsys.readouterr()
    assert "bare.csv: holds no column 'w' of weights; each of its rows counts 1." in said.err
    once = accuracy_score(table["y"], kept.predict(table))
    assert json.loads(said.out)["test"]["accuracy"] == pytest.approx(once, rel=1e-12) and once != weighted


def test_evaluate_obeys_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, path, run = frame(), tmp_path / "t.csv", tmp_path / "run"
    table.to_csv(path, index=False)
    assert main(["train", str(path), "--target", "y", "--weight", "w", "--epochs", "3", "--quiet", "-o", str(run)]) == 0
    by_default, stated = result(capsys, "evaluate", run, path), result(capsys, "evaluate", run, path, "--weight", "w")
    model = result(capsys, "evaluate", run / "model.safetensors", path)
    once = result(capsys, "evaluate", run, path, "--no-weight")
    loaded = cr.load(run)
    guess = loaded.predict(table)
    assert by_default == stated == model and by_default["weight"] == "w"
    assert by_default["accuracy"] == pytest.approx(
        accuracy_score(table["y"], guess, sample_weight=table["w"]), rel=1e-12
    )
    assert "weight" not in once and once["accuracy"] == pytest.approx(accuracy_score(table["y"], guess), rel=1e-12)
    for given, expected in (({}, by_default), ({"weight": None}, once), ({"weight": "w"}, by_default)):
        assert loaded.evaluate(table, **given) == {k: v for k, v in expected.items() if k != "weight"}
    bare = table.drop(columns="w")
    with pytest.warns(cr.MeasureWarning, match="no column 'w' of weights, as training had; each of them counts 1"):
        assert loaded.evaluate(bare)["accuracy"] == once["accuracy"]
    assert loaded.evaluate(bare, weight=table["w"])["accuracy"] == by_default["accuracy"]
    for refused, why in ((["--weight", "q"], "no column 'q'"), (["--weight", "b"], "negative")):
        assert main(["evaluate", str(run), str(path), *refused]) == 2
        assert why in capsys.readouterr().err


def test_a_run_without_weights_can_be_measured_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, path, run = frame(), tmp_path / "t.csv", tmp_path / "run"
    table.to_csv(path, index=False)
    assert main(["train", str(path), "--target", "y", "--drop", "w", "--epochs", "3", "--quiet", "-o", str(run)]) == 0
    found = result(capsys, "evaluate", run, path, "--weight", "w")
    guess = cr.load(run).predict(table)
    assert found["accuracy"] == pytest.approx(accuracy_score(table["y"], guess, sample_weight=table["w"]), rel=1e-12)
    assert "weight" not in result(capsys, "evaluate", run, path)


def test_titanic_by_its_fares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, run = shared("titanic.csv.gz"), tmp_path / "run"
    asked = ["train", path, "--target", "survived", "--weight", "fare", "--metric", "accuracy", "--epochs", "5"]
    found = result(capsys, *asked, "-o", run)
    assert found["validation"]["accuracy"] == pytest.approx(found["best_score"], rel=1e-6)  # float32
    assert main(["evaluate", str(run), path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["weight", "fare"] and lines[1].split() == ["n_rows", "891"]


def test_weights_of_an_npz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, path, run = frame(), tmp_path / "t.npz", tmp_path / "run"
    X, y, w = table[["a", "b"]].to_numpy(), (table["y"] == "x").to_numpy().astype(int), table["w"].to_numpy()
    np.savez(path, X=X, y=y, w=w)
    assert main(["train", str(path), "--weight", "w", "--epochs", "3", "--quiet", "-o", str(run)]) == 0
    guess = cr.load(run).predict(pd.DataFrame(X, columns=["x0", "x1"]))
    found = result(capsys, "evaluate", run, path)
    assert found["accuracy"] == pytest.approx(accuracy_score(y, guess, sample_weight=w), rel=1e-12)
    np.savez(path, X=X, y=y)
    assert main(["evaluate", str(run), str(path), "--json"]) == 0
    said = capsys.readouterr()
    assert "no column 'w' of weights" in said.err and "weight" not in json.loads(said.out)
