"""Parquet, Arrow, Feather and tables of other libraries: one table, whatever holds it."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import feather, ipc, parquet

from chainrule.data.read import batches, read
from chainrule.data.table import Selection, Table
from chainrule.errors import DataError

DAY = datetime.datetime(2020, 2, 29, 12, 30)
TABLE = pyarrow.table(
    {
        "whole": pyarrow.array([1, None, 3], pyarrow.int16()),
        "half": pyarrow.array([0.5, float("nan"), 2.5], pyarrow.float32()),
        "exact": pyarrow.array([Decimal("1.25"), Decimal("-2.50"), None]),
        "yes": pyarrow.array([True, False, None]),
        "day": pyarrow.array([DAY.date(), None, DAY.date() + datetime.timedelta(1)]),
        "time": pyarrow.array([DAY, DAY + datetime.timedelta(0, 1), None], pyarrow.timestamp("ns")),
        "place": pyarrow.array(["b10", "b9", None]).dictionary_encode(),
        "text": pyarrow.array(["x", "NA", "y"], pyarrow.large_string()),
        "digits": pyarrow.array(["1", " 2 ", "?"]),
        "list": pyarrow.array([[1], [2], None]),
        "y": pyarrow.array(["u", "v", "u"]),
    }
)


def check(table: Table) -> None:
    """The values of TABLE."""
    nan, nat = float("nan"), np.datetime64("NaT")
    expected: dict[str, tuple[str, list[Any]]] = {
        "whole": ("number", [1, nan, 3]),
        "half": ("number", [0.5, nan, 2.5]),
        "exact": ("number", [1.25, -2.5, nan]),
        "yes": ("boolean", [1, 0, nan]),
        "day": ("time", [np.datetime64("2020-02-29"), nat, np.datetime64("2020-03-01")]),
        "time": ("time", [np.datetime64("2020-02-29T12:30:00"), np.datetime64("2020-02-29T12:30:01"), nat]),
        "place": ("category", [1, 0, -1]),
        "text": ("category", [0, -1, 1]),
        "digits": ("number", [1, 2, nan]),
        "y": ("category", [0, 1, 0]),
    }
    assert [*table.names, "y"] == list(expected)
    for name, (kind, values) in expected.items():
        column = table.column(name)
        assert column.kind == kind, name
        assert np.array_equal(column.values, np.array(values, column.values.dtype), equal_nan=kind != "category"), name
    assert table.column("place").levels == ("b9", "b10")
    assert [entry.name for entry in table.understood] == TABLE.column_names
    assert not table.understood[9].used


def write(path: Path) -> None:
    if path.suffix == ".parquet":
        parquet.write_table(TABLE, path)
    elif path.suffix == ".feather":
        feather.write_feather(TABLE, str(path))
    elif path.suffix == ".ipc":
        with ipc.new_stream(str(path), TABLE.schema) as stream:
            stream.write_table(TABLE)
    else:
        with ipc.new_file(str(path), TABLE.schema) as file:
            file.write_table(TABLE)


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrow", "ipc"])
def test_files(tmp_path: Path, ending: str) -> None:
    """Every format gives the same columns, whole or in batches."""
    path = tmp_path / f"rows.{ending}"
    write(path)
    check(read(path, Selection(targets=("y",))))
    assert [len(batch) for batch in batches(str(path), Selection(targets=("y",)), 2)] == [2, 1]


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    """Files in the order of their names; other columns in one of them, or values in folder names, are refused."""
    (tmp_path / "rows").mkdir()
    parquet.write_table(TABLE.slice(0, 1), tmp_path / "rows" / "a.parquet")
    parquet.write_table(TABLE.slice(1), tmp_path / "rows" / "b.parquet")
    (tmp_path / "rows" / "_SUCCESS").touch()
    check(read(tmp_path / "rows", Selection(targets=("y",))))
    parquet.write_table(TABLE.drop_columns("half"), tmp_path / "rows" / "c.parquet")
    with pytest.raises(DataError, match=r"c\.parquet.*'half'"):
        read(tmp_path / "rows", Selection(targets=("y",)))
    (tmp_path / "rows" / "c.parquet").unlink()
    (tmp_path / "rows" / "year=2020").mkdir()
    parquet.write_table(TABLE, tmp_path / "rows" / "year=2020" / "d.parquet")
    with pytest.raises(DataError, match="partitioned"):
        read(tmp_path / "rows", Selection(targets=("y",)))


class Stream:
    """The least that an object from another library offers."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


def test_objects() -> None:
    """A pyarrow table and anything with an Arrow stream; other objects are refused."""
    check(read(TABLE, Selection(targets=("y",))))
    check(read(Stream(), Selection(targets=("y",))))
    with pytest.raises(DataError, match="a dict cannot be read"):
        read({"y": [1]}, Selection(targets=("y",)))


def test_frames() -> None:
    """DataFrames of pandas and polars, where they are installed (skipped until they are)."""
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (pandas.DataFrame({"a": [1.5, None], "b": ["x", None], "y": [True, False]}, index=[5, 3]),
                  polars.DataFrame({"a": [1.5, None], "b": ["x", None], "y": [True, False]})):  # fmt: skip
        table = read(frame, Selection(targets=("y",)))
        assert (table.names, table.column("b").levels, table.targets[0].kind) == (("a", "b"), ("x",), "boolean")
    mixed = pandas.DataFrame({"a": [1, "x"], "y": [0, 1]})
    assert read(mixed, Selection(targets=("y",))).column("a").levels == ("1", "x")


def test_what_numbers_cannot_be(tmp_path: Path) -> None:
    """An infinite number is named by its row; names that stand twice and columns of no use are refused."""
    parquet.write_table(pyarrow.table({"a": [1.0, 2.0, float("inf")], "y": [0, 1, 0]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet, column 'a': row 2 \(from 0\) holds 'inf'"):
        read(tmp_path / "a.parquet", Selection(targets=("y",)))
    twice = pyarrow.table([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    with pytest.raises(DataError, match="column 1 and again at column 2"):
        read(twice, Selection(targets=("a",)))
    with pytest.raises(DataError, match="no rows"):
        read(TABLE.slice(0, 0), Selection(targets=("y",)))
    with pytest.raises(DataError, match="no column is left"):
        read(TABLE.select(["list", "y"]), Selection(targets=("y",)))
