"""Arrays of pyarrow from Python's texts and as NumPy's, by their bytes.

Where pandas is installed, `pyarrow.array`, `pyarrow.scalar` and `to_numpy` import it to see whether they are given
something of it, which takes longer than reading a small file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def texts(values: Sequence[str], kind: Any) -> Any:
    """An array of texts, of the type `kind`."""
    import pyarrow

    if not (pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind)):
        return pyarrow.array(list(values), kind)
    encoded = [value.encode() for value in values]
    ends = np.cumsum([0, *map(len, encoded)])
    ends = ends.astype(np.int64 if pyarrow.types.is_large_string(kind) else np.int32)
    return pyarrow.Array.from_buffers(
        kind, len(encoded), [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(encoded))]
    )


def text(value: str) -> Any:
    """A scalar of text."""
    import pyarrow

    return texts([value], pyarrow.string())[0]


def integers(values: npt.NDArray[np.int64]) -> Any:
    """An array of whole numbers."""
    import pyarrow

    return pyarrow.Array.from_buffers(
        pyarrow.int64(), len(values), [None, pyarrow.py_buffer(np.ascontiguousarray(values))]
    )


def null(kind: Any) -> Any:
    """A scalar that is missing, of the type `kind`."""
    import pyarrow

    return pyarrow.nulls(1, kind)[0]


def false() -> Any:
    """The scalar False."""
    import pyarrow

    return pyarrow.Array.from_buffers(pyarrow.bool_(), 1, [None, pyarrow.py_buffer(b"\0")])[0]


def mask(column: Any) -> npt.NDArray[np.bool_]:
    """Booleans of which none is missing."""
    import pyarrow
    import pyarrow.compute as pc

    return _joined([_bytes(chunk, np.uint8) for chunk in _chunks(pc.cast(column, pyarrow.uint8()))], np.uint8) != 0


def doubles(column: Any) -> npt.NDArray[np.float64]:
    """Numbers as float64, null as NaN."""
    import pyarrow
    import pyarrow.compute as pc

    values = column if pyarrow.types.is_float64(column.type) else pc.cast(column, pyarrow.float64(), safe=False)
    return _joined([_with_gaps(chunk, np.float64, np.nan) for chunk in _chunks(values)], np.float64)


def places(indices: Any) -> npt.NDArray[np.int32]:
    """Indices of a dictionary (int32), −1 where there is none."""
    return _joined([_with_gaps(chunk, np.int32, -1) for chunk in _chunks(indices)], np.int32)


def _chunks(column: Any) -> Sequence[Any]:
    return column.chunks if hasattr(column, "chunks") else [column]


def _with_gaps(chunk: Any, dtype: Any, gap: float) -> npt.NDArray[Any]:
    values = _bytes(chunk, dtype)
    if chunk.null_count:
        values[~mask(chunk.is_valid())] = gap
    return values


def _bytes(chunk: Any, dtype: Any) -> npt.NDArray[Any]:
    """The values of an array as they lie in memory, a copy; anything where one is missing."""
    data, n = chunk.buffers()[1], len(chunk)
    if not n or data is None:
        return np.zeros(n, dtype)
    return np.frombuffer(data, dtype, n, chunk.offset * np.dtype(dtype).itemsize).copy()


def _joined(parts: Sequence[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype), *parts])
