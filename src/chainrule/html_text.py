"""Results as HTML for notebooks: a card with a heading, tables, and curves as SVG.

Every text is escaped here, so callers give plain text. There is no script, style sheet, font or link: colours are
those of the text around (`currentColor`) and middle tones, which are legible on light and dark pages alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.text.tables import number
from chainrule.visible import cut, visible, visible_line

MOST_CELL, MOST_POINTS = 120, 240
"""Characters of a cell, and points of a curve."""
TONES = ("#3d85c6", "#d9822b", "#3a9d6e", "#b565c9")
"""Of the curves, in turn: legible on white and on black."""
LARGEST = float(np.finfo(np.float64).max)
FAULT, GOOD = "#d9534f", "#3a9d6e"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 190, 58, 12, 14, 34
_CELL = "padding:2px 10px;white-space:nowrap;border:0;border-bottom:1px solid rgba(128,128,128,.25);"


def shown(value: Any) -> str:
    """A value as plain text: numbers to five digits, a text cut short, with the characters that act made visible."""
    if isinstance(value, (float, np.floating)):
        return number(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{int(value):,}"
    return "" if value is None else cut(visible_line(str(value)), MOST_CELL)


def card(heading: str, *parts: str) -> str:
    """A heading, and below it parts that are HTML already."""
    head = f'<div style="font-weight:600;margin:0 0 4px 0;">{escape(shown(heading))}</div>'
    return f'<div style="margin:4px 0;font-size:13px;line-height:1.4;">{head}{"".join(parts)}</div>'


def paragraph(text: str, colour: str = "") -> str:
    """A line of text."""
    style = f"color:{colour};" if colour else ""
    return f'<div style="margin:2px 0;{style}">{escape(visible_line(text))}</div>'


def lines(text: str) -> str:
    """Text of a terminal, its columns kept."""
    style = "margin:4px 0;white-space:pre;overflow-x:auto;background:transparent;color:inherit;font-size:12px;"
    return f'<pre style="{style}">{escape(visible(text))}</pre>'


def picture(svg: str) -> str:
    """A picture in SVG with a background of its own, no wider than the page."""
    return f'<div style="max-width:100%;overflow-x:auto;color:#222;">{svg}</div>'


def unfolding(heading: str, *parts: str) -> str:
    """Parts that are shown when the heading is clicked."""
    return f'<details style="margin:4px 0;"><summary>{escape(shown(heading))}</summary>{"".join(parts)}</details>'


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], numbers_from: int = 1) -> str:
    """A table; cells from column `numbers_from` on stand to the right."""

    def cells(of: Sequence[Any], tag: str) -> str:
        sides = ["left" if i < numbers_from else "right" for i in range(len(of))]
        return "".join(
            f'<{tag} style="{_CELL}text-align:{side};">{escape(shown(cell))}</{tag}>'
            for cell, side in zip(of, sides, strict=True)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        '<div style="overflow-x:auto;"><table style="border-collapse:collapse;margin:4px 0;font-size:12px;">'
        f"<thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def some(rows: Sequence[Sequence[Any]], first: int, last: int) -> list[Sequence[Any]]:
    """The first and last rows of a long table, with an ellipsis between."""
    if len(rows) <= first + last + 1:
        return list(rows)
    return [*rows[:first], ["…", *[""] * (len(rows[0]) - 1)], *rows[len(rows) - last :]]


def curves(by_name: Mapping[str, Sequence[float]], label: str) -> str:
    """Curves over their places 0, 1, … as SVG; `label` says what these are. Nothing where no value is finite.

    The vertical axis is in decades where the values span more than two of them. Of long curves, every
    point drawn is the mean of its neighbours.
    """
    series = {name: _thinned(np.asarray(values, np.float64)) for name, values in by_name.items() if len(values)}
    finite = [ys[np.isfinite(ys)] for _, ys in series.values()]
    every = np.concatenate([np.zeros(0), *finite])
    if not len(every):
        return ""
    axes = _CurveAxes(max(float(xs[-1]) for xs, _ in series.values()), every)
    names = ", ".join(by_name)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(shown(names))}" font-size="11" fill="currentColor" '
        'style="max-width:100%;background:transparent;margin:4px 0;font-family:sans-serif;">',
        *axes.frame(label),
    ]
    at = float(LEFT)
    for tone, (name, (xs, ys)) in zip(TONES * len(series), series.items(), strict=False):
        parts.append(axes.curve(xs, ys, tone))
        text = cut(shown(name), 24)
        parts.append(f'<text x="{at:.0f}" y="{TOP - 4}" fill="{tone}">{escape(text)}</text>')
        at += 7 * len(text) + 18
    return "".join([*parts, "</svg>"])


def _thinned(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Places and values of at most MOST_POINTS points."""
    places = np.arange(len(values), dtype=np.float64)
    if len(values) <= MOST_POINTS:
        return places, values
    edges = np.linspace(0, len(values), MOST_POINTS + 1).astype(int)
    with np.errstate(all="ignore"):
        means = [np.add.reduceat(each, edges[:-1]) / np.diff(edges) for each in (places, values)]
    means[0][-1] = places[-1]
    return means[0], means[1]


