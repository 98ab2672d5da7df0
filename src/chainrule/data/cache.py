"""Rows that need not fit into memory: the inputs of a network written once to plain files and mapped ever after.

    FOLDER/cache.json      what the rows were made of: the source's fingerprint, and what the maker adds
    FOLDER/train.X.npy     float32 (n, n_inputs), and train.y.npy, train.weight.npy; likewise other parts

np.load(mmap_mode="r") opens the files; an engine gathers the rows of a batch from the mapped pages, which belong
to the system and not to the process. The folder appears whole or not at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from chainrule import json_text
from chainrule.errors import DataError, of_file

ABOUT = "cache.json"
FORMAT = 1
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Some rows, mapped: X (n, n_inputs), y, weight or None."""

    X: Array
    y: Array
    weight: Array | None

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class Cache:
    """Mapped rows by part ("train", "validation"), and what they were made of."""

    folder: Path
    about: dict[str, Any]
    parts: dict[str, Part]


def fingerprint(source: Path) -> dict[str, Any]:
    """Name, size and time of every file of a source, and the sha256 of all their bytes."""
    digest, files = hashlib.sha256(), _files(source)
    for name in sorted(files):
        with open(source / name if name else source, "rb") as file:
            while block := file.read(1 << 22):
                digest.update(block)
    return {"path": os.path.abspath(source), "files": files, "sha256": digest.hexdigest()}


def _files(source: Path) -> dict[str, list[int]]:
    """Size and time of change in ns of each file, by its name within the folder; of one file by ""."""
    found = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    stats = {str(path.relative_to(source)) if path != source else "": path.stat() for path in found}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in sorted(stats.items())}


def unchanged(source: Path, known: Mapping[str, Any]) -> bool:
    """Whether a source is as it was: sizes and times say so, or else its content."""
    if not source.exists():
        return False
    files = _files(source)
    if files == known["files"]:
        return True
    sizes = {name: entry[0] for name, entry in files.items()}
    same_sizes = sizes == {name: entry[0] for name, entry in known["files"].items()}
    return same_sizes and fingerprint(source)["sha256"] == known["sha256"]


def cached_part(folder: Path, name: str) -> Part | None:
    """A part of a cache whatever it was made of, or None where there is no cache.

    Errors    DataError for a damaged one
    """
    about = _about(folder)
    return None if about is None else _parts(folder, about)[name]


def open_cache(folder: Path, source: Path, made_with: Mapping[str, Any]) -> Cache | None:
    """The cache in a folder, or None where there is none.

    Args      source: what the rows were read from; made_with: what else decided about them, plain values
    Errors    DataError where the source changed since, the cache was made with something else, or is damaged
    """
    about = _about(folder)
    if about is None:
        return None
    parts, known, made = _parts(folder, about), about["source"], about["made_with"]
    if not unchanged(source, known):
        message = f"was made of {source}, which changed since; delete the folder to have it made anew."
        raise DataError(message, path=str(folder))
    now = json.loads(json.dumps(dict(made_with)))
    if made != now:
        names = ", ".join(name for name in sorted({*now, *made}) if now.get(name) != made.get(name))
        raise DataError(f"was made with another {names}; name another folder, or delete it.", path=str(folder))
    return Cache(folder, about, parts)


