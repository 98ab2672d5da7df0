"""Script and style without what only the readers of the files need: comments, indentation, blanks between signs.

Names, strings, templates and regular expressions stay as they are, and lines end where they ended, so the page's
script can still be read and its errors still name a line.
"""

from __future__ import annotations

import re

_LINES = re.compile(r"^\s*//.*\n|^[ \t]+|^\n", re.M)
_STRING = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
_INNER = r"`(?:[^`\\]|\\.)*`"
"""A template inside the expression of another; one level deep is what the modules have."""
_HOLE = rf"\$\{{(?:[^{{}}`\"']|{_INNER}|{_STRING}|\{{(?:[^{{}}`]|{_INNER})*\}})*\}}"
_TEMPLATE = rf"`(?:[^`\\$]|\\.|{_HOLE}|\$)*`"
_REGEX = r"(?:(?<=[(,=:\[!&|?{};>\n])|(?<=[(,=:\[!&|?{};>] ))/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/"
"""A slash after one of these signs begins a pattern, for a division needs something to divide."""
_TWO_SIGNS = r"(?<=\+) +(?=\+)|(?<=-) +(?=-)"
"""Blanks that keep a - -b from becoming a--b."""
_BETWEEN_WORDS = r"(?<=[\w$#]) +(?=[\w$#])"
_KEPT = re.compile(rf"([^\"'`/ ]+|{_BETWEEN_WORDS}|{_STRING}|{_TEMPLATE}|{_REGEX}|{_TWO_SIGNS}|/)| +")


def script(text: str) -> str:
    """JavaScript without whole lines of comment, indentation, and blanks beside signs."""
    return "".join(_KEPT.findall(_LINES.sub("", text)))


def style(text: str) -> str:
    """CSS without indentation, empty lines, and blanks after the signs that part declarations."""
    text = re.sub(r"([:;,{]) +(?![^()\n]*\))", r"\1", _LINES.sub("", text))
    return re.sub(r" *([{}]) *|;(?=\s*\})", r"\1", text)
