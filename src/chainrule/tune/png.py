"""The figure as PNG, drawn by matplotlib, which is needed for this alone: pip install 'chainrule[plot]'.

No window is opened and no setting of matplotlib is changed.
"""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any

from chainrule.errors import SettingsError
from chainrule.tune.figure import Figure, Panel
from chainrule.tune.svg import COLOURS, WIDTHS
from chainrule.words import known_language

DPI = 160
SANS = ("DejaVu Sans",)
"""matplotlib brings it along."""
HANGUL = (
    "Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Apple SD Gothic Neo", "AppleGothic", "Malgun Gothic",
    "Source Han Sans KR", "Pretendard", "Noto Sans CJK JP", "UnDotum", "Baekmuk Dotum", "Gulim", "Batang",
)  # fmt: skip
"""Fonts that have Hangul, by preference."""
POINT = 0.72
"""Points of a pixel of the SVG."""


def png(figure: Figure, language: str = "en") -> bytes:
    """The picture.

    Raises SettingsError for an unknown language, without matplotlib, or where no font has the letters.
    """
    known_language(language)
    families = fonts(language)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    n = len(figure.panels)
    wide = 3.6 * n + 0.4
    canvas = Canvas(figsize=(wide, 4.2), dpi=DPI, facecolor="white")
    canvas.text(0.2 / wide, 0.935, figure.title[language], fontsize=12.5, fontweight="bold", fontfamily=families)
    canvas.subplots_adjust(left=0.62 / wide, right=1 - 0.2 / wide, top=0.75, bottom=0.15, wspace=0.24)
    for place, panel in enumerate(figure.panels, start=1):
        _draw(canvas.add_subplot(1, n, place), panel, language, families)
    file = io.BytesIO()
    FigureCanvasAgg(canvas).print_png(file)
    return file.getvalue()


def fonts(language: str) -> list[str]:
    """Installed fonts that have the letters of the language, the preferred ones first.

    Raises SettingsError without matplotlib, or where no such font is found.
    """
    try:
        from matplotlib import font_manager
    except ImportError as error:
        raise SettingsError(
            f"PNG output needs matplotlib, which cannot be imported ({error}). Try "
            "pip install 'chainrule[plot]', or a name that ends in .svg."
        ) from None
    if language != "ko":
        return list(SANS)
    found = _with_hangul(font_manager)
    if not found:
        raise SettingsError(
            "Korean PNG output needs a font with Hangul, and none was found (" + ", ".join(HANGUL[:5]) + " …). "
            "Install one, such as fonts-noto-cjk, or write SVG."
        )
    return [found[0], *SANS]


def _with_hangul(font_manager: Any) -> list[str]:
    """The fonts of HANGUL that are there now: matplotlib's list may be older than what is installed, or removed."""
    manager = font_manager.fontManager
    found = {font.name for font in manager.ttflist if os.path.exists(font.fname)}
    if found.isdisjoint(HANGUL):
        known = {font.fname for font in manager.ttflist}
        for file in set(font_manager.findSystemFonts()) - known:
            with contextlib.suppress(OSError, RuntimeError):  # not a font file after all
                manager.addfont(file)
        found |= {font.name for font in manager.ttflist if font.fname not in known}
    return [name for name in HANGUL if name in found]


def _draw(axes: Any, panel: Panel, language: str, families: list[str]) -> None:
    """One panel: places between 0 and 1, so that cuts and ticks are those of the description."""
    axes.set(xlim=(0, 1), ylim=(0, 1))
    if panel.band is not None:
        low, high = (float(panel.x(eta)) for eta in panel.band)
        axes.axvspan(low, max(high, low + 0.007), color=COLOURS["right"], alpha=0.12, linewidth=0)
    if panel.level is not None:
        axes.axhline(float(panel.y(panel.level)), color=COLOURS["faint"], linewidth=POINT, linestyle=(0, (1, 3)))
    for mark in panel.inside():
        x, colour = float(panel.x(mark.x)), COLOURS[mark.role]
        axes.axvline(x, color=colour, linewidth=POINT, linestyle=(0, (4, 3)))
        foot = mark.row is None
        axes.text(
            x + 0.015 if foot else x, 0.02 if foot else 1.02 + 0.065 * (mark.row or 0), mark.label[language],
            color=colour, fontsize=8.5, ha="left" if foot else "center", fontfamily=families,
            fontweight="bold" if foot else "normal",
        )  # fmt: skip
    for line in panel.lines:
        width, opacity = WIDTHS[line.weight]
        dash = (0, tuple(length / width for length in line.dash)) if line.dash else "solid"
        axes.plot(
            panel.x(line.xs), panel.y(line.ys), color=COLOURS[line.role], linewidth=width * POINT, alpha=opacity,
            linestyle=dash,
        )  # fmt: skip
    for dots in panel.dots:
        face = "white" if dots.hollow else COLOURS[dots.role]
        axes.scatter(
            panel.x(dots.xs), panel.y(dots.ys), s=20, facecolor=face, edgecolor=COLOURS[dots.role], zorder=3,
            clip_on=False,
        )  # fmt: skip
    _frame(axes, panel, language, families)
    for place, entry in enumerate(panel.legend):
        x, colour = place * 0.355, COLOURS[entry.role]
        dash = (0, tuple(length / 2.2 for length in entry.dash)) if entry.dash else "solid"
        axes.plot([x, x + 0.07], [1.105, 1.105], color=colour, linewidth=1.6, linestyle=dash, clip_on=False)
        message = f"{entry.name[language]}\nη = {entry.rate}"
        axes.text(x + 0.085, 1.13, message, color=colour, fontsize=8.5, va="top", fontfamily=families)


def _frame(axes: Any, panel: Panel, language: str, families: list[str]) -> None:
    across, up = panel.ticks()
    axes.set_xticks([place for place, _ in across], [number for _, number in across], fontsize=8.5, fontfamily=families)
    axes.set_yticks([place for place, _ in up], [number for _, number in up], fontsize=8.5, fontfamily=families)
    for spine in axes.spines.values():
        spine.set_color(COLOURS["faint"])
    axes.text(0, 1.175, panel.title[language], fontsize=9, fontweight="bold", fontfamily=families)
    axes.set_xlabel(panel.label[language], fontsize=9, fontfamily=families)
