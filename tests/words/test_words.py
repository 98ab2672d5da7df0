"""One catalogue: the same keys and slots in every language, and Hangul nowhere else in the package."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule
from chainrule.words import LANGUAGES, Sentence, catalogue, filled, grouped, sentences

PACKAGE = Path(chainrule.__file__).parent
HANGUL = re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
SLOT = re.compile(r"\{(\w*)[^{}]*\}")
PARTICLE = re.compile(r"\}(을|를|이|가|은|는|과|와|으로|로)(?![가-힣])")
SAME_IN_BOTH = re.compile(r"experiment|[^가-힣]*")
"""Code, and texts that are symbols, are the same in Korean."""


def texts(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def test_every_language_has_the_same_keys_in_the_same_order() -> None:
    """No key is missing, none stands twice, and translators find them in one order."""
    keys = [list(catalogue(language)) for language in LANGUAGES]
    assert keys[0] == keys[1]
    for language in LANGUAGES:
        source = (PACKAGE / "words" / f"{language}.json").read_text(encoding="utf-8")
        pairs = json.loads(source, object_pairs_hook=lambda pairs: pairs)
        assert len(pairs) == len({key for key, _ in pairs})
        assert all("." in key for key, _ in pairs)


def test_sentences_have_the_same_slots() -> None:
    """A Korean sentence asks for no slot that the English one has not got; lists are equally long."""
    for key, english in catalogue("en").items():
        korean = catalogue("ko")[key]
        assert len(texts(english)) == len(texts(korean)), key
        for en, ko in zip(texts(english), texts(korean), strict=True):
            assert set(SLOT.findall(ko)) <= set(SLOT.findall(en)), key


def test_each_language_is_its_own() -> None:
    """English has no Hangul but in the name of the language; no Korean particle follows a slot."""
    for key, value in catalogue("en").items():
        assert not any(HANGUL.search(text) for text in texts(value)), key
    for key, value in catalogue("ko").items():
        assert not any(PARTICLE.search(text) for text in texts(value)), key


def test_most_sentences_are_translated() -> None:
    """What is equal in both languages is code, a symbol or a name."""
    equal = [key for key, text in catalogue("en").items() if text == catalogue("ko")[key]]
    assert all(
        "experiment" in key or ".command" in key or len("".join(texts(catalogue("en")[key]))) < 40 for key in equal
    ), equal


def test_hangul_stands_in_the_catalogue_alone() -> None:
    """No other file of the package holds a Korean letter."""
    for path in PACKAGE.rglob("*"):
        if path.suffix in (".py", ".js", ".css", ".html", ".json") and path.name != "ko.json":
            assert not HANGUL.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("language", LANGUAGES)
def test_rooms_and_groups(language: str) -> None:
    """A room's keys lose its name; groups are its first part."""
    assert sentences("diagram")[language].keys() == {"forward", "backward"}
    assert "title" in grouped("finding")[language]["overfitting"]


COUNTED = re.compile(
    r"\{(\w+)(?::,)?\} (?:(?!(?:of|in|identify|over|at) )[\w-]+ ){0,2}?"
    "(epochs|steps|rows|columns|units|layers|weights|times|classes|inputs|outputs|parameters|numbers|entries|terms|paths"
    "|labels|stretches|differences)\\b"
)
NO_COUNT = {
    "kind",
    "shape",
    "measure",
    "metric",
    "score",
    "name",
    "share",
    "ratio",
    "left",
    "later",
    "output",
    "t",
    "classes",
}
"""Slots that hold a size of several parts, a name, a share, a number with decimals, or never one (classes)."""


def test_what_is_counted_has_a_singular() -> None:
    """A slot in front of a plural gives both forms, so that no sentence says "1 epochs"."""
    bare = [
        f"{key}: {found.group()}"
        for key, value in catalogue("en").items()
        for text in texts(value)
        for found in COUNTED.finditer(text)
        if found.group(1) not in NO_COUNT
    ]
    assert not bare


def test_one_is_singular() -> None:
    """1 is, 0 and 1,000 and "0.1" are not; a text with the mark, several slots, and slots without the two forms."""
    text = Sentence("{n:step|steps} of {name} in {seconds:.1f} s")
    assert [text.format(n=n, name="it", seconds=2) for n in (1, "1", np.int64(1))] == ["1 step of it in 2.0 s"] * 3
    assert [filled("{n:row|rows}", {"n": n}) for n in (0, 1_000, "0.1", "11")] == [
        "0 rows", "1,000 rows", "0.1 rows", "11 rows"
    ]  # fmt: skip
    said = sentences("report")["en"]["said_length"]
    assert said.format(epochs=1, steps=1, batch=1) == ": 1 epoch, 1 step of 1 row."
    assert said.format(epochs="2", steps="1,200", batch="32") == ": 2 epochs, 1,200 steps of 32 rows."
