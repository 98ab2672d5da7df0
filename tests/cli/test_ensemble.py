"""Every command on the run of an ensemble: it answers for the ensemble, or says whose member it shows."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.api.load import load
from chainrule.cli import main
from chainrule.cli.parser import build

NOTE = "an ensemble of 2; this is member 0 (--member K for another)"
OTHERS = {"train", "learning-rate", "bench", "serve", "studio"}
"""Commands that take no run, and those that do not end (tests/serve, tests/studio)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and an ensemble of two trained on it."""
    folder = tmp_path_factory.mktemp("ensemble")
    rng = np.random.default_rng(0)
    rows = [f"{a:.4f},{b:.4f},{'yes' if a * b > 0 else 'no'}" for a, b in rng.normal(size=(600, 2))]
    (folder / "rows.csv").write_text("east,north,kind\n" + "\n".join(rows) + "\n", "utf-8")
    how = ["--target", "kind", "--epochs", "3", "--network", "8", "--quiet"]
    assert main(["train", str(folder / "rows.csv"), *how, "--members", "2", "-o", str(folder / "run")]) == 0
    return folder


def said(capsys: pytest.CaptureFixture[str], *arguments: Any, code: int = 0) -> tuple[str, str]:
    """What a command prints on stdout and stderr."""
    capsys.readouterr()
    found = main([str(argument) for argument in arguments])
    assert found == code or (arguments[0] == "doctor" and found == 1)  # it may find a fault
    return capsys.readouterr()


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV by column."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


COMMANDS: dict[str, list[Any]] = {
    "predict": ["RUN", "ROWS", "-o", "OUT"],
    "evaluate": ["RUN", "ROWS"],
    "explain": ["RUN"],
    "check": ["RUN"],
    "doctor": ["RUN"],
    "report": ["RUN", "-o", "OUT"],
    "card": ["RUN"],
    "export": ["RUN", "--to", "torch", "-o", "OUT.py"],
}


def test_every_command_that_takes_a_run_is_tried_here() -> None:
    """A further command must answer for an ensemble too."""
    commands = next(action for action in build()._actions if action.dest == "run" or action.choices)
    assert set(commands.choices or ()) - OTHERS == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers(folder: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On the whole ensemble; what belongs to one training says that it shows the first member."""
    names = {"RUN": folder / "run", "ROWS": folder / "rows.csv", "OUT": tmp_path / "out", "OUT.py": tmp_path / "out.py"}
    out, err = said(capsys, command, *(names.get(part, part) for part in COMMANDS[command]))
    assert out or err
    assert (NOTE in err) == (command in ("explain", "doctor", "report"))


