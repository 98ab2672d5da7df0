"""Only files that stand still are read, within limits that have names; everything else is refused at once."""

from __future__ import annotations

import gzip
import os
import socket
import zipfile
from pathlib import Path

import pytest

from chainrule.cli import main
from chainrule.data import csv, encoding
from chainrule.data.read import batches, read
from chainrule.data.table import Selection
from chainrule.errors import DataError, SettingsError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ends on a system with POSIX files")
WANTED = Selection(targets=("y",))


def a_pipe(path: Path) -> None:
    """A named pipe nobody writes to."""
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    """A socket of the file system."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


STRANGE = {
    "is a pipe": a_pipe,
    "is a socket": a_socket,
    "is a device": lambda path: path.symlink_to("/dev/zero"),
    "is a link to 'gone'": lambda path: path.symlink_to("gone"),
    "which cannot be followed": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "arrow", "npz", "tsv"])
@pytest.mark.parametrize("result", STRANGE)
def test_only_files_are_read(result: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes, sockets, devices, links that lead nowhere or in a circle are named, as data and by the command line."""
    monkeypatch.chdir(tmp_path)
    path = Path(f"rows.{ending}")
    STRANGE[result](path)
    with pytest.raises(DataError, match=result):
        read(path, WANTED)
    assert main(["train", str(path), "--target", "y", "-o", "run"]) == 2
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/zero", "/dev/null", "-", "a\0b.csv", "x" * 5000 + ".csv", "."])
def test_other_names_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input and other places that hold no table."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises((DataError, SettingsError)):
        read(name, WANTED)


@pytest.mark.parametrize("make", [a_pipe, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_config_is_a_file(make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file of options too."""
    os.chdir(tmp_path)
    make(Path("options.toml"))
    assert main(["train", "iris", "--config", "options.toml"]) == 2
    assert "options.toml: not a file" in capsys.readouterr().err


def test_a_config_has_a_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A large one, and one nested without end, are refused."""
    large, deep = tmp_path / "large.toml", tmp_path / "deep.toml"
    large.write_text("# " + "x" * (1 << 20))
    deep.write_text("a = " + "[" * 100_000)
    for path, result in ((large, "larger than"), (deep, "not valid TOML")):
        assert main(["train", "iris", "--config", str(path)]) == 2
        assert result in capsys.readouterr().err


@pytest.mark.parametrize("line", ["header", "row"])
@pytest.mark.parametrize("content", ["x", "x,", '"x', "x\0", "é"])
def test_a_line_has_a_length(line: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless line is refused with its number, without reading all of it or repeating it."""
    monkeypatch.setattr(csv, "LONGEST_RECORD", 1 << 18)
    path = tmp_path / "rows.csv"
    path.write_text(("" if line == "header" else "x,y\n1,2\n") + content * (1 << 21))
    with pytest.raises(DataError) as caught:
        read(path, WANTED)
    assert len(str(caught.value)) < 500
    assert "line " in str(caught.value)


def test_a_row_just_within_the_length_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is of the record, wherever blocks are cut."""
    monkeypatch.setattr(csv, "LONGEST_RECORD", 1000)
    path = tmp_path / "rows.csv"
    rows = [f"{'a' * n},{n}" for n in (10, 900, 10, 900)] * 50
    path.write_text("x,y\n" + "\n".join(rows) + "\n")
    assert len(read(path, Selection(targets=("y",), features=("x",), kinds={"x": "category"}))) == 200
    path.write_text("x,y\n1,2\n" + "a" * 1001 + ",1\n")
    with pytest.raises(DataError, match="the line is longer than 1,000 bytes"):
        read(path, WANTED)


def test_a_header_has_a_number_of_columns(tmp_path: Path) -> None:
    """A million names are refused within seconds; double names are found among many."""
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"x{i}" for i in range(1_000_000)) + "\n")
    with pytest.raises(DataError, match="1,000,000 columns: must have at most 100,000"):
        read(path, WANTED)
    path.write_text(",".join([*(f"x{i}" for i in range(50_000)), "x7"]) + "\n" + ",".join(["1"] * 50_001) + "\n")
    with pytest.raises(DataError, match="stands at column 8 and again at column 50001"):
        read(path, WANTED)


def test_an_archive_unpacks_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that unpacks to far more than any table is refused on the way, one of rows with little in them is read."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"x,y\n" + b"1,2\n" * 4_000_000))
    monkeypatch.setattr(encoding, "MOST_UNPACKED", 1 << 20)
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        read(path, WANTED)
    path.write_bytes(gzip.compress(b"x,y\n" + b"".join(b"%d,%d\n" % (i, i % 7) for i in range(200_000))))
    assert len(read(path, Selection(targets=("y",), features=("x",)))) == 200_000


@pytest.mark.parametrize("change", [b"1,2\n" * 100, None], ids=["grows", "is cut"])
def test_a_file_that_changes_is_told(change: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come or go while the file is read end reading with the sizes."""
    monkeypatch.setattr(encoding, "CHUNK", 1 << 18)
    path = tmp_path / "rows.csv"
    path.write_bytes(b"x,y\n" + b"".join(b"%d,%d\n" % (i % 99, i % 7) for i in range(300_000)))
    rows = batches(path, Selection(targets=("y",), features=("x",), kinds={"x": "number", "y": "number"}))
    next(rows)
    if change is None:
        os.truncate(path, 900_001)
    else:
        with open(path, "ab") as file:
            file.write(change)
    with pytest.raises(DataError, match=r"changed while it was read \([0-9,]+ bytes at first, then"):
        list(rows)


def test_an_array_larger_than_memory_is_refused(tmp_path: Path) -> None:
    """A header that promises 16 TiB asks for nothing that is not there."""
    path = tmp_path / "rows.npz"
    shape = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 2), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("X.npy", b"\x93NUMPY\x01\x00" + len(shape).to_bytes(2, "little") + shape)
    with pytest.raises(DataError, match="cannot be read as NPZ"):
        read(path, WANTED)
