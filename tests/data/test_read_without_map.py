"""Parquet, Arrow and Feather files are read, not mapped: one that is cut meanwhile is an error, not a signal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import feather, ipc, parquet

from chainrule.data import arrow
from chainrule.data.source import Source

N_ROWS = 400_000
MAPS = Path("/proc/self/maps")
ENDINGS = ["parquet", "arrow", "ipc", "feather"]
READ = """
import os, sys
from pathlib import Path
from chainrule.data import arrow
from chainrule.errors import DataError
path = Path(sys.argv[1])
blocks = iter((arrow.open_parquet if path.suffix == ".parquet" else arrow.open_arrow)(path).blocks(("a", "b")))
next(blocks)
os.truncate(path, path.stat().st_size // 4)
try:
    print(sum(len(block.columns["a"]) for block in blocks))
except DataError as error:
    print("DataError", error)
"""


def opened(path: Path) -> Source:
    return arrow.open_parquet(path) if path.suffix == ".parquet" else arrow.open_arrow(path)


def write(path: Path) -> None:
    """Two columns of random numbers, in parts of some thousand rows."""
    random = np.random.default_rng(0)
    table = pyarrow.table({name: random.standard_normal(N_ROWS) for name in "ab"})
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=50_000)
    elif path.suffix == ".feather":
        feather.write_feather(table, str(path), compression="uncompressed")
    else:
        new = ipc.new_stream if path.suffix == ".ipc" else ipc.new_file
        with new(str(path), table.schema) as out:
            out.write_table(table, max_chunksize=50_000)


@pytest.mark.skipif(not MAPS.exists(), reason="ends on a system that tells a process what it has mapped")
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_file_is_mapped(tmp_path: Path, ending: str) -> None:
    """While its blocks are read, and after, no page of the file belongs to the process."""
    path = tmp_path / f"rows.{ending}"
    write(path)
    n = 0
    for block in opened(path).blocks(("a", "b")):
        assert str(path) not in MAPS.read_text()
        n += len(block.columns["a"])
    assert n == N_ROWS


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_cut_while_it_is_read(tmp_path: Path, ending: str) -> None:
    """The process lives, and says which file could not be read."""
    path = tmp_path / f"rows.{ending}"
    write(path)
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout.startswith("DataError") and str(path) in done.stdout, done.stdout
