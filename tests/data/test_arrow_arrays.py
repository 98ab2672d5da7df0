"""Arrays of pyarrow made and read by their bytes are what pyarrow itself makes of them, and pandas is not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from chainrule.data.arrow_arrays import doubles, false, integers, mask, null, places, text, texts


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("values", [[], [""], ["a", "", "é가😀", "b\0c"]])
def test_texts_are_those_of_pyarrow(kind: pa.DataType, values: list[str]) -> None:
    """Of every type of text, empty and beyond ASCII."""
    made = texts(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


def test_scalars_and_integers_are_those_of_pyarrow() -> None:
    """Types too."""
    assert text("a").equals(pa.scalar("a")) and false().equals(pa.scalar(False))
    assert null(pa.string()).equals(pa.scalar(None, pa.string()))
    assert integers(np.arange(9)[::2]).equals(pa.array([0, 2, 4, 6, 8]))


@pytest.mark.parametrize("cut", [slice(0, 20), slice(3, 17), slice(9, 10), slice(5, 5)])
def test_numbers_are_read_from_any_part_of_an_array(cut: slice) -> None:
    """Missing ones are NaN or −1, also of slices and several chunks."""
    values = [None if k % 3 == 0 else k + 0.5 for k in range(20)]
    part = pa.array(values, pa.float64())[cut.start : cut.stop]
    wanted = np.array([np.nan if value is None else value for value in values[cut]], np.float64)
    np.testing.assert_array_equal(doubles(part), wanted)
    np.testing.assert_array_equal(doubles(pa.chunked_array([part, part])), np.tile(wanted, 2))
    np.testing.assert_array_equal(mask(part.is_valid()), ~np.isnan(wanted))
    indices = pa.array([None if v is None else int(v) for v in values], pa.int32())[cut.start : cut.stop]
    np.testing.assert_array_equal(places(indices), [-1 if v is None else int(v) for v in values[cut]])


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.float32(), pa.bool_()])
def test_other_numbers_are_cast(kind: pa.DataType) -> None:
    """A column of nothing is NaN throughout; no chunk is no number."""
    np.testing.assert_array_equal(doubles(pa.array([1, None, 0], pa.int8()).cast(kind)), [1, np.nan, 0])
    np.testing.assert_array_equal(doubles(pa.nulls(2, kind)), [np.nan, np.nan])
    assert doubles(pa.chunked_array([], kind)).shape == (0,)


def test_what_is_read_may_be_written_to() -> None:
    """It is a copy: the column keeps its values."""
    column = pa.array([1.0, 2.0])
    doubles(column)[:] = 0
    assert column.to_pylist() == [1, 2]


def test_a_file_is_read_without_pandas(tmp_path: Path) -> None:
    """Of numbers with gaps, texts, dates and codes."""
    path = tmp_path / "t.csv"
    rows = [f"{k % 7 or ''},{'ab'[k % 2]},2024-01-{k % 28 + 1:02d},NA,{k}" for k in range(40)]
    path.write_text("\n".join(["n,c,d,m,y", *rows]))
    code = f"import sys, chainrule as cr; cr.plan({str(path)!r}, target='y'); print('pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
