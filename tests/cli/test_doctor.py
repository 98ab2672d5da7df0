"""chainrule doctor: its text at 80 columns, its JSON, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.text.tables import columns


@pytest.fixture
def runs(tmp_path: Path, monkeypatch, capsys) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    usual = ["--network", "16", "--epochs", "60", "--quiet", "--preset", "plain"]
    assert main(["train", "iris", "-o", "well", "--optimizer", "adam", "--learning-rate", "0.02", *usual]) == 0
    main(["train", "iris", "-o", "ill", "--optimizer", "sgd", "--learning-rate", "200", *usual])
    capsys.readouterr()
    return tmp_path


def test_exit_code_text_and_json(runs: Path, capsys) -> None:
    """0 and no fault for a run that went well, 1 and the cause for one with a rate too large, in both languages."""
    assert main(["doctor", "well"]) == 0
    assert "No fault was found." in capsys.readouterr().out
    for language, title in (("en", "Learning rate too large"), ("ko", "너무 큰 학습률")):
        assert main(["doctor", "ill", "--language", language]) == 1
        text = capsys.readouterr().out
        assert title in text and max(map(columns, text.splitlines())) <= 80
    assert main(["doctor", "ill", "--json"]) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1 and json.loads(out)["first_cause"] == "learning-rate-too-large"


def test_what_is_no_run_is_refused(runs: Path, capsys) -> None:
    """A model file has no steps: exit code 2, one line."""
    assert main(["doctor", "well/model.safetensors"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
