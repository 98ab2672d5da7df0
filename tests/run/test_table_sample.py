"""The kept cells of a table are read as they were written, or refused by name."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.table import Column, Table
from chainrule.errors import ModelFileError
from chainrule.run.table_sample import TableSample
from crafted import alter_tensors

N = 30


def sample() -> TableSample:
    rng = np.random.default_rng(0)
    columns = (
        Column("number", "number", np.where(rng.random(N) < 0.2, np.nan, rng.normal(size=N))),
        Column("flag", "boolean", (rng.random(N) < 0.5).astype(float)),
        Column("level", "category", rng.integers(-1, 3, N).astype(np.int32), ("a", "b", "c")),
        Column("time", "time", np.datetime64("2024-01-01", "us") + np.arange(N).astype("timedelta64[D]")),
    )
    target = Column("y", "number", rng.normal(size=N))
    return TableSample.of(Table(path="", columns=columns, targets=(target,)), [c.name for c in columns], [2, 1, 3, 4])


def test_it_comes_back_to_the_bit(tmp_path: Path) -> None:
    """All kinds of columns, their missing cells, rows and widths."""
    sample().write(tmp_path / "table.safetensors")
    read = TableSample.read(tmp_path / "table.safetensors", N)
    assert read.rows.tolist() == list(range(N)) and read.widths == (2, 1, 3, 4)
    for ours, theirs in zip((*sample().columns, *sample().targets), (*read.columns, *read.targets), strict=True):
        assert (ours.name, ours.kind, ours.levels) == (theirs.name, theirs.kind, theirs.levels)
        assert ours.values.tobytes() == theirs.values.tobytes()


def test_a_file_of_other_rows_is_refused(tmp_path: Path) -> None:
    """Rows beyond those of the training are not those of this run."""
    sample().write(tmp_path / "table.safetensors")
    with pytest.raises(ModelFileError, match="rows holds numbers from 0 to 29; expected 0 to 9"):
        TableSample.read(tmp_path / "table.safetensors", 10)


def test_crafted_files_are_read_or_refused_by_name(tmp_path: Path) -> None:
    """Valid checksums, wrong content: what is read can be looked through, else the error names the file."""
    path = tmp_path / "table.safetensors"
    sample().write(path)
    whole = path.read_bytes()
    read, messages = list[TableSample](), list[str]()
    for seed in range(300):
        path.write_bytes(alter_tensors(whole, random.Random(seed)))
        try:
            read.append(TableSample.read(path, N))
        except ModelFileError as error:
            messages.append(str(error))
    assert all("table.safetensors" in message for message in messages) and len(messages) > 100
    for column in (column for one in read for column in (*one.columns, *one.targets)):
        assert len(column.missing) == len(column)
        assert column.kind != "category" or column.values.max(initial=-1) < len(column.levels)
