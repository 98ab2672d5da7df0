"""Workbooks: the cells of a sheet by their types and formats, with the row of a fault."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data.read import read
from chainrule.data.table import Selection, Table
from chainrule.errors import DataError

openpyxl = pytest.importorskip("openpyxl", reason="pip install 'chainrule[excel]' reads workbooks")
DAYS = [datetime.datetime(2020, 1, 31), datetime.datetime(2019, 12, 5), datetime.datetime(2021, 7, 20, 14, 35)]


def written(path: Path, *sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for i, rows in enumerate(sheets, start=1):
        sheet = book.create_sheet(f"Sheet{i}")
        for row in rows:
            sheet.append(row)
    book.save(path / "rows.xlsx")
    return path / "rows.xlsx"


def table(path: Path, **stated: Any) -> Table:
    return read(path, Selection(targets=("y",), **stated))


HEADER = ["n", "kind", "day", "serial", "flag", "mixed", "y"]
ROWS = [
    [0.5 * i, "red" if i % 2 else "blue", DAYS[i % 3], 43861 + i, bool(i % 3), 7 if i % 2 else "7a", i % 2]
    for i in range(12)
]


def test_cells_by_type_and_format(tmp_path: Path) -> None:
    """A serial number is a date where its format says so, and a number where it does not."""
    found = table(written(tmp_path, [HEADER, *ROWS]))
    assert [column.kind for column in found.columns] == ["number", "category", "time", "number", "boolean", "category"]
    assert found.column("n").values.tolist() == [0.5 * i for i in range(12)]
    assert found.column("day").values[:3].tolist() == DAYS
    assert found.column("serial").values[0] == 43861
    assert found.column("mixed").levels == ("7", "7a")
    assert found.dialect == "workbook, sheet 'Sheet1'"


def test_empty_rows_columns_and_cells(tmp_path: Path) -> None:
    """Empty rows are passed over and keep their numbers; an empty cell is missing."""
    rows = [[], ["a", "y", None], [1, 0, None], [], [None, 1, None], ["x", 1, None], [3, 0, None]]
    found = table(written(tmp_path, rows), kinds={"a": "category"})
    assert found.column("a").missing.tolist() == [False, True, False, False]
    with pytest.raises(DataError) as caught:
        table(written(tmp_path, rows), kinds={"a": "number"})
    assert caught.value.line == 6


def test_sheets_and_lines_above(tmp_path: Path) -> None:
    """Of several sheets one is stated; --skip and --no-header as in text files."""
    path = written(tmp_path, [["Report"], ["a", "y"], [1, 0], [2, 1]], [["a", "y"], [5, 0], [6, 1]], [])
    with pytest.raises(DataError, match=r"holds 2 sheets: Sheet1, Sheet2.*--sheet"):
        table(path)
    with pytest.raises(DataError, match="no sheet 'Sheet9'"):
        table(path, sheet="Sheet9")
    assert table(path, sheet="Sheet2").column("a").values.tolist() == [5.0, 6.0]
    assert table(path, sheet="Sheet1", skip=1).column("a").values.tolist() == [1.0, 2.0]
    bare = written(tmp_path, [[1.5, "x"], [2.5, "z"], [1.5, "x"]])
    with pytest.raises(DataError, match="--no-header"):
        table(bare)
    assert len(read(bare, Selection(targets=("column_2",), header=False))) == 3


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    """Formulas without a value, merged cells, a row of totals, no workbook at all."""
    with pytest.raises(DataError, match="formula '=A2") as caught:
        table(written(tmp_path, [["a", "y"], [1, 0], ["=A2+1", 1]]))
    assert caught.value.line == 3
    with pytest.raises(DataError, match="last row alone") as caught:
        table(written(tmp_path, [["a", "y"], ["x", 0], ["z", 1], ["x", 1], ["Total", 2]]))
    assert caught.value.line == 5
    path = written(tmp_path, [["a", "y"], [1, 0], [None, 1], [2, 1]])
    book = openpyxl.load_workbook(path)
    book["Sheet1"].merge_cells("A2:A3")
    book.save(path)
    with pytest.raises(DataError, match="merged") as caught:
        table(path)
    assert caught.value.line == 2
    path.write_bytes(b"a,y\n1,0\n")
    with pytest.raises(DataError, match="cannot be read"):
        table(path)


def test_the_same_from_text(tmp_path: Path) -> None:
    """A model of a workbook reads the sheet saved as CSV alike."""
    found = table(written(tmp_path, [HEADER, *ROWS]))
    lines = [",".join(HEADER), *(",".join(str(cell) for cell in row) for row in ROWS)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    kinds = {column.name: column.reading for column in (*found.columns, *found.targets)}
    again = table(tmp_path / "rows.csv", kinds=kinds)
    for column in found.columns:
        same = again.column(column.name)
        assert column.levels == same.levels or column.kind == "boolean"
        assert np.array_equal(column.values, same.values)
