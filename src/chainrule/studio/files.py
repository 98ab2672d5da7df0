"""The files of the page: a fixed list of modules and style sheets, by the paths their imports have on disk too."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from typing import Any

from chainrule.report.page import ROOMS, STYLES, packed_words
from chainrule.words import sentences

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
OWN_STYLES = ("studio/static/studio.css", "playground/static/playground.css", "studio/static/learn/learn.css")
SHARED = ("report", "playground", "studio")
"""The rooms whose modules the page loads."""
FIRST = ("main.js", "studio.js", "net.js", "cursor.js", "screens.js", "screen_run.js", "dialog.js")
"""The studio's modules that the first screen needs: named in the page, they are fetched at once."""


@cache
def listed() -> dict[str, tuple[str, bytes]]:
    """Every file by its path: content type and bytes."""
    found: dict[str, tuple[str, bytes]] = {}
    for room in SHARED:
        _gather(files(f"chainrule.{room}").joinpath("static"), f"/{room}/static", found)
    return found


def _gather(folder: Any, place: str, found: dict[str, tuple[str, bytes]]) -> None:
    for entry in folder.iterdir():
        path = f"{place}/{entry.name}"
        if entry.is_dir():
            _gather(entry, path, found)
        elif (kind := TYPES.get("." + entry.name.rpartition(".")[2])) is not None:
            found[path] = kind, entry.read_bytes()


@cache
def words() -> bytes:
    """The sentences of the report, the studio and its parts, packed."""
    return packed_words(ROOMS | {room: room + ".{}" for room in ("studio", "playground", "learn")}).encode("ascii")


@cache
def _template() -> str:
    return files("chainrule.studio").joinpath("static", "page.html").read_text(encoding="utf-8")


def page(change: str) -> bytes:
    """The page, with the token of its changes."""
    styles = [f"/report/static/{name}" for name in STYLES] + [f"/{path}" for path in OWN_STYLES]
    links = [f'<link rel="stylesheet" href="{path}">' for path in styles]
    links += [f'<link rel="modulepreload" href="/studio/static/{name}">' for name in FIRST if _is_there(name)]
    slots = {
        "links": "\n".join(links),
        "change": html.escape(change),
        "noscript": "<br>".join(html.escape(text["noscript"]) for text in sentences("studio").values()),
    }
    text = _template()
    for name, value in slots.items():
        text = text.replace("{{" + name + "}}", value)
    return text.encode("utf-8")


def lost() -> bytes:
    """What is shown to one who comes without the token; the link helps where another page led here just now."""
    link = '<p lang="{}">{} <a href="/">{}</a></p>'
    said = "".join(
        link.format(language, html.escape(text["lost"]), html.escape(text["lost_link"]))
        for language, text in sentences("studio").items()
    )
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>chainrule</title>{said}</html>'.encode()


def _is_there(name: str) -> bool:
    return f"/studio/static/{name}" in listed()
