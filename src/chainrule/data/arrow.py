"""Parquet (a file or a folder), Arrow and Feather files, and tables of other libraries, through pyarrow.

Files are read, never mapped: where somebody cuts a mapped file short, the next look at its pages ends the process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.data.pandas_types import arrow_of_pandas
from chainrule.data.source import Block
from chainrule.errors import DataError

PARQUET_ENDINGS = (".parquet", ".pq")
ARROW_ENDINGS = (".arrow", ".feather", ".ipc")
ARROW_MAGIC = b"ARROW1"
"""An Arrow file begins with it, a stream does not."""
BLOCK_ROWS = 65_536
BUFFER_BYTES = 1 << 20
"""Of each column of a Parquet file, so that memory does not grow with its row groups."""


@dataclass(frozen=True, kw_only=True)
class ParquetSource:
    """One or several Parquet files of the same columns, read in the order of their names."""

    path: str
    names: tuple[str, ...]
    files: tuple[str, ...]
    dialect: str
    numbers: frozenset[str]
    decimal: str = "."
    delimiter: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    def is_number(self, name: str) -> bool:
        """See Source."""
        return name in self.numbers

    @property
    def n_cells(self) -> int:
        """Rows times columns, as the files' footers say."""
        n_rows = 0
        for path in self.files:
            with _parquet(path) as file:
                n_rows += file.metadata.num_rows
        return n_rows * len(self.names)

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """See Source."""
        chosen = set(names)
        wanted, first_row = [name for name in self.names if name in chosen], 0
        for path in self.files:
            try:
                with _parquet(path) as file:
                    for batch in file.iter_batches(BLOCK_ROWS, columns=wanted, use_threads=True):
                        yield _block(path, batch, first_row, as_text)
                        first_row += batch.num_rows
            except _faults() as error:
                raise _unreadable(path, error) from None


def open_parquet(path: Path) -> ParquetSource:
    """A Parquet file, or all of a folder and the folders in it.

    Errors    DataError for a damaged file, a folder without files or with files of different columns
    """
    files = [str(path)] if path.is_file() else sorted(str(file) for file in path.rglob("*") if _is_part(file, path))
    if not files:
        raise DataError("is a folder without .parquet files. Name one that has some.", path=str(path))
    schemas = {}
    for name in files:
        try:
            with _parquet(name) as file:
                schemas[name] = file.schema_arrow
        except _faults() as error:
            raise _unreadable(name, error) from None
    first = schemas[files[0]]
    for name, schema in schemas.items():
        if not schema.equals(first):
            different = sorted({(f.name, str(f.type)) for f in schema} ^ {(f.name, str(f.type)) for f in first})
            message = (
                f"its columns differ from those of {Path(files[0]).name} (first: {different[:1]}): must be the same"
            )
            raise DataError(f"{message} in every file.", path=name)
    _check_names(first.names, str(path))
    message = "Parquet" if path.is_file() else f"Parquet, {len(files)} file{'s' if len(files) > 1 else ''}"
    return ParquetSource(
        path=str(path),
        names=tuple(first.names),
        files=tuple(files),
        dialect=message,
        numbers=_numbers_of(first),
        kinds=_kinds(first),
    )


def _numbers_of(schema: Any) -> frozenset[str]:
    """The columns whose type is one of numbers."""
    from pyarrow import types

    checks = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    return frozenset(item.name for item in schema if any(check(item.type) for check in checks))


def _is_part(file: Path, folder: Path) -> bool:
    inside = file.relative_to(folder)
    if not file.is_file() or file.suffix.lower() not in PARQUET_ENDINGS or file.name[0] in "._":
        return False
    if any("=" in part for part in inside.parts[:-1]):
        message = "is partitioned by its folders, whose values no file holds; write the column into the files."
        raise DataError(message, path=str(file))
    return True


def _parquet(path: str) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(path, memory_map=False, buffer_size=BUFFER_BYTES, pre_buffer=False)


@dataclass(frozen=True, kw_only=True)
class ArrowFile:
    """An Arrow file or stream, read record batch by record batch."""

    path: str
    names: tuple[str, ...]
    numbers: frozenset[str]
    dialect: str = "Arrow"
    decimal: str = "."
    delimiter: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    def is_number(self, name: str) -> bool:
        """See Source."""
        return name in self.numbers

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """See Source."""
        chosen = set(names)
        wanted, first_row = [name for name in self.names if name in chosen], 0
        places = [place for place, name in enumerate(self.names) if name in chosen]
        try:
            with _record_batches(self.path, places) as (_, batches):
                for batch in batches:
                    part = batch.select(wanted)
                    for start in range(0, part.num_rows, BLOCK_ROWS):
                        yield _block(self.path, part.slice(start, BLOCK_ROWS), first_row + start, as_text)
                    first_row += part.num_rows
        except _faults() as error:
            raise _unreadable(self.path, error) from None


