"""Numbers, texts and names as C has them, and the numbers of the elementary functions."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.export import c_text

NATIVE = Path(__file__).parents[2] / "native" / "elementary.hpp"


@pytest.mark.parametrize(("dtype", "kind"), [("float32", "float"), ("float64", "double")])
def test_elementary_functions_have_the_numbers_of_the_engine(dtype: str, kind: str) -> None:
    """Every constant and coefficient of exported C stands in native/elementary.hpp, digit by digit, and no other."""
    body = NATIVE.read_text(encoding="utf-8").partition(f"struct Terms<{kind}> {{")[2].partition("\n};")[0]
    expected: dict[str, list[str]] = {}
    for line in re.findall(r"static constexpr \w+ (.*?);", body, re.S):
        for name, array, value in re.findall(r"(\w+)(?:\[\] = \{(.*?)\}| = ([^,]+))", line, re.S):
            expected[f"TERM_{name}"] = re.split(r",\s*", (array or value).strip())
    found = {}
    for name, text in c_text.terms(dtype).items():
        inner = re.search(r"\{(.*)\}", text, re.S)
        found[name] = re.split(r",\s*", inner[1].strip()) if inner else [text.split(maxsplit=2)[2].strip()]
    assert len(found) > 15 and found == expected


@pytest.mark.parametrize("x", [0.0, -0.0, 1.0, -1.5, 1e-45, 3.4028235e38, 0.1, 123456789.0, 1 / 3])
def test_numbers_read_back_to_the_same_bits(x: float) -> None:
    """The shortest decimal of either precision is that number again."""
    narrow = np.float32(x)
    assert c_text.number(narrow).endswith("f")
    assert np.float32(c_text.number(narrow)[:-1]).tobytes() == narrow.tobytes()
    assert np.float64(c_text.number(x)).tobytes() == np.float64(x).tobytes()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a", '"a"'),
        ('"', '"\\042"'),
        ("\\", '"\\134"'),
        ("??/", '"\\077\\077/"'),
        ("\u00e9" + "1", '"\\303\\2511"'),
        ("", '""'),
    ],
)
def test_texts_are_ascii_literals(given: str, expected: str) -> None:
    """Quotes, trigraphs and letters beyond ASCII are octal escapes of three digits, so that no digit joins them."""
    assert c_text.text(given, "column 'x'") == expected


def test_texts_that_no_literal_can_hold() -> None:
    """A 0 byte would end the text, and compilers need not take longer literals."""
    for text in ("a\0b", "x" * 5000):
        with pytest.raises(cr.SettingsError, match=r"column 'x' has a text of \d+ bytes"):
            c_text.text(text, "column 'x'")
    assert c_text.comment("*/ int x; /*\n\\ ??/ \u00e9") == ".. int x; .... ... ."
