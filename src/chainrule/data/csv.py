"""CSV and TSV with a header: strict, so that a fault is refused with its line and column, never repaired.

pyarrow converts the columns at full speed. Where it refuses, or a number is not finite, a second pass
with Python's csv module walks the same file to name the first faulty line and column.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Selection, Table, listed, no_such, refuse_missing
from chainrule.errors import DataError

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "inf", "-inf", "Infinity", "-Infinity")
"""Cells of the target that stand for nothing that could be learned."""


@dataclass(frozen=True)
class _Layout:
    """A file's header and what is wanted of it."""

    path: Path
    delimiter: str
    header: list[str]
    raw: dict[str, str]
    """Each name as it stands in the file, with the spaces around it."""
    features: list[str]
    target: str | None
    weight: str | None

    @property
    def numeric(self) -> list[str]:
        """Columns that must hold numbers."""
        return self.features + ([self.weight] if self.weight else [])


def read(path: Path, selection: Selection) -> Table:
    """The selected columns of a delimited file.

    Errors    DataError for an empty file, a header without rows, missing or double names, ragged rows,
              cells that are empty, not numbers, NaN or infinite, and text that is not UTF-8
    """
    layout = _layout(path, selection)
    columns = _convert(layout)
    X = np.column_stack([columns[name] for name in layout.features])
    weight = columns[layout.weight] if layout.weight else None
    text = np.char.strip(columns[layout.target]) if layout.target else None
    finite = np.isfinite(X).all() and (weight is None or bool(np.isfinite(weight).all()))
    if not finite or (text is not None and np.isin(text, MISSING).any()):
        raise _fault(layout) or DataError("a cell is empty or not finite.", path=str(path))
    if _holds_quotes(path) and (fault := _fault(layout)):
        raise fault  # pyarrow repairs quotes that stand where none may, such as "2"3
    targets = () if text is None or layout.target is None else (_target(layout.target, text),)
    return Table(str(path), tuple(Column(name, "number", columns[name]) for name in layout.features), targets, weight)


def _target(name: str, text: npt.NDArray[np.str_]) -> Column:
    """Numbers where every cell is one; else categories."""
    try:
        return Column(name, "number", text.astype(np.float64))
    except ValueError:
        levels, codes = np.unique(text, return_inverse=True)
        return Column(name, "category", codes.astype(np.int32), tuple(levels.tolist()))


def _layout(path: Path, selection: Selection) -> _Layout:
    raw, delimiter = _header(path)
    header = [name.strip() for name in raw]
    known = set(header)
    target = next(iter(selection.wanted_targets), None)
    if selection.needs_target and target is None:
        raise DataError(f"which column is to be predicted? Give --target, one of {listed(header)}.", path=str(path))
    refuse_missing(selection.features or (), header, str(path))
    for name in (target, selection.weight, *selection.drop):
        if name is not None and name not in known:
            raise no_such("column", name, header, str(path))
    out = {target, selection.weight, *selection.drop}
    if target is not None and target in (selection.weight, *selection.drop):
        raise DataError(f"column {target!r} is the target and cannot be dropped or used as weight.", path=str(path))
    features = list(selection.features or [name for name in header if name not in out])
    if not features:
        raise DataError("no column is left to predict from; expected at least one besides the target.", path=str(path))
    return _Layout(path, delimiter, header, dict(zip(header, raw, strict=True)), features, target, selection.weight)


def _header(path: Path) -> tuple[list[str], str]:
    """The column names as they stand in the file, and the delimiter, which for .csv may also be ; or a tab."""
    delimiter = "\t" if ".tsv" in path.name.lower() else ","
    try:
        with _open(path) as text:
            first = next((line for line in text if line.strip()), "")
        if not first:
            raise DataError("is empty; expected a header line and rows.", path=str(path))
        if delimiter == "," and "," not in first:
            delimiter = next((other for other in ";\t" if other in first), ",")
        header = list(next(_records(path, delimiter))[1])
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    except (OSError, EOFError) as error:
        raise DataError(f"cannot be read ({error}).", path=str(path)) from None
    _check_names([name.strip() for name in header], path)
    return header, delimiter


def _check_names(header: list[str], path: Path) -> None:
    for position, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"column {position} has no name; expected a name for each.", path=str(path), line=1)
        if header.count(name) > 1:
            raise DataError(
                f"the name stands {header.count(name)} times in the header.", path=str(path), line=1, column=name
            )
    if all(_number(name) is not None for name in header):
        raise DataError("the first line holds numbers only; expected a header of names.", path=str(path), line=1)


