"""Files that are whole or absent: atomic writes, and safetensors with JSON beside the arrays and a checksum.

A safetensors file does not reveal a flipped byte of its data. So the metadata holds the sha256 of all
names, dtypes, shapes and bytes together with the JSON, and reading verifies it. Nothing is unpickled,
and no name in a file is turned into a Python object.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from chainrule import json_text
from chainrule.errors import ModelFileError, SettingsError, of_file
from chainrule.run import stored
from chainrule.run.names import CHECKPOINTS, ENSEMBLE, REPORT, RUN, is_of_run
from chainrule.run.stored import Arrays, checksum
from chainrule.schema import Anything, Record


@contextmanager
def writing_atomic(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write into that replaces `path` at the end, whole: temporary file, fsync, rename, fsync of the
    directory. After an error `path` is as it was.

    durable = False leaves out both fsyncs, which take longer than everything else. A killed process loses
    nothing by that; a power failure may lose or truncate what the system had not yet written, about the last
    half minute, so readers of such a file verify it and can do without it.
    """
    temporary = path.with_name(f"{path.name}.tmp.{secrets.token_hex(8)}")  # no other thread, process or host
    try:
        with open(temporary, "wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        remove(temporary)
        if isinstance(error, OSError) or (isinstance(error, ValueError) and "\0" in str(path)):
            raise ModelFileError(of_file(path, "written", error)) from error
        raise
    if durable:
        _sync_directory(path)


def remove(path: Path) -> bool:
    """Whether a file is gone; what holds it for a moment (a scanner, a network) is waited out by a second try."""
    for _ in range(2):
        try:
            path.unlink(missing_ok=True)
            return True
        except (OSError, ValueError):
            continue
    return False


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file by new content at once."""
    with writing_atomic(path) as file:
        file.write(content)


def refuse_unwritable(path: Path, *read: str | os.PathLike[str] | None) -> None:
    """An error where a file cannot or must not be written by its name: said before anything is computed for it.

    Arguments: read: what the file is made from. Raises SettingsError for a file that is read, and for a part of a run
    that cannot be made again; ModelFileError if there is no such folder.
    """
    _refuse_precious(path, read)
    try:
        if not path.is_dir() and path.absolute().parent.is_dir():
            path.exists()
            return
    except OSError as error:
        raise ModelFileError(of_file(path, "written", error)) from error
    raise ModelFileError(f"{path}: cannot be written. Give a file name in an existing folder.")


def _refuse_precious(path: Path, read: Sequence[str | os.PathLike[str] | None]) -> None:
    """SettingsError for a name under which something lies that would be lost."""
    if any(name is not None and _is_same(path, name) for name in read):
        raise SettingsError(f"{path}: is an input of this command and cannot be its output. Name a new file.")
    if _is_no_file(path):
        raise SettingsError(f"{path}: is a device or a pipe, not a file to be replaced as a whole. Name a new file.")
    folder = _run_of(path)
    if folder is not None:
        raise SettingsError(f"{path}: is part of the run {folder} and cannot be overwritten. Name a new file.")


def _is_no_file(path: Path) -> bool:
    """Whether a device, a pipe or a link of the system lies there, which a rename would remove."""
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError):
        return False
    is_link_of_system = path.is_symlink() and path.absolute().parent == Path("/dev")
    return is_link_of_system or not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def _is_same(path: Path, name: str | os.PathLike[str]) -> bool:
    """Whether both lead to one thing that is there."""
    try:
        return path.samefile(name)
    except (OSError, ValueError):
        return False


def _run_of(path: Path) -> Path | None:
    """The folder of the run that a file is part of; the page can be made again, so it counts as none."""
    try:
        real = path.resolve()
        folder = real.parent.parent if real.parent.name == CHECKPOINTS else real.parent
        return folder if is_of_run(real.name) and real.name != REPORT and _holds_run(folder) else None
    except (OSError, RuntimeError, ValueError):  # nothing lies there; what else is wrong with the name, others say
        return None


def _holds_run(folder: Path) -> bool:
    return (folder / RUN).exists() or (folder / ENSEMBLE).exists()


def append(path: Path, content: bytes) -> None:
    """Put content behind that of a file, all of it or none: half a line would spoil the ones behind it."""
    try:
        with open(path, "ab", buffering=0) as file:
            size, rest = file.seek(0, os.SEEK_END), memoryview(content)
            try:
                while rest:
                    rest = rest[file.write(rest) :]
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(size)
                raise
    except OSError as error:
        raise ModelFileError(of_file(path, "written", error)) from error


def sync(path: Path) -> None:
    """Flush what was written to a file to disk; nothing if there is no such file."""
    try:
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
    except FileNotFoundError:
        return
    except OSError as error:
        raise ModelFileError(of_file(path, "written", error)) from error


NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)
"""Some file systems do not sync folders, some folders may be written to but not read: the file itself is whole."""


def _sync_directory(path: Path) -> None:
    """That a file bears its name is on the disk."""
    if os.name != "posix":
        return
    try:
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in NOT_FOR_FOLDERS:
            raise ModelFileError(of_file(path, "written to the disk for good", error)) from error


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Plain JSON, indented, atomically."""
    write_atomic(path, (json_text.text(values, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, whatever it holds, or a ModelFileError."""
    values: dict[str, Any] = stored.read_json(path, Record({}))
    return values


def read_tensors(path: Path) -> tuple[Arrays, Any]:
    """The arrays and the JSON of a file that write_tensors wrote, verified, whatever they are; or a ModelFileError."""
    return stored.read_tensors(path, Anything())


def write_tensors(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any], *, durable: bool = True
) -> None:
    """Arrays and JSON in one safetensors file, with a checksum over both; straight from the arrays' memory."""
    kept = {name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in arrays.items()}
    text = json_text.text(about, sort_keys=True)
    order = sorted(kept, key=lambda name: (-kept[name].itemsize, name))  # wide numbers first: all stay aligned
    with writing_atomic(path, durable=durable) as file:
        file.write(_header(kept, order, {"chainrule": text, "sha256": checksum(kept, text.encode())}))
        for name in order:
            file.write(kept[name].data)


def _header(arrays: Arrays, order: Sequence[str], metadata: Mapping[str, str]) -> bytes:
    """The head of a safetensors file: its length in 8 bytes, then JSON padded with blanks to a multiple of 8."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name in order:
        array = arrays[name]
        kind = "BOOL" if array.dtype.kind == "b" else f"{array.dtype.kind.upper()}{8 * array.itemsize}"
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    content = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content
