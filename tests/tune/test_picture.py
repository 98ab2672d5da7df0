"""The picture of a finding: its panels, and a PNG with letters that are there."""

from __future__ import annotations

import json
import struct
import sys

import pytest

from chainrule.errors import SettingsError
from chainrule.tune.figure import figure
from chainrule.tune.found import LearningRate
from chainrule.tune.png import fonts


def test_the_figure_has_what_it_should(digits_found: LearningRate) -> None:
    """Slice with 1/λ and 2/λ and the interval, the tests, three runs; the page gets places between 0 and 1."""
    panels = figure(digits_found).panels
    assert [mark.label["en"] for mark in panels[0].inside()] == ["1/λ", "2/λ", "η"]
    assert panels[0].across[1] / panels[0].across[0] == pytest.approx(1e6)
    assert panels[0].band == panels[1].band == digits_found.interval
    assert [entry.name["ko"] for entry in panels[2].legend] == ["10분의 1", "권장값", "10배"]
    result = figure(digits_found).to_dict()
    places = [point for panel in result["panels"] for line in panel["lines"] for point in line["points"]]
    assert min(map(min, places)) >= 0 and max(map(max, places)) <= 1
    assert json.loads(json.dumps(result, allow_nan=False))["title"]["en"].startswith("Learning rate of sgd")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_picture_as_png(digits_found: LearningRate, language: str) -> None:
    """A PNG of three panels without a warning about a letter that has no glyph; ends with pip install matplotlib."""
    pytest.importorskip("matplotlib", reason="matplotlib draws PNG; pip install 'chainrule[plot]'")
    try:
        data = digits_found.png(language)
    except SettingsError as error:
        pytest.skip(f"{error}")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1792, 672)  # 3·3.6 + 0.4 by 4.2 inches, 160 dots an inch


def test_png_without_matplotlib_or_hangul_is_refused(digits_found: LearningRate, monkeypatch) -> None:
    """The message names what to install; boxes instead of letters are never drawn."""
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(SettingsError, match=r"pip install 'chainrule\[plot\]'"):
            digits_found.png()
    pytest.importorskip("matplotlib", reason="matplotlib draws PNG; pip install 'chainrule[plot]'")
    monkeypatch.setattr("chainrule.tune.png.HANGUL", ("No Such Font",))
    with pytest.raises(SettingsError, match="Hangul"):
        digits_found.png("ko")


def test_fonts_are_those_that_are_there_now(monkeypatch) -> None:
    """A file of several fonts counts with all of them, also one that came after matplotlib made its list."""
    font_manager = pytest.importorskip("matplotlib.font_manager", reason="pip install 'chainrule[plot]'")
    names = ["Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans Mono CJK HK"]
    of_file = [font_manager.FontEntry(fname=__file__, name=name) for name in names]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [__file__])
    monkeypatch.setattr(font_manager.fontManager, "addfont", lambda _: font_manager.fontManager.ttflist.extend(of_file))
    for _ in range(2):
        assert fonts("ko")[0] == "Noto Sans CJK KR"


def test_a_font_that_was_removed_draws_nothing(digits_found: LearningRate, monkeypatch) -> None:
    """matplotlib keeps a list of fonts on the disk: one that has gone since then is not taken from it."""
    font_manager = pytest.importorskip("matplotlib.font_manager", reason="pip install 'chainrule[plot]'")
    gone = font_manager.FontEntry(fname="/nowhere/gone.ttf", name="Noto Sans CJK KR")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [gone])
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
    with pytest.raises(SettingsError, match="Hangul"):
        digits_found.png("ko")
