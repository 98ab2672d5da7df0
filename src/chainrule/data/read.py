"""Reading: a built-in name or a path becomes a Table, or a DataError that says where the fault is."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data import arrays, builtin
from chainrule.data.builtin import Part
from chainrule.data.table import Column, Selection, Table, column_of, nearest, no_such, refuse_missing
from chainrule.errors import DataError, ShapeError

CSV_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


def read(source: str, selection: Selection, part: Part) -> Table:
    """The rows of a built-in set (only those of `part`) or of a file (all of them).

    Errors    DataError with path, line and column, as far as each is known
    """
    if source in builtin.TARGETS:
        return builtin.load(source, part, selection)
    path = Path(source)
    if path.is_dir():
        raise DataError("is a folder; expected a file (.csv, .tsv or .npz).", path=source)
    if not path.exists():
        hint = nearest(source, builtin.TARGETS)
        raise DataError(f"no such file{hint or '; expected a file, or ' + ' '.join(builtin.TARGETS)}", path=source)
    if path.suffix.lower() == ".npz":
        return _read_npz(path, selection)
    if not path.name.lower().endswith(CSV_ENDINGS):
        raise DataError(
            f"the ending {path.suffix!r} is not known; expected .csv, .tsv (also .gz, .zst) or .npz.", path=source
        )
    from chainrule.data import csv

    return csv.read(path, selection)


def batches(source: str, selection: Selection, rows: int = 65_536, part: Part = "train") -> Iterator[Table]:
    """The rows of read in their order, at most `rows` at a time; levels of categories are those of the block.

    Errors    those of read, when the block they are in is reached
    """
    table = read(source, selection, part)
    for first in range(0, len(table), rows):
        yield table.take(slice(first, first + rows))


def _read_npz(path: Path, selection: Selection) -> Table:
    held = _npz_arrays(path)
    X = np.asarray(_member(held, "X", path))
    if X.ndim != 2:
        raise DataError(
            f"X has shape {X.shape}; expected (n, n_columns). Flatten: X.reshape(len(X), -1).", path=str(path)
        )
    names = [f"x{j}" for j in range(X.shape[1])]
    wanted = list(selection.features or [name for name in names if name not in selection.drop])
    refuse_missing(selection.features or (), names, str(path))
    for name in selection.drop:
        if name not in names:
            raise no_such("column", name, names, str(path))
    try:
        checked = arrays.features(X, X.shape[1], "float64")
    except (DataError, ShapeError) as error:
        raise DataError(str(error), path=str(path)) from None
    if len(X) == 0 or not wanted:
        raise DataError(f"X has shape {X.shape}; expected at least one row and one column.", path=str(path))
    columns = checked if wanted == names else checked[:, [names.index(name) for name in wanted]]
    target_name = (selection.targets or ("y",))[0]
    targets = (column_of(target_name, _vector(held, target_name, len(X), path)),) if selection.needs_target else ()
    weight = None if selection.weight is None else _vector(held, selection.weight, len(X), path)
    numbers = tuple(Column(name, "number", columns[:, j]) for j, name in enumerate(wanted))
    return Table(str(path), numbers, targets, weight)


def _npz_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with open(path, "rb") as file:
            held = np.load(file, allow_pickle=False)
            if not hasattr(held, "files"):
                raise ValueError("it holds one array without a name")
            with held:
                return {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"cannot be read as NPZ ({error}); expected numpy.savez(path, X=…, y=…) with plain arrays.", path=str(path)
        ) from None


def _member(held: dict[str, npt.NDArray[Any]], name: str, path: Path) -> npt.NDArray[Any]:
    if name not in held:
        raise no_such("array", name, list(held), str(path))
    return held[name]


def _vector(held: dict[str, npt.NDArray[Any]], name: str, n: int, path: Path) -> npt.NDArray[Any]:
    """A named array of one entry for each row, finite where it holds numbers."""
    array = _member(held, name, path)
    if array.shape not in ((n,), (n, 1)):
        raise DataError(
            f"{name} has shape {array.shape}; expected ({n},): one entry for each row of X.", path=str(path)
        )
    array = array.reshape(-1)
    if array.dtype.kind not in "fiubU":
        raise DataError(f"{name} has dtype {array.dtype}; expected numbers or strings.", path=str(path))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise DataError(f"{name}[{row}] is {array[row]}; expected finite numbers.", path=str(path))
    return array
