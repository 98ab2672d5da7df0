"""Rows of JSON as columns, every value checked: a list of objects, {"rows": [...]}, or one object for one row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from chainrule.serve.limits import Limits, check_count
from chainrule.visible import cut
from chainrule.web.refusal import RequestError

EXACT = 2**53
"""Whole numbers up to it are doubles, each."""
INFINITE = float("inf")


@dataclass(frozen=True)
class JsonColumn:
    """The values of a column, None where missing, and their type: float, int, str, bool, or None where all are."""

    values: list[Any]
    kind: type | None


JsonColumns: TypeAlias = dict[str, JsonColumn]


def columns_of(body: bytes, columns: Sequence[str], limits: Limits) -> JsonColumns:
    """The columns of the model. RequestError for what is no JSON of such rows."""
    try:
        found = json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise RequestError(400, f"the body must be JSON in UTF-8: byte {error.start} is not.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RequestError(400, f"the body must be JSON: {error.msg[0].lower()}{error.msg[1:]} at {where}.") from None
    except (RecursionError, ValueError):
        message = "the body must be JSON of rows: it nests too deeply, or holds a number too long."
        raise RequestError(400, message) from None
    if isinstance(found, dict) and isinstance(found.get("rows"), list):
        found = found["rows"]
    rows = [found] if isinstance(found, dict) else found
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RequestError(422, "the body must be a list of rows, each an object {column: value}.")
    check_count(len(rows), limits)
    return {name: _column(name, rows) for name in columns}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(422, f"column {cut(twice)!r} stands twice in one row: must stand once.")
    return found


def _no_number(word: str) -> NoReturn:
    raise RequestError(422, f"{word} is no JSON: a missing value must be null.")


def _column(name: str, rows: list[dict[str, Any]]) -> JsonColumn:
    """A column of numbers, texts or booleans; every row must name it."""
    try:
        values = [row[name] for row in rows]
    except KeyError:
        i = next(i for i, row in enumerate(rows) if name not in row)
        raise _refused(name, i, "missing; a missing value must be null.") from None
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int, float}:
        values, kinds = [value if value is None else float(value) for value in _exact(name, values)], {float}
    if len(kinds) > 1 or not kinds <= {int, float, str, bool}:
        raise _mixed(name, values)
    kind = next(iter(kinds), None)
    if kind is float:
        for i, value in enumerate(values):
            if value in (INFINITE, -INFINITE):
                raise _refused(name, i, "the number is too large for a double.")
    return JsonColumn(values, kind)


def as_arrow(columns: JsonColumns) -> Any:
    """The columns as an Arrow table. RequestError for numbers and texts that it cannot hold."""
    import pyarrow

    return pyarrow.table({name: _array(name, column) for name, column in columns.items()})


def _array(name: str, column: JsonColumn) -> Any:
    import pyarrow

    types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(), bool: pyarrow.bool_()}
    try:
        return pyarrow.array(column.values, types[column.kind or float])
    except (OverflowError, pyarrow.ArrowException):
        return pyarrow.array([None if value is None else float(value) for value in _exact(name, column.values)])
    except UnicodeEncodeError:
        raise RequestError(422, f"column {cut(name)!r}: holds half a character (a lone surrogate).") from None


def _exact(name: str, values: list[Any]) -> list[Any]:
    """The values, whose whole numbers a double must be able to hold."""
    for i, value in enumerate(values):
        if type(value) is int and abs(value) > EXACT:
            how = "write it as text, or as 1e20 where the last digits do not matter."
            raise _refused(name, i, f"{cut(str(value))} is beyond 2^53: {how}")
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
    return _refused(name, i, f"holds {found}{like}: a column must be of numbers, of texts or of booleans.")


def _refused(name: str, row: int, message: str) -> RequestError:
    return RequestError(422, f"row {row} (from 0), column {cut(name)!r}: {message}")
