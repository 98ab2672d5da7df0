"""The body of a request becomes rows in raw columns, within the limits whatever it holds.

JSON: a list of objects, one for each row, or {"rows": [...]}, or one object for one row. CSV and TSV: as files are
read. Arrow: a stream (IPC) of plain columns.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.serve.arrow_stream import table_of_stream
from chainrule.serve.json_rows import JsonColumns, columns_of
from chainrule.serve.limits import Limits, check_count
from chainrule.visible import cut
from chainrule.web.refusal import RequestError

JSON, CSV, TSV, ARROW = (
    "application/json", "text/csv", "text/tab-separated-values", "application/vnd.apache.arrow.stream",
)  # fmt: skip
FORMATS = (JSON, CSV, TSV, ARROW)


def format_of(content_type: str | None) -> str:
    """The format that a Content-Type names; JSON where none is named. RequestError for any other."""
    name = (content_type or JSON).partition(";")[0].strip().lower()
    if name not in FORMATS:
        raise RequestError(415, f"Content-Type {cut(name)!r}: must be {', '.join(FORMATS[:-1])} or {ARROW}.")
    return name


def decompressed(body: bytes, encoding: str | None, limits: Limits) -> bytes:
    """The body as it was before gzip; never more than the limit is made of it."""
    if encoding in (None, "", "identity"):
        return body
    if encoding != "gzip":
        raise RequestError(415, f"Content-Encoding {cut(encoding)!r}: must be gzip or left out.")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(body, limits.body_bytes + 1)
    except zlib.error:
        raise RequestError(400, "the body is not valid gzip, which Content-Encoding says it is.") from None
    if len(found) > limits.body_bytes:
        raise too_large(limits)
    if not unpacker.eof or unpacker.unused_data:
        raise RequestError(400, "the body must be one whole gzip member: it is cut short, or something follows it.")
    return found


def too_large(limits: Limits) -> RequestError:
    """The refusal of a body beyond the limit."""
    return RequestError(413, f"the body must have at most {limits.body_bytes:,} bytes, decompressed. Send fewer rows.")


@dataclass(frozen=True)
class RequestRows:
    """The rows of a request: columns of JSON, an Arrow table, or the bytes of a text file and its ending."""

    columns: JsonColumns | None = None
    table: Any = None
    text: bytes = b""
    ending: str = ""

    @property
    def most(self) -> int:
        """How many rows there are; of a text file at most as many as it has line breaks."""
        if self.columns is not None:
            return len(next(iter(self.columns.values())).values)
        if self.table is not None:
            return int(self.table.num_rows)
        return self.text.count(b"\n") + self.text.count(b"\r")


def rows_of(body: bytes, kind: str, columns: Sequence[str], limits: Limits) -> RequestRows:
    """The rows in a body. RequestError for what holds none; columns: those of the model, others may be left out."""
    if kind in (CSV, TSV):
        return RequestRows(text=body, ending=".csv" if kind == CSV else ".tsv")
    if kind == JSON:
        return RequestRows(columns=columns_of(body, columns, limits))
    table = table_of_stream(body, columns, limits)
    check_count(table.num_rows, limits)
    return RequestRows(table=table)
