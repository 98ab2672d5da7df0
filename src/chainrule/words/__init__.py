"""Every sentence the product says, in one catalogue for each language: `en.json`, `ko.json`, keys `room.key`.

Python and the page's modules read the same files. Every key exists in every language with the same slots; no Korean
particle follows a slot directly, for it would depend on what fills the slot.

A count and what is counted are one slot, `{n:row|rows}`, which is filled as "1 row" or "1,200 rows".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from numbers import Integral
from string import Formatter
from typing import Any

from chainrule.errors import unknown_name

LANGUAGES = ("en", "ko")

Sentences = dict[str, dict[str, Any]]
"""{language: {key: a sentence with slots, or a list of words}}."""


class _Filling(Formatter):
    """str.format, and slots with a singular and a plural."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, mark, several = format_spec.partition("|")
        if not mark:
            return str(super().format_field(value, format_spec))
        count = f"{value:,}" if isinstance(value, Integral) else str(value)
        return f"{count} {one if count == '1' else several}"


def filled(text: str, slots: Mapping[str, Any]) -> str:
    """A sentence with its slots filled.

    Examples
    --------
    >>> filled("{n:row|rows} of {name}", {"n": 1, "name": "iris"}), filled("{n:row|rows}", {"n": 1200})
    ('1 row of iris', '1,200 rows')
    """
    return _Filling().vformat(text, (), slots)


class Sentence(str):
    """A sentence of the catalogue whose `format` knows slots with a singular and a plural."""

    __slots__ = ()

    def format(self, *args: Any, **slots: Any) -> str:
        """The sentence with its slots filled."""
        return _Filling().vformat(self, args, slots)


def known_language(language: str) -> str:
    """The language; SettingsError for one in which nothing is said."""
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    return language


@cache
def catalogue(language: str) -> dict[str, Any]:
    """All sentences of a language by their whole keys."""
    values: dict[str, Any] = json.loads(files("chainrule.words").joinpath(f"{language}.json").read_text("utf-8"))
    return {key: Sentence(text) if isinstance(text, str) and "|" in text else text for key, text in values.items()}


@cache
def sentences(room: str) -> Sentences:
    """The sentences of one room, `room.` left out of their keys, in every language."""
    prefix = f"{room}."
    return {
        language: {key[len(prefix) :]: text for key, text in catalogue(language).items() if key.startswith(prefix)}
        for language in LANGUAGES
    }


@cache
def grouped(room: str) -> dict[str, dict[str, dict[str, str]]]:
    """Sentences of a room whose keys are `room.group.key`: {language: {group: {key: sentence}}}."""
    record: dict[str, dict[str, dict[str, str]]] = {}
    for language, entries in sentences(room).items():
        for key, text in entries.items():
            group, _, part = key.partition(".")
            record.setdefault(language, {}).setdefault(group, {})[part] = text
    return record
