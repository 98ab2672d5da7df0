"""Bad input: one clear line on stderr, exit code 2, and no file or folder left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.run.files import read_tensors

GOOD = "a,b,kind\n" + "".join(f"{i % 7},{(i * i) % 11},{'xy'[i % 2]}\n" for i in range(40))


def refused(capsys, *arguments: str) -> str:
    """The one line a refused command prints."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("chainrule: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(GOOD)
    return tmp_path


def lines_with(line: int, text: str) -> bytes:
    """The good file with one line (1-based) replaced."""
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines).encode()


FILES = {
    "empty": (b"", ["is empty"]),
    "blank": (b"\n\n \n", ["is empty"]),
    "header_only": (b"a,b,kind\n", ["no rows"]),
    "no_header": (b"1,2,3\n4,5,6\n", ["line 1", "header"]),
    "text": (lines_with(3, "1,oops,x"), ["line 3", "'b'", "'oops'", "--drop"]),
    "hex": (lines_with(3, "1,0x10,x"), ["line 3", "'b'", "'0x10'"]),
    "nul": (lines_with(4, "1,\0,x"), ["line 4", "'b'", "NUL"]),
    "infinite": (lines_with(5, "1,-inf,x"), ["line 5", "'b'", "finite"]),
    "short_row": (lines_with(6, "1,x"), ["line 6", "2 cells", "must have 3"]),
    "long_row": (lines_with(6, "1,2,x,4"), ["line 6", "4 cells", "must have 3"]),
    "quotes": (lines_with(3, '1,"2"3,x'), ["line 3"]),
    "double_name": (lines_with(1, "a,a,kind"), ["line 1", "'a'", "2 times"]),
    "missing_name": (lines_with(1, "a,,kind"), ["line 1", "column 2"]),
    "one_class": (GOOD.replace("y\n", "x\n").encode(), ["one class", "'kind'"]),
    "target_only": (b"kind\nx\ny\n", ["no column is left"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_faulty_csv_is_named_by_its_place(name: str, folder: Path, capsys) -> None:
    """A fault in a CSV is told with file, line and column, and nothing is written."""
    content, result = FILES[name]
    (folder / f"{name}.csv").write_bytes(content)
    line = refused(capsys, "train", f"{name}.csv", "--target", "kind", "-o", "run")
    for words in (f"{name}.csv", *result):
        assert words in line
    assert not (folder / "run").exists()


@pytest.mark.parametrize("name", ["nul", "short_row", "text", "infinite"])
def test_a_faulty_file_is_refused_by_every_reader(name: str, folder: Path, capsys) -> None:
    """predict and evaluate refuse what train refuses, and predict leaves no file."""
    assert main(["train", "good.csv", "--target", "kind", "--epochs", "1", "-o", "run", "--quiet"]) == 0
    (folder / "bad.csv").write_bytes(FILES[name][0])
    assert "bad.csv" in refused(capsys, "evaluate", "run", "bad.csv")
    assert "bad.csv" in refused(capsys, "predict", "run", "bad.csv", "-o", "out.csv")
    assert not (folder / "out.csv").exists()


ARRAYS = {
    "no_X": ({"Z": np.ones((4, 2))}, "'X'"),
    "no_y": ({"X": np.ones((4, 2))}, "'y'"),
    "lengths": ({"X": np.ones((4, 2)), "y": np.arange(3)}, "(3,)"),
    "flat": ({"X": np.ones(4), "y": np.arange(4)}, "(4,)"),
    "images": ({"X": np.ones((4, 2, 2)), "y": np.arange(4)}, "reshape"),
    "inf_X": ({"X": np.array([[1.0, np.inf], [1, 2]]), "y": np.arange(2)}, "X[0, 1]"),
    "inf_y": ({"X": np.ones((2, 2)), "y": np.array([0.0, np.inf])}, "y[1]"),
    "text_X": ({"X": np.array([["a", "b"]]), "y": np.arange(1)}, "numbers"),
    "no_rows": ({"X": np.ones((0, 2)), "y": np.ones(0)}, "(0, 2)"),
    "pickled": ({"X": np.array([[{}, {}]], dtype=object), "y": np.arange(1)}, "plain arrays"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_faulty_arrays_are_refused(name: str, folder: Path, capsys) -> None:
    """NPZ with missing, misshapen, non-finite or pickled arrays is refused by name."""
    arrays, result = ARRAYS[name]
    np.savez(folder / "rows.npz", **arrays)
    line = refused(capsys, "train", "rows.npz", "-o", "run")
    assert result in line
    assert "rows.npz" in line
    assert not (folder / "run").exists()


def test_a_damaged_npz_is_refused(folder: Path, capsys) -> None:
    """Bytes that are no archive, and an archive cut short."""
    (folder / "noise.npz").write_bytes(b"noise")
    assert "noise.npz" in refused(capsys, "train", "noise.npz")
    np.savez(folder / "cut.npz", X=np.ones((50, 4)), y=np.arange(50))
    (folder / "cut.npz").write_bytes((folder / "cut.npz").read_bytes()[:900])
    assert "cut.npz" in refused(capsys, "train", "cut.npz")


OPTIONS = {
    "missing file": (["nowhere.csv", "--target", "kind"], "no such file"),
    "near a built-in name": (["digts"], "'digits'"),
    "folder": (["."], "folder"),
    "ending": (["good.xls"], "no such file"),
    "no target": (["good.csv"], "--target"),
    "wrong target": (["good.csv", "--target", "kin"], "did you mean 'kind'?"),
    "wrong drop": (["good.csv", "--target", "kind", "--drop", "aa"], "'aa'"),
    "text as regression": (["good.csv", "--target", "kind", "--task", "regression"], "'kind'"),
    "weight is text": (["good.csv", "--target", "a", "--weight", "kind"], "'kind'"),
    "task": (["iris", "--task", "clasification"], "'classification'"),
    "activation": (["iris", "--activation", "rleu"], "did you mean 'relu'"),
    "output": (["iris", "--output", "softmx"], "softmax"),
    "loss": (["iris", "--loss", "cross_entropi"], "'cross_entropy'"),
    "normalization": (["iris", "--normalization", "layers"], "did you mean 'layer'"),
    "residual": (["iris", "--network", "8,6", "--residual"], "no hidden layer of 4-8-6-3"),
    "illegal pair": (["diabetes", "--output", "tanh", "--loss", "poisson"], "output activations"),
    "loss of another task": (["digits", "--loss", "poisson"], "task='regression'"),
    "optimizer": (["iris", "--optimizer", "adm"], "'adam'"),
    "foreign setting": (["iris", "--momentum", "0.5"], "momentum"),
    "schedule": (["iris", "--schedule", "cosin"], "'cosine'"),
    "metric": (["iris", "--metric", "acuracy"], "'accuracy'"),
    "initializer": (["iris", "--initializer", "he"], "he_normal"),
    "dtype": (["iris", "--dtype", "float16"], "float32"),
    "network": (["iris", "--network", "64,-1"], "--network 64,-1"),
    "network text": (["iris", "--network", "big"], "--network big"),
    "learning rate": (["iris", "--learning-rate", "-0.1"], "learning_rate=-0.1"),
    "learning rate nan": (["iris", "--learning-rate", "nan"], "learning_rate"),
    "learning rate text": (["iris", "--learning-rate", "fast"], "'fast'"),
    "batch size": (["iris", "--batch-size", "0"], "batch_size=0"),
    "epochs": (["iris", "--epochs", "1.5"], "epochs"),
    "dropout": (["iris", "--dropout", "1"], "dropout"),
    "seed": (["iris", "--seed", "-1"], "seed"),
    "valid": (["iris", "--valid", "1.5"], "--valid"),
    "valid file": (["iris", "--valid", "nowhere.csv"], "no such file"),
    "unknown option": (["iris", "--epoch", "3"], "did you mean --epochs?"),
    "resume without a folder": (["iris", "--resume"], "-o RUN"),
    "engine": (["iris", "--engine", "cuda"], "cuda"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_wrong_use_is_one_line(name: str, folder: Path, capsys) -> None:
    """Unknown names come with the nearest right one, impossible numbers with what was expected."""
    arguments, result = OPTIONS[name]
    assert result in refused(capsys, "train", *arguments)
    assert sorted(path.name for path in folder.iterdir()) in (["good.csv"], ["good.csv", "runs"])
    assert not list(folder.glob("runs/*"))


def test_negative_weights_are_named(folder: Path, capsys) -> None:
    """A column of weights with a negative one is refused by its name."""
    (folder / "weighed.csv").write_text("a,w,y\n1,1,x\n2,-1,y\n3,1,x\n")
    line = refused(capsys, "train", "weighed.csv", "--target", "y", "--weight", "w")
    assert "weighed.csv, column 'w'" in line
    assert "negative" in line


def test_an_unknown_command(capsys) -> None:
    """The message names the commands there are."""
    assert "evaluate" in refused(capsys, "trian")


def test_an_unwritable_folder_is_refused_before_training(folder: Path, capsys) -> None:
    """A file in the way of the run's folder, and of its parent."""
    (folder / "file").write_text("")
    assert "file" in refused(capsys, "train", "iris", "--quiet", "-o", "file")
    assert "file" in refused(capsys, "train", "iris", "--quiet", "-o", "file/run")


@pytest.fixture
def a_run(folder: Path) -> Path:
    assert main(["train", "iris", "--epochs", "2", "-o", "run", "--quiet"]) == 0
    return folder / "run"


def test_an_existing_run_is_not_overwritten(a_run: Path, capsys) -> None:
    """Without --resume a folder that holds a run is refused, and left as it was."""
    before = {path: path.stat().st_mtime_ns for path in a_run.rglob("*")}
    assert "--resume" in refused(capsys, "train", "iris", "-o", "run")
    assert "epochs was 2, is 1" in refused(capsys, "train", "iris", "--epochs", "1", "-o", "run", "--resume", "--quiet")
    assert before == {path: path.stat().st_mtime_ns for path in a_run.rglob("*")}


def test_a_damaged_model_is_refused(a_run: Path, capsys) -> None:
    """A truncated and an altered model file, a model that is none, a folder that is no run."""
    model = a_run / "model.safetensors"
    whole = model.read_bytes()
    model.write_bytes(whole[:-20])
    assert "model.safetensors" in refused(capsys, "evaluate", a_run, "iris")
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "altered" in refused(capsys, "predict", a_run, "iris", "-o", "out.csv")
    assert not Path("out.csv").exists()
    (a_run / "run.json").write_text("{")
    assert "run.json" in refused(capsys, "check", a_run)
    assert "no such" in refused(capsys, "explain", "nowhere")
    assert "run.json" in refused(capsys, "explain", ".")


def test_steps_and_rows_outside_the_run_are_refused(a_run: Path, capsys) -> None:
    """The message names what there is."""
    assert "0 to 5" in refused(capsys, "explain", a_run, "--step", "6")
    assert "0 to 31" in refused(capsys, "explain", a_run, "--step", "0", "--row", "32")
    assert "0 to 29" in refused(capsys, "explain", a_run, "--data", "iris", "--row", "30")
    assert "'x'" in refused(capsys, "explain", a_run, "--step", "x")
    assert "folder" in refused(capsys, "explain", a_run, "-o", "no/where.txt")
    assert "folder" in refused(capsys, "predict", a_run, "iris", "-o", "no/where.csv")


def test_missing_columns_are_named_when_predicting(a_run: Path, capsys) -> None:
    """Another table than the one trained on."""
    assert "petal" in refused(capsys, "predict", a_run, "good.csv", "-o", "out.csv")
    assert "columns are missing" in refused(capsys, "predict", a_run, "wine", "-o", "out.csv")


def test_a_foreign_class_is_left_out_when_evaluating(folder: Path, capsys) -> None:
    """Rows of a class that training did not have are counted and named by their first line, not measured."""
    main(["train", "good.csv", "--target", "kind", "--epochs", "1", "-o", "run", "--quiet"])
    (folder / "other.csv").write_text(GOOD.replace("y\n", "z\n"))
    capsys.readouterr()
    assert main(["evaluate", "run", "other.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n_rows"] == 20
    assert "'z'" in err and "line 3" in err


def test_divergence_ends_with_code_one(folder: Path, capsys) -> None:
    """A learning rate of 1e6 leaves a run that says where it diverged, with finite weights."""
    arguments = ["--optimizer", "sgd", "--learning-rate", "1e6", "--activation", "elu", "--l2", "0"]
    assert main(["train", "diabetes", *arguments, "-o", "run", "--quiet"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("chainrule: ")
    assert err.count("\n") == 1
    assert "step" in err
    assert "epoch" in err
    arrays, _ = read_tensors(folder / "run" / "model.safetensors")
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("n", [60, 600])
@pytest.mark.parametrize("options", [[], ["--valid", "0.3", "--epochs", "2"]], ids=["by default", "a share"])
def test_all_the_weight_in_one_row(folder: Path, capsys, n: int, options: list[str]) -> None:
    """Where rows are held out, one part weighs nothing, which is told before anything is trained."""
    rows = [f"{i % 7},{i * i % 11},{'pq'[i % 3 % 2]},{int(i == 5)}" for i in range(n)]
    (folder / "one.csv").write_text("\n".join(["a,b,y,w", *rows]))
    arguments = ["train", "one.csv", "--target", "y", "--weight", "w", *options]
    if n == 60 and not options:  # trains on all rows
        assert main([*arguments, "--quiet", "-o", "run"]) == 0
        return
    line = refused(capsys, *arguments)
    assert "one.csv: weight is 0 in all" in line
    assert "--valid" in line


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
def test_a_target_of_any_size(folder: Path, capsys) -> None:
    """A target whose square is no number is standardised like any other, and so fits."""
    rows = [f"{i % 7},{i * i % 11},{(i + 1) * 1e298}" for i in range(60)]
    (folder / "large.csv").write_text("\n".join(["a,b,y", *rows]))
    assert main(["train", "large.csv", "--target", "y", "--epochs", "2", "--quiet", "-o", "run"]) == 0


@pytest.fixture
def trained(folder: Path) -> Path:
    assert (
        main(["train", "good.csv", "--target", "kind", "--epochs", "2", "--preset", "plain", "--quiet", "-o", "run"])
        == 0
    )
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


LOST = {
    "model": ("predict", "run", "good.csv", "run/model.safetensors"),
    "record": ("predict", "run", "good.csv", "run/run.json"),
    "the data": ("predict", "run", "good.csv", "good.csv"),
    "the data by a link": ("predict", "run", "good.csv", "link.csv"),
    "checkpoint": ("predict", "run", "good.csv", "run/checkpoints/step-00000000.safetensors"),
    "model by a link": ("predict", "run", "good.csv", "folder/model.safetensors"),
    "model file alone": ("predict", "alone.safetensors", "good.csv", "alone.safetensors"),
    "history by explain": ("explain", "run", None, "run/history.jsonl"),
    "the data by explain": ("explain", "run", "good.csv", "./good.csv"),
    "record by report": ("report", "run", None, "run/run.json"),
}


@pytest.mark.parametrize("what", LOST)
def test_an_output_file_that_would_be_a_loss_is_refused(what: str, trained: Path, capsys) -> None:
    """Nothing is written over a part of a run, nor over what is read for it."""
    (trained / "link.csv").symlink_to("good.csv")
    (trained / "folder").symlink_to("run")
    (trained / "alone.safetensors").write_bytes((trained / "run" / "model.safetensors").read_bytes())
    before = contents(trained)
    command, run, data, output = LOST[what]
    rows = [] if data is None else [data] if command == "predict" else ["--data", data]
    assert refused(capsys, command, run, *rows, "-o", output).startswith(f"chainrule: {Path(output)}: is ")
    assert contents(trained) == before


def test_no_name_for_the_run_is_refused(folder: Path, capsys) -> None:
    """An empty name, of a variable that is not set, is not the folder one stands in."""
    before = contents(folder)
    assert "must name a file or folder" in refused(capsys, "train", "good.csv", "--target", "kind", "-o", "")
    assert contents(folder) == before


@pytest.mark.parametrize("command", ["predict", "report", "explain"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_no_pipe_and_no_device_is_replaced(command: str, trained: Path, capsys) -> None:
    """A whole file takes its name by a rename, which would remove what lies there."""
    os.mkfifo(trained / "pipe")
    (trained / "device").symlink_to(os.devnull)
    for name in ("pipe", "device"):
        rows = ["good.csv"] if command == "predict" else []
        assert "is a device or a pipe" in refused(capsys, command, "run", *rows, "-o", name)
    assert (trained / "pipe").is_fifo() and (trained / "device").is_symlink()
