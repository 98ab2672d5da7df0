"""Numbers as people write them, from the command line: what train says, what predict reads, remedies that work."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from chainrule.cli import main


def flats(path: Path, euro: str = "{} €") -> Path:
    """Rents with thousands and a unit, areas with another, floors with a frequent word."""
    lines = ["rent;area;floor"]
    for i in range(120):
        amount = f"{650 + 11 * (i % 90) + 0.25:,.2f}".translate(str.maketrans(",.", ".,"))
        floor = "ground" if i % 6 == 0 else str(1 + i % 30)
        lines.append(f"{euro.format(amount)};{20 + i % 90} m²;{floor}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def train(data: Path, run: Path, *options: str) -> int:
    return main(["train", str(data), "-o", str(run), "--epochs", "2", *options])


def test_train_says_how_numbers_are_written_and_predict_reads_them_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of columns names unit, marks and words, wrapped at words; other spellings are refused."""
    data = flats(tmp_path / "flats.csv")
    assert train(data, tmp_path / "run", "--target", "rent") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("in €, thousands '.', decimal ','", "in m², 20 to 109", "'ground' (16.7 %) as inputs of their own"):
        assert text in shown, text
    predicted = tmp_path / "p.csv"
    assert main(["predict", str(tmp_path / "run"), str(data), "-o", str(predicted)]) == 0
    assert len(predicted.read_text().splitlines()) == 121
    assert main(["evaluate", str(tmp_path / "run"), str(flats(tmp_path / "dollars.csv", "${}"))]) == 2
    assert "line 2, column 'rent': holds '$650,25'" in capsys.readouterr().err
    swapped = tmp_path / "swapped.csv"
    swapped.write_text("\n".join(line.translate(str.maketrans(",.", ".,")) for line in data.read_text().split("\n")))
    assert main(["evaluate", str(tmp_path / "run"), str(swapped)]) == 2
    assert "--decimal" in capsys.readouterr().err
    scores = []
    for file, marks in ((data, []), (swapped, ["--decimal", "."])):
        assert main(["evaluate", str(tmp_path / "run"), str(file), *marks]) == 0
        scores.append(capsys.readouterr().out)
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("name", "cells"),
    [("v", ["oops"]), ("v, w", ["--5", "a,b"]), ("v w", ["1,234"]), ("v", ["7 lb"])],
    ids=["word", "commas", "thousands", "unit"],
)
def test_every_remedy_a_message_names_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, cells: list[str]
) -> None:
    """The options of the message, copied into a shell, train."""
    rows = [[str(i * 7 % 83), "yn"[i % 2]] for i in range(60)]
    for i, cell in enumerate(cells):
        rows[7 + i][0] = cell
    data = tmp_path / "rows.csv"
    data.write_text(f'"{name}";k;y\n' + "".join(f'"{v}";{i % 5};{y}\n' for i, (v, y) in enumerate(rows)))
    assert train(data, tmp_path / "run", "--target", "y") == 2
    message = " ".join(capsys.readouterr().err.split())
    tried = shlex.split(message.partition("State " if "State" in message else " or try ")[2].rstrip("."))
    options = [part.rstrip(",") if part[-2:] != "=," else part for part in tried if part.startswith("--")]
    assert len(options) >= 3, message
    for k, option in enumerate(options):
        assert train(data, tmp_path / f"run{k}", "--target", "y", option) == 0, option
