"""Rows that several processes read: worker 0 leaves them in files, which the others map into memory.

Of a mapped file only what is touched is read, so a worker reads the rows of its leaves. Files that exist already, as
those of a cache, are mapped where they are. Who cannot see a file, being on another machine, is sent the rows.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.distributed.comm import Comm

Array = npt.NDArray[Any]
COMPARED = 1 << 16
"""Bytes at the beginning and at the end of a file that tell it from another of the same size."""


def lend(array: Array, folder: Path, name: str) -> dict[str, Any]:
    """Where others find an array: in a file that it is mapped from, else in a new one."""
    entry: dict[str, Any] = {"dtype": array.dtype.str, "shape": list(array.shape)}
    mapped = _mapped_from(array)
    if mapped is None:
        number, made = tempfile.mkstemp(prefix=f"{name}-", dir=folder)
        path, offset = Path(made), 0
        with open(number, "wb") as file:
            np.ascontiguousarray(array).tofile(file)
    else:
        path, offset = mapped
    return entry | {"path": str(path), "offset": offset, "mark": _mark(path), "made": mapped is None}


def borrow(entry: dict[str, Any]) -> Array | None:
    """The array that was lent, mapped; None where it is not to be seen from here."""
    shape, dtype = tuple(entry["shape"]), np.dtype(entry["dtype"])
    if 0 in shape:
        return np.empty(shape, dtype)
    try:
        if _mark(Path(entry["path"])) != entry["mark"]:
            return None
        return np.memmap(entry["path"], dtype, "r", entry["offset"], shape)
    except (OSError, ValueError):
        return None


def spread(comm: Comm, arrays: dict[str, Array | None], entries: dict[str, Any]) -> dict[str, Any]:
    """What every worker has afterwards: worker 0 its own arrays, the others mapped or sent ones."""
    if comm.rank > 0:
        arrays = {name: None if entry is None else borrow(entry) for name, entry in entries.items()}
    seen = all(arrays[name] is not None for name, entry in entries.items() if entry is not None)
    agreed = comm.all_agree(seen)
    if comm.rank == 0:
        for entry in filter(None, entries.values()):
            if entry["made"]:
                os.unlink(entry["path"])  # whoever mapped it keeps it
    if agreed:
        return arrays
    if comm.rank == 0:
        comm.tell({"do": "take"}, [array for array in arrays.values() if array is not None])
        return arrays
    _, sent = comm.hear()
    return {**arrays, **dict(zip([name for name, entry in entries.items() if entry is not None], sent, strict=True))}


def _mapped_from(array: Array) -> tuple[Path, int] | None:
    """The file behind an array whose memory is a mapped file, and where it begins there."""
    root: Any = array
    while isinstance(getattr(root, "base", None), np.ndarray):
        root = root.base
    if not (isinstance(root, np.memmap) and root.filename and array.flags.c_contiguous):
        return None
    begins = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return Path(os.fspath(root.filename)), int(root.offset) + int(begins)


def _mark(path: Path) -> list[int]:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        first = file.read(COMPARED)
        file.seek(max(0, size - COMPARED))
        return [size, zlib.crc32(file.read(COMPARED), zlib.crc32(first))]
