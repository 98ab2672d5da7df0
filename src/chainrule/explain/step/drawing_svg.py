"""The drawing of a step as SVG: forward left to right, backward right to left, between them what is learned.

Colours are attributes, so that any program shows them, and a style sheet replaces them on dark screens. The formulas
of a row of numbers are in the picture and become visible when the row is pointed at or has the focus: no script.
The page draws the same in report/static/drawing_svg.js.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from chainrule.explain.step.drawing import Card, Edge, StepDrawing
from chainrule.text.tables import columns as columns_of
from chainrule.text.tables import number
from chainrule.visible import visible_line

LINE, COLUMN, PAD, GAP, MARGIN = 18, 84, 10, 100, 24
"""Height of a row, width of a column of numbers, inner margin of a card, room for edges, outer margin."""
SIZE, LETTER, LONGEST = 11.5, 7.0, 14
"""Of the letters of numbers, the width of one, and letters of a name."""
HEADER, CAPTION, BETWEEN, LOSS = 64, 76, 70, 172
LEAST_WIDTH, LEAST_SHARE = 800, 0.03
"""Of the picture, for its formulas; and of an edge, as a share of the largest of its kind."""
MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, 'Noto Sans Mono CJK KR', monospace"
SANS = "system-ui, sans-serif"
LIGHT = {
    "paper": "#fbfaf7", "raised": "#ffffff", "ink": "#1c2024", "soft": "#565d66", "line": "#dedad2",
    "forward": "#17693f", "forward-soft": "#edf6f0", "backward": "#b3261e", "backward-soft": "#fcf0ee",
    "update": "#6a4a9c", "update-soft": "#f4effa",
}  # fmt: skip
DARK = {
    "paper": "#14171b", "raised": "#1b1f24", "ink": "#e9e7e2", "soft": "#a8afb8", "line": "#343b43",
    "forward": "#6fcf97", "forward-soft": "#172820", "backward": "#ff8a80", "backward-soft": "#2f1c1b",
    "update": "#c3a6f0", "update-soft": "#251f35",
}  # fmt: skip
THEMES = ("auto", "light", "dark")
_STYLED = re.compile(r' class="cr-[^"]*"| data-s="[^"]*"')
"""What only a style sheet refers to."""


@dataclass(frozen=True, kw_only=True)
class _Box:
    """Where a card stands."""

    card: Card
    x: float
    y: float
    width: float
    height: float
    label: float
    """Width of the labels."""
    rows: Sequence[float]
    """The middle of every row."""

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def svg(
    drawing: StepDrawing, text: Mapping[str, str], *, language: str = "en", theme: str = "auto", styled: bool = True
) -> str:
    """The drawing as one SVG element that needs nothing else.

    Arguments: theme: one of THEMES; styled: False for a page that takes no style sheet: formulas are then titles, which
    a browser shows beside the pointer, and the colours are those of light screens.
    """
    whole = _Picture(drawing, text, styled).written(language, theme)
    return whole if styled else _STYLED.sub("", whole)


class _Picture:
    """Places the cards of a drawing and writes them."""

    def __init__(self, drawing: StepDrawing, text: Mapping[str, str], styled: bool) -> None:
        self.d, self.text, self.styled, self.L = drawing, text, styled, len(drawing.forward) - 1
        self.parts: list[str] = []
        self._place()

    def _place(self) -> None:
        """Columns from left to right, lanes from top to bottom."""
        d = self.d
        learned = [0.0, *(_width(card) for card in d.learned if card)]
        lanes = [list(d.forward), [c for c in d.learned if c], [c for c in d.backward if c]]
        heights = [max(map(_height, lane)) for lane in lanes]
        tops = [HEADER + 30.0]
        for height in heights[:-1]:
            tops.append(tops[-1] + height + BETWEEN)
        self.tops, self.heights = tops, heights
        x, end = float(MARGIN), 0.0
        self.forward, self.learned, self.backward = [], [None], [None]  # type: list[_Box], list[Any], list[Any]
        for l, card in enumerate(d.forward):
            width = _width(card)
            if l:  # the card of what is learned stands below the middle of the edges, beside the one before it
                middle = max(x - GAP / 2, end + 14 + learned[l] / 2)
                x = middle + GAP / 2
                end = middle + learned[l] / 2
                self.learned.append(_box(d.learned[l], middle - learned[l] / 2, tops[1], heights[1]))
                self.backward.append(_box(d.backward[l], x, tops[2], heights[2]))
            self.forward.append(_box(card, x, tops[0], heights[0]))
            x += width + GAP
        self.loss_x = max(x - GAP - LOSS, end + 26)
        self.width = max(x - GAP + MARGIN, self.loss_x + LOSS + MARGIN, LEAST_WIDTH)
        self.height = tops[2] + heights[2] + 30 + CAPTION * self.styled

    def written(self, language: str, theme: str) -> str:
        """The parts in their order: what lies behind first."""
        self._lanes()
        self._head()
        self._edges()
        self._arrows()
        for boxes, role in ((self.forward, "forward"), (self.learned, "update"), (self.backward, "backward")):
            for box in boxes:
                if box is not None:
                    self._card(box, role)
        self._loss()
        self._rule()
        d = self.d
        said = self.text["head"].format(step=f"{d.step:,}", row=d.row, n=d.n_rows)
        w, h = round(self.width), round(self.height)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" class="cr-step cr-{theme}" width="{w}" height="{h}" '
                f'viewBox="0 0 {w} {h}" role="group" lang="{language}" aria-label="{escape(said)}" '
                f'font-size="{SIZE}" font-family="{MONO}">',
                *([f"<style>{_style(theme)}</style>"] if self.styled else []),
                f'<rect width="{w}" height="{h}" {_fill("paper")}/>',
                f"<g {_fill('ink')}>",
                *self.parts,
                "</g>",
                "</svg>",
            ]
        )

    # parts ------------------------------------------------------------------------------------------------

    def _put(self, x: float, y: float, text: str, role: str = "ink", **how: Any) -> None:
        self.parts.append(_text(x, y, text, role, **how))

    def _path(self, d: str, role: str, **how: Any) -> None:
        self.parts.append(_path(d, role, **how))

    def _lanes(self) -> None:
        """The two passes as strips, with their names and directions."""
        for lane, role, words in ((0, "forward", "{} →"), (2, "backward", "← {}")):
            y, h = self.tops[lane] - 28, self.heights[lane] + 42
            self.parts.append(
                f'<rect x="8" y="{y:.1f}" width="{self.width - 16:.1f}" height="{h:.1f}" rx="12" '
                f"{_fill(f'{role}-soft')}/>"
            )
            self._put(MARGIN, y + 18, words.format(self.text[role]), role, size=13, bold=True, sans=True)

    def _head(self) -> None:
        d, y = self.d, self.height - CAPTION
        head = self.text["head"].format(step=f"{d.step:,}", row=d.row, n=d.n_rows)
        self._put(MARGIN, 30, head, size=17, bold=True, sans=True)
        self._put(MARGIN, 50, self.text["legend"], "soft", size=12, sans=True)
        if self.styled:
            self._put(MARGIN, y + 24, self.text["hint"], "soft", size=12, sans=True)

    def _edges(self) -> None:
        for l in range(1, self.L + 1):
            below, here = self.forward[l - 1], self.forward[l]
            self._bundle(self.d.edges[l], below, here, "forward")
            if l > 1:
                self._bundle(self.d.edges_back[l], self.backward[l - 1], self.backward[l], "backward")

    def _bundle(self, edges: Sequence[Edge], left: _Box, right: _Box, role: str) -> None:
        """Edges between two cards, as thick as what flows along them; dashed where it is negative."""
        top = max((abs(value) for _, _, value in edges if np.isfinite(value)), default=0.0)
        x0, x1 = left.x + left.width, right.x
        bend = (x1 - x0) / 2.2
        for p, q, value in edges:
            share = (min(1.0, abs(value) / top) if top else 0.0) if np.isfinite(value) else 1.0
            if share < LEAST_SHARE:
                continue
            y0, y1 = left.rows[p], right.rows[q]
            self._path(
                f"M{x0:.1f} {y0:.1f}C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}",
                role, width=0.5 + 2.7 * share, opacity=0.18 + 0.6 * share, dash="5 3" if value < 0 else "",
            )  # fmt: skip

    def _arrows(self) -> None:
        """Operands and gradients between the lanes, the update of the weights, residual connections."""
        for l in range(1, self.L + 1):
            below, card, back, here = self.forward[l - 1], self.learned[l], self.backward[l], self.forward[l]
            top, bottom = card.y, card.y + card.height
            gap = (below.x + below.width + here.x) / 2
            x = min(max(below.middle, card.x + 14), gap - 44)
            self._arrow(x, below.y + below.height, x, top, "forward", f"a{l - 1}")
            x = max(min(back.middle, card.x + card.width - 14), gap + 44)
            self._arrow(x, back.y, x, bottom, "backward", f"delta{l}")
            y = self.tops[0] + self.heights[0] - 4
            self._path(f"M{gap:.1f} {top:.1f}V{y + 9:.1f}", "update", width=2, dash="6 4")
            self._head_at(gap, y, "update", up=True)
            self._put(gap + 8, top - 12, self.text["update"], "update", bold=True, sans=True)
            n_in, n_out = self.d.shapes[l]
            self._put(gap, self.tops[0] + 14, f"· W{l} + b{l}", "forward", anchor="middle", bold=True)
            self._put(gap, self.tops[0] + 29, f"{n_in:,}×{n_out:,}", "soft", anchor="middle", size=11)
            if l > 1:
                self._put(gap, self.tops[2] + 14, f"· W{l}.T", "backward", anchor="middle", bold=True)
            if self.d.residual[l]:
                y = below.y - 6
                x0, x1 = below.x + below.width - 30, here.x + here.width - 30
                self._path(f"M{x0:.1f} {below.y:.1f}V{y:.1f}H{x1:.1f}V{here.y:.1f}", "forward", width=1.6, dash="3 3")
                self._put((x0 + x1) / 2, y - 3, f"+ a{l - 1}", "forward", anchor="middle", size=11)

    def _arrow(self, x0: float, y0: float, x1: float, y1: float, role: str, label: str) -> None:
        up = y1 < y0
        self._path(f"M{x0:.1f} {y0:.1f}V{y1 + (9 if up else -9):.1f}", role, width=1.6)
        self._head_at(x1, y1, role, up=up)
        self._put(x0 + 6, (y0 + y1) / 2 + 4, label, role, size=11)

    def _head_at(self, x: float, y: float, role: str, *, up: bool) -> None:
        d = 9 if up else -9
        self.parts.append(f'<path d="M{x:.1f} {y:.1f}l-5 {d}h10z" {_fill(role)}/>')

    def _card(self, box: _Box, role: str) -> None:
        card = box.card
        self.parts.append(
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="9" '
            f'{_fill("raised")} {_stroke(role)} stroke-width="1.3"/>'
        )
        x, y = box.x + PAD, box.y + 18
        self._put(x, y, card.title, role, size=12.5, bold=True, sans=True)
        for equation in card.equations:
            y += 15
            self._put(x, y, equation, "soft", size=11)
        for i, name in enumerate(card.columns):
            self._put(_right(box, i), y + 20, name, "ink", anchor="end", bold=True, sans=role == "update")
        tops = [_largest(values) for values in card.columns.values()]
        for p, at in enumerate(box.rows):
            self._row(box, p, at, role, tops)
        if card.n_more:
            last = box.rows[-1] + LINE if box.rows else y + 20 + LINE
            self._put(x, last + 4, self.text["more"].format(n=f"{card.n_more:,}"), "soft", size=11, sans=True)

    def _row(self, box: _Box, p: int, at: float, role: str, tops: Sequence[float]) -> None:
        """A row of numbers: a bar behind each, and the formulas at the foot of the picture."""
        card = box.card
        parts = [
            f'<rect class="cr-hit" x="{box.x + 3:.1f}" y="{at - 8:.1f}" width="{box.width - 6:.1f}" height="16" '
            'rx="4" fill="none" pointer-events="all"/>',
            _text(box.x + PAD, at + 4, _shortened(card.labels[p]), "soft", size=11),
        ]
        for i, (name, values) in enumerate(card.columns.items()):
            is_missing = name == "y" and np.isnan(values[p])
            share = abs(values[p]) / tops[i] if np.isfinite(values[p]) else float(not is_missing)
            width = (COLUMN - 14) * min(share, 1.0)
            if width >= 0.5:
                parts.append(
                    f'<rect x="{_right(box, i) - width:.1f}" y="{at + 6:.1f}" width="{width:.1f}" height="2" '
                    f'{_fill(role)} fill-opacity=".45"/>'
                )
            shown = "–" if is_missing else number(values[p])
            parts.append(_text(_right(box, i), at + 4, shown, "ink", anchor="end"))
        said = escape(visible_line("; ".join(card.formulas[p])))
        tip = self._tip(card.formulas[p], role) if self.styled else f"<title>{said}</title>"
        how = f' tabindex="0" role="img" aria-label="{said}"' if self.styled else ""
        self.parts.append(f'<g class="cr-row"{how}>{"".join(parts)}{tip}</g>')

    def _tip(self, formulas: Sequence[str], role: str) -> str:
        """Formulas at the foot of the picture, not seen at first."""
        y = self.height - CAPTION + 6
        parts = [
            f'<rect x="{MARGIN - 8}" y="{y:.1f}" width="{self.width - 2 * MARGIN + 16:.1f}" height="{CAPTION - 10}" '
            f'rx="8" {_fill("raised")} {_stroke(role)}/>',
            *(_text(MARGIN + 2, y + 20 + 19 * i, formula, "ink") for i, formula in enumerate(formulas)),
        ]
        return f'<g class="cr-tip" opacity="0" pointer-events="none" aria-hidden="true">{"".join(parts)}</g>'

    def _loss(self) -> None:
        """J at the end of the forward pass, where the backward pass begins."""
        d, out, back, x = self.d, self.forward[-1], self.backward[-1], self.loss_x
        y = self.tops[1] + 4
        h, middle = min(112.0, self.heights[1] - 8), self.loss_x + LOSS / 2
        at = min(middle, out.x + out.width - 16)
        self._path(f"M{at:.1f} {out.y + out.height:.1f}V{y - 9:.1f}", "forward", width=2)
        self._head_at(at, y, "forward", up=False)
        for i, part in enumerate(self.text["compare"].split("|")):
            self._put(at - 10, y - 26 + 16 * i, part, "forward", anchor="end", size=12, sans=True)
        x1, y1 = back.x + back.width, back.y + back.height / 2
        self._path(f"M{middle:.1f} {y + h:.1f}V{y1 - 12:.1f}q0 12 -12 12H{x1 + 9:.1f}", "backward", width=2)
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f}l9 -5v10z" {_fill("backward")}/>')
        self._put(middle + 8, y + h + 24, f"∂J/∂z{self.L}", "backward")
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{LOSS}" height="{h:.1f}" rx="9" {_fill("raised")} '
            f'{_stroke("ink")} stroke-width="1.6"/>'
        )
        self._put(middle, y + 22, self.text["loss"], size=12.5, bold=True, sans=True, anchor="middle")
        self._put(middle, y + 39, d.loss_name, "soft", size=11, anchor="middle")
        self._put(middle, y + 68, f"J = {number(d.loss)}", size=17, bold=True, anchor="middle")
        self._put(middle, y + 90, self.text["mean"].format(n=d.n_rows), "soft", size=11, sans=True, anchor="middle")

    def _rule(self) -> None:
        """The rule of the update, below the inputs."""
        d, x, y = self.d, float(MARGIN), self.tops[2]
        eta = number(d.learning_rate)
        room = self.backward[1].x - 2 * MARGIN
        lines = [part for part in d.rule.split(",   ") if part]
        self._put(x, y + 16, self.text["update"], "update", size=12.5, bold=True, sans=True)
        for i, line in enumerate([*lines, f"η = {eta}"]):
            size = min(11.5, 11.5 * room / (LETTER * max(len(line), 1)))
            self._put(x, y + 36 + 17 * i, line, "ink", size=round(size, 1))


def _right(box: _Box, i: int) -> float:
    """The right end of a column of numbers."""
    return box.x + PAD + box.label + COLUMN * (i + 1)


def _width(card: Card) -> float:
    label = _label(card)
    lines = max((len(line) for line in card.equations), default=0)
    return max(2 * PAD + label + COLUMN * len(card.columns), 2 * PAD + 6.5 * lines, 110)


def _label(card: Card) -> float:
    """Width of the labels of a card."""
    return max(22.0, LETTER * max((columns_of(_shortened(label)) for label in card.labels), default=0))


def _height(card: Card) -> float:
    return 18 + 15 * len(card.equations) + 24 + LINE * (len(card.labels) + bool(card.n_more)) + 8


def _box(card: Card | None, x: float, top: float, lane: float) -> _Box:
    """A card in the middle of its lane."""
    assert card is not None
    height = _height(card)
    y = top + (lane - height) / 2
    first = y + 18 + 15 * len(card.equations) + 20 + LINE - 3
    rows = [first + LINE * p for p in range(len(card.labels))]
    return _Box(card=card, x=x, y=y, width=_width(card), height=height, label=_label(card), rows=rows)


def _shortened(name: str) -> str:
    """Both ends of a long name: inputs made of one column differ in their last letters."""
    if len(name) <= LONGEST:
        return name
    half = (LONGEST - 1) // 2
    return f"{name[: LONGEST - 1 - half]}…{name[-half:]}"


def _largest(values: Sequence[float]) -> float:
    return max((abs(x) for x in values if np.isfinite(x)), default=0.0) or 1.0


def _fill(role: str) -> str:
    return f'class="cr-f-{role}" fill="{LIGHT[role]}"'


def _stroke(role: str) -> str:
    return f'stroke="{LIGHT[role]}" data-s="{role}"'


def _text(
    x: float, y: float, text: str, role: str, *, size: float = SIZE, bold: bool = False, sans: bool = False,
    anchor: str = "start",
) -> str:  # fmt: skip
    how = f' text-anchor="{anchor}"' if anchor != "start" else ""
    how += ' font-weight="600"' if bold else ""
    how += f' font-family="{SANS}"' if sans else ""
    how += f' font-size="{size:g}"' if size != SIZE else ""
    how += f" {_fill(role)}" if role != "ink" else ""  # which is the colour of the whole
    return f'<text x="{x:.1f}" y="{y:.1f}"{how}>{escape(visible_line(text))}</text>'


def _path(d: str, role: str, *, width: float, opacity: float = 1.0, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<path d="{d}" fill="none" {_stroke(role)} stroke-width="{width:.2f}" stroke-opacity="{opacity:.2f}"{dashed}/>'
    )


def _style(theme: str) -> str:
    """Formulas on demand, and the colours of dark screens."""
    rules = (
        ".cr-row{outline:none}.cr-row:hover .cr-tip,.cr-row:focus .cr-tip{opacity:1}"
        f".cr-row:hover .cr-hit,.cr-row:focus .cr-hit{{stroke:{LIGHT['ink']}}}"
    )
    dark = "".join(
        f".cr-{theme} .cr-f-{role}{{fill:{colour}}}.cr-{theme} [data-s={role}]{{stroke:{colour}}}"
        for role, colour in DARK.items()
    )
    dark += f".cr-{theme} .cr-row:hover .cr-hit,.cr-{theme} .cr-row:focus .cr-hit{{stroke:{DARK['ink']}}}"
    if theme == "light":
        return rules
    return rules + (dark if theme == "dark" else f"@media (prefers-color-scheme:dark){{{dark}}}")
