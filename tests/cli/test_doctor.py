"""chainrule doctor: its text at 80 columns, its JSON, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
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


def test_it_gives_commands_and_names_of_classes(tmp_path: Path, monkeypatch, capsys) -> None:
    """No line of Python; the table, the target and the option; the rare class by its name in the table."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 2))
    names = np.where(X[:, 0] + X[:, 1] > 2.7, "fraud", "legit")
    lines = ["a,b,deal", *(f"{a:.4f},{b:.4f},{name}" for (a, b), name in zip(X, names, strict=True))]
    Path("deals.csv").write_text("\n".join(lines))
    train = ["train", "deals.csv", "--target", "deal", "-o", "RUN", "--quiet", "--preset", "plain"]
    main([*train, "--optimizer", "sgd", "--learning-rate", "1e-7", "--epochs", "5", "--network", "8"])
    capsys.readouterr()
    assert main(["doctor", "RUN"]) == 1
    text = capsys.readouterr().out
    command = " ".join(text.split())
    assert "deals.csv --target deal … --learning-rate" in command and "chainrule learning-rate" in command
    assert "cr.train" not in text and "run." not in text
    assert "Class fraud has" in command
    main(["doctor", "RUN", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["findings"][0]["text"]["en"]["experiment"].startswith("chainrule train ")


def test_what_is_no_run_is_refused(runs: Path, capsys) -> None:
    """A model file has no steps: exit code 2, one line."""
    assert main(["doctor", "well/model.safetensors"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_cells_that_were_not_kept_are_read_again(tmp_path: Path, monkeypatch, capsys) -> None:
    """A run without its rows: the table it came from is read again, and its columns are judged by their cells."""
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(300, 2))
    left = X.sum(axis=1) > 0
    rows = [
        f"{a:.3f},{b:.3f},{'2024-05-01' if k else ''},{'yes' if k else 'no'}" for (a, b), k in zip(X, left, strict=True)
    ]
    Path("table.csv").write_text("\n".join(["a,b,closed,churn", *rows]))
    cr.train("table.csv", target="churn", directory="RUN", preset="plain", keep_data=False, progress=False)
    assert not Path("RUN/table.safetensors").exists()
    assert main(["doctor", "RUN", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    leak = next(one for one in report["findings"] if one["id"] == "target-leak")
    assert leak["evidence"]["columns"] == ["closed"]


def test_thorough_is_an_option(runs: Path, capsys) -> None:
    """The same verdict on a short training, with the same exit code."""
    assert main(["doctor", "ill", "--thorough", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["first_cause"] == "learning-rate-too-large"
