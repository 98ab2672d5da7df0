"""An Arrow stream as a table, with nothing in it that could grow beyond the bytes that were sent.

RequestError are compressed buffers (a few bytes may stand for gigabytes; gzip as Content-Encoding is limited instead),
extension types, and all types but numbers, booleans, texts, dates, times and dictionaries of texts: run-length or null
columns have any length without any bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from chainrule.serve.limits import Limits
from chainrule.visible import cut
from chainrule.web.refusal import RequestError

RECORD_BATCH, DICTIONARY_BATCH = 3, 2
"""Of the union MessageHeader in the Arrow format's Message.fbs."""


def table_of_stream(body: bytes, columns: Sequence[str], limits: Limits) -> Any:
    """The columns of the model as an Arrow table. RequestError for what is no such stream."""
    import pyarrow
    from pyarrow import ipc

    try:
        _refuse_compressed(body)
        with ipc.open_stream(body) as reader:
            _refuse_types(reader.schema)
            wanted = [name for name in reader.schema.names if name in columns]
            parts, n_rows = [], 0
            for batch in reader:
                n_rows += batch.num_rows
                if n_rows > limits.rows:
                    raise RequestError(413, f"the body holds over {limits.rows:,} rows. Send fewer.")
                batch.validate(full=True)
                parts.append(batch.select(wanted))
            table = pyarrow.Table.from_batches(parts, reader.schema) if not parts else pyarrow.Table.from_batches(parts)
            return pyarrow.table({name: _decoded(name, table[name], limits) for name in table.column_names})
    except (pyarrow.ArrowException, OSError, ValueError, struct.error, IndexError) as error:
        first = (str(error).splitlines() or ["unreadable"])[0]
        raise RequestError(400, f"the body must be an Arrow stream (IPC) of whole batches: {cut(first, 200)}") from None


def _refuse_types(schema: Any) -> None:
    from pyarrow import types

    plain = (
        types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_string, types.is_large_string,
        types.is_date, types.is_timestamp, types.is_time,
    )  # fmt: skip
    for field in schema:
        kind = field.type.value_type if types.is_dictionary(field.type) else field.type
        extension = (field.metadata or {}).get(b"ARROW:extension:name")
        if extension is not None:  # of a type that nobody registered, which Arrow reads as what it is stored as
            shown = cut(extension.decode("utf-8", "replace"))
            raise RequestError(
                422, f"column {cut(field.name)!r} is of the Arrow extension type {shown}: send it plain."
            )
        if not any(is_plain(kind) for is_plain in plain):
            message = "must be numbers, booleans, texts, dates, times or a dictionary of such"
            raise RequestError(422, f"column {cut(field.name)!r} is of Arrow type {cut(str(field.type))}: {message}.")


def _decoded(name: str, column: Any, limits: Limits) -> Any:
    """A column without its dictionary; the texts it stands for must not be larger than a body may be."""
    import pyarrow.compute as pc
    from pyarrow import types

    if not types.is_dictionary(column.type):
        return column
    n_bytes = 0
    if types.is_string(column.type.value_type) or types.is_large_string(column.type.value_type):
        for part in column.chunks:
            sizes = pc.binary_length(part.dictionary)
            n_bytes += pc.sum(pc.take(sizes, part.indices)).as_py() or 0
    if n_bytes > limits.body_bytes:
        raise RequestError(413, f"column {cut(name)!r} has {n_bytes:,} bytes of texts: at most {limits.body_bytes:,}.")
    return pc.cast(column, column.type.value_type)


def _refuse_compressed(body: bytes) -> None:
    """RequestError where a batch says that its buffers are compressed. Source: Arrow columnar format, Message.fbs."""
    at = 0
    while at + 8 <= len(body):
        marker, size = struct.unpack_from("<Ii", body, at)
        if marker != 0xFFFFFFFF:  # written before Arrow 0.15: no marker
            raise RequestError(
                422, "the Arrow stream must be of format 1.0 or later (its messages begin with a marker)."
            )
        if size <= 0:
            return
        message = body[at + 8 : at + 8 + size]
        table = struct.unpack_from("<i", message)[0]
        kind = _number(message, _field(message, table, 1), "<B")
        header = _indirect(message, _field(message, table, 2))
        if kind == DICTIONARY_BATCH and header:
            header = _indirect(message, _field(message, header, 1))
        if kind in (RECORD_BATCH, DICTIONARY_BATCH) and header and _field(message, header, 3):
            raise RequestError(
                422, "the Arrow buffers are compressed: must be plain. Use Content-Encoding: gzip instead."
            )
        at += 8 + size + _number(message, _field(message, table, 3), "<q")


def _field(message: bytes, table: int, index: int) -> int:
    """Where field number `index` of a flatbuffer table stands; 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, vtable)[0]
    place = 4 + 2 * index
    if vtable < 0 or place + 2 > size:
        return 0
    offset = struct.unpack_from("<H", message, vtable + place)[0]
    return table + offset if offset else 0


def _number(message: bytes, at: int, form: str) -> int:
    found = struct.unpack_from(form, message, at)[0] if at else 0
    if found < 0:
        raise ValueError("a length is negative")
    return int(found)


def _indirect(message: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", message, at)[0]) if at else 0
