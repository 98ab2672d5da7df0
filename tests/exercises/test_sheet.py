"""The sheet: a page that judges answers by itself, prints, and hands out nothing it should not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from report_browser import Browser

READY = "document.readyState === 'complete'"


def typed(browser: Browser, name: str, text: str) -> None:
    """Type an answer with the keyboard alone."""
    browser.evaluate(f"document.querySelector('[data-answer=\"{name}\"]').focus()")
    browser.evaluate("document.activeElement.select()")
    browser.type(text)
    browser.press("Tab")


def said(browser: Browser, name: str) -> str:
    return str(browser.evaluate(f"document.querySelector('[data-said=\"{name}\"]').textContent"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_judges_as_python_does(browser: Browser, tmp_path: Path, language: str) -> None:
    """Right, each recognised mistake, close and no number: the page says the same sentence as `check`."""
    ex = cr.exercise(4, (2, 2, 2), "sigmoid", "sigmoid", "squared_error")
    browser.open(ex.sheet(tmp_path / "sheet.html", language), "", READY)
    seen = set()
    for entry in ex.entries:
        name, value = str(entry), entry.of(ex.right)
        for answer in [value, *(wrong for _, wrong in ex.wrong(entry)), value * 1.02, 77.0]:
            typed(browser, name, repr(answer))
            marked = ex.check(name, answer)
            seen.add(marked.mistake)
            assert marked.text(language).endswith(said(browser, name)), (name, answer)
    assert len(seen) > 8
    typed(browser, ex.blanks[0], "x")
    assert "1/4" in said(browser, ex.blanks[0])
    assert browser.complaints == []


def test_a_whole_sheet_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Ten answers typed and Tab: ten of ten; hints come one at a time and end; the tables fill."""
    ex = cr.exercise(1)
    browser.open(ex.sheet(tmp_path / "sheet.html"), "", READY)
    score = "document.querySelector('[data-score]').textContent"
    assert browser.evaluate(score) == "0 of 10 right"
    name = ex.blanks[6]
    browser.evaluate(f"document.querySelector('[data-hint=\"{name}\"]').focus()")
    hints = ex.hints(name)
    browser.press(*["Enter"] * (len(hints) + 3))
    given = browser.evaluate(f"[...document.querySelectorAll('[data-hints=\"{name}\"] p')].map((p) => p.textContent)")
    assert given[:-1] == hints
    assert "last hint" in given[-1]
    for blank, value in ex.solution.items():
        typed(browser, blank, f"{value}".replace(".", ","))
    assert browser.evaluate(score) == "10 of 10 right"
    filled = "[...document.querySelectorAll('td.blank span')].filter((e) => e.textContent).length"
    assert browser.evaluate(filled) == 10
    assert browser.complaints == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_no_side_scrolling(browser: Browser, tmp_path: Path, width: int, language: str) -> None:
    """The page fits a phone and a desk."""
    ex = cr.exercise(2, (4, 4, 4, 3), "tanh", loss="cross_entropy", n_blanks=30)
    browser.size(width, 900)
    browser.open(ex.sheet(tmp_path / "sheet.html", language), "", READY)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    browser.size(1280, 900)


def test_a_sheet_to_hand_out_holds_no_answer(tmp_path: Path) -> None:
    """Without solutions there is no script, no hint, and none of the numbers left out."""
    ex = cr.exercise(3, (2, 3, 3), "sigmoid", loss="cross_entropy")
    text = ex.sheet(tmp_path / "class.html", solutions=False).read_text("utf-8")
    assert "<script" not in text
    assert "data-hint=" not in text
    shown = set(re.findall(r"-?\d+\.\d+", text))
    long = {f"{value:.5g}" for value in ex.solution.values() if round(value, 3) != value}
    assert len(long) > 6
    assert not long & shown
    assert text.count('data-answer="') == 10


def test_the_page_allows_its_script_alone(tmp_path: Path) -> None:
    """A policy by hashes, no address of anything."""
    text = cr.exercise(0).sheet(tmp_path / "sheet.html", "ko").read_text("utf-8")
    assert re.search(
        r"default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; script-src", text
    )
    assert not re.search(r"(src|href)=|https?:", text)
    assert 'lang="ko"' in text


def test_a_notebook_shows_it() -> None:
    """The sheet with hints and solutions that unfold, and no script."""
    html = cr.exercise(5)._repr_html_()
    assert html.count("<details") > 20
    assert "<script" not in html
    assert "delta[l]" in html


def test_the_values_for_a_page() -> None:
    """to_dict has every table, in which the blanks stand by their names."""
    ex = cr.exercise(5)
    values: dict[str, Any] = ex.to_dict("ko")
    blanks = [cell for table in values["asked"] for row in table["rows"] for cell in row if isinstance(cell, str)]
    assert set(blanks) == set(ex.blanks) == set(values["blanks"])
    assert [table["name"] for table in values["given"]] == ["X = a0", "y", "W1", "b1", "W2", "b2"]


def test_paths_that_are_none(tmp_path: Path) -> None:
    """A folder that is not there and a language that is not spoken are refused by name."""
    with pytest.raises(cr.ModelFileError, match="nowhere"):
        cr.exercise(0).sheet(tmp_path / "nowhere" / "sheet.html")
    with pytest.raises(cr.SettingsError, match="language 'fr' is unknown"):
        cr.exercise(0).sheet(tmp_path / "sheet.html", "fr")
