"""chainrule train … --resume with more --epochs: a finished run goes on, anything else that differs is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.cli import main


def record(run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(run, "run.json").read_text())
    return found


def test_a_finished_run_goes_on(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """To the epochs stated, with the same bits for the steps before; the same command again does nothing."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "iris", "--preset", "plain", "--early-stopping", "none", "--quiet", "-o", "run", "--epochs"]
    assert main([*command, "30"]) == 0
    before = cr.load("run")
    assert isinstance(before, cr.Run)
    for epochs, joints in (("40", 1), ("55", 2), ("55", 2)):
        assert main([*command, epochs, "--resume"]) == 0
        run = cr.load("run")
        assert isinstance(run, cr.Run)
        assert len(run.events) == joints and len(run.history["loss"]) == int(epochs) == run.settings.epochs
        assert run.losses[: before.n_steps].tobytes() == before.losses.tobytes()
        assert record("run")["parts"] == joints + 1
        assert [run.replay(t).backward.loss for t in range(run.n_steps)] == run.losses.tolist()
    assert main(["check", "run"]) == 0
    assert main(["predict", "run", "iris", "-o", "out.csv"]) == 0
    kept = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    capsys.readouterr()
    for more, message in (
        (["54"], "epochs was 55, is 54"),
        (["60", "--l2", "0.5"], "l2 was 0.001, is 0.5"),
        (["60", "--learning-rate", "0.5"], "learning_rate was 0.003, is 0.5"),
        (["60", "--network", "7"], "different architecture"),
        (["60", "--batch-size", "7"], "batch_size was 32, is 7"),
    ):
        assert main([*command, *more, "--resume"]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
    assert {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()} == kept


def test_patience_of_the_preset_does_not_move(tmp_path: Path, monkeypatch: Any) -> None:
    """It is a share of the epochs stated; that of the run stays, as nobody stated another."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "iris", "--preset", "plain", "--valid", "0.25", "--quiet", "-o", "run", "--epochs"]
    assert main([*command, "10"]) == 0
    patience = record("run")["settings"]["early_stopping"]
    assert patience == 2
    assert main([*command, "60", "--resume"]) == 0
    assert record("run")["settings"]["early_stopping"] == patience


def test_a_run_chosen_among_candidates_goes_on(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """The candidate that was chosen, to the epochs stated; trials and source stay recorded."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "iris", "--quiet", "-o", "run"]) == 0
    before = record("run")
    assert before["source"]["trials"]
    total = before["settings"]["epochs"] + 10
    assert main(["train", "iris", "--quiet", "-o", "run", "--resume", "--epochs", str(total)]) == 0
    after = record("run")
    assert main(["train", "iris", "-o", "run", "--resume", "--epochs", str(total + 5)]) == 0
    assert f"goes on   after {total} epochs, to {total + 5}" in capsys.readouterr().out
    assert main(["train", "iris", "-o", "run", "--resume", "--epochs", str(total + 5)]) == 0
    assert "goes on" not in capsys.readouterr().out
    assert after["source"] == before["source"] and after["architecture"] == before["architecture"]
    assert after["settings"] == before["settings"] | {"epochs": total} and after["result"]["epochs"] == total


def test_after_a_time_limit(tmp_path: Path, monkeypatch: Any) -> None:
    """A run that the clock ended goes on to more epochs than it was to have."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "iris", "--preset", "plain", "--quiet", "-o", "run", "--epochs"]
    assert main([*command, "1000", "--time-limit", "1e-9"]) == 0
    assert record("run")["result"]["stopped"] == "time_limit"
    assert main([*command, "1010", "--resume", "--early-stopping", "none"]) == 2  # patience is another setting
    assert main([*command, "1010", "--resume"]) == 0
    run = cr.load("run")
    assert isinstance(run, cr.Run) and run.result["stopped"] in ("epochs", "early_stopping")
    assert [event.kind for event in run.events] == ["stop", "extend"]


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_the_report_and_the_doctor_of_such_a_run(engine: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """They read it as any other."""
    monkeypatch.chdir(tmp_path)
    command = ["train", "iris", "--preset", "plain", "--quiet", "--engine", engine, "-o", "run", "--epochs"]
    assert main([*command, "3"]) == 0
    assert main([*command, "6", "--resume"]) == 0
    assert main(["doctor", "run"]) in (0, 1)
    assert main(["explain", "run", "--step", "-1"]) == 0
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert '"kind": "extend"' in page or '"kind":"extend"' in page
