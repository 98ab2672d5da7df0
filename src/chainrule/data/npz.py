"""NPZ: an array X of rows, and arrays of one entry (or several) for each of them."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.integers import EXACT
from chainrule.data.table import Column, Selection, Table, Understood, column_of, no_such, refuse_missing
from chainrule.errors import DataError


def read_npz(path: Path, selection: Selection) -> Table:
    """The columns x0, x1, … of X, used as they are; NaN is a missing value.

    Errors    DataError for arrays that are missing, misshapen, infinite, pickled or hold no numbers
    """
    held = npz_arrays(path)
    X = _numbers(np.asarray(_member(held, "X", path)), "X", path)
    if X.ndim != 2:
        raise DataError(
            f"X has shape {X.shape}: must be (n, n_columns). Flatten: X.reshape(len(X), -1).", path=str(path)
        )
    names = [f"x{j}" for j in range(X.shape[1])]
    refuse_missing(selection.features or (), names, str(path))
    for name in selection.drop:
        if name not in names:
            raise no_such("column", name, names, str(path))
    wanted = selection.features or tuple(name for name in names if name not in selection.drop)
    if len(X) == 0 or not wanted:
        raise DataError(f"X has shape {X.shape}: must have at least one row and one column.", path=str(path))
    columns = tuple(Column(name, "number", X[:, names.index(name)].astype(np.float64)) for name in wanted)
    targets: tuple[Column, ...] = ()
    if selection.needs_target:
        targets = tuple(c for name in selection.targets or ("y",) for c in _targets(held, name, len(X), path))
    weight = None if selection.weight is None else _targets(held, selection.weight, len(X), path)[0].values
    understood = [Understood(name, "number", name in wanted, "" if name in wanted else "left out") for name in names]
    understood += [Understood(column.name, column.kind, True, "to be predicted") for column in targets]
    return Table(
        path=str(path), columns=columns, targets=targets, weight=weight, understood=tuple(understood), dialect="NPZ"
    )


def _targets(held: dict[str, npt.NDArray[Any]], name: str, n: int, path: Path) -> list[Column]:
    """A named array of one entry for each row, or its columns name0, name1, … where it has several."""
    array = _member(held, name, path)
    if array.ndim == 2 and len(array) == n and array.shape[1] > 1:
        return [column_of(f"{name}{j}", _numbers(array[:, j], f"{name}[:, {j}]", path)) for j in range(array.shape[1])]
    if array.shape not in ((n,), (n, 1)):
        raise DataError(f"{name} has shape {array.shape}: must be ({n},): one entry for each row of X.", path=str(path))
    array = array.reshape(-1)
    if array.dtype.kind in "iu" and len(array) and max(-int(array.min()), int(array.max())) > EXACT:
        array = array.astype(str)  # classes, to the last digit
    return [column_of(name, array if array.dtype.kind == "U" else _numbers(array, name, path))]


def _numbers(array: npt.NDArray[Any], name: str, path: Path) -> npt.NDArray[Any]:
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}: must be numbers or strings.", path=str(path))
    if array.dtype.kind == "f" and np.isinf(array).any():
        place = ", ".join(str(int(i)) for i in np.argwhere(np.isinf(array))[0])
        raise DataError(f"{name}[{place}] is infinite: must be finite numbers.", path=str(path))
    return array


def npz_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file by name; DataError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            held = np.load(file, allow_pickle=False)
            if not hasattr(held, "files"):
                raise ValueError("it holds one array without a name")
            with held:
                return {name: held[name] for name in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise DataError(
            f"cannot be read as NPZ ({error}): must be numpy.savez(path, X=…, y=…) with plain arrays.", path=str(path)
        ) from None


def _member(held: dict[str, npt.NDArray[Any]], name: str, path: Path) -> npt.NDArray[Any]:
    if name not in held:
        raise no_such("array", name, list(held), str(path))
    return held[name]
