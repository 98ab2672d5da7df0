"""Malformed and odd files: each is read exactly right or refused with its place; none silently wrong, no crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data.read import batches, read
from chainrule.data.table import Column
from chainrule.errors import DataError
from malformed import CASES, Case, Reads, Refused


def cells(column: Column) -> list[Any]:
    """A column as plain values, None for missing."""
    gone = column.missing
    if column.kind == "category":
        assert column.levels is not None
        return [None if gone[i] else column.levels[code] for i, code in enumerate(column.values)]
    if column.kind == "time":
        return [None if gone[i] else value for i, value in enumerate(column.values)]
    return [None if gone[i] else float(value) for i, value in enumerate(column.values)]


def same(column: Column, expected: list[Any]) -> bool:
    if column.kind == "time":
        expected = [None if value is None else np.datetime64(value, "us") for value in expected]
    return cells(column) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_is_read_rightly_or_refused_with_its_place(case: Case, tmp_path: Path) -> None:
    """The values cell by cell; or a DataError with file, line and column that says what stands there."""
    path = tmp_path / f"file{case.ending}"
    path.write_bytes(case.content)
    if isinstance(case.expected, Refused):
        with pytest.raises(DataError) as caught:
            read(path, case.selection)
        error = caught.value
        assert str(path) in str(error)
        if case.expected.line is not None:
            assert error.line == case.expected.line
        if case.expected.column is not None:
            assert error.column == case.expected.column
        for words in case.expected.words:
            assert words in str(error)
        return
    table = read(path, case.selection)
    found = {column.name: column for column in (*table.columns, *table.targets)}
    assert list(found) == list(case.expected.columns) or set(found) == set(case.expected.columns)
    for name, expected in case.expected.columns.items():
        assert same(found[name], expected), (name, cells(found[name])[:12], expected[:12])
    assert case.expected.dialect in table.dialect


def test_the_set_is_large_and_its_names_differ() -> None:
    """At least 150 files, told apart by name."""
    assert len({case.name for case in CASES}) == len(CASES) >= 150


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.expected, Reads)][::9], ids=lambda case: case.name)
def test_batches_give_the_same_rows(case: Case, tmp_path: Path) -> None:
    """Three rows at a time, joined, are the whole table."""
    path = tmp_path / f"file{case.ending}"
    path.write_bytes(case.content)
    parts = list(batches(path, case.selection, 3))
    assert max(map(len, parts)) <= 3
    for name, expected in case.expected.columns.items():  # type: ignore[union-attr]
        if len(expected) < 1000:
            assert [cell for part in parts for cell in cells(part.column(name))] == cells(
                read(path, case.selection).column(name)
            )
