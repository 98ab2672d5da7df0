"""Real tables through the command line: mixed columns, several targets, weights, files of options, encodings."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.data.read import read
from chainrule.data.table import Selection

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
QUICK = ("--epochs", "3", "--quiet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def shared(name: str) -> str:
    """The path of a public table."""
    if not (SHARED / name).exists():
        pytest.skip(f"ends when the public tables lie in {SHARED}")
    return str(SHARED / name)


def write(name: str, rows: list[dict[str, Any]]) -> None:
    with open(name, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(name: str | Path) -> list[dict[str, str]]:
    with open(name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def mixed(n: int = 120) -> list[dict[str, Any]]:
    """A number, a color and a day that decide two labels, two values and a class; gaps in most of them."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n):
        x, color = float(rng.normal()), ["red", "green", "blue"][int(rng.integers(3))]
        rows.append({
            "x": "" if i % 9 == 0 else f"{x:.4f}",
            "color": "" if i % 10 == 0 else color,
            "day": f"2024-{1 + i % 12:02}-{1 + i % 28:02}",
            "a": "" if i % 7 == 0 else int(x > 0),
            "b": "" if i % 5 == 0 else ("yes" if color == "red" else "no"),
            "price": "" if i % 6 == 0 else f"{100 + 10 * x:.3f}",
            "size": "" if i % 4 == 0 else f"{-3 * x:.3f}",
            "w": 1 + i % 2,
        })  # fmt: skip
    return rows


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_predictions_do_not_depend_on_order_strangers_or_other_rows(folder: Path, capsys) -> None:
    """Columns in another order, further columns, unseen levels and gaps are taken; each row stands alone."""
    rows = mixed()
    write("t.csv", rows)
    assert main(["train", "t.csv", "--target", "price", "--drop", "a,b,size,w", "-o", "run", *QUICK]) == 0
    assert main(["predict", "run", "t.csv", "-o", "all.csv"]) == 0
    write("few.csv", [{"day": r["day"], "note": "é", "color": r["color"], "x": r["x"]} for r in rows[:10]])
    assert main(["predict", "run", "few.csv", "-o", "few_out.csv"]) == 0
    assert read_rows("few_out.csv") == read_rows("all.csv")[:10]
    write("odd.csv", [{"x": "", "color": "violet", "day": ""}])
    assert main(["predict", "run", "odd.csv", "-o", "odd_out.csv"]) == 0
    assert np.isfinite(float(read_rows("odd_out.csv")[0]["prediction"]))
    write("short.csv", [{"x": 1}])
    assert main(["predict", "run", "short.csv", "-o", "out.csv"]) == 2
    assert "'color', 'day'" in capsys.readouterr().err


def test_another_process_predicts_the_same_bits(folder: Path) -> None:
    """A model that is loaded in a new process predicts to the bit what it predicted here."""
    write("t.csv", mixed())
    assert main(["train", "t.csv", "--target", "b", "--drop", "a", "-o", "run", *QUICK]) == 0
    assert main(["predict", "run", "t.csv", "-o", "here.csv"]) == 0
    command = [sys.executable, "-m", "chainrule", "predict", "run/model.safetensors", "t.csv", "-o", "there.csv"]
    subprocess.run(command, check=True)
    assert Path("here.csv").read_bytes() == Path("there.csv").read_bytes()


def test_several_labels(folder: Path, capsys) -> None:
    """Two columns of two values each are labels: one prediction and probability for each, gaps left out."""
    write("t.csv", mixed())
    result = run_json(capsys, "train", "t.csv", "--target", "a,b", "--drop", "price,size,w", "-o", "run", "--json")
    assert result["cross-validation"]["label_accuracy"] > 0.8
    assert main(["predict", "run", "t.csv", "-o", "out.csv"]) == 0
    row = read_rows("out.csv")[0]
    assert list(row) == ["prediction_a", "prediction_b", "probability_a", "probability_b"]
    assert row["prediction_a"] in ("0", "1")
    assert row["prediction_b"] in ("no", "yes")
    assert main(["check", "run"]) == 0


