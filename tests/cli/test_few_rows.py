"""Few rows through the command line: all are trained on, cross-validated, and TabularClassifier does the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.api.load import load
from chainrule.cli import main
from chainrule.sklearn import TabularClassifier, TabularRegressor


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def frame(n: int) -> pd.DataFrame:
    """A class and a value that follow from a text with gaps and two numbers."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", None], n), "size": rng.standard_normal(n).round(3),
            "age": rng.integers(1, 90, n),
        }
    )  # fmt: skip
    table["kind"] = np.where((table["colour"] == "red") ^ (table["size"] > 0.5), "yes", "no")
    table["price"] = (10 * table["size"] ** 2 + table["age"] / 9).round(3)
    return table


def trained(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What train says in JSON."""
    assert main(["train", "rows.csv", "-o", "run", "--json", *options]) == 0
    record: dict[str, Any] = json.loads(capsys.readouterr().out)
    return record


@pytest.mark.parametrize("n", [150, 540], ids=["few rows", "a part held out"])
@pytest.mark.parametrize("target", ["kind", "price"])
def test_the_estimator_does_what_the_command_does(n: int, target: str, folder: Path, capsys: Any) -> None:
    """From the same rows and seed come the same choice, the same network and the same predictions."""
    frame(n).to_csv("rows.csv", index=False)
    rows = pd.read_csv("rows.csv")
    other = {"kind": "price", "price": "kind"}[target]
    seed = np.random.RandomState(3).randint(np.iinfo(np.int32).max)
    result = trained(capsys, "--target", target, "--drop", other, "--seed", f"{seed}")
    estimator = TabularClassifier if target == "kind" else TabularRegressor
    model = estimator(random_state=3).fit(rows.drop(columns=["kind", "price"]), rows[target])
    network = load("run").network
    assert str(model.network_.architecture) == result["network"]
    assert np.array_equal(model.network_.parameters.flat, network.parameters.flat)
    assert ("cross-validation" in result, "validation" in result) == (n < 500, n >= 500)


def test_all_of_few_rows_are_trained_on_and_judged_out_of_their_fold(folder: Path, capsys: Any) -> None:
    """The scores of the cross-validation are of rows not learned from: of chance they are those of chance."""
    rows = frame(120)
    rows["kind"] = np.random.default_rng(0).choice(["yes", "no"], 120)
    rows.to_csv("rows.csv", index=False)
    result = trained(capsys, "--target", "kind")
    assert result["train"]["n_rows"] == result["cross-validation"]["n_rows"] == 120
    assert result["cross-validation"]["accuracy"] < 0.65
    assert {"cross_validation_loss"} < set(result["tried"][0])
    for command in ("check", "explain"):
        assert main([command, "run"]) == 0


@pytest.mark.parametrize("stated", [["--valid", "0.2"], ["--epochs", "3"], ["--preset", "plain", "--epochs", "2"]])
def test_what_is_stated_is_done(stated: list[str], folder: Path, capsys: Any) -> None:
    """A share to hold out, a number of epochs or a preset leave the way of few rows."""
    frame(120).to_csv("rows.csv", index=False)
    result = trained(capsys, "--target", "kind", "--drop", "price", *stated)
    assert (result["train"]["n_rows"], result["validation"]["n_rows"]) == (96, 24)


def test_a_run_of_few_rows_is_continued(folder: Path, capsys: Any) -> None:
    """A time limit ends the training; --resume goes on with the same choice to the same weights as in one go."""
    frame(120).to_csv("rows.csv", index=False)
    command = ["train", "rows.csv", "--target", "price", "--drop", "kind", "--quiet", "--resume"]
    assert main([*command, "-o", "whole"]) == 0
    assert main([*command, "-o", "whole"]) == 0
    again = load("whole")
    assert again.result["stopped"] == "epochs" and again.source is not None and again.source["validation"] is None
