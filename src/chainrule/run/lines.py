"""Lines of JSON in which lost, duplicated, partial or merged lines are detected: each has a number and a checksum.

A line ends with "line", its number from 0, and "crc32", that of the text before it. Lines of older runs have neither
and are taken as they are, as long as no line before them has.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule import json_text

LINE, CRC = "line", "crc32"
SEAL = (LINE, CRC)
_SEALED = re.compile(rb'(, )?"line": (\d{1,15}), "crc32": "([0-9a-f]{8})"\}')
LONGEST = 60
"""The end of a line, which holds its seal."""


def sealed(values: Mapping[str, Any], number: int) -> str:
    """Values as a line, with its number and its checksum.

    Examples
    --------
    >>> sealed({"epoch": 0, "loss": 0.5}, 0)
    '{"epoch": 0, "loss": 0.5, "line": 0, "crc32": "31145f0e"}\\n'
    """
    text = json_text.text({**values, LINE: number})[:-1]
    return f'{text}, "{CRC}": "{zlib.crc32(text.encode()):08x}"}}\n'


def together(lines: Sequence[Mapping[str, Any]], first: int = 0) -> bytes:
    """Lines, the first of which has this number."""
    return "".join(sealed(values, first + i) for i, values in enumerate(lines)).encode()


def fault(line: bytes, number: int, *, older: bool) -> str | None:
    """What is wrong with a line that should have this number; `older`: whether it may be one of an older run."""
    found = [match for match in _SEALED.finditer(line, max(0, len(line) - LONGEST)) if match.end() == len(line)]
    if not found:
        return None if older and b'"crc32"' not in line else "lacks its number and checksum"
    text = line[: found[0].start(3) - len(b', "crc32": "')]
    if zlib.crc32(text) != int(found[0][3], 16):
        return "does not have its checksum"
    return None if int(found[0][2]) == number else f"has the number {int(found[0][2])}; expected {number}"


def is_sealed(line: bytes) -> bool:
    """Whether a line has a number and a checksum."""
    return b'"crc32"' in line[-LONGEST:]
