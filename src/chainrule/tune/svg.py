"""The figure as SVG text, with no font, script, file or library besides."""

from __future__ import annotations

from html import escape

from chainrule.tune.figure import Figure, Panel
from chainrule.words import known_language

LEFT, TOP, WIDE, GAP, DEEP, BELOW = 56, 96, 290, 60, 236, 68
COLOURS = {
    "ink": "#222", "small": "#2b6cb0", "right": "#1a7f4b", "large": "#c0392b", "other": "#8a6d1f", "faint": "#bbb",
}  # fmt: skip
WIDTHS = {"thin": (0.9, 0.35), "plain": (1.8, 1.0), "bold": (2.2, 1.0)}
"""Width and opacity of a line by its weight."""
FONTS = "system-ui, 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', 'Noto Sans CJK KR', sans-serif"


def svg(figure: Figure, language: str = "en") -> str:
    """The picture.

    Raises SettingsError for an unknown language.
    """
    known_language(language)
    title = figure.title[language]
    width, height = LEFT + len(figure.panels) * (WIDE + GAP) - GAP + 34, TOP + DEEP + BELOW
    drawn = (_Axes(panel, LEFT + place * (WIDE + GAP), language) for place, panel in enumerate(figure.panels))
    body = "\n".join(part for axes in drawn for part in axes.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{FONTS}" font-size="12" role="img" aria-label="{escape(title)}">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        f"{_text(LEFT, 28, title, COLOURS['ink'], 'start', bold=True, size=17)}\n{body}\n</svg>\n"
    )


class _Axes:
    """The parts of one panel, drawn from back to front."""

    def __init__(self, panel: Panel, left: float, language: str) -> None:
        self.panel, self.left, self.language, self.parts = panel, left, language, list[str]()
        self._back()
        for line in panel.lines:
            points = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(line.xs, line.ys, strict=True))
            width, opacity = WIDTHS[line.weight]
            self.parts.append(
                f'<polyline points="{points}" fill="none" stroke="{COLOURS[line.role]}" stroke-width="{width}" '
                f'opacity="{opacity}"{_dashed(line.dash)} stroke-linejoin="round"/>'
            )
        for dots in panel.dots:
            look = 'fill="#fff"' if dots.hollow else f'fill="{COLOURS[dots.role]}"'
            self.parts += [
                f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3.5" {look} stroke="{COLOURS[dots.role]}"/>'
                for x, y in zip(dots.xs, dots.ys, strict=True)
            ]
        self._frame()
        self._legend()

    def x(self, value: float) -> float:
        """Where a learning rate or step lies across."""
        return self.left + WIDE * float(self.panel.x(value))

    def y(self, value: float) -> float:
        """Where a J lies upwards."""
        return TOP + DEEP * (1 - float(self.panel.y(value)))

    def _back(self) -> None:
        """The band, the marks, and the level of the start."""
        if self.panel.band is not None:
            low, high = map(self.x, self.panel.band)
            self.parts.append(
                f'<rect x="{low:.1f}" y="{TOP}" width="{max(high - low, 2):.1f}" height="{DEEP}" '
                f'fill="{COLOURS["right"]}" opacity="0.12"/>'
            )
        for mark in self.panel.inside():
            x, colour, label = self.x(mark.x), COLOURS[mark.role], mark.label[self.language]
            self.parts.append(_segment(x, TOP, x, TOP + DEEP, colour, dash=(4, 3)))
            self.parts.append(
                _text(x + 5, TOP + DEEP - 6, label, colour, "start", bold=True)
                if mark.row is None
                else _text(x, TOP - 6 - 15 * mark.row, label, colour, "middle")
            )
        if self.panel.level is not None:
            y = self.y(self.panel.level)
            self.parts.append(_segment(self.left, y, self.left + WIDE, y, COLOURS["faint"], dash=(1, 3)))

    def _frame(self) -> None:
        """Frame, ticks, title and the label below."""
        bottom, ink = TOP + DEEP, COLOURS["ink"]
        self.parts.append(
            f'<rect x="{self.left}" y="{TOP}" width="{WIDE}" height="{DEEP}" fill="none" stroke="{COLOURS["faint"]}"/>'
        )
        across, up = self.panel.ticks()
        for place, number in across:
            x = self.left + WIDE * place
            self.parts += [_segment(x, bottom, x, bottom + 4, ink), _text(x, bottom + 18, number, ink, "middle")]
        for place, number in up:
            y = bottom - DEEP * place
            self.parts += [
                _segment(self.left - 4, y, self.left, y, ink),
                _text(self.left - 7, y + 4, number, ink, "end"),
            ]
        self.parts.append(_text(self.left, TOP - 42, self.panel.title[self.language], ink, "start", bold=True))
        self.parts.append(_text(self.left + WIDE / 2, bottom + 38, self.panel.label[self.language], ink, "middle"))

    def _legend(self) -> None:
        for place, entry in enumerate(self.panel.legend):
            x, y, colour = self.left + place * (WIDE + 20) / 3, TOP - 22, COLOURS[entry.role]
            self.parts.append(_segment(x, y - 4, x + 20, y - 4, colour, 2.2, entry.dash))
            self.parts.append(_text(x + 25, y, entry.name[self.language], colour, "start"))
            self.parts.append(_text(x + 25, y + 15, f"η = {entry.rate}", colour, "start"))


def _dashed(dash: tuple[int, ...]) -> str:
    return f' stroke-dasharray="{" ".join(map(str, dash))}"' if dash else ""


def _segment(
    x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: tuple[int, ...] = ()
) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
        f"{_dashed(dash)}/>"
    )


def _text(x: float, y: float, text: str, colour: str, anchor: str, bold: bool = False, size: int = 0) -> str:
    style = (' font-weight="600"' if bold else "") + (f' font-size="{size}"' if size else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{style}>{escape(text)}</text>'