def test_predict_and_evaluate_are_of_the_mean(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the run and of its model file alone."""
    mean = np.mean([member.predict_proba(folder / "rows.csv") for member in load(folder / "run").members], axis=0)
    scores = []
    for subject in (folder / "run", folder / "run" / "model.safetensors"):
        said(capsys, "predict", subject, folder / "rows.csv", "-o", tmp_path / "out.csv")
        rows = rows_of(tmp_path / "out.csv")
        found = np.array([[float(row["probability_no"]), float(row["probability_yes"])] for row in rows])
        assert found == pytest.approx(mean, rel=1e-6)
        scores.append(json.loads(said(capsys, "evaluate", subject, folder / "rows.csv", "--json")[0]))
    assert scores[0] == scores[1]
    pairs = zip(rows, rows_of(folder / "rows.csv"), strict=True)
    assert scores[0]["accuracy"] == np.mean([row["prediction"] == truth["kind"] for row, truth in pairs])


def test_explain_of_a_row_shows_mean_and_spread(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over the members; contributions are their means and add up to the difference of the scores."""
    asked = ("explain", folder / "run", "--data", folder / "rows.csv", "--row", 3)
    record = json.loads(said(capsys, *asked, "--format", "json")[0])["drivers"][0]
    assert record["probability"] == pytest.approx(np.mean(record["members"]), rel=1e-6)
    assert record["spread"] == pytest.approx(np.std(record["members"]), rel=1e-6)
    total = sum(column["contribution"] for column in record["columns"])
    assert total == pytest.approx(record["score"] - record["baseline"], abs=1e-6)
    text = " ".join(said(capsys, *asked)[0].split())
    assert "Mean of an ensemble of 2." in text and f"standard deviation is {record['spread']:.4g}"[:28] in text
    assert "앙상블 2개의 평균" in said(capsys, *asked, "--language", "ko")[0]
    own = json.loads(said(capsys, *asked, "--format", "json", "--member", 1)[0])
    assert own["drivers"][0]["probability"] == pytest.approx(record["members"][1], rel=1e-6)
    assert "members" not in own["drivers"][0] and "forward" in str(own.keys())


def test_a_member_can_be_named(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By its number, without the note; others are refused with what there is."""
    for command in ("explain", "check", "doctor"):
        out, err = said(capsys, command, folder / "run", "--member", 1)
        assert out and NOTE not in err
    assert "--member 2: must be 0 to 1" in said(capsys, "explain", folder / "run", "--member", 2, code=2)[1]
    assert "--member -1: must be 0 to 1" in said(capsys, "doctor", folder / "run", "--member", -1, code=2)[1]
    member = folder / "run" / "members" / "1"
    assert said(capsys, "explain", member)[0] == said(capsys, "explain", folder / "run", "--member", 1)[0]
    assert "left out or 0" in said(capsys, "explain", member, "--member", 1, code=2)[1]


def test_check_covers_all_members_and_the_model(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 1 where the model is not made of them."""
    record = json.loads(said(capsys, "check", folder / "run", "--json")[0])
    assert record["passed"] and len(record["members"]) == 2 and record["model_differs_at"] == []
    shutil.copytree(folder / "run", tmp_path / "run")
    run = load(folder / "run")
    run.ensemble.networks[1].W[1][0, 0] += 1  # type: ignore[union-attr]
    run.save(tmp_path / "run" / "model.safetensors")
    out, _ = said(capsys, "check", tmp_path / "run", code=1)
    assert "DIFFERENT at members [1]" in " ".join(out.split())


def test_the_report_says_that_it_shows_a_member(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That of the run is the first member's; a member's lies in its folder."""
    page = (folder / "run" / "report.html").read_text("utf-8")
    assert '"member":0,"members":2' in page.replace(" ", "")
    out, _ = said(capsys, "report", folder / "run", "--member", 1)
    assert Path(out.strip()) == folder / "run" / "members" / "1" / "report.html"


def test_train_says_how_many_members_there_are(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before and after the training, in words and as JSON; and refuses what is no number of members."""
    data = [folder / "rows.csv", "--target", "kind", "--epochs", 2, "--network", 8]
    text = " ".join(said(capsys, "train", *data, "--preset", "strong", "-o", tmp_path / "one")[0].split())
    assert "8 of these trainings, each with a seed of its own, are averaged" in text
    assert "members 8 averaged, of 2, 2, 2, 2, 2, 2, 2, 2 epochs" in text
    record = json.loads(said(capsys, "train", *data, "--members", 2, "-o", tmp_path / "two", "--json")[0])
    assert [entry["epochs"] for entry in record["members"]] == [2, 2] and record["members_asked"] == 2
    for members in ("0", "x", "1.5", "-1"):
        assert "members" in said(capsys, "train", *data, "--members", members, code=2)[1]


def test_a_finished_ensemble_is_resumed_with_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And refused without --resume, or as the run of one training."""
    run, data = (
        folder / "run",
        [folder / "rows.csv", "--target", "kind", "--epochs", 3, "--network", 8, "-o", folder / "run"],
    )
    before = {path: path.read_bytes() for path in sorted(run.rglob("model.safetensors"))}
    said(capsys, "train", *data, "--members", 2, "--resume", "--quiet")
    assert {path: path.read_bytes() for path in sorted(run.rglob("model.safetensors"))} == before
    assert "holds a run already" in said(capsys, "train", *data, "--members", 2, code=2)[1]
    assert "holds an ensemble" in said(capsys, "train", *data, "--resume", code=2)[1]


def test_more_epochs_and_members_go_on(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every member goes on to them; a further one begins."""
    shutil.copytree(folder / "run", tmp_path / "run")
    data = [folder / "rows.csv", "--target", "kind", "--network", 8, "-o", tmp_path / "run", "--resume", "--quiet"]
    said(capsys, "train", *data, "--members", 3, "--epochs", 4)
    assert [member.result["epochs"] for member in load(tmp_path / "run").members] == [4, 4, 4]
    assert "3" in said(capsys, "check", tmp_path / "run")[0]


def test_an_unfinished_ensemble_is_said_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By every command; the members there are answer."""
    data = [folder / "rows.csv", "--target", "kind", "--epochs", 3, "--network", 8, "-o", tmp_path / "run", "--quiet"]
    err = said(capsys, "train", *data, "--members", 3, "--time-limit", 0.001)[1]
    assert "1 of 3 members trained; the model is that one" in err
    out, err = said(capsys, "evaluate", tmp_path / "run", folder / "rows.csv")
    assert out and err == f"chainrule: {tmp_path / 'run'}: 1 of 3 members trained. Continue it with resume.\n"
    said(capsys, "train", *data, "--members", 3, "--resume")
    assert said(capsys, "evaluate", tmp_path / "run", folder / "rows.csv")[1] == ""


def test_members_are_trained_from_a_cache(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows that are mapped from a file; any member's step can be seen again."""
    large = ["--cache", tmp_path / "cache", "--cache-above", 0, "--members", 2, "-o", tmp_path / "run", "--quiet"]
    said(capsys, "train", folder / "rows.csv", "--target", "kind", "--epochs", 2, "--network", 8, *large)
    assert json.loads(said(capsys, "check", tmp_path / "run", "--json")[0])["passed"]
    assert "Step 3" in said(capsys, "explain", tmp_path / "run", "--member", 1, "--step", 3)[0]
