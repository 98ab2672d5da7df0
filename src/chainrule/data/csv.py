"""Numeric CSV with a header, read by pyarrow, refused with file, line and column where it is not clean."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.errors import DataError, unknown_name

MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "?")


def read_csv(path: Path, *, target: str | None, drop: Sequence[str], weight: str | None) -> Table:
    """The features as float64, the target as numbers or strings.

    Errors    DataError for an empty file, a ragged row, a doubled or empty name, a cell that is no finite number
    """
    columns = header(path)
    for wanted, what in [(target, "target"), (weight, "weight"), *((name, "drop") for name in drop)]:
        if wanted is not None and wanted not in columns:
            raise DataError(f"{unknown_name(f'{what} column', wanted, columns)}", path=str(path))
    table = _parse(path, columns)
    if table.num_rows == 0:
        raise DataError("holds a header and no rows; expected at least one row.", path=str(path), line=2)
    features = [name for name in columns if name not in (target, weight, *drop)]
    if not features:
        raise DataError("has no feature columns; expected at least one besides the target.", path=str(path))
    X = np.column_stack([_numbers(path, columns, name, table.column(name)) for name in features])
    return Table(
        tuple(features),
        X,
        None if target is None else _target(path, columns, target, table.column(target)),
        str(path),
        target,
        None if weight is None else _numbers(path, columns, weight, table.column(weight)),
    )


@contextlib.contextmanager
def _open(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a file, unpacked, strictly UTF-8 (a byte order mark is skipped)."""
    if path.suffix == ".zst":
        import pyarrow as pa

        raw: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    else:
        raw = gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb")
    with raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        yield text


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row; blank lines are skipped."""
    try:
        with _open(path) as text:
            reader = csv.reader(text, delimiter=_delimiter(path), strict=True)
            while True:
                line = reader.line_num + 1
                row = next(reader, None)
                if row is None:
                    return
                if row:
                    yield line, row
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 (byte 0x{error.object[error.start]:02x}); save it as UTF-8.", path=str(path)) from None
    except csv.Error as error:
        raise DataError(f"is no valid CSV ({error}); mend the quotes.", path=str(path), line=reader.line_num) from None
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read ({error}).", path=str(path)) from None


def header(path: Path) -> list[str]:
    first = next(_rows(path), None)
    if first is None:
        raise DataError("is empty; expected a header line and rows of numbers.", path=str(path))
    line, names = first
    names = [name.strip() for name in names]
    for i, name in enumerate(names):
        if not name:
            raise DataError(f"column {i + 1} has no name; expected a header with a name for each.", path=str(path), line=line)
        if name in names[:i]:
            raise DataError(f"the name {name!r} stands twice in the header; expected different names.", path=str(path), line=line)
    return names


def _parse(path: Path, columns: list[str]) -> Any:
    import pyarrow as pa
    from pyarrow import csv as arrow

    strings = arrow.ConvertOptions(column_types={name: pa.string() for name in columns}, strings_can_be_null=False)
    options = arrow.ReadOptions(column_names=columns, skip_rows=1)
    parse = arrow.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)
    try:
        return arrow.read_csv(str(path), read_options=options, parse_options=parse, convert_options=strings)
    except (pa.ArrowInvalid, OSError) as error:
        for line, row in _rows(path):
            if len(row) != len(columns):
                raise DataError(
                    f"has {len(row)} cells; expected {len(columns)}, as many as the header.", path=str(path), line=line
                ) from None
        reason = str(error).splitlines()[0]
        if "Empty CSV" in reason:
            raise DataError("holds a header and no rows; expected at least one row.", path=str(path), line=2) from None
        raise DataError(f"cannot be read ({reason}).", path=str(path)) from None


def _numbers(path: Path, columns: list[str], name: str, cells: Any) -> npt.NDArray[np.float64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values: npt.NDArray[np.float64] = pc.cast(pc.utf8_trim_whitespace(cells), pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        _refuse_cell(path, columns, name)
    return values


def _refuse_cell(path: Path, columns: list[str], name: str) -> None:
    place = columns.index(name)
    rows = _rows(path)
    next(rows)
    for line, row in rows:
        cell = row[place].strip()
        try:
            good = bool(np.isfinite(float(cell)))
        except ValueError:
            good = False
        if not good:
            what = "is missing" if cell in MISSING else f"holds {cell!r}"
            raise DataError(
                f"{what}; expected a finite number. Fill or drop it, or leave the column out.",
                path=str(path), line=line, column=name,
            )  # fmt: skip
    raise DataError("holds what is no finite number.", path=str(path), column=name)


def _target(path: Path, columns: list[str], name: str, cells: Any) -> npt.NDArray[Any]:
    """Numbers where every cell is one, else strings; a missing cell is refused."""
    text = np.array([cell.strip() for cell in cells.to_pylist()], dtype=str)
    missing = np.flatnonzero(np.isin(text, MISSING))
    if len(missing):
        _refuse_cell(path, columns, name)
    try:
        numbers = text.astype(np.float64)
    except ValueError:
        return text
    if not np.isfinite(numbers).all():
        _refuse_cell(path, columns, name)
    return numbers
