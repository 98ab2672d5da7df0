"""Numbers as people write them: read rightly, or asked about; never silently wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from number_columns import NumberCells, columns

from chainrule.data.read import read
from chainrule.data.table import NumberColumn, Selection
from chainrule.errors import DataError


def write(path: Path, header: list[str], rows: list[tuple[str, ...]], delimiter: str) -> None:
    """A text file with these cells, quoted where needed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)


def outcome(path: Path, case: NumberCells, delimiter: str) -> str:
    """ "read", "asked", or what is wrong."""
    rows = [(str((7 * i) % 11), cell, "yn"[i % 2]) for i, cell in enumerate(case.cells)]
    write(path, ["k", "v", "y"], rows, delimiter)
    try:
        table = read(str(path), Selection(targets=("y",)))
    except DataError as error:
        return "asked" if error.column == "v" and error.line is not None and "--" in str(error) else f"{error}"
    column = {column.name: column for column in table.columns}.get("v")
    if column is None or column.kind != "number":
        return f"taken for {[entry.detail for entry in table.understood if entry.name == 'v']}"
    if not np.array_equal(column.values, case.values, equal_nan=True):
        return f"read as {column.values[:4]} from {case.cells[:4]}"
    if case.word and not (isinstance(column, NumberColumn) and column.codes is not None):
        return f"no input for {case.word!r}"
    return "read"


def test_none_of_many_columns_is_silently_wrong(tmp_path: Path) -> None:
    """More than 600 columns with delimiters in turns: each is read to the last digit or asked about, most are read."""
    results = {"read": 0, "asked": 0}
    for i, case in enumerate(columns()):
        delimiter = (",", ";", "\t")[i % 3]
        found = outcome(tmp_path / "rows.csv", case, delimiter)
        assert found in results, f"{case.label}, delimiter {delimiter!r}: {found}"
        results[found] += 1
        if "rare" in case.label:
            assert found == "asked", case.label
    assert sum(results.values()) >= 600
    assert results["read"] >= 0.7 * sum(results.values()), results
