"""Values as C: numbers that read back to the same bits, texts, arrays, and the functions a model needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import SettingsError

Array = npt.NDArray[Any]
LONGEST_TEXT = 4000
"""Bytes; C99 promises literals of 4095."""
WIDTH = 110
NAME = re.compile(r"\b[a-z]\w*\b|TERM_\w+")


def number(x: Any) -> str:
    """A float of float32 or float64, as the shortest decimal that reads back to it.

    Examples
    --------
    >>> number(np.float32(0.1)), number(2.0), number(np.float32("-inf"))
    ('0.1f', '2.0', '-INFINITY')
    """
    if np.isnan(x):
        return "NAN"
    if np.isinf(x):
        return "INFINITY" if x > 0 else "-INFINITY"
    suffix = "f" if isinstance(x, np.float32) else ""
    return (str(x) if isinstance(x, np.float32) else repr(float(x))) + suffix


def text(value: str, what: str) -> str:
    """A text as a literal of ASCII characters, its bytes those of UTF-8.

    Raises SettingsError for one with a 0 byte, or of more bytes than a literal may have.
    """
    raw = value.encode()
    if b"\0" in raw or len(raw) > LONGEST_TEXT:
        raise SettingsError(
            f"{what} has a text of {len(raw)} bytes or with a 0 byte: must be without, and of at most {LONGEST_TEXT} "
            "bytes, to be exported to C. Leave the column out (--drop)."
        )
    plain = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in raw)
    return f'"{"".join(plain)}"'


def comment(value: str) -> str:
    """A text within a comment: what could end it, or mean something else, is a dot."""
    return re.sub(r"[^ -~]|[?*/\\]", ".", value)[:80]


def array(kind: str, name: str, values: Iterable[str]) -> str:
    """A constant array, some values a line."""
    lines, line = [], " "
    for value in values:
        if len(line) + len(value) > WIDTH:
            lines.append(line)
            line = " "
        line += f" {value},"
    lines.append(line)
    body = "\n".join(lines).rstrip(",")
    return f"static const {kind} {name}[] = {{\n{body}}};\n"


def numbers(kind: str, name: str, values: Array) -> str:
    """A constant array of numbers, row after row."""
    return array(kind, name, map(number, np.ravel(values)))


def whole_numbers(kind: str, name: str, values: Sequence[int]) -> str:
    """The same of integers."""
    return array(kind, name, map(str, values))


def _resource(name: str) -> str:
    return files("chainrule.export").joinpath("c", name).read_text(encoding="utf-8")


@cache
def terms(dtype: str) -> dict[str, str]:
    """The definition of each constant of the elementary functions, which are those of native/elementary.hpp."""
    found = {}
    for kind, name, brackets, value in re.findall(
        r"^TERM\((\w+)\) (\w+)(\[\])? = (.*?);", _resource(f"elementary_{dtype}.inc"), re.M | re.S
    ):
        flat = " ".join(value.split())
        found[f"TERM_{name}"] = (
            array("real", f"TERM_{name}", flat.strip("{}").split(", ")) if brackets else f"#define TERM_{name} {flat}\n"
        )
        assert kind
    return found


@cache
def functions(name: str) -> dict[str, str]:
    """The functions of a file of this folder by their names, each with the comment above it."""
    found = {}
    for block in re.split(r"\n\n(?=/\*|static)", _resource(name).strip()):
        head = re.search(r"^static [\w ]*?(\w+)\(", block, re.M)
        assert head is not None
        found[head[1]] = block + "\n"
    return found


def needed(used: str, known: dict[str, str]) -> list[str]:
    """Those of some definitions that a text uses, and that these use, each behind what it uses."""
    chosen: dict[str, None] = {}

    def take(body: str, own: str) -> None:
        for name in dict.fromkeys(NAME.findall(body)):
            if name in known and name != own and name not in chosen:
                take(known[name], name)
                chosen[name] = None

    take(used, "")
    order = list(known)
    return [known[name] for name in sorted(chosen, key=order.index)]