class _CurveAxes:
    """Where a place and a value lie in the picture."""

    def __init__(self, last: float, values: npt.NDArray[np.float64]) -> None:
        low, high = float(values.min()), float(values.max())
        self.last, self.decades = max(last, 1.0), low > 0 and high / low > 100
        if high == low:
            low, high = (low / 2, low * 1.5) if low > 0 else (low * 1.5, low / 2) if low else (-0.5, 0.5)
            low, high = max(low, -LARGEST), min(high, LARGEST)
        self.low, self.high = (float(np.log10(low)), float(np.log10(high))) if self.decades else (low, high)

    def x(self, place: float) -> float:
        """Across."""
        return LEFT + (WIDTH - LEFT - RIGHT) * place / self.last

    def y(self, share: float) -> float:
        """Upwards, of a share of the axis."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def share(self, value: float) -> float:
        """The share of the axis up to a value; halves, whose difference does not overflow."""
        at = float(np.log10(value)) if self.decades else float(value)
        return (at / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def curve(self, xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64], tone: str) -> str:
        """A line through the finite points, broken where one is not; a point where there is only one."""
        pieces = np.split(np.arange(len(ys)), np.flatnonzero(~np.isfinite(ys)))
        parts = []
        for piece in pieces:
            kept = [k for k in piece if np.isfinite(ys[k])]
            points = [f"{self.x(xs[k]):.1f},{self.y(self.share(ys[k])):.1f}" for k in kept]
            if len(points) == 1:
                x, y = points[0].split(",")
                parts.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{tone}"/>')
            elif points:
                parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{tone}" stroke-width="1.6"/>')
        return "".join(parts)

    def frame(self, label: str) -> list[str]:
        """The axes with three numbers each, and what lies across."""
        left, right, bottom, top = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
        grey = 'stroke="currentColor" stroke-opacity=".35"'
        parts = [f'<path d="M{left} {top}V{bottom}H{right}" fill="none" {grey}/>']
        for share in (0.0, 0.5, 1.0):
            at = self.low * (1 - share) + self.high * share
            value = 10.0**at if self.decades else at
            place = round(self.last * share)
            y, x = self.y(share), self.x(place)
            side = ("start", "middle", "end")[round(2 * share)]
            parts.append(f'<path d="M{left} {y:.1f}H{right}" fill="none" {grey} stroke-dasharray="1 4"/>')
            parts.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
            parts.append(f'<text x="{x:.1f}" y="{bottom + 14}" text-anchor="{side}">{place:,}</text>')
        middle = (left + right) / 2
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(shown(label))}</text>')
        return parts