def _about(folder: Path) -> dict[str, Any] | None:
    if not (folder / ABOUT).is_file():
        return None
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != FORMAT or not {"source", "made_with", "parts"} <= set(about):
            raise ValueError(f"format {about['format']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"the cache cannot be read ({error}); delete the folder.", path=str(folder)) from None
    return about


def _parts(folder: Path, about: Mapping[str, Any]) -> dict[str, Part]:
    try:
        return {name: _part(folder, name, entry) for name, entry in about["parts"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"the cache cannot be read ({error}); delete the folder.", path=str(folder)) from None


def _part(folder: Path, name: str, entry: Mapping[str, Any]) -> Part:
    arrays: dict[str, Array] = {}
    for kind, (shape, dtype) in entry.items():
        array = np.load(folder / f"{name}.{kind}.npy", mmap_mode="r", allow_pickle=False)
        if list(array.shape) != shape or str(array.dtype) != dtype:
            raise ValueError(f"{name}.{kind}.npy holds {array.dtype} {array.shape}, not {dtype} {tuple(shape)}")
        arrays[kind] = array
    return Part(arrays["X"], arrays["y"], arrays.get("weight"))


@contextlib.contextmanager
def _reported(path: Path, deed: str) -> Iterator[None]:
    """Errors of the system as a DataError that names the file and what helps."""
    try:
        yield
    except OSError as error:
        raise DataError(of_file(error.filename or path, deed, error)) from error


class Writer:
    """A cache being written, block by block; used in a with statement, it leaves nothing behind when that fails.

    Args      folder: where it will be; source, made_with: as of open_cache; n_rows: how many each part will have
    """

    def __init__(self, folder: Path, source: Path, made_with: Mapping[str, Any], n_rows: Mapping[str, int]) -> None:
        self.folder, self.n_rows = folder, dict(n_rows)
        self._unfinished = folder.with_name(f"{folder.name}.unfinished-{os.getpid()}")
        self._source, self._made_with = source, dict(made_with)
        self._files: dict[tuple[str, str], BinaryIO] = {}
        self._held: dict[str, dict[str, list[Any]]] = {}

    def __enter__(self) -> Writer:
        with _reported(self.folder, "written"):
            self._unfinished.mkdir(parents=True)
        try:
            with _reported(self._source, "read"):
                self._known = fingerprint(self._source)
        except BaseException:
            shutil.rmtree(self._unfinished, ignore_errors=True)
            raise
        return self

    def add(self, part: str, X: Array, y: Array, weight: Array | None) -> None:
        """Rows of a part, after those before."""
        kinds = {"X": X, "y": y} if weight is None else {"X": X, "y": y, "weight": weight}
        for kind, array in kinds.items():
            plain = np.ascontiguousarray(array)
            held = self._held.setdefault(part, {}).setdefault(kind, [[0, *plain.shape[1:]], str(plain.dtype)])
            if (part, kind) not in self._files:
                with _reported(self.folder, "written"):
                    self._files[part, kind] = self._begin(part, kind, plain)
            if str(plain.dtype) != held[1] or list(plain.shape[1:]) != held[0][1:]:
                raise ValueError(f"{part}.{kind} has {plain.dtype} {plain.shape[1:]} after {held[1]} {held[0][1:]}")
            held[0][0] += len(plain)
            with _reported(self.folder, "written"):
                self._files[part, kind].write(plain.data)

    def _begin(self, part: str, kind: str, array: Array) -> BinaryIO:
        file = open(self._unfinished / f"{part}.{kind}.npy", "wb")  # noqa: SIM115 (closed in __exit__)
        described = np.lib.format.header_data_from_array_1_0(array)
        described["shape"] = (self.n_rows[part], *array.shape[1:])
        np.lib.format.write_array_header_1_0(file, described)
        return file

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        try:
            with _reported(self.folder, "written"), contextlib.ExitStack() as closing:
                for file in self._files.values():  # all of them, also where the last bytes of one find no room
                    closing.callback(file.close)
            if failed is None:
                with _reported(self.folder, "written"):
                    self._finish()
        finally:
            shutil.rmtree(self._unfinished, ignore_errors=True)

    def _finish(self) -> None:
        counted = {part: held["X"][0][0] for part, held in self._held.items()}
        if counted != self.n_rows or not unchanged(self._source, self._known):
            message = f"changed while it was read ({counted} rows came, {self.n_rows} were expected); read it again."
            raise DataError(message, path=str(self._source))
        about = {"format": FORMAT, "source": self._known, "made_with": self._made_with, "parts": self._held}
        (self._unfinished / ABOUT).write_text(json_text.text(about, indent=1), encoding="utf-8")
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(self._unfinished, self.folder)
