"""The finding as a picture in SVG: the slice, the tests of learning rates, and three real runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import unknown_name
from chainrule.glass.rate.found import LearningRate
from chainrule.glass.rate.words import digits, rule

Array = npt.NDArray[Any]
WIDTH, HEIGHT = 1080, 400
LEFT, TOP, PANEL, GAP, DEEP = 56, 96, 290, 60, 236
INK, FAINT, SMALL, RIGHT, LARGE, OTHER = "#222", "#bbb", "#2b6cb0", "#1a7f4b", "#c0392b", "#8a6d1f"

TEXT = {
    "en": {
        "title": "Learning rate of {rule} for {network}: take {eta} ({low} to {high})",
        "slice": "J after one step along the gradient",
        "tests": "Real runs at one rate (●), rising rate (–)",
        "runs": "Three real runs, J of the batches",
        "eta": "learning rate η",
        "steps": "step",
        "start": "start",
        "half": "1/λ",
        "bound": "2/λ",
        "halves": ("half of bound", "bound"),
        "names": ("a tenth", "suggested", "ten times"),
    },
    "ko": {
        "title": "{network} 신경망의 {rule} 학습률: 권장값 {eta} ({low}~{high})",
        "slice": "기울기를 따라 한 걸음 뗀 뒤의 J",
        "tests": "학습률별 실제 학습(●), 학습률을 높여 가며(–)",
        "runs": "실제 학습 세 번, 배치의 J",
        "eta": "학습률 η",
        "steps": "단계",
        "start": "출발점",
        "half": "1/λ",
        "bound": "2/λ",
        "halves": ("한계의 절반", "한계"),
        "names": ("10분의 1", "권장값", "10배"),
    },
}


class Panel:
    """One pair of axes: learning rates in decades or steps across, J upwards in decades; what lies outside is cut."""

    def __init__(self, place: int, across: tuple[float, float], up: tuple[float, float], decades: bool) -> None:
        self.x0, self.across, self.up, self.decades = LEFT + place * (PANEL + GAP), across, up, decades
        self.parts: list[str] = []

    def x(self, value: Any) -> Any:
        """Where a learning rate or step lies across."""
        a, b = self.across
        share = np.log(np.asarray(value) / a) / np.log(b / a) if self.decades else (np.asarray(value) - a) / (b - a)
        return self.x0 + PANEL * np.clip(share, 0, 1)

    def y(self, value: Any) -> Any:
        """Where a J lies upwards; one that is too large or no number lies at the top."""
        a, b = self.up
        cut = np.clip(np.nan_to_num(np.asarray(value, dtype=np.float64), nan=b, posinf=b), a, b)
        return TOP + DEEP * (1 - np.log(cut / a) / np.log(b / a))

    def line(self, xs: Array, ys: Array, colour: str, width: float = 1.8, opacity: float = 1, dash: str = "") -> None:
        """A curve through the points; equal neighbours at the top are drawn as they are."""
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(self.x(xs), self.y(ys), strict=True))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" opacity="{opacity}"'
            f'{dashed} stroke-linejoin="round"/>'
        )

    def dots(self, xs: Array, ys: Array, colour: str) -> None:
        """A dot for each point."""
        for x, y in zip(self.x(xs), self.y(ys), strict=True):
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def mark(self, value: float, label: str, colour: str, row: int | None) -> None:
        """An upright line at a learning rate, its label above the panel in one of two rows, or inside at the foot."""
        if not self.across[0] < value < self.across[1]:
            return
        x = float(self.x(value))
        self.parts.append(_segment(x, TOP, x, TOP + DEEP, colour, dash="4 3"))
        self.parts.append(
            _text(x + 5, TOP + DEEP - 6, label, colour, "start", bold=True)
            if row is None
            else _text(x, TOP - 6 - 15 * row, label, colour, "middle")
        )

    def band(self, low: float, high: float, colour: str) -> None:
        """A band across the panel between two learning rates."""
        left, right = float(self.x(low)), float(self.x(high))
        self.parts.append(
            f'<rect x="{left:.1f}" y="{TOP}" width="{max(right - left, 2):.1f}" height="{DEEP}" fill="{colour}" '
            'opacity="0.12"/>'
        )

    def axes(self, title: str, label: str) -> None:
        """Frame, ticks, title and the label below."""
        bottom = TOP + DEEP
        self.parts.append(
            f'<rect x="{self.x0}" y="{TOP}" width="{PANEL}" height="{DEEP}" fill="none" stroke="{FAINT}"/>'
        )
        for value in _ticks(*self.across, 7) if self.decades else np.linspace(*self.across, 5):
            x = float(self.x(value))
            self.parts.append(_segment(x, bottom, x, bottom + 4, INK))
            self.parts.append(_text(x, bottom + 18, _power(value) if self.decades else f"{value:.0f}", INK, "middle"))
        for value in _ticks(*self.up, 6):
            y = float(self.y(value))
            self.parts.append(_segment(self.x0 - 4, y, self.x0, y, INK))
            self.parts.append(_text(self.x0 - 7, y + 4, f"{value:.3g}", INK, "end"))
        self.parts.append(_text(self.x0, TOP - 42, title, INK, "start", bold=True))
        self.parts.append(_text(self.x0 + PANEL / 2, bottom + 38, label, INK, "middle"))


def draw(found: LearningRate, language: str = "en") -> str:
    """The picture as SVG text, with no font, script or file besides.

    Errors    SettingsError for an unknown language
    """
    if language not in TEXT:
        raise unknown_name("language", language, TEXT)
    text: dict[str, Any] = TEXT[language]
    panels = [_slice(found, text), _tests(found, text), _runs(found, text)]
    eta = digits(found.suggested)
    low, high = map(digits, found.interval)
    title = text["title"].format(rule=rule(found), network=found.network, eta=eta, low=low, high=high)
    body = "\n".join(part for panel in panels for part in panel.parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f"font-family=\"system-ui, 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', sans-serif\" "
        f'font-size="12" role="img" aria-label="{escape(title)}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n'
        f"{_text(LEFT, 28, title, INK, 'start', bold=True, size=17)}\n{body}\n</svg>\n"
    )


def _slice(found: LearningRate, text: dict[str, Any]) -> Panel:
    panel = Panel(0, _span(found.slice.etas), _heights(found, [found.slice.losses]), decades=True)
    _marks(panel, found, text)
    panel.parts.append(_segment(*_ends(panel, found.start), FAINT, dash="1 3"))
    panel.line(found.slice.etas, found.slice.losses, INK)
    panel.axes(text["slice"], text["eta"])
    return panel


def _tests(found: LearningRate, text: dict[str, Any]) -> Panel:
    etas, losses = found.range_test.etas, found.range_test.losses
    panel = Panel(1, _span(etas), _heights(found, [found.race.losses]), decades=True)
    panel.band(*found.interval, RIGHT)
    _marks(panel, found, text)
    panel.line(etas, losses, OTHER, width=1.2, opacity=0.7)
    panel.line(found.race.etas, found.race.losses, RIGHT)
    panel.dots(found.race.etas, found.race.losses, RIGHT)
    panel.axes(text["tests"], text["eta"])
    return panel


def _runs(found: LearningRate, text: dict[str, Any]) -> Panel:
    panel = Panel(2, (0, found.n_steps), _heights(found, [_smooth(run) for run in found.runs.values()]), decades=False)
    steps = np.arange(found.n_steps)
    styles = ((SMALL, "7 4"), (RIGHT, ""), (LARGE, "2 3"))
    for row, ((eta, losses), (colour, dash), name) in enumerate(
        zip(found.runs.items(), styles, text["names"], strict=True)
    ):
        panel.line(steps, losses, colour, width=0.8, opacity=0.25)
        panel.line(steps, _smooth(losses), colour, width=2.2, dash=dash)
        x, y = panel.x0 + row * (PANEL + 20) / 3, TOP - 22
        panel.parts.append(_segment(x, y - 4, x + 20, y - 4, colour, 2.2, dash))
        panel.parts.append(_text(x + 25, y, name, colour, "start"))
        panel.parts.append(_text(x + 25, y + 15, f"η = {digits(eta)}", colour, "start"))
    panel.axes(text["runs"], text["steps"])
    return panel


def _marks(panel: Panel, found: LearningRate, text: dict[str, Any]) -> None:
    """Half of the bound and the bound, which for gradient descent are 1/λ and 2/λ, and the suggestion."""
    plain = not found.approximate and not found.hyper.get("momentum")
    half, bound = (text["half"], text["bound"]) if plain else text["halves"]
    panel.mark(found.stable_below / 2, half, OTHER, 1)
    panel.mark(found.stable_below, bound, LARGE, 0)
    panel.mark(found.suggested, "η", RIGHT, None)


def _smooth(losses: Array) -> Array:
    """The mean over the last 15 steps."""
    return np.array([losses[max(0, i - 14) : i + 1].mean() for i in range(len(losses))])


def _span(values: Array) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _heights(found: LearningRate, curves: Sequence[Array]) -> tuple[float, float]:
    """From below the lowest J to three times the start: what lies above is as good as lost."""
    finite = np.concatenate([curve[np.isfinite(curve) & (curve > 0)] for curve in curves])
    high = 3 * max(found.start, 1e-12)
    return max(min(float(finite.min(initial=high)), found.start) * 0.8, high * 1e-6), high


def _ends(panel: Panel, J: float) -> tuple[float, float, float, float]:
    y = float(panel.y(J))
    return panel.x0, y, panel.x0 + PANEL, y


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two: whole decades, with 2 and 5 between where there is room."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        values = [step * 10.0**d for d in decades for step in steps if low <= step * 10.0**d <= high]
        if len(values) <= most:
            return values
    return values[:: -(-len(values) // most)]


def _power(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _segment(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"'
        f"{dashed}/>"
    )


def _text(x: float, y: float, text: str, colour: str, anchor: str, bold: bool = False, size: int = 0) -> str:
    style = (' font-weight="600"' if bold else "") + (f' font-size="{size}"' if size else "")
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"{style}>{escape(text)}</text>'