def _convert(layout: _Layout) -> dict[str, Any]:
    """The wanted columns: float64 for numbers, strings for the target."""
    import pyarrow
    import pyarrow.csv

    types = {layout.raw[name]: pyarrow.float64() for name in layout.numeric}
    if layout.target is not None:
        types[layout.raw[layout.target]] = pyarrow.string()
    try:
        table = pyarrow.csv.read_csv(
            layout.path,
            parse_options=pyarrow.csv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[], strings_can_be_null=False
            ),
        )
    except (pyarrow.ArrowException, ValueError, KeyError, OSError) as error:
        told = str(error).split("\n")[0]
        raise _fault(layout) or DataError(f"cannot be read ({told}).", path=str(layout.path)) from None
    if table.num_rows == 0:
        raise DataError("has a header and no rows; expected at least one.", path=str(layout.path))
    columns = {name: table.column(layout.raw[name]).to_numpy() for name in layout.numeric}
    if layout.target is not None:
        columns[layout.target] = np.asarray(table.column(layout.raw[layout.target]).to_pylist(), dtype=np.str_)
    return columns


def _holds_quotes(path: Path) -> bool:
    with _open_bytes(path) as file:
        return any(b'"' in block for block in iter(lambda: file.read(1 << 20), b""))


def _fault(layout: _Layout) -> DataError | None:
    """The first fault of the file, found by reading it line by line; None where it has none."""
    path, numeric = str(layout.path), [(layout.header.index(name), name) for name in layout.numeric]
    target = None if layout.target is None else layout.header.index(layout.target)
    try:
        for line, cells in _records(layout.path, layout.delimiter, skip=1):
            if len(cells) != len(layout.header):
                return DataError(
                    f"the row has {len(cells)} cells; expected {len(layout.header)}, as in the header.",
                    path=path,
                    line=line,
                )
            for position, name in numeric:
                told = _complaint(cells[position])
                if told:
                    return DataError(told, path=path, line=line, column=name)
            if target is not None and cells[target].strip() in MISSING:
                told = f"holds {cells[target].strip()!r}; expected a class name or a finite number."
                return DataError(told, path=path, line=line, column=layout.target)
    except UnicodeDecodeError:
        return _not_utf8(layout.path)
    except DataError as error:
        return error
    return None


def _complaint(cell: str) -> str | None:
    """What is wrong with a cell that should hold a number, or None."""
    if not cell.strip():
        return "the cell is empty; expected a number. Fill it, or leave the column out with --drop."
    value = _number(cell)
    if value is None:
        return f"holds {cell[:40]!r}; expected a number. Encode text as numbers, or leave the column out with --drop."
    return None if math.isfinite(value) else f"holds {cell.strip()!r}; expected a finite number."


def _number(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


@contextlib.contextmanager
def _open_bytes(path: Path) -> Iterator[Any]:
    """The bytes of a file, unpacked."""
    if path.suffix == ".zst":
        import pyarrow

        with pyarrow.CompressedInputStream(pyarrow.OSFile(str(path)), "zstd") as raw:
            yield io.BufferedReader(raw)
    else:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            yield file


@contextlib.contextmanager
def _open(path: Path) -> Iterator[io.TextIOBase]:
    """The text of a file, unpacked, strictly UTF-8; a byte order mark is skipped."""
    with _open_bytes(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        yield text


def _records(path: Path, delimiter: str, skip: int = 0) -> Iterator[tuple[int, Sequence[str]]]:
    """Each record with the line it begins on; empty lines are passed over."""
    with _open(path) as text:
        reader, begins = csv.reader(text, delimiter=delimiter, strict=True), 1
        try:
            for cells in reader:
                if cells:
                    if skip == 0:
                        yield begins, cells
                    skip = max(skip - 1, 0)
                begins = reader.line_num + 1
        except csv.Error as error:
            told = f"is no well-formed CSV ({error}); mend the quotes."
            raise DataError(told, path=str(path), line=begins) from None


def _not_utf8(path: Path) -> DataError:
    with _open_bytes(path) as file:
        for line, raw in enumerate(file, start=1):
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                return DataError("the text is UTF-16; save it as UTF-8.", path=str(path))
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError as error:
                told = f"byte {raw[error.start]:#04x} is not UTF-8 text; save the file as UTF-8."
                return DataError(told, path=str(path), line=line)
    return DataError("is not UTF-8 text; save the file as UTF-8.", path=str(path))
