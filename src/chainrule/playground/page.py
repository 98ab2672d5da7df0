"""The playground as one file that needs nothing else: its modules and those of the report's that it uses, joined."""

from __future__ import annotations

import base64
import hashlib
import os
import posixpath
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from chainrule.errors import named_path
from chainrule.report.page import packed_words
from chainrule.run.files import writing_atomic

ENTRY = "playground/static/alone.js"
STYLES = ("report/static/frame.css", "playground/static/playground.css")
_IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"(\.[\w./]+\.js)";\n', re.M)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.M)


@cache
def static(path: str) -> str:
    """One file of a room's static/."""
    return files("chainrule").joinpath(*path.split("/")).read_text(encoding="utf-8")


def _in_order(path: str, done: list[str]) -> Iterator[str]:
    """A module after those it imports."""
    done.append(path)
    for needed in _IMPORT.findall(static(path)):
        full = posixpath.normpath(posixpath.join(posixpath.dirname(path), needed))
        if full not in done:
            yield from _in_order(full, done)
    yield path


@cache
def script() -> str:
    """All modules as one."""
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", static(path))) for path in _in_order(ENTRY, []))


def page() -> str:
    """The whole file as text."""
    look, code, said = "\n".join(map(static, STYLES)), script(), packed_words({"playground": "playground.{}"})
    policy = (
        f"default-src 'none'; script-src '{_hash(code)}'; style-src '{_hash(look)}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    return "\n".join([
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta name="color-scheme" content="light dark"><title>chainrule</title><style>{look}</style></head><body>',
        f'<main id="page"></main><script type="application/json" id="words">{said}</script>',
        f'<script type="module">{code}</script></body></html>\n',
    ])  # fmt: skip


def write(path: str | os.PathLike[str]) -> Path:
    """Write the page into a file; ModelFileError where that cannot be."""
    target = named_path(path, "path", "playground.html")
    with writing_atomic(target) as file:
        file.write(page().encode("utf-8"))
    return target


def _hash(text: str) -> str:
    """The source expression by which a policy allows an inline element of this text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
