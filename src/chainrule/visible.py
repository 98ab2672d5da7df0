"""Text as it is shown to people: values cut short, and characters that act on a terminal made visible.

A name in a table may hold anything: sequences that clear the screen or set its title, marks that turn the order of
letters. `Door` stands before a stream of the command line and lets none of them through; files keep the true text.
`short_repr` is the repr of an object that holds arrays: their shapes, on one line.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

MOST = 80
"""Characters of one value that a message shows."""
MOST_REPR, MOST_ENTRIES = 160, 6
"""Characters of a short repr, and entries of a list in it."""
MOST_WORD, MOST_PATH, MOST_MESSAGE = 160, 1000, 2000
"""Characters of a text without blanks, as such and with the separators of a path; of a whole message."""

_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters beside tab and line end
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks of writing direction
    "\u200b\u2028\u2029\ufeff"  # a blank without width, line ends of Unicode, the byte order mark
    "\ud800-\udfff]"  # surrogates, as in names of files with bytes that are not valid text
)
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)""", re.DOTALL)
_WORD = re.compile(rf"\S{{{MOST_WORD + 1},}}")


def visible(text: str) -> str:
    r"""The text with escapes as of JSON or Python in place of characters that act.

    Examples
    --------
    >>> visible("\x1b[2Jage\u202e")
    '\\x1b[2Jage\\u202e'
    """
    return _ACTING.sub(_escape, text)


def visible_line(text: str) -> str:
    """The same for a cell of a table: no line ends and tabs either."""
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 32 else f"\\u{code:04x}"


def cut(text: str, most: int = MOST) -> str:
    """The text, or its beginning and an ellipsis where it is longer.

    Examples
    --------
    >>> cut("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def brief(message: str) -> str:
    """A message with truncated values: quoted text, long words, and the middle of an endless one.

    Examples
    --------
    >>> len(brief(f"column {'a' * 100_000!r} is unknown"))
    100
    """
    if len(message) <= MOST:
        return message
    if len(message) > 20 * MOST_MESSAGE:  # long before anything is searched
        message = f"{message[: 10 * MOST_MESSAGE]}…{message[-10 * MOST_MESSAGE :]}"
    message = _WORD.sub(_cut_word, _QUOTED.sub(_cut_quoted, message))
    if len(message) > MOST_MESSAGE:
        message = f"{message[: MOST_MESSAGE * 2 // 3]} … {message[-MOST_MESSAGE // 3 :]}"
    return message


def _cut_quoted(found: re.Match[str]) -> str:
    quoted = found[0]
    return quoted if len(quoted) <= MOST + 2 else f"{quoted[:MOST]}…{quoted[-1]}"


def _cut_word(found: re.Match[str]) -> str:
    word = found[0]
    is_path = "/" in word or "\\" in word
    return word if is_path and len(word) <= MOST_PATH else cut(word)


def in_lines(message: str, width: int | None = None) -> str:
    """A message on one line, the entries of a list in it on lines of their own; within a width no word is broken.

    Examples
    --------
    >>> print(in_lines("2 columns are in doubt:\\n  line 2,\\ncolumn 'a'\\n  line 3, column 'b'", 20))
    2 columns are in
        doubt:
      line 2, column
        'a'
      line 3, column
        'b'
    """
    entries = [" ".join(entry.split()) for entry in message.split("\n  ")]
    if width is not None:
        how = {"break_long_words": False, "break_on_hyphens": False}
        entries = ["\n    ".join(textwrap.wrap(entry, width - 4, **how)) for entry in entries]  # type: ignore[arg-type]
    return "\n  ".join(entries)


def short_repr(self: object) -> str:
    """The repr of a result on one line: shapes in place of arrays, the number of entries in place of long lists.

    Attributes that are None, empty or kept out of the repr by the dataclass are left out.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Sums:
    ...     name: str
    ...     totals: list[float]
    ...     next: object = None
    ...     __repr__ = short_repr
    >>> Sums("J", [0.1 + 0.2] * 100)
    Sums(name='J', totals=[100 floats])
    """
    names = [entry.name for entry in fields(self) if entry.repr] if is_dataclass(self) else list(vars(self))
    values = {name: getattr(self, name) for name in names if not name.startswith("_")}
    shown = ", ".join(f"{name}={_in_short(value)}" for name, value in values.items() if _is_something(value))
    return visible_line(f"{type(self).__name__}({cut(shown, MOST_REPR)})")


def _is_something(value: Any) -> bool:
    return value is not None and not (isinstance(value, (str, list, tuple, Mapping)) and not value)


def _in_short(value: Any, depth: int = 0) -> str:
    """A value in the repr of another one."""
    shape, name = getattr(value, "shape", None), type(value).__name__
    if isinstance(shape, tuple) and hasattr(value, "dtype") and shape:
        return str(shape) if depth else f"{value.dtype} {shape}"
    if isinstance(value, float) and not isinstance(value, int):
        return f"{float(value):.6g}"
    if isinstance(value, str):
        return repr(cut(value, 40))
    if isinstance(value, (list, tuple)):
        if len(value) <= MOST_ENTRIES and not depth:
            inside = ", ".join(_in_short(each, 1) for each in value)
            return f"[{inside}]" if isinstance(value, list) else f"({inside})"
        return f"[{len(value):,} {type(value[-1]).__name__}s]"
    if isinstance(value, Mapping):
        return f"{{{cut(', '.join(map(str, value)), 40)}}}"
    if value is None or isinstance(value, (bool, int)) or type(value).__module__.partition(".")[0] == "numpy":
        return cut(repr(value), 40)
    return getattr(value, "__qualname__", name) if callable(value) else name


BEFORE_WRITING: list[Callable[[], None]] = []
"""What is done before text passes a door: a line that is drawn there is taken away."""


class Door:
    """A stream of text before a terminal: what is written becomes visible, what is drawn passes as it is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """The text, also where the stream's encoding lacks some of its characters."""
        for act in BEFORE_WRITING:
            act()
        shown = visible(text)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        if not shown.isascii():
            shown = shown.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(shown)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """One after the other."""
        for line in lines:
            self.write(line)

    def draw(self, text: str) -> None:
        """Escape sequences of our own; names inside have already been escaped by the caller."""
        self._stream.write(text)

    def document(self, text: str) -> None:
        """HTML, a diagram: true to the character, unless a terminal would read it."""
        for act in BEFORE_WRITING:
            act()
        if self._stream.isatty():
            self.write(text)
        else:
            self._stream.write(text)

    @property
    def drawing(self) -> Drawing:
        """The stream for a library that draws."""
        return Drawing(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Drawing:
    """The other side of a door: whatever is written passes as it is."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def write(self, text: str) -> int:
        """The text as it is."""
        self._door.draw(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._door, name)


def drawing(stream: Any) -> Any:
    """A stream to draw on: the other side of a door, or the stream itself."""
    return stream.drawing if isinstance(stream, Door) else stream
