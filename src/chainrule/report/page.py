"""The writer: template, style, modules and data become one file that needs nothing else.

The modules in static/ are ES modules for an editor and for tests; here they are joined in the order of
their imports into one, because an inline module has no address that another could import. The content
security policy allows exactly the joined script and the style, by their hashes, and no connection.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from chainrule import json_text
from chainrule.report.collect import Collected
from chainrule.words import LANGUAGES, sentences

ENTRY = "main.js"
STYLES = ("frame.css", "charts.css", "steps.css", "drawing.css", "results.css", "numbers.css", "screens.css")
"""The style sheets in their order: a rule further down wins over one of equal weight."""
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./(\w+\.js)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)
_SLOT = re.compile(r"\{\{(\w+)\}\}")


@cache
def static(name: str) -> str:
    """One file of static/."""
    return files("chainrule.report").joinpath("static", name).read_text(encoding="utf-8")


@cache
def script() -> str:
    """All modules as one: each after those it imports."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", static(name))) for name in _in_order(ENTRY, []))


@cache
def style() -> str:
    """The style sheet as the page has it."""
    return "\n".join(map(static, STYLES))


ROOMS = {"report": "{}", "diagram": "{}_title", "drawing": "drawn_{}"}
"""The rooms whose sentences the page says, and how it names them."""


@cache
def words() -> str:
    """The page's sentences in all languages."""
    return packed_words(ROOMS)


def packed_words(rooms: Mapping[str, str]) -> str:
    """Sentences of rooms in all languages, packed: half of them is Korean, three bytes a letter.

    Arguments: rooms: the name of each room, and the pattern of its sentences' names.
    """
    side_by_side = {
        pattern.format(key): [sentences(room)[language][key] for language in LANGUAGES]
        for room, pattern in rooms.items()
        for key in sentences(room)["en"]
    }
    plain = json.dumps(side_by_side, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(plain.encode("utf-8"), 9)).decode("ascii")


def _in_order(name: str, done: list[str]) -> Iterator[str]:
    done.append(name)
    for needed in _IMPORT.findall(static(name)):
        if needed not in done:
            yield from _in_order(needed, done)
    yield name


def page(collected: Collected, title: str) -> str:
    """The whole file as text."""
    look, code = style(), script()
    policy = (
        f"default-src 'none'; script-src '{_hash(code)}'; style-src '{_hash(look)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    slots = {
        "policy": policy,
        "title": html.escape(title),
        "style": look,
        "data": _json(collected.values),
        "words": words(),
        "noscript": "<br>".join(html.escape(text["noscript"]) for text in sentences("report").values()),
        "numbers": collected.numbers,
        "script": code,
    }
    return _SLOT.sub(lambda match: slots[match[1]], static("page.html"))


def _hash(text: str) -> str:
    """The source expression by which a policy allows an inline element of this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _json(values: Any) -> str:
    """JSON that cannot end its script element, whatever names it holds; null, a gap, for a number not finite."""
    text = json.dumps(json_text.plain(values, None), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