def test_several_values(folder: Path, capsys) -> None:
    """Two columns of numbers are predicted together in their own units; a gap in one keeps the row for the other."""
    write("t.csv", mixed())
    result = run_json(capsys, "train", "t.csv", "--target", "price,size", "--drop", "a,b,w", "-o", "run", "--json")
    assert result["cross-validation"]["r2_price"] > 0.5
    assert result["cross-validation"]["rmse_size"] < 3
    assert (
        result["train"]["n_rows"] == result["cross-validation"]["n_rows"] == 110
    )  # price and size are missing in 10 rows
    assert main(["predict", "run", "t.csv", "-o", "out.csv"]) == 0
    assert list(read_rows("out.csv")[0]) == ["prediction_price", "prediction_size"]
    assert run_json(capsys, "evaluate", "run", "t.csv", "--json")["n_rows"] == 110


def test_weights_change_the_training_alone(folder: Path, capsys) -> None:
    """A column of weights is no feature; it changes the training, and check still replays it."""
    write("t.csv", mixed())
    result = run_json(
        capsys, "train", "t.csv", "--target", "price", "--weight", "w", "-o", "run", "--epochs", "3", "--json"
    )
    plain = run_json(
        capsys, "train", "t.csv", "--target", "price", "--drop", "w", "-o", "no", "--epochs", "3", "--json"
    )
    assert result["n_inputs"] == plain["n_inputs"]
    assert result["sha256"] != plain["sha256"]
    assert main(["check", "run"]) == 0


def test_a_file_of_options(folder: Path, capsys) -> None:
    """Options of a TOML file hold where the command line says nothing; an unknown one is named with the nearest."""
    write("t.csv", mixed())
    Path("c.toml").write_text(
        'data = "t.csv"\ntarget = ["price", "size"]\ndrop = "a,b,w"\nnetwork = [7]\nepochs = 2\nquiet = true\n'
        "learning-rate = 0.01\nvalid = 0.3\nshuffle = false\n"
    )
    assert main(["train", "--config", "c.toml", "--network", "5", "-o", "run"]) == 0
    record = json.loads(Path("run/run.json").read_text())
    assert record["architecture"]["sizes"][1:] == [5, 2]
    settings = record["settings"]
    assert (settings["epochs"], settings["optimizer"]["learning_rate"], settings["shuffle"]) == (2, 0.01, False)
    Path("c.toml").write_text("learningrate = 0.01\n")
    assert main(["train", "t.csv", "--config", "c.toml", "-o", "other"]) == 2
    assert "did you mean 'learning-rate'" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "ko"])
def test_explain_names_the_columns(folder: Path, capsys, language: str) -> None:
    """The contributions of a network without hidden layers add up to its prediction's distance from the average."""
    rows = mixed()
    write("t.csv", rows)
    options = ("--target", "price", "--drop", "a,b,size,w", "--network", "0", "--bins", "0", "-o", "run")
    assert main(["train", "t.csv", *options, "--epochs", "200", "--learning-rate", "0.01", "--quiet"]) == 0
    result = run_json(capsys, "explain", "run", "--data", "t.csv", "--row", "1", "--format", "json")
    driven = {entry["column"]: entry["contribution"] for entry in result["drivers"][0]["columns"]}
    assert max(driven, key=lambda name: abs(driven[name])) == "x"
    assert main(["predict", "run", "t.csv", "-o", "out.csv"]) == 0
    guess = np.array([float(row["prediction"]) for row in read_rows("out.csv")])
    other = run_json(capsys, "explain", "run", "--data", "t.csv", "--row", "2", "--format", "json")
    apart = sum(driven.values()) - sum(entry["contribution"] for entry in other["drivers"][0]["columns"])
    assert apart == pytest.approx(guess[1] - guess[2], rel=1e-4)
    write("new.csv", [{"x": 1, "color": "red", "day": "2024-05-05"}])
    assert main(["explain", "run", "--data", "new.csv", "--language", language]) == 0
    out = capsys.readouterr().out
    assert {"en": "integrated gradients", "ko": "적분 기울기"}[language] in out


def head(text: str, n_rows: int) -> str:
    """The header and the first rows of a table of one line a row."""
    return "".join(text.splitlines(keepends=True)[: n_rows + 1])


