"""What a stored value may be, declared: types, ranges, allowed names; and JSON read strictly.

A schema is a value with one method, check(value, place), which returns the value or raises a SchemaError that
names the place inside the file, what stands there and what was expected. Readers check a file once,
at the door; nothing behind the door meets a value of another kind. Only what a schema names is checked; other
keys of an object are left alone, so that a file may hold more than its reader knows.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule import json_text

MAX_DEPTH = 32
"""Levels of lists and objects inside one another; what chainrule writes has at most 8."""


_SURROGATE = re.compile("[\ud800-\udfff]")


class SchemaError(ValueError):
    """A stored value is not what its schema says; the message names place, value and expectation."""


class Schema(Protocol):
    """What a stored value may be."""

    def check(self, value: Any, place: str) -> Any:
        """The value, or a SchemaError."""


def refuse(place: str, value: Any, expected: str) -> SchemaError:
    """The error for a value that is not what was expected, the value in at most 60 characters."""
    shown = _shown(value)
    return SchemaError(f"{place + ' ' if place else ''}holds {shown}; expected {expected}")


def _shown(value: Any) -> str:
    """A value in a few characters, without writing out what is long."""
    if isinstance(value, str):
        return repr(value) if len(value) <= 60 else f"a text of {len(value):,} characters"
    if isinstance(value, dict):
        return f"an object with {len(value):,} entries"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,}"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length():,} bits"
    return {None: "null", True: "true", False: "false"}.get(value, repr(value)) if not _is_number(value) else f"{value}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Whole:
    """A whole number in a range."""

    low: int = 0
    high: int = 2**63 - 1

    def check(self, value: Any, place: str) -> int:
        """The number."""
        if not isinstance(value, int) or isinstance(value, bool) or not self.low <= value <= self.high:
            raise refuse(place, value, f"a whole number from {self.low} to {self.high}")
        return value


@dataclass(frozen=True)
class Number:
    """A number in a range; one that is not finite, or the word for it, only where that is said."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    finite: bool = True

    def check(self, value: Any, place: str) -> float:
        """The number unchanged, integer or not; for a word, the number it denotes."""
        if not self.finite and isinstance(value, str):
            value = json_text.number(value)
        if not _is_number(value):
            raise refuse(place, value, self.expected)
        try:
            number = float(value)
        except OverflowError:
            raise refuse(place, value, self.expected) from None
        if not self.finite and not math.isfinite(number):
            return number
        if not math.isfinite(number) or not self.low <= number <= self.high or (self.open_low and number == self.low):
            raise refuse(place, value, self.expected)
        return number if isinstance(value, float) else value

    @property
    def expected(self) -> str:
        """The range in words."""
        low = "" if self.low == -math.inf else f" {'>' if self.open_low else '≥'} {self.low:g}"
        high = "" if self.high == math.inf else f" ≤ {self.high:g}"
        return f"a {'finite ' if self.finite else ''}number{low}{' and' if low and high else ''}{high}"


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, value: Any, place: str) -> bool:
        """The value."""
        if not isinstance(value, bool):
            raise refuse(place, value, "true or false")
        return value


@dataclass(frozen=True)
class Text:
    """A text; one of some, or of a pattern, where that is said.

    encodable: whether it must be whole characters; of a name of a file any bytes may have become a text.
    """

    choices: tuple[str, ...] = ()
    pattern: str = ""
    expected: str = ""
    encodable: bool = True

    def check(self, value: Any, place: str) -> str:
        """The text."""
        fits = isinstance(value, str) and (not self.pattern or re.fullmatch(self.pattern, value))
        if fits and self.encodable and not value.isascii() and _SURROGATE.search(value):
            raise refuse(place, value, "whole characters")
        if not fits or (self.choices and value not in self.choices):
            listed = ("one of " if len(self.choices) > 1 else "") + ", ".join(self.choices)
            named = listed or self.expected or "a text"
            raise refuse(place, value, named)
        return str(value)


@dataclass(frozen=True)
class Optional:
    """Something, or null."""

    inner: Schema

    def check(self, value: Any, place: str) -> Any:
        """The value, checked unless it is null."""
        return None if value is None else self.inner.check(value, place)


@dataclass(frozen=True)
class Either:
    """The first of some schemas that fits."""

    schemas: tuple[Schema, ...]
    expected: str

    def check(self, value: Any, place: str) -> Any:
        """The value as the first schema that fits returns it."""
        for schema in self.schemas:
            try:
                return schema.check(value, place)
            except SchemaError:
                continue
        raise refuse(place, value, self.expected)


@dataclass(frozen=True)
class ListOf:
    """A list of things of one kind, as many as is said."""

    item: Schema
    least: int = 0
    most: int | None = None
    distinct: bool = False

    def check(self, value: Any, place: str) -> list[Any]:
        """The list, every entry checked."""
        if not isinstance(value, list | tuple):
            raise refuse(place, value, "a list")
        if len(value) < self.least or (self.most is not None and len(value) > self.most):
            wanted = f"{self.least}" if self.least == self.most else f"at least {self.least}"
            raise refuse(place, value, f"a list of {wanted}" if len(value) < self.least else f"at most {self.most}")
        checked = [self.item.check(entry, f"{place}[{i}]") for i, entry in enumerate(value)]
        if self.distinct and len(set(checked)) < len(checked):
            raise refuse(place, _twice(checked), "it once only")
        return checked


