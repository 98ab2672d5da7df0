"""Malformed and odd files: each is read exactly right or refused with its place; none silently wrong, no crash."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import malformed
import malformed_cells
from chainrule.data.csv import open_csv
from chainrule.data.read import batches, read
from chainrule.data.table import Column, Selection
from chainrule.errors import DataError
from malformed import Case, Reads, Refused

CASES = [*malformed.CASES, *malformed_cells.CASES]


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


def by_the_standard_library(content: bytes) -> list[list[str | None]]:
    """The cells of a CSV by Python's csv module, as texts without spaces around them; None for an empty one."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    rows = [[" ".join(cell.splitlines()).strip() or None for cell in cells] for cells in reader if cells]
    return rows


MARKS = st.sampled_from(['"', ",", "\n", "\r", '""', "x", " ", "\0", "é", ""])
EDITS = st.lists(st.tuples(st.integers(0, 79), MARKS), max_size=4)


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_what_is_read_after_any_edit_is_what_python_reads(edits: list[tuple[int, str]]) -> None:
    """Quotes, delimiters, line ends and other marks put anywhere: refused, or the same cells as Python's csv module."""
    text = 'a,b,y\n1,"p, q",u\n2,"r ""s""",v\n3,t,u\n4,"two\nlines",v\n5,z,u\n'
    for place, mark in edits:
        text = text[:place] + mark + text[place + (mark == "") :]
    content = text.encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(content)
        try:
            source = open_csv(path, Selection(delimiter=",", quote='"'))
            kinds = dict.fromkeys(source.names, "category")
            table = read(path, Selection(needs_target=False, kinds=kinds, missing=("",), delimiter=",", quote='"'))
        except DataError:
            return
    header, *rows = by_the_standard_library(content)
    assert list(table.names) == [" ".join((name or "").split("\n")) for name in header]
    for j, found in enumerate(table.columns):
        texts = [None if cell is None else " ".join(cell.splitlines()).strip() for cell in cells(found)]
        assert texts == [row[j] for row in rows]