def korean(n_rows: int | None) -> list[str]:
    """Files of the Korean customers in every encoding: their first 500 rows, or all of them."""
    text = gzip.decompress(Path(shared("customer_gender_kr.csv.gz")).read_bytes()).decode()
    cp949 = Path(shared("encodings/customer_gender_kr.cp949.csv"))
    if n_rows is None:
        Path("all.bom.csv").write_bytes(text.encode("utf-8-sig"))
        Path("all.utf16.csv").write_bytes(text.encode("utf-16"))
        return [shared("customer_gender_kr.csv.gz"), str(cp949), "all.bom.csv", "all.utf16.csv"]
    Path("head.csv").write_text(head(text, n_rows), encoding="utf-8")
    Path("head.cp949.csv").write_bytes(head(cp949.read_bytes().decode("cp949"), n_rows).encode("cp949"))
    others = ("customer_gender_kr.utf8bom.csv", "customer_gender_kr.utf16.tsv")
    return ["head.csv", "head.cp949.csv", *(shared(f"encodings/{name}") for name in others)]


@pytest.mark.parametrize("n_rows", [500, None], ids=["the first rows", "all rows"])
def test_korean_customers_from_every_encoding(folder: Path, n_rows: int | None) -> None:
    """Equal rows are equal tables, weights and predictions, from UTF-8, BOM, UTF-16 and cp949 files."""
    tables, weights, predictions = [], set(), set()
    for i, path in enumerate(korean(n_rows)):
        table = read(path, Selection(targets=("성별",), drop=("회원ID",)))
        tables.append(replace(table, path="", dialect=""))
        options = ("--target", "성별", "--drop", "회원ID", "-o", f"run{i}")
        assert main(["train", path, *options, *QUICK]) == 0
        weights.add(json.loads(Path(f"run{i}", "run.json").read_text())["result"]["sha256"])
        assert main(["predict", f"run{i}", path, "-o", f"{i}.csv"]) == 0
        predictions.add(Path(f"{i}.csv").read_bytes())
    for table in tables[1:]:
        assert len(table) == (n_rows or 3500)
        assert table.understood == tables[0].understood
        for a, b in zip((*tables[0].columns, *tables[0].targets), (*table.columns, *table.targets), strict=True):
            assert (a.name, a.kind, a.levels) == (b.name, b.kind, b.levels)
            np.testing.assert_array_equal(a.values, b.values)
    assert len(weights) == len(predictions) == 1


def test_explain_reads_no_further_than_its_row(folder: Path, capsys) -> None:
    """A file that is broken in a later block explains an early row; a row behind its end is refused."""
    write("t.csv", mixed())
    assert main(["train", "t.csv", "--target", "b", "--drop", "a,price,size,w", "-o", "run", *QUICK]) == 0
    with open("long.csv", "w", encoding="utf-8") as file:
        file.write("x,color,day\n" + "1.5,red,2024-05-05\n" * 300_000 + "broken\n")
    assert main(["explain", "run", "--data", "long.csv", "--row", "7"]) == 0
    assert main(["explain", "run", "--data", "t.csv", "--row", "120"]) == 2
    assert "must be 0 to 119" in capsys.readouterr().err


def test_targets_that_are_missing_leave_their_rows_out(folder: Path, capsys) -> None:
    """Hitters: 59 of 322 salaries are missing; their rows are left out of training and measures, and that is said."""
    assert main(["train", shared("hitters.csv.gz"), "--target", "Salary", "-o", "run", "--epochs", "3"]) == 0
    out = capsys.readouterr().out
    assert "59 without a target left out" in " ".join(out.split())
    assert run_json(capsys, "evaluate", "run", shared("hitters.csv.gz"), "--json")["n_rows"] == 263


def test_a_long_reason_squeezes_no_name(folder: Path, capsys) -> None:
    """Of the table of columns only the last one is cut in 80 columns; a day without a time of day is told as a day."""
    rows = [{**row, "order id": 100_000 + i} for i, row in enumerate(mixed())]
    write("t.csv", rows)
    assert main(["train", "t.csv", "--target", "b", "--drop", "a,price,size,w", "-o", "run", "--epochs", "3"]) == 0
    out = capsys.readouterr().out
    assert "order id   id" in out and "taken for   inputs" in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["explain", "run", "--data", "t.csv", "--row", "1"]) == 0
    assert "2024-02-02" in (result := capsys.readouterr().out) and "T00:00:00" not in result
