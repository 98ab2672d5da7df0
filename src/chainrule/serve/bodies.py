"""The body of a request becomes an Arrow table of raw columns, within the limits whatever it holds.

JSON: a list of objects, one for each row, or {"rows": [...]}, or one object for one row. CSV and TSV: as files are
read. Arrow: a stream (IPC) of plain columns.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from chainrule.serve.arrow_stream import table_of_stream
from chainrule.serve.limits import Limits, RequestError
from chainrule.visible import cut

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
    """The rows of a request: an Arrow table, or the bytes of a text file and its ending."""

    table: Any = None
    text: bytes = b""
    ending: str = ""


def rows_of(body: bytes, kind: str, columns: Sequence[str], limits: Limits) -> RequestRows:
    """The rows in a body. RequestError for what holds none; columns: those of the model, others may be left out."""
    if kind in (CSV, TSV):
        return RequestRows(text=body, ending=".csv" if kind == CSV else ".tsv")
    table = _of_json(body, columns, limits) if kind == JSON else table_of_stream(body, columns, limits)
    check_count(table.num_rows, limits)
    return RequestRows(table)


def check_count(n_rows: int, limits: Limits) -> None:
    """RequestError for no rows, or too many."""
    if not n_rows:
        raise RequestError(422, "the body holds no rows: must hold at least one.")
    if n_rows > limits.rows:
        raise RequestError(413, f"the body holds {n_rows:,} rows: must hold at most {limits.rows:,}.")


# JSON ---------------------------------------------------------------------------------------------------------------


def _of_json(body: bytes, columns: Sequence[str], limits: Limits) -> Any:
    import pyarrow

    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body must be JSON in UTF-8: byte {error.start} is not.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestError(400, f"the body must be JSON: {error.msg[0].lower()}{error.msg[1:]} at {where}.") from None
    except (RecursionError, ValueError):
        raise RequestError(
            400, "the body must be JSON of rows: it nests too deeply, or holds a number too long."
        ) from None
    if isinstance(found, dict) and isinstance(found.get("rows"), list):
        found = found["rows"]
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RequestError(422, "the body must be a list of rows, each an object {column: value}.")
    if len(rows) > limits.rows:
        raise RequestError(413, f"the body holds {len(rows):,} rows: must hold at most {limits.rows:,}.")
    return pyarrow.table({name: _column(name, rows) for name in columns}) if rows else pyarrow.table({})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(422, f"column {cut(twice)!r} stands twice in one row: must stand once.")
    return found


def _no_number(word: str) -> NoReturn:
    raise RequestError(422, f"{word} is no JSON: a missing value must be null.")


def _column(name: str, rows: list[dict[str, Any]]) -> Any:
    """A column of numbers, texts or booleans; every row must name it."""
    import pyarrow

    try:
        values = [row[name] for row in rows]
    except KeyError:
        i = next(i for i, row in enumerate(rows) if name not in row)
        raise RequestError(
            422, f"row {i} (from 0), column {cut(name)!r}: missing; a missing value must be null."
        ) from None
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        values, kinds = [value if value is None else float(value) for value in _exact(name, values)], {float}
    if len(kinds) > 1 or not kinds <= {int, float, str, bool}:
        raise _mixed(name, values)
    if kinds == {float}:
        for i, value in enumerate(values):
            if value in (float("inf"), -float("inf")):
                raise RequestError(
                    422, f"row {i} (from 0), column {cut(name)!r}: the number is too large for a double."
                )
    try:
        return pyarrow.array(values, {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(),
                                      bool: pyarrow.bool_()}[next(iter(kinds), float)])  # fmt: skip
    except (OverflowError, pyarrow.ArrowException):
        return pyarrow.array([None if value is None else float(value) for value in _exact(name, values)])
    except UnicodeEncodeError:
        raise RequestError(422, f"column {cut(name)!r}: holds half a character (a lone surrogate).") from None


def _exact(name: str, values: list[Any]) -> list[Any]:
    """The values, whose whole numbers a double must be able to hold."""
    for i, value in enumerate(values):
        if type(value) is int and abs(value) > 2**53:
            message = (
                f"{cut(str(value))} is beyond 2^53: write it as text, or as 1e20 where the last digits do not matter."
            )
            raise RequestError(422, f"row {i} (from 0), column {cut(name)!r}: {message}")
    return values


WORDS = {int: "a number", float: "a number", str: "a text", bool: "a boolean", list: "a list", dict: "an object"}


def _mixed(name: str, values: list[Any]) -> RequestError:
    """The refusal of the first cell that is a list or an object, or of another kind than the first one."""
    first = next(i for i, value in enumerate(values) if value is not None)
    kind = WORDS[type(values[first])]
    i = next(
        i for i, value in enumerate(values)
        if value is not None and (isinstance(value, list | dict) or WORDS[type(value)] != kind)
    )  # fmt: skip
    found = WORDS[type(values[i])]
    like = f" where row {first} holds {kind}" if found != kind else ""
    message = f"holds {found}{like}: a column must be of numbers, of texts or of booleans."
    return RequestError(422, f"row {i} (from 0), column {cut(name)!r}: {message}")
