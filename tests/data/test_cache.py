"""The cache: rows on disk are the rows that were written, and a source that changed is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.data.cache import Cache, Writer, open_cache
from chainrule.errors import DataError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)).astype(np.float32), RNG.integers(0, 3, 50).astype(np.int32)
MADE = {"seed": 0, "columns": ("a", "b")}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text("some rows")
    return tmp_path / "rows.csv"


def write(folder: Path, source: Path) -> None:
    with Writer(folder, source, MADE, {"train": 40, "validation": 10}) as writer:
        for first in range(0, 40, 15):
            last = min(first + 15, 40)
            writer.add("train", X[first:last], Y[first:last], None)
        writer.add("validation", X[40:], Y[40:], None)


def opened(folder: Path, source: Path) -> Cache:
    cache = open_cache(folder, source, MADE)
    assert cache is not None
    return cache


def test_rows_come_back_mapped(tmp_path: Path, source: Path) -> None:
    """Every part to the bit, as maps of files, and nothing beside the folder."""
    assert open_cache(tmp_path / "cache", source, MADE) is None
    write(tmp_path / "cache", source)
    parts = opened(tmp_path / "cache", source).parts
    assert isinstance(parts["train"].X, np.memmap)
    assert np.array_equal(parts["train"].X, X[:40]) and np.array_equal(parts["train"].y, Y[:40])
    assert np.array_equal(parts["validation"].X, X[40:]) and parts["validation"].weight is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "rows.csv"]


def test_a_changed_source_is_refused(tmp_path: Path, source: Path) -> None:
    """Other content is refused even at the same size; a new time alone is not."""
    write(tmp_path / "cache", source)
    os.utime(source, (1, 1))
    opened(tmp_path / "cache", source)
    source.write_text("some_rows")
    with pytest.raises(DataError, match="changed since"):
        open_cache(tmp_path / "cache", source, MADE)


def test_another_making_or_damage_is_refused(tmp_path: Path, source: Path) -> None:
    """What decided about the rows is compared, and files are held against their shapes."""
    write(tmp_path / "cache", source)
    with pytest.raises(DataError, match="another seed"):
        open_cache(tmp_path / "cache", source, {**MADE, "seed": 1})
    data = (tmp_path / "cache" / "train.X.npy").read_bytes()
    (tmp_path / "cache" / "train.X.npy").write_bytes(data[:-8])
    with pytest.raises(DataError, match="cannot be read"):
        open_cache(tmp_path / "cache", source, MADE)


def write_half(folder: Path, source: Path, fault: Exception | None) -> None:
    with Writer(folder, source, MADE, {"train": 2}) as writer:
        writer.add("train", X[:1], Y[:1], None)
        if fault:
            raise fault


def test_what_fails_leaves_nothing(tmp_path: Path, source: Path) -> None:
    """Neither a fault on the way nor rows that stay away leave a folder."""
    for fault, result in ((RuntimeError("on the way"), "on the way"), (None, "expected")):
        with pytest.raises((RuntimeError, DataError), match=result):
            write_half(tmp_path / "cache", source, fault)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_training_on_mapped_rows_gives_the_same_bits(tmp_path: Path, source: Path) -> None:
    """Weights from mapped rows are those from rows in memory, without a copy of the rows."""
    write(tmp_path / "cache", source)
    part = opened(tmp_path / "cache", source).parts["train"]
    runs = [
        cr.train(cr.Network([3, 4, 3]), *data, epochs=2, progress=False)
        for data in ((X[:40], Y[:40]), (part.X, part.y))
    ]
    assert runs[0].result["sha256"] == runs[1].result["sha256"]
    assert runs[1].rows is not None and np.shares_memory(runs[1].rows.X, part.X)
