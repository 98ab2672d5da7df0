"""chainrule learning-rate, and train --learning-rate auto."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.glass.tables import columns
from chainrule.run.directory import RUN

SHORT = ["--network", "16", "--optimizer", "sgd", "--epochs", "4"]


def test_it_tells_draws_and_answers_in_json(tmp_path: Path, capsys) -> None:
    """Words in 80 columns in both languages, a picture where asked, one JSON object."""
    picture = tmp_path / "rate.svg"
    assert main(["learning-rate", "digits", *SHORT, "-o", str(picture)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Learning rate of sgd for 64-16-10, 32 rows a step\n\nTake ")
    assert max(map(columns, text.splitlines())) <= 80
    assert picture.read_text(encoding="utf-8").startswith("<svg ")
    assert main(["learning-rate", "digits", *SHORT, "--language", "ko"]) == 0
    korean = capsys.readouterr().out
    assert "권장값" in korean
    assert max(map(columns, korean.splitlines())) <= 80
    assert main(["learning-rate", "digits", *SHORT, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"Take {found['suggested']:.2g}." in text
    assert found["n_rows"] == 1150  # the rows trained on, without those held out


def test_a_picture_is_svg(tmp_path: Path, capsys) -> None:
    """Another ending is refused before anything is computed, with the remedy; so is a missing table."""
    assert main(["learning-rate", "digits", "-o", str(tmp_path / "rate.png")]) == 2
    assert ".svg" in capsys.readouterr().err
    assert main(["learning-rate"]) == 2
    assert "--help" in capsys.readouterr().err


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
    told = json.loads(capsys.readouterr().out)
    assert told["test"]["accuracy"] > 0.9
    assert main([*command, "--learning-rate", f"{eta:g}", "--resume", "--json"]) == 0
