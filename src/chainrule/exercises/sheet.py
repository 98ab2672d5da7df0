"""The sheet as HTML: one file that judges answers by itself and prints, or a card for a notebook, without script."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from chainrule import json_text
from chainrule.exercises import texts
from chainrule.exercises.worksheet import Worksheet
from chainrule.html_text import card, lines, unfolding
from chainrule.text.tables import number


@cache
def static(name: str) -> str:
    """One file of static/."""
    return files("chainrule.exercises").joinpath("static", name).read_text(encoding="utf-8")


@cache
def script() -> str:
    """The module that judges, as the script of one page."""
    return static("exercise.js").replace("export function", "function") + "\npractise(document);\n"


def page(exercise: Worksheet, language: str, solutions: bool) -> str:
    """The whole file as text."""
    values = texts.whole(exercise, language)
    code, look = (script() if solutions else ""), static("exercise.css")
    policy = f"default-src 'none'; style-src '{_hash(look)}'; base-uri 'none'; form-action 'none'"
    policy += f"; script-src '{_hash(code)}'" if code else ""
    body = [_head(values), _given(values), _asked(values, exercise), _answers(values, exercise, solutions)]
    if solutions:
        judged = {"blanks": texts.judged(exercise, language), "words": values["words"]}
        body += [
            _solutions(values, judged["blanks"]),
            f'<script type="application/json" id="exercise">{_json(judged)}</script>',
        ]
    parts = [
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(values['title'])}</title><style>{look}</style></head><body><main>",
        *body, "</main>", f"<script>{code}</script>" if code else "", "</body></html>\n",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _json(values: Any) -> str:
    text = json.dumps(json_text.plain(values, None), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _head(values: dict[str, Any]) -> str:
    return f"<h1>{escape(values['title'])}</h1><p>{escape(values['intro'])}</p>"


def _given(values: dict[str, Any]) -> str:
    words = values["words"]
    tables = "".join(_table(table, {}) for table in values["given"])
    formulas = "".join(f"<li>{escape(line)}</li>" for line in values["formulas"])
    return (
        f'<h2>{escape(words["given"])}</h2><div class="tables">{tables}</div>'
        f'<h2>{escape(words["formulas"])}</h2><ul class="formulas">{formulas}</ul>'
    )


def _asked(values: dict[str, Any], exercise: Worksheet) -> str:
    """The tables of the passes; a blank is an empty box with its number."""
    numbers = {name: k for k, name in enumerate(exercise.blanks, 1)}
    parts = []
    for part in ("forward", "loss", "backward", "update"):
        tables = "".join(_table(table, numbers) for table in values["asked"] if table["part"] == part)
        parts.append(f'<h2>{escape(values["words"][part])}</h2><div class="tables">{tables}</div>')
    return "".join(parts)


def _table(table: dict[str, Any], numbers: dict[str, int]) -> str:
    def cell(value: float | str) -> str:
        if isinstance(value, str):
            return f'<td class="blank" data-blank="{escape(value)}"><b>({numbers[value]})</b> <span></span></td>'
        return f"<td>{number(value)}</td>"

    rows = "".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in table["rows"])
    return f"<figure><figcaption>{escape(table['name'])}</figcaption><table>{rows}</table></figure>"


def _answers(values: dict[str, Any], exercise: Worksheet, solutions: bool) -> str:
    """A line for every blank: its name, a box, and where what judges it is there a hint."""
    words, lines = values["words"], []
    for k, name in enumerate(exercise.blanks, 1):
        label = texts.label(name, words)
        more = ""
        if solutions:
            more = (
                f'<button type="button" data-hint="{escape(name)}">{escape(words["hint"])}</button>'
                f'<output data-said="{escape(name)}"></output>'
                f'<div data-hints="{escape(name)}" aria-live="polite"></div>'
            )
        lines.append(
            f'<li><label for="answer{k}">({k}) {escape(label)}</label> <input id="answer{k}" '
            f'data-answer="{escape(name)}" autocomplete="off" spellcheck="false">{more}</li>'
        )
    score = '<p class="score" data-score role="status"></p>' if solutions else ""
    note = f'<p class="note">{escape(words["note"])}</p>'
    return f'<h2>{escape(words["answer"])}</h2>{note}<ol class="answers">{"".join(lines)}</ol>{score}'


def _solutions(values: dict[str, Any], judged: dict[str, Any]) -> str:
    items = "".join(f"<li>{escape(blank['solution'])}</li>" for blank in judged.values())
    head = escape(values["words"]["solutions"])
    return f'<details class="solutions"><summary>{head}</summary><ol class="formulas">{items}</ol></details>'


def fragment(exercise: Worksheet, language: str) -> str:
    """The sheet for a notebook: its text, hints and solutions that unfold."""
    judged = texts.judged(exercise, language)
    words = texts.whole(exercise, language)["words"]
    hints = [
        unfolding(f"({k}) {name}", *(unfolding(words["hint"], lines(hint)) for hint in blank["hints"]))
        for k, (name, blank) in enumerate(judged.items(), 1)
    ]
    solutions = lines("\n".join(f"({k}) {blank['solution']}" for k, blank in enumerate(judged.values(), 1)))
    first, _, rest = texts.text(exercise, language).partition("\n")
    return card(
        first, lines(rest.strip("\n")), unfolding(words["hint"], *hints), unfolding(words["solutions"], solutions)
    )
