"""Training from a cache: the same bits as in memory, reused while its source is as it was, replayed from its rows."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

import chainrule as cr
from chainrule.cli import main
from chainrule.planning import large, large_targets

RNG = np.random.default_rng(0)
N = 400
QUICK = ("--target", "kind", "--epochs", "2", "--quiet")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table with a number, a category, a gap and rows without a target, as CSV and as Parquet."""
    monkeypatch.chdir(tmp_path)
    number = np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(size=N)).tolist()
    place = [("seoul", "busan", "jeju")[i] for i in RNG.integers(0, 3, N)]
    kind: list[str | None] = [None if i % 50 == 7 else ("low", "high")[i] for i in RNG.integers(0, 2, N)]
    kind[7] = None
    weight = RNG.random(N).tolist()
    table = pyarrow.table({"number": number, "place": place, "w": weight, "kind": kind})
    parquet.write_table(table.set_column(0, "number", pyarrow.array(number, from_pandas=True)), "rows.parquet")
    lines = ["number,place,w,kind"]
    lines += [
        ",".join("" if v is None or v != v else str(v) for v in row)
        for row in zip(number, place, weight, kind, strict=True)
    ]
    Path("rows.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def trained(*options: str) -> str:
    """The sha256 of the weights that a command ends with."""
    assert main(["train", *options, *QUICK]) == 0
    return str(json.loads(Path(options[options.index("-o") + 1], "run.json").read_text())["result"]["sha256"])


@pytest.mark.parametrize("data", ["rows.csv", "rows.parquet"])
@pytest.mark.parametrize("weight", [(), ("--weight", "w")])
def test_the_cache_changes_no_bit(folder: Path, data: str, weight: tuple[str, ...]) -> None:
    """In memory, through a cache written, and from the cache found: equal weights, from either format."""
    in_memory = trained(data, *weight, "-o", "memory")
    assert trained(data, *weight, "--cache", "cache", "-o", "first") == in_memory
    stamp = (folder / "cache" / "train.X.npy").stat().st_mtime_ns
    assert trained(data, *weight, "--cache", "cache", "-o", "second") == in_memory
    assert (folder / "cache" / "train.X.npy").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("sample", [100, 300_000])
@pytest.mark.parametrize("kind", ["category", "number", "boolean"])
def test_very_many_rows_are_divided_alike(
    folder: Path, monkeypatch: pytest.MonkeyPatch, sample: int, kind: str
) -> None:
    """Where memory is spared the same rows are held out and sampled, of texts, numbers and true or false."""
    data = "rows.csv"
    if kind != "category":
        words = {"number": ("3", "5"), "boolean": ("false", "true")}[kind]
        text = Path("rows.csv").read_text().replace(",low", f",{words[0]}").replace(",high", f",{words[1]}")
        data = "others.csv"
        Path(data).write_text(text)
    monkeypatch.setattr(large, "SAMPLE_ROWS", sample)
    monkeypatch.setattr(large_targets, "ROWS_OF_EACH", 30)
    usual = trained(data, "--cache", "usual", "-o", "first")
    asked = []
    few_values = large_targets.few_values
    monkeypatch.setattr(large, "few_values", lambda reading: asked.append(few_values(reading)) or asked[-1])
    for module in (large, large_targets):
        monkeypatch.setattr(module, "VERY_MANY", 10)
    assert trained(data, "--cache", "spared", "-o", "second") == usual
    assert asked[0] is not None
    for name in ("train.X.npy", "train.y.npy", "validation.X.npy", "validation.y.npy"):
        assert (folder / "usual" / name).read_bytes() == (folder / "spared" / name).read_bytes()


def test_a_cache_without_room_is_refused_before_it_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says how large it will be, how much is free, and what helps; nothing is left."""
    room = shutil.disk_usage(folder)
    monkeypatch.setattr(large.shutil, "disk_usage", lambda path: room._replace(free=999))
    assert main(["train", "rows.csv", *QUICK, "--cache", "place", "-o", "run"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"place: the cache will take 0\.0 GB, 0\.0 GB are free; name another by --cache", said)
    assert not [path for path in folder.iterdir() if path.name.startswith("place")]


def test_model_selection_chooses_alike(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --epochs the same candidates are tried with the same losses, in memory and from a cache."""
    runs = []
    for way in ([], ["--cache", "cache"]):
        command = [
            "train", "rows.csv", "--target", "kind", "--drop", "w", "--valid", "0.2", "--no-neighbours", "--json",
                "-o", f"run{len(runs)}",
            *way,
        ]  # fmt: skip
        assert main(command) == 0
        runs.append(json.loads(capsys.readouterr().out))
    assert len(runs[0]["tried"]) == 3
    assert runs[0]["tried"] == runs[1]["tried"]
    assert runs[0]["sha256"] == runs[1]["sha256"]


def test_a_changed_source_is_refused_or_read_anew(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cache that was named is refused; one that was not is made anew, and that is said."""
    trained("rows.csv", "--cache", "cache", "-o", "first")
    trained("rows.csv", "--cache-above", "0", "-o", "second")
    text = (folder / "rows.csv").read_text()
    (folder / "rows.csv").write_text(text.replace("jeju", "ulsan"))
    assert main(["train", "rows.csv", "--cache", "cache", "-o", "third", *QUICK]) == 2
    assert "changed since" in capsys.readouterr().err
    again = trained("rows.csv", "--cache-above", "0", "-o", "fourth")
    assert again == trained("rows.csv", "-o", "memory")


def test_another_making_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A named cache serves one seed, pipeline and share."""
    trained("rows.csv", "--cache", "cache", "-o", "first")
    assert main(["train", "rows.csv", "--cache", "cache", "--seed", "1", "-o", "second", *QUICK]) == 2
    assert "another" in capsys.readouterr().err


def test_a_step_is_replayed_from_the_mapped_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that did not keep its rows finds them in the cache, and says so where it is gone."""
    trained("rows.csv", "--cache", "cache", "-o", "run")
    (folder / "run" / "data.safetensors").unlink(missing_ok=True)
    run = cr.load("run")
    assert isinstance(run, cr.Run)
    assert main(["explain", "run", "--step", "1"]) == 0
    (folder / "cache" / "cache.json").unlink()
    assert main(["explain", "run", "--step", "1"]) == 2
    assert "no longer exists" in capsys.readouterr().err


def test_rows_of_a_validation_file_and_bad_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--valid FILE serves as it does in memory; a cache of what is in memory anyway, or below no size, is refused."""
    valid = ("rows.csv", "--valid", "rows.parquet")
    assert trained(*valid, "--cache", "cache", "-o", "first") == trained(*valid, "-o", "memory")
    assert main(["train", "iris", "--cache", "c", "-o", "x"]) == 2
    assert "cache needs" in capsys.readouterr().err
    assert main(["train", "rows.csv", "--cache-above", "few", "-o", "x", *QUICK]) == 2
    assert "--cache-above few" in capsys.readouterr().err