@dataclass(frozen=True)
class MapOf:
    """An object whose keys are free and whose values are of one kind."""

    value: Schema
    key: Schema = field(default_factory=Text)

    def check(self, value: Any, place: str) -> dict[str, Any]:
        """The object, every key and value checked."""
        if not isinstance(value, dict):
            raise refuse(place, value, "an object")
        return {
            self.key.check(key, f"a key of {place}"): self.value.check(entry, inside(place, key))
            for key, entry in value.items()
        }


@dataclass(frozen=True)
class Record:
    """An object with these entries; those in `may_lack` need not be there. Others are left as they are."""

    entries: Mapping[str, Schema]
    may_lack: frozenset[str] = frozenset()

    def check(self, value: Any, place: str) -> dict[str, Any]:
        """The object, its known entries checked."""
        if not isinstance(value, dict):
            raise refuse(place, value, "an object")
        checked = dict(value)
        for name, schema in self.entries.items():
            if name in value:
                checked[name] = schema.check(value[name], inside(place, name))
            elif name not in self.may_lack:
                raise SchemaError(f"{place + ' ' if place else ''}lacks the entry {name!r}")
        return checked


@dataclass(frozen=True)
class Kinds:
    """An object whose entry `kind` says which of several it is."""

    kinds: Mapping[str, Schema]

    def check(self, value: Any, place: str) -> Any:
        """The object as its kind has it."""
        if not isinstance(value, dict):
            raise refuse(place, value, "an object")
        kind = Text(tuple(self.kinds)).check(value.get("kind"), inside(place, "kind"))
        return self.kinds[kind].check(value, place)


@dataclass(frozen=True)
class Checked:
    """What another function accepts: it raises a ValueError that says what was expected, or returns."""

    accept: Callable[[Any], object]

    def check(self, value: Any, place: str) -> Any:
        """The value unchanged."""
        try:
            self.accept(value)
            return value
        except (ValueError, TypeError, OverflowError) as error:
            raise SchemaError(f"{place}: {error}" if place else f"{error}") from None


@dataclass(frozen=True)
class Anything:
    """Any value; it is never read."""

    def check(self, value: Any, place: str) -> Any:
        """The value."""
        return value


@dataclass(frozen=True)
class Json:
    """Any JSON value, its numbers finite, not deeper than MAX_DEPTH."""

    def check(self, value: Any, place: str) -> Any:
        """The value."""
        waiting = [(value, 1)]
        while waiting:
            one, depth = waiting.pop()
            if isinstance(one, float) and not math.isfinite(one):
                raise refuse(place, one, "finite numbers")
            inner = list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else ()
            if inner and depth >= MAX_DEPTH:
                raise SchemaError(f"{place} is nested more than {MAX_DEPTH} deep; expected at most {MAX_DEPTH}")
            waiting.extend((entry, depth + 1) for entry in inner)
        return value


@dataclass(frozen=True)
class TensorSchema:
    """An array of one of some dtypes and of a shape, −1 for any length; finite and in a range where that is said."""

    dtypes: tuple[str, ...]
    shape: tuple[int, ...]
    finite: bool = True
    low: float = -math.inf
    high: float = math.inf

    def check(self, value: Any, place: str) -> npt.NDArray[Any]:
        """The array."""
        if not isinstance(value, np.ndarray) or value.dtype.name not in self.dtypes:
            found = value.dtype.name if isinstance(value, np.ndarray) else _shown(value)
            raise SchemaError(f"{place} holds {found}; expected numbers of {' or '.join(self.dtypes)}")
        fits = value.ndim == len(self.shape) and all(
            wanted in (-1, n) for wanted, n in zip(self.shape, value.shape, strict=True)
        )
        if not fits:
            wanted = ", ".join("n" if n < 0 else str(n) for n in self.shape)
            raise SchemaError(f"{place} has shape {value.shape}; expected ({wanted}{',' * (len(self.shape) == 1)})")
        if self.finite and value.dtype.kind == "f" and not _finite(value):
            raise SchemaError(f"{place} holds non-finite numbers; expected finite numbers")
        if value.size and (self.low > -math.inf or self.high < math.inf):
            least, most = value.min(), value.max()
            if not (least >= self.low and most <= self.high):
                raise SchemaError(
                    f"{place} holds numbers from {least} to {most}; expected {self.low:g} to {self.high:g}"
                )
        return value


def _finite(array: npt.NDArray[Any]) -> bool:
    """Whether all entries are finite, without an array of answers where their sum says it."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum(dtype=np.float64))) or bool(np.isfinite(array).all())


def inside(place: str, name: str) -> str:
    """The place of an entry of an object."""
    shown = name if name.isprintable() else repr(name)[1:-1]
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return f"{place}.{shown}" if place else shown


def parse_json(content: bytes) -> Any:
    """A JSON value: UTF-8, no key twice, not nested without end.

    Raises a SchemaError otherwise. NaN and Infinity are read as Python's writer has them: whether a number may be
    one of them says its schema.
    """
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_object)
        return value
    except UnicodeDecodeError as error:
        raise SchemaError(f"is not UTF-8 at byte {error.start}; expected JSON") from None
    except RecursionError:
        raise SchemaError(f"is nested more than {MAX_DEPTH} deep; expected at most {MAX_DEPTH}") from None
    except SchemaError:
        raise
    except ValueError as error:
        raise SchemaError(f"is not valid JSON ({error})") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise SchemaError(f"has the key {_shown(_twice([name for name, _ in pairs]))} twice; expected once")
    return made


def _twice(values: Sequence[Any]) -> Any:
    """The first value that was there before."""
    seen = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
