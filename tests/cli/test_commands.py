"""The commands on real data: what they print, what they write, with which exit code."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr
from chainrule.cli import main
from chainrule.data.read import read
from chainrule.data.table import Selection


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def iris_csv(folder: Path) -> Path:
    """Iris as a file: an identifier in text, a comma in a column's name, class names."""
    bunch = load_iris()
    with open(folder / "iris.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a, cm", "b", "c", "d", "species"])
        for i, (row, label) in enumerate(zip(bunch.data, bunch.target, strict=True)):
            writer.writerow([f"flower {i}", *row, bunch.target_names[label]])
    return folder / "iris.csv"


def rows_in(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV by column name."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run_json(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 0
    out, _ = capsys.readouterr()
    assert out.count("\n") == 1
    return json.loads(out)


def test_digits_by_the_defaults_reach_97_percent(folder: Path, capsys) -> None:
    """`chainrule train digits` tells unseen digits apart, and evaluate agrees with what train told."""
    result = run_json(capsys, "train", "digits", "--json")
    assert result["run"] == "runs/digits"
    assert result["test"]["accuracy"] >= 0.97
    assert result["baseline"]["accuracy"] < 0.12
    assert run_json(capsys, "evaluate", "runs/digits", "digits", "--json") == result["test"]
    assert main(["check", "runs/digits"]) == 0


def test_train_prints_what_it_understood_in_80_columns(folder: Path, capsys) -> None:
    """Task, network, engine, measures and paths are on stdout; nothing but warnings on stderr."""
    assert main(["train", "diabetes", "--epochs", "3", "-o", "run"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    for words in ("bmi", "number", "283 train", "regression", "squared_error", "engine", "rmse", "mean", "run"):
        assert words in out


def test_the_way_of_a_csv(iris_csv: Path, folder: Path, capsys) -> None:
    """Train on a file, predict a file with other columns in another order, evaluate it."""
    result = run_json(
        capsys, "train", iris_csv, "--target", "species", "--drop", "id", "-o", "run", "--epochs", "30", "--json"
    )
    assert result["validation"]["accuracy"] >= 0.9
    rows = rows_in(iris_csv)
    with open("new.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["d", "note", "c", "b", "a, cm"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "note": "any text"} for row in rows)
    assert main(["predict", "run", "new.csv", "-o", "other.csv"]) == 0
    assert main(["predict", "run", str(iris_csv), "-o", "same.csv"]) == 0
    assert Path("other.csv").read_bytes() == Path("same.csv").read_bytes()
    predicted = rows_in("same.csv")
    names = ["setosa", "versicolor", "virginica"]
    assert list(predicted[0]) == ["prediction", *(f"probability_{name}" for name in names)]
    for row in predicted:
        probability = [float(row[f"probability_{name}"]) for name in names]
        assert row["prediction"] == names[int(np.argmax(probability))]
        assert abs(sum(probability) - 1) < 1e-6
    measured = run_json(capsys, "evaluate", "run", iris_csv, "--json")
    right = np.mean([a["prediction"] == b["species"] for a, b in zip(predicted, rows, strict=True)])
    assert measured["n_rows"] == 150
    assert measured["accuracy"] == pytest.approx(right)


def test_regression_predicts_in_the_unit_of_the_target(folder: Path, capsys) -> None:
    """Predictions of a model file are in the target's unit, and evaluate's rmse follows from them."""
    assert main(["train", "diabetes", "--epochs", "5", "-o", "run", "--quiet"]) == 0
    assert main(["predict", "run/model.safetensors", "diabetes", "-o", "out.csv"]) == 0
    guess = np.array([float(row["prediction"]) for row in rows_in("out.csv")])
    truth = read("diabetes", Selection(), "test").targets[0].values
    measured = run_json(capsys, "evaluate", "run", "diabetes", "--json")
    assert measured["rmse"] == pytest.approx(np.sqrt(np.mean((guess - truth) ** 2)))
    assert truth.min() < np.median(guess) < truth.max()


def test_normalised_and_residual_layers(folder: Path, capsys) -> None:
    """--normalization and --residual reach the network; explain, predict and check work on its run."""
    more = ("--preset", "plain", "--normalization", "layer", "--residual", "--network", "16,16", "--epochs", "5")
    assert main(["train", "wine", "-o", "run", *more]) == 0
    assert "13-16-16-3, relu, layer normalisation, residual, softmax" in " ".join(capsys.readouterr().out.split())
    assert main(["explain", "run", "--step", "7", "--language", "ko"]) == 0
    result = capsys.readouterr().out
    assert "잔차 연결" in result and "층 정규화" in result
    assert main(["predict", "run", "wine", "-o", "out.csv"]) == 0
    assert len(rows_in("out.csv")) == 36
    assert run_json(capsys, "check", "run", "--json")["passed"]
    assert run_json(capsys, "train", "wine", "-o", "two", "--normalization", "layer,none", "--epochs", "1", "--json")


def test_numeric_classes_in_npz_and_tsv_are_whole(folder: Path, capsys) -> None:
    """Classes 1 and 2 are columns probability_1, probability_2, whichever file they come from."""
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = np.where(X[:, 0] > 0, 2.0, 1.0)
    np.savez("rows.npz", X=X, y=y)
    assert main(["train", "rows.npz", "--output", "sigmoid", "--epochs", "3", "-o", "run", "--quiet"]) == 0
    assert main(["predict", "run", "rows.npz", "-o", "out.csv"]) == 0
    first, second, *_ = Path("out.csv").read_text().splitlines()
    assert first == "prediction,probability_1,probability_2"
    assert second.split(",")[0] in ("1", "2")
    table = np.column_stack([X, y])
    np.savetxt("rows.tsv", table, delimiter="\t", header="x0\tx1\tx2\ty", comments="")
    from_npz = run_json(capsys, "evaluate", "run", "rows.npz", "--json")
    assert run_json(capsys, "evaluate", "run", "rows.tsv", "--json") == from_npz


def test_weights_validation_and_test_files(folder: Path, capsys) -> None:
    """Separate files for validation and test, a column of weights; weight 2 is the row twice for the means."""
    rng = np.random.default_rng(1)
    for name, n in (("train", 80), ("valid", 20), ("test", 30)):
        X = rng.normal(size=(n, 2))
        rows = np.column_stack([X, X[:, 0] - X[:, 1], rng.integers(1, 3, n)])
        np.savetxt(f"{name}.csv", rows, delimiter=",", header="a,b,y,w", comments="")
    result = run_json(
        capsys, "train", "train.csv", "--target", "y", "--weight", "w", "--valid", "valid.csv", "--test", "test.csv",
        "--epochs", "20", "-o", "run", "--json",
    )  # fmt: skip
    assert [result[part]["n_rows"] for part in ("train", "validation", "test", "baseline")] == [80, 20, 30, 30]
    assert result["test"]["r2"] > 0.5
    assert result["n_columns"] == 2


def test_resume_of_a_finished_run_does_nothing(folder: Path, capsys) -> None:
    """Begin where there is none; afterwards the same command changes no file of the run."""
    arguments = ["train", "iris", "--epochs", "3", "-o", "run", "--resume", "--json"]
    result = run_json(capsys, *arguments)
    before = {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}
    assert run_json(capsys, *arguments) == result
    assert before == {path: path.stat().st_mtime_ns for path in Path("run").rglob("*")}


def test_without_a_folder_the_next_free_name_is_taken(folder: Path, capsys) -> None:
    """runs/iris, then runs/iris-2."""
    assert run_json(capsys, "train", "iris", "--epochs", "1", "--json")["run"] == "runs/iris"
    assert run_json(capsys, "train", "iris", "--epochs", "1", "--json")["run"] == "runs/iris-2"


def test_the_same_seed_gives_the_same_weights(folder: Path, capsys) -> None:
    """Twice the same sha256, and another one for another seed."""
    hashes = [run_json(capsys, "train", "wine", "--epochs", "2", "--seed", seed, "--json")["sha256"] for seed in "001"]
    assert hashes[0] == hashes[1] != hashes[2]


def test_explain_in_every_form(folder: Path, capsys) -> None:
    """Text in two languages, a diagram, JSON, a file, and one row of a table."""
    main(["train", "iris", "--epochs", "2", "-o", "run", "--quiet", "--network", "5"])
    capsys.readouterr()
    for arguments, words in (
        (["--step", "0"], "FORWARD"),
        (["--step", "1", "--language", "ko", "--row", "2"], "순전파"),
        (["--format", "mermaid"], "graph"),
        (["--data", "iris", "--row", "7"], "integrated gradients"),
        (["--data", "iris", "--row", "7", "--only", "forward"], "Row 7 of iris"),
    ):
        assert main(["explain", "run", *arguments]) == 0
        assert words in capsys.readouterr().out
    result = run_json(capsys, "explain", "run", "--step", "-1", "--format", "json")
    assert result["step"] == 5
    assert main(["explain", "run", "--step", "1", "--row", "2", "--format", "svg"]) == 0
    drawn = capsys.readouterr().out
    assert ">petal le…idth (" not in drawn and ">setosa<" in drawn and "row 2 of its batch" in drawn
    step, names = cr.load("run").replay(1), [name for name in drawn.split("<text") if "sepal" in name]
    assert drawn.startswith("<svg ") and names and f">J = {step.backward.loss:.5g}<" in drawn
    assert main(["explain", "run", "--data", "iris", "--row", "7", "--format", "svg", "--language", "ko"]) == 0
    assert "순전파" in capsys.readouterr().out
    for refused in (["--why", "loss"], ["--find", "dead unit"], ["--global"], ["--circuit"]):
        assert main(["explain", "run", "--format", "svg", *refused]) == 2
        assert "--format svg: " in capsys.readouterr().err
    assert main(["explain", "run", "-o", "step.txt"]) == 0
    assert capsys.readouterr().out == ""
    assert "FORWARD" in Path("step.txt").read_text()


def test_a_row_of_a_table_is_the_row_predict_sees(folder: Path, capsys) -> None:
    """explain --data shows the output that predict writes for that row."""
    main(["train", "iris", "--epochs", "2", "-o", "run", "--quiet"])
    main(["predict", "run", "iris", "-o", "out.csv"])
    result = run_json(capsys, "explain", "run", "--data", "iris", "--row", "4", "--format", "json")
    row = list(rows_in("out.csv")[4].values())
    assert result["rows"] == [4]
    assert result["forward"]["a"][-1][0] == pytest.approx([float(cell) for cell in row[1:]], rel=1e-5)


def test_check_fails_where_the_record_was_altered(folder: Path, capsys) -> None:
    """A loss in the record that training never had is found: exit code 1."""
    from chainrule.run.files import read_tensors, write_tensors

    main(["train", "iris", "--epochs", "2", "-o", "run", "--quiet", "--dtype", "float64"])
    assert run_json(capsys, "check", "run", "--json")["passed"]
    path = Path("run/steps.safetensors")
    arrays, about = read_tensors(path)
    arrays["loss"] = arrays["loss"] + 1e-9
    write_tensors(path, arrays, about)
    assert main(["check", "run"]) == 1


def test_a_run_without_its_data_reads_the_source_again(iris_csv: Path, folder: Path, capsys) -> None:
    """Where the run kept no rows, explain and check read the file it came from; an altered file is refused."""
    main(["train", "iris.csv", "--target", "species", "--drop", "id", "-o", "run", "--epochs", "2", "--quiet"])
    Path("run/data.safetensors").unlink()
    assert main(["check", "run"]) == 0
    assert main(["explain", "run", "--step", "0"]) == 0
    iris_csv.write_text(iris_csv.read_text().replace("5.1", "5.2"))
    capsys.readouterr()
    assert main(["check", "run"]) == 2
    assert "differ" in capsys.readouterr().err


def test_as_a_program() -> None:
    """`python -m chainrule` gives the version and every command's help."""
    call = [sys.executable, "-m", "chainrule"]
    result = subprocess.run([*call, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("chainrule ")
    assert subprocess.run([*call, "train"], capture_output=True, text=True, check=False).returncode == 2


def test_an_interrupt_keeps_the_best_model(folder: Path, capsys) -> None:
    """Ctrl-C ends a training with exit code 130; its model can be used, and --resume goes on from there."""
    command = ["train", "digits", "--epochs", "100000", "--warm-up", "0", "-o", "run", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "chainrule", *command])
    history, patience = Path("run/history.jsonl"), 600
    while patience and not (history.exists() and history.stat().st_size):
        time.sleep(0.1)
        patience -= 1
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    before = run_json(capsys, "evaluate", "run", "digits", "--json")
    assert before["accuracy"] > 0.5
    assert main([*command, "--resume", "--time-limit", "0.2"]) == 0


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "explain", "check", "learning-rate"])
def test_help_tells_every_option(command: str, capsys) -> None:
    """--help leaves with 0 and says something about each option."""
    assert main([command, "--help"]) == 0
    assert command in capsys.readouterr().out


def test_report_writes_one_page_beside_the_run_or_where_asked(folder: Path, capsys) -> None:
    """train leaves RUN/report.html; `report` writes it again, says where, and refuses what cannot be written."""
    run_json(capsys, "train", "iris", "-o", "run", "--epochs", "3", "--json")
    left = (folder / "run" / "report.html").read_bytes()
    assert main(["report", "run"]) == 0 and capsys.readouterr().out == "run/report.html\n"
    assert main(["report", "run", "-o", "page.html", "--size", "1"]) == 0
    text = (folder / "page.html").read_text(encoding="utf-8")
    assert "sepal length (cm)" in text and "setosa" in text and len(left) > 100_000
    assert main(["report", "run", "-o", "missing/page.html"]) == 2
    assert main(["report", "run", "--size", "0"]) == 2
    assert "--size 0" in capsys.readouterr().err


def test_report_reads_rows_again_that_a_run_did_not_keep(iris_csv: Path, folder: Path, capsys) -> None:
    """Without kept rows the page is made from the file they came from; if that is gone, without steps, and says so."""
    run_json(capsys, "train", "iris.csv", "--target", "species", "--drop", "id", "-o", "run", "--epochs", "3", "--json")
    (folder / "run" / "data.safetensors").unlink()
    assert main(["report", "run", "-o", "a.html"]) == 0
    assert '"missing":null' in (folder / "a.html").read_text(encoding="utf-8")
    iris_csv.unlink()
    assert main(["report", "run", "-o", "b.html"]) == 0
    assert '"missing":{"why":"data"}' in (folder / "b.html").read_text(encoding="utf-8")
    assert "did not keep" in capsys.readouterr().err


def test_explain_answers_finds_and_draws_circuits(folder: Path, capsys) -> None:
    """--why, --only, --find and --circuit, in every format they have; the way to the step is on stderr."""
    assert main(["train", "iris", "--network", "5", "--epochs", "20", "-o", "run", "--quiet"]) == 0
    capsys.readouterr()
    why = run_json(capsys, "explain", "run", "--step", "30", "--why", "dW2[1,2]", "--format", "json")
    step = cr.load("run").replay(30)
    assert why["value"] == float(step.backward.dW[2][1, 2])
    for arguments, expected in (
        (["run", "--why", "dW2[1,2]", "--language", "ko"], "정확한 합"),
        (["run", "--why", "dW2[1,2]", "--format", "mermaid"], "graph LR"),
        (["run", "--why", "loss", "--format", "html"], "<!doctype html>"),
        (["run", "--format", "html"], "FORWARD PROPAGATION"),
        (["run", "--only", "delta1"], "BP2"),
        (["run", "--circuit"], "distributes"),
        (["run", "--find", "dead unit"], "dead unit"),
        (["run", "--find", "loss doubles", "--format", "html", "--language", "ko"], "loss doubles"),
        (["--circuit", "max"], "routes"),
        (["--circuit", "sigmoid", "--format", "mermaid"], "graph LR"),
    ):
        assert main(["explain", *arguments]) == 0
        assert expected in capsys.readouterr().out
    assert main(["explain", "run", "--step", "30"]) == 0
    assert "any step of this run is at most" in capsys.readouterr().err
    assert run_json(capsys, "explain", "run", "--find", "non-finite", "--format", "json") is None
    for wrong in (["run", "--why", "q"], ["run", "--only", "q"], ["run", "--find", "q"], ["--circuit", "q"], []):
        assert main(["explain", *wrong]) == 2
        assert re.search("expected|must be|Known|Pass a", capsys.readouterr().err)


def test_check_names_the_worst_entry_and_draws_the_curve(folder: Path, capsys) -> None:
    """check tells the V-curve, the entry where engines are furthest apart, kinks and the way to any step."""
    assert main(["train", "iris", "--network", "5", "--epochs", "3", "-o", "run", "--quiet"]) == 0
    capsys.readouterr()
    result = run_json(capsys, "check", "run", "--json")
    assert result["parity_worst"].startswith("d") and len(result["difference_errors"]) == 11
    assert min(result["difference_errors"]) < 1e-8 and result["reach"]["steps"] >= 1
    assert main(["check", "run", "--language", "ko"]) == 0
    assert "상대 오차" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "doctor", "explain"])
def test_a_run_without_a_checkpoint_says_so(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where all checkpoints are gone, what replays steps is refused in one line that names their folder."""
    assert main(["train", "iris", "--epochs", "2", "-o", str(tmp_path / "run"), "--quiet"]) == 0
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    capsys.readouterr()
    assert main([command, str(tmp_path / "run")]) == 2
    result = capsys.readouterr().err
    assert result.count("\n") == 1 and "checkpoints: holds no checkpoint, not even step-00000000.safetensors" in result


def test_without_a_command_the_help_is_shown(folder: Path, capsys) -> None:
    """`chainrule` alone says what there is, on stdout, and is no wrong use."""
    assert main([]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Usage: chainrule") and "doctor" in shown.out and shown.err == ""


def test_the_stop_of_a_loss_that_ran_away_is_an_option(iris_csv: Path, folder: Path, capsys) -> None:
    """--divergence-factor none is a setting of the run."""
    options = ["--target", "species", "--drop", "id", "--epochs", "2", "--divergence-factor", "none", "-o", "run"]
    assert main(["train", "iris.csv", *options, "--quiet"]) == 0
    assert cr.load("run").settings.divergence_factor is None
