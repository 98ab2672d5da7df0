"""Files are read: whole, within what they hold, their checksum verified, their content checked by a schema.

A safetensors file is read into one buffer, on which all arrays are views: memory is that of the file. Its header
is compared with the size of the file before anything is read or made, so no number in it can ask for memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ChainruleError, ModelFileError, of_file
from chainrule.run import lines as lines_module
from chainrule.run.registered import UnregisteredError
from chainrule.schema import (
    Anything,
    ListOf,
    MapOf,
    Record,
    Schema,
    SchemaError,
    Text,
    Whole,
    inside,
    parse_json,
    refuse,
)

Arrays = dict[str, npt.NDArray[Any]]
DTYPES = {
    "BOOL": "|b1", "I8": "|i1", "U8": "|u1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
MAX_DIMENSIONS = 8
RESTORE = "restore the file or train again"
_HEAD = 8
"""Bytes that say how long the header is."""


@contextmanager
def naming(path: Path, remedy: str = RESTORE) -> Iterator[None]:
    """What does not fit inside becomes a ModelFileError that begins with the file and ends with the remedy."""
    try:
        yield
    except ModelFileError:
        raise
    except UnregisteredError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except (SchemaError, ChainruleError) as error:
        raise ModelFileError(f"{path}: {str(error).rstrip('.')}; {remedy}.") from None


def is_file(path: Path) -> bool:
    """Whether the path is a regular file or a link to one; a folder, a pipe or a broken link is not."""
    return os.path.isfile(path)


def _refuse_irregular(path: Path, what: str) -> None:
    """ModelFileError if there is no regular file."""
    try:
        if is_file(path):
            return
    except OSError as error:
        raise ModelFileError(of_file(path, "read", error)) from error
    found = "not a regular file" if os.path.lexists(path) else "no such file"
    raise ModelFileError(f"{path}: {found}; expected {what}. Restore it or train again.")


def read_bytes(path: Path, what: str = "a file that `chainrule train` writes") -> npt.NDArray[np.uint8]:
    """The content of a regular file in a buffer of its size: that of the open one, for another may replace it."""
    _refuse_irregular(path, what)
    try:
        with open(path, "rb") as file:
            buffer = np.empty(os.fstat(file.fileno()).st_size, np.uint8)
            n = file.readinto(buffer.data) if len(buffer) else 0
    except OSError as error:
        raise ModelFileError(of_file(path, "read", error)) from error
    return buffer[:n]


def read_json(path: Path, schema: Schema, remedy: str = RESTORE) -> Any:
    """The JSON of a file, as its schema has it."""
    content = read_bytes(path, "what `chainrule train` writes").tobytes()
    with naming(path, remedy):
        return schema.check(parse_json(content), "")


def read_lines(path: Path, schema: Schema) -> tuple[list[dict[str, Any]], ModelFileError | None]:
    """The JSON lines of a file up to the first that is damaged or does not fit, and what is wrong with that.

    No file, no lines. A last line that was cut off by a crash (it does not end) is left out without a word.
    """
    if not os.path.lexists(path):
        return [], None
    try:
        content = read_bytes(path).tobytes()
    except ModelFileError as error:
        return [], error
    lines: list[dict[str, Any]] = []
    start, older = 0, True
    while start < len(content):
        end = content.find(b"\n", start)
        whole = end >= 0
        line, start = content[start : end if whole else len(content)], (end + 1 if whole else len(content))
        try:
            values = parse_json(line)
            if result := lines_module.fault(line, len(lines), older=older):
                raise SchemaError(result)
            older = older and not lines_module.is_sealed(line)
            if isinstance(values, dict):
                values = {name: entry for name, entry in values.items() if name not in lines_module.SEAL}
            lines.append(schema.check(values, ""))
        except SchemaError as error:
            if not whole:
                break
            return lines, ModelFileError(f"{path}: line {len(lines) + 1} {str(error).rstrip('.')}; {RESTORE}.")
    return lines, None


def read_tensors(path: Path, schema: Schema) -> tuple[Arrays, Any]:
    """The arrays and the JSON of a file that write_tensors wrote: verified, and as the schema has the JSON.

    Raises ModelFileError if the file is missing, truncated, altered, or not one of ours.
    """
    buffer = read_bytes(path, "a .safetensors file written by chainrule")
    try:
        arrays, metadata = _unpacked(buffer)
    except SchemaError as error:
        raise ModelFileError(f"{path}: is truncated or not a safetensors file ({error}); {RESTORE}.") from None
    text = metadata.get("chainrule")
    if text is None:
        raise ModelFileError(f"{path}: was not written by chainrule: the metadata entry 'chainrule' is missing.")
    content = text.encode("utf-8", "surrogatepass")
    if metadata.get("sha256") != checksum(arrays, content):
        raise ModelFileError(f"{path}: was altered: its checksum does not match; {RESTORE}.")
    with naming(path):
        return arrays, schema.check(parse_json(content), "")


_METADATA = MapOf(Text())
_ENTRY = Record(
    {
        "dtype": Text(tuple(DTYPES)),
        "shape": ListOf(Whole(), most=MAX_DIMENSIONS),
        "data_offsets": ListOf(Whole(), least=2, most=2),
    }
)


def _unpacked(buffer: npt.NDArray[np.uint8]) -> tuple[Arrays, dict[str, str]]:
    """The arrays, views on the buffer where their place allows it, and the metadata."""
    n_header = int.from_bytes(buffer[:_HEAD].tobytes(), "little") if len(buffer) >= _HEAD else -1
    if not 0 <= n_header <= len(buffer) - _HEAD:
        raise refuse("its head", n_header, f"a length of the header from 0 to {max(len(buffer) - _HEAD, 0)}")
    entries = MapOf(Anything()).check(parse_json(buffer[_HEAD : _HEAD + n_header].tobytes()), "its header")
    metadata = _METADATA.check(entries.pop("__metadata__", {}), "its header.__metadata__")
    data = buffer[_HEAD + n_header :]
    checked = {name: _ENTRY.check(entry, inside("its header", name)) for name, entry in entries.items()}
    arrays: Arrays = {}
    at = 0
    for name, entry in sorted(checked.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        shape, dtype = entry["shape"], np.dtype(DTYPES[entry["dtype"]])
        if begin != at or end < begin or end > len(data) or prod(shape) * dtype.itemsize != end - begin:
            raise SchemaError(
                f"its header puts {name!r:.80} of shape {shape!s:.60} at bytes {begin} to {end}; expected arrays one "
                f"after the other within {len(data)} bytes"
            )
        if max(shape, default=0) > len(buffer):
            raise refuse(f"the shape of {name!r:.80}", str(shape)[:60], "no length beyond the bytes of the file")
        arrays[name] = _view(data[begin:end], dtype).reshape(shape)
        at = end
    if at != len(data):
        raise SchemaError(f"{len(data)} bytes of data where its header describes {at}")
    return arrays, metadata


def _view(part: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Bytes as numbers; copied only where they do not lie at a multiple of the size of a number."""
    if dtype.kind == "b" and part.size and part.max() > 1:
        raise SchemaError("a boolean that is neither 0 nor 1")
    typed = part.view(dtype)
    return typed if typed.flags.aligned else typed.copy()


def checksum(arrays: Mapping[str, npt.NDArray[Any]], text: bytes) -> str:
    """sha256 over the JSON and the names, dtypes, shapes and bytes of all arrays."""
    digest = hashlib.sha256(text)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}{array.shape}\0".encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
