"""Script and style without what only the readers of the files need: comments, indentation, blanks between signs.

Names, strings, templates and regular expressions stay as they are, and lines end where they ended, so the page's
script can still be read and its errors still name a line.
"""

from __future__ import annotations

import re

_LINES = re.compile(r"^\s*//.*\n|^[ \t]+|^\n", re.M)
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/")
_BEFORE_REGEX = "(,=:[!&|?{};>\n"
"""A slash after one of these begins a regular expression, for a division needs something to divide."""


def script(text: str) -> str:
    """JavaScript without whole lines of comment, indentation, and blanks beside signs."""
    text, parts, end = _LINES.sub("", text), [""], 0
    while end < len(text):
        start, end = end, _literal_end(text, end, parts)
        if end > start:
            parts.append(text[start:end])
            continue
        end = start + 1
        if text[start] != " " or _parts_words(parts, text[end : end + 1]):
            parts.append(text[start])
    return "".join(parts)


def _literal_end(text: str, at: int, before: list[str]) -> int:
    """Where the literal that begins here ends; here, if none does."""
    if text[at] == "`":
        return _template_end(text, at)
    pattern = {'"': _LITERAL, "'": _LITERAL, "/": _REGEX}.get(text[at])
    last = before[-1][-1:] or "\n"
    if pattern is None or (text[at] == "/" and last not in _BEFORE_REGEX):
        return at
    found = pattern.match(text, at)
    return at if found is None else found.end()


def _template_end(text: str, at: int) -> int:
    """Behind the closing backtick; a template may hold expressions that hold templates."""
    at += 1
    while text[at] != "`":
        if text[at] == "\\":
            at += 2
        elif text.startswith("${", at):
            at = _hole_end(text, at + 2)
        else:
            at += 1
    return at + 1


def _hole_end(text: str, at: int) -> int:
    """Behind the brace that closes an expression in a template."""
    depth = 1
    while depth:
        if text[at] == "`":
            at = _template_end(text, at)
        elif text[at] in "\"'" and (found := _LITERAL.match(text, at)):
            at = found.end()
        else:
            depth += (text[at] == "{") - (text[at] == "}")
            at += 1
    return at


def _parts_words(before: list[str], after: str) -> bool:
    """Whether a blank is needed: between two words, or two signs that would become one, as in a - -b."""
    last = before[-1][-1:]
    return (_is_word(last) and _is_word(after)) or (last == after and last in "+-")


def _is_word(char: str) -> bool:
    return char.isalnum() or char in ("_", "$", "#")


def style(text: str) -> str:
    """CSS without indentation, empty lines, and blanks after the signs that part declarations."""
    text = re.sub(r"([:;,{]) +(?![^()]*\))", r"\1", _LINES.sub("", text))
    return re.sub(r" *([{}]) *|;(?=\s*\})", r"\1", text)
