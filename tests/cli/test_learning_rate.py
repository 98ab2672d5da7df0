"""chainrule learning-rate, and train --learning-rate auto."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.run.names import RUN
from chainrule.text.tables import columns

SHORT = ["--network", "16", "--optimizer", "sgd", "--epochs", "4"]


def test_it_tells_draws_and_answers_in_json(tmp_path: Path, capsys) -> None:
    """Words in 80 columns in both languages, a picture where asked, one JSON object."""
    picture = tmp_path / "rate.svg"
    assert main(["learning-rate", "digits", *SHORT, "-o", str(picture)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Learning rate of sgd for 64-16-10, 32 rows per step\n\nSuggested: ")
    assert max(map(columns, text.splitlines())) <= 80
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    assert main(["learning-rate", "digits", *SHORT, "--language", "ko"]) == 0
    korean = capsys.readouterr().out
    assert "권장값" in korean
    assert max(map(columns, korean.splitlines())) <= 80
    assert main(["learning-rate", "digits", *SHORT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"Suggested: {found['suggested']:.2g}." in text
    assert found["n_rows"] == 1150  # the rows trained on, without those held out


def test_a_picture_that_cannot_be_written_is_refused_at_once(tmp_path: Path, capsys, monkeypatch) -> None:
    """Another ending, no folder, PNG without matplotlib: before anything is computed, with the remedy."""
    assert main(["learning-rate", "digits", "-o", str(tmp_path / "rate.gif")]) == 2
    assert ".svg or .png" in capsys.readouterr().err
    assert main(["learning-rate", "digits", "-o", str(tmp_path / "none" / "rate.svg")]) == 2
    assert "existing folder" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["learning-rate", "digits", "-o", str(tmp_path / "rate.png")]) == 2
    assert "pip install 'chainrule[plot]'" in capsys.readouterr().err
    assert main(["learning-rate"]) == 2
    assert "--help" in capsys.readouterr().err


def test_png_is_drawn(tmp_path: Path, capsys) -> None:
    """-o FILE.png writes a PNG, where matplotlib is there."""
    pytest.importorskip("matplotlib", reason="matplotlib draws PNG; pip install 'chainrule[plot]'")
    picture = tmp_path / "rate.PNG"
    assert main(["learning-rate", "digits", *SHORT, "-o", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_auto_finds_prints_and_keeps_the_rate(optimizer: str, tmp_path: Path, capsys) -> None:
    """The rate is that of the race, it stands in the record, it trains, and a continued run keeps it."""
    folder = tmp_path / "run"
    command = ["train", "digits", "--network", "32", "--optimizer", optimizer, "--epochs", "6", "-o", str(folder)]
    assert main([*command, "--learning-rate", "auto"]) == 0
    text = capsys.readouterr().out
    eta = json.loads((folder / RUN).read_text(encoding="utf-8"))["settings"]["optimizer"]["learning_rate"]
    assert f"learning rate {eta:g}" in text
    assert f"{eta:g} by curvature" in text
    assert main([*command, "--learning-rate", "auto", "--resume", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["test"]["accuracy"] > 0.9
    assert main([*command, "--learning-rate", f"{eta:g}", "--resume", "--json"]) == 0


def test_auto_of_the_command_line_is_auto_of_python(tmp_path: Path, capsys) -> None:
    """The same rows, network and settings give the same rate, the same record and the same weights."""
    folder = tmp_path / "run"
    command = ["train", "digits", "--preset", "plain", "--optimizer", "sgd", "--epochs", "3", "-o", str(folder)]
    assert main([*command, "--learning-rate", "auto", "--json"]) == 0
    run = cr.load(folder)
    X, y = run.kept_rows.X, run.kept_rows.targets
    again = cr.train(
        cr.Network([64, 64, 64, 10], seed=0), X, y, optimizer="sgd", learning_rate="auto", l2=0.001, epochs=3,
        progress=False,
    )  # fmt: skip
    assert again.settings.optimizer == run.settings.optimizer
    assert again.losses.tolist() == run.losses.tolist()
    one, other = (r.examined.to_dict() | {"elapsed_s": 0} for r in (run, again))
    assert one == other


def test_report_examines_a_run_when_asked(tmp_path: Path, capsys) -> None:
    """report RUN --learning-rate keeps the whole examination in the run and shows it on its page."""
    folder = tmp_path / "run"
    assert main(["train", "iris", "--preset", "plain", "--epochs", "3", "-o", str(folder), "--quiet"]) == 0
    assert '"rate":null' in (folder / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(folder), "--learning-rate"]) == 0
    found = cr.load(folder).examined
    assert found.curvature > 0
    assert '"rate":{"' in (folder / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(folder)]) == 0
    assert '"rate":{"' in (folder / "report.html").read_text(encoding="utf-8")
