"""The command line with neighbours: said at training, predicted, explained, checked, forbidden."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.api.load import load
from chainrule.cli import main


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of which only near rows tell the class: a board of 20 × 20 fields, each of a colour of its own."""
    folder = tmp_path_factory.mktemp("board")
    rng = np.random.default_rng(0)
    colours = np.random.default_rng(7).integers(0, 2, (20, 20))
    for name, n in (("train", 2000), ("test", 200)):
        X = rng.uniform(0, 20, (n, 2))
        i, j = X.astype(int).T
        lines = [f"{a:.6g},{b:.6g},{('white', 'black')[c]}" for (a, b), c in zip(X, colours[i, j], strict=True)]
        (folder / f"{name}.csv").write_text("east,north,field\n" + "\n".join(lines) + "\n", "utf-8")
    assert main(["train", str(folder / "train.csv"), "--target", "field", "-o", str(folder / "run"), "--quiet"]) == 0
    return folder


def test_train_says_what_the_model_stores(board: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A line in words, and of the JSON which trial had neighbours; without them nothing of it."""
    data = [str(board / "train.csv"), "--target", "field"]
    assert main(["train", *data, "-o", str(tmp_path / "one")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "the model stores 1,600 training rows and their targets (--no-neighbours: none)" in shown
    assert main(["train", *data, "-o", str(tmp_path / "two"), "--json", "--no-neighbours"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert not any(entry.get("neighbours") for entry in record["tried"]) and len(record["tried"]) == 4
    run = load(tmp_path / "two")
    assert run.pipeline is not None and "neighbours" not in run.pipeline


def test_new_rows_are_predicted_and_explained_by_their_neighbours(
    board: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The neighbours are an entry of their own in both languages; what all entries add is the score."""
    run, test = str(board / "run"), str(board / "test.csv")
    assert main(["evaluate", run, test, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.65
    assert main(["explain", run, "--data", test, "--row", "3", "--format", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["drivers"]
    names = [entry["column"] for entry in found["columns"]]
    assert sorted(names) == ["east", "neighbours", "north"]
    total = sum(entry["contribution"] for entry in found["columns"])
    assert total == pytest.approx(found["score"] - found["baseline"], rel=1e-3, abs=1e-3)
    for language, said in (("en", "5 nearest training rows"), ("ko", "가장 가까운 학습 행 5개")):
        assert main(["explain", run, "--data", test, "--row", "3", "--language", language]) == 0
        assert said in capsys.readouterr().out


def test_checks_hold_and_the_doctor_accuses_no_neighbour(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replay to the bit, engines alike; no leak is found in inputs that are means of other rows' targets."""
    assert main(["check", str(board / "run")]) == 0
    assert main(["doctor", str(board / "run"), "--json"]) == 0
    capsys.readouterr()


def test_a_run_goes_on_with_its_neighbours(board: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--resume of a finished run with more epochs has the same inputs."""
    data = [str(board / "train.csv"), "--target", "field", "-o", str(tmp_path / "run"), "--quiet"]
    assert main(["train", *data]) == 0
    before = load(tmp_path / "run")
    assert main(["train", *data, "--resume"]) == 0
    assert main(["train", *data, "--resume", "--epochs", str(len(before.history["loss"]) + 5)]) == 0
    after = load(tmp_path / "run")
    assert len(after.history["loss"]) == len(before.history["loss"]) + 5
    assert after.pipeline is not None and "neighbours" in after.pipeline