@contextlib.contextmanager
def _record_batches(path: str, places: list[int]) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema of an Arrow file or stream, and its batches with the columns at these places; all of them for []."""
    import pyarrow
    from pyarrow import ipc

    options = ipc.IpcReadOptions(included_fields=places)
    with pyarrow.OSFile(path) as file:
        is_file = file.read(len(ARROW_MAGIC)) == ARROW_MAGIC
        file.seek(0)
        if is_file:
            reader = ipc.open_file(file, options=options)
            yield reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
        else:
            reader = ipc.open_stream(file, options=options)
            yield reader.schema, iter(reader)


@dataclass(frozen=True, kw_only=True)
class ArrowTable:
    """A table held in memory."""

    path: str
    names: tuple[str, ...]
    dialect: str
    table: Any
    decimal: str = "."
    delimiter: str | None = None
    kinds: Mapping[str, str] = field(default_factory=dict)

    def is_number(self, name: str) -> bool:
        """See Source."""
        return name in _numbers_of(self.table.schema)

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """See Source."""
        chosen = set(names)
        wanted, first_row = [name for name in self.names if name in chosen], 0
        for batch in self.table.select(wanted).to_batches(BLOCK_ROWS):
            yield _block(self.path, batch, first_row, as_text)
            first_row += batch.num_rows


def open_arrow(path: Path) -> ArrowFile | ArrowTable:
    """An Arrow file or stream, or a Feather file; one of Feather's first version is read whole.

    Errors    DataError for anything else
    """
    from pyarrow import feather

    try:
        with path.open("rb") as file:
            is_first_feather = file.read(4) == b"FEA1"
        if is_first_feather:
            return of_table(feather.read_table(str(path), memory_map=False), {}, str(path), "Arrow")
        with _record_batches(str(path), []) as (schema, _):
            names, numbers, kinds = schema.names, _numbers_of(schema), _kinds(schema)
    except _faults() as error:
        raise _unreadable(str(path), error) from None
    _check_names(names, str(path))
    return ArrowFile(path=str(path), names=tuple(names), numbers=numbers, kinds=kinds)


def of_object(given: Any, unused: Collection[str] = ()) -> ArrowTable | None:
    """A DataFrame or anything else with an Arrow stream; None for other objects.

    Args      unused: columns that may hold what no column can

    Errors    DataError for columns that have no type of Arrow
    """
    import pyarrow

    kind = type(given)
    name = f"{kind.__module__.split('.')[0]} {kind.__name__}"
    try:
        if kind.__module__.split(".")[0] == "pandas":
            return of_table(*arrow_of_pandas(given, name, unused), name, name)
        if hasattr(given, "__arrow_c_stream__"):
            table = pyarrow.RecordBatchReader.from_stream(given).read_all()
            return of_table(table, _kinds(table.schema), name, name)
    except _faults() as error:
        raise _unreadable(name, error) from None
    return None


def of_table(table: Any, kinds: Mapping[str, str], path: str, read_as: str) -> ArrowTable:
    """A pyarrow table as a source."""
    _check_names(table.column_names, path)
    return ArrowTable(path=path, names=tuple(table.column_names), dialect=read_as, table=table, kinds=kinds)


def _kinds(schema: Any) -> dict[str, str]:
    """What the types of a schema state: a dictionary of other values than texts is a category."""
    from pyarrow import types

    plain = (types.is_boolean, types.is_string, types.is_large_string)
    of_dictionary = {field.name: field.type.value_type for field in schema if types.is_dictionary(field.type)}
    return {name: "category" for name, kind in of_dictionary.items() if not any(is_plain(kind) for is_plain in plain)}


def _check_names(names: list[str], path: str) -> None:
    if not names:
        raise DataError("holds no columns: must hold at least one.", path=path)
    first: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise DataError(f"column {position} has no name: every column must have one.", path=path)
        if first.setdefault(name, position) < position:
            message = f"the name stands at column {first[name]} and again at column {position}."
            raise DataError(message, path=path, column=name)


def _block(path: str, batch: Any, first_row: int, as_text: Collection[str]) -> Block:
    """A batch with the few types that columns are made of; what has none of them becomes null."""
    columns = {name: _plain(batch.column(name), name in as_text) for name in batch.schema.names}
    return Block(path, columns, first_row)


def _plain(column: Any, as_text: bool) -> Any:
    import pyarrow
    from pyarrow import types

    kind = column.type
    if types.is_dictionary(kind):
        return _plain(column.dictionary_decode(), as_text)
    if types.is_boolean(kind) or types.is_string(kind) or types.is_float64(kind):
        return column
    if types.is_large_string(kind) or str(kind) == "string_view":
        return column.cast(pyarrow.string())
    if as_text and (types.is_integer(kind) or (types.is_decimal(kind) and kind.scale == 0)):
        return column.cast(pyarrow.string())  # every digit of it
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return column.cast(pyarrow.float64(), safe=False)
    if types.is_timestamp(kind) or types.is_date(kind):
        return column.cast(pyarrow.timestamp("us"), safe=False)
    if types.is_time(kind):
        return column.cast(pyarrow.string())
    if types.is_duration(kind):
        return column.cast(pyarrow.int64()).cast(pyarrow.float64(), safe=False)
    return pyarrow.nulls(len(column), pyarrow.string() if types.is_null(kind) else None)


def _faults() -> tuple[type[Exception], ...]:
    from pyarrow import ArrowException

    return ArrowException, OSError, ValueError, KeyError, TypeError, NotImplementedError


def _unreadable(path: str, error: Exception) -> DataError:
    if isinstance(error, DataError):
        return error
    result = ("; ".join(map(str, error.args)).splitlines() or [type(error).__name__])[0]
    return DataError(f"cannot be read ({result[:200]}).", path=path)
