"""Reading tables: what each format gives; the refusals stand in tests/cli/test_refusals.py."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from chainrule.data.builtin import TARGETS
from chainrule.data.read import read
from chainrule.data.table import Selection
from chainrule.errors import DataError
from tables import labels, matrix

TEXT = 'a, b ,"c, cm",y\n1,2,3,x\n\n-1e3,+.5, 7 ,"z ""q"""\n'
WANTED = Selection(targets=("y",))


def check(path: Path) -> None:
    table = read(str(path), WANTED, "train")
    assert table.names == ("a", "b", "c, cm")
    assert matrix(table).tolist() == [[1, 2, 3], [-1000, 0.5, 7]]
    assert labels(table).tolist() == ["x", 'z "q"']


@pytest.mark.parametrize("text", [TEXT, "\ufeff" + TEXT, TEXT.replace("\n", "\r\n"), "\n" + TEXT, TEXT.rstrip("\n")])
def test_csv_as_it_comes(tmp_path: Path, text: str) -> None:
    """Quotes, spaces, empty lines, a byte order mark, either line end, no last line end."""
    (tmp_path / "rows.csv").write_bytes(text.encode())
    check(tmp_path / "rows.csv")


def test_packed_csv(tmp_path: Path) -> None:
    """.gz and .zst are unpacked, also where the fault has to be found."""
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    check(tmp_path / "rows.csv.gz")
    with pyarrow.CompressedOutputStream(str(tmp_path / "rows.csv.zst"), "zstd") as file:
        file.write(TEXT.encode())
    check(tmp_path / "rows.csv.zst")
    bad = TEXT.replace("+.5", "oops").encode()
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(bad))
    with pyarrow.CompressedOutputStream(str(tmp_path / "bad.csv.zst"), "zstd") as file:
        file.write(bad)
    for name in ("bad.csv.gz", "bad.csv.zst"):
        with pytest.raises(DataError) as caught:
            read(str(tmp_path / name), replace(WANTED, kinds={"b": "number"}), "train")
        assert (caught.value.line, caught.value.column) == (4, "b")


@pytest.mark.parametrize(("name", "delimiter"), [("rows.tsv", "\t"), ("rows.csv", "\t"), ("rows.csv", ";")])
def test_other_delimiters(tmp_path: Path, name: str, delimiter: str) -> None:
    """Tabs in TSV; in CSV the delimiter of a header without commas."""
    (tmp_path / name).write_text(f"a{delimiter}y\n1{delimiter}2\n")
    table = read(str(tmp_path / name), WANTED, "train")
    assert matrix(table).tolist() == [[1]]
    assert labels(table).tolist() == [2]


def test_targets_keep_their_kind(tmp_path: Path) -> None:
    """Whole numbers are integers, other numbers floats, anything else text."""
    for cells, kind in (("1 2", "i"), ("1.0 2", "i"), ("1.5 2", "f"), ("1 x", "U")):
        first, second = cells.split()
        (tmp_path / "rows.csv").write_text(f"a,y\n1,{first}\n2,{second}\n")
        assert labels(read(str(tmp_path / "rows.csv"), WANTED, "train")).dtype.kind == kind


def test_lines_are_counted_through_quoted_line_ends(tmp_path: Path) -> None:
    """The line of a fault is the one an editor shows."""
    (tmp_path / "rows.csv").write_text('a,y,note\n1,x,"two\nlines"\n\noops,x,n\n')
    with pytest.raises(DataError, match="line 5, column 'a'"):
        read(str(tmp_path / "rows.csv"), Selection(targets=("y",), drop=("note",), kinds={"a": "number"}), "train")


def test_only_wanted_columns_are_read(tmp_path: Path) -> None:
    """Columns that are not wanted may hold anything."""
    (tmp_path / "rows.csv").write_text("name,a,w,y\nx,1,2,?\n")
    table = read(
        str(tmp_path / "rows.csv"), Selection(targets=("y",), needs_target=False, weight="w", features=("a",)), "train"
    )
    assert (table.names, matrix(table).tolist(), table.targets) == (("a",), [[1]], ())
    assert table.weight is not None
    assert table.weight.tolist() == [2]


@pytest.mark.parametrize("name", TARGETS)
def test_built_in_sets_have_one_split(name: str) -> None:
    """80 % and 20 %, every class in proportion, no row in both, the same every time."""
    train, test = read(name, Selection(), "train"), read(name, Selection(), "test")
    n = len(train) + len(test)
    assert len(test) == round(0.2 * n)
    assert np.array_equal(matrix(read(name, Selection(), "test")), matrix(test))
    if name != "diabetes":
        for label in np.unique(labels(train)):
            count = (labels(train) == label).sum() + (labels(test) == label).sum()
            assert abs((labels(test) == label).sum() - 0.2 * count) <= 1
    assert train.names == test.names
    assert np.isfinite(matrix(train)).all()


def test_the_split_is_written_down() -> None:
    """The first rows held out of digits, as they have always been."""
    from sklearn.datasets import load_digits

    test = matrix(read("digits", Selection(), "test"))
    rows = [int(np.flatnonzero((load_digits().data == row).all(axis=1))[0]) for row in test[:5]]
    assert rows == [5, 6, 7, 10, 11]
