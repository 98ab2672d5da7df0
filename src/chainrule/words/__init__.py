"""Every sentence the product says, in one catalogue for each language: `en.json`, `ko.json`, keys `room.key`.

Python and the page's modules read the same files. Every key exists in every language with the same slots; no Korean
particle follows a slot directly, for it would depend on what fills the slot.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from chainrule.errors import unknown_name

LANGUAGES = ("en", "ko")

Sentences = dict[str, dict[str, Any]]
"""{language: {key: a sentence with slots, or a list of words}}."""


def known_language(language: str) -> str:
    """The language; SettingsError for one in which nothing is said."""
    if language not in LANGUAGES:
        raise unknown_name("language", language, LANGUAGES)
    return language


@cache
def catalogue(language: str) -> dict[str, Any]:
    """All sentences of a language by their whole keys."""
    values: dict[str, Any] = json.loads(files("chainrule.words").joinpath(f"{language}.json").read_text("utf-8"))
    return values


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
