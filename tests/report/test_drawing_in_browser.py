"""The drawing of both passes on the page: that of step.svg, number by number and formula by formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from report_browser import CHROMIUM, Browser, X, small

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")

RNG = np.random.default_rng(9)
SVG = "{http://www.w3.org/2000/svg}"
RUNS: dict[str, dict[str, Any]] = {
    "plain": {"activation": ["relu", "gelu"], "dropout": 0.3},
    "wide": {"sizes": [4, 40, 9], "dtype": "float64", "l2": 0.1, "optimizer": "adam"},
    "weighted": {"sample_weight": RNG.uniform(0, 2, 30), "clip_norm": 0.05},
    "residual": {"sizes": [4, 6, 6, 6], "activation": ["tanh", "gelu", "relu"], "dropout": 0.2,
                 "normalization": ["layer", None, "layer"], "residual": [False, True, True]},
    "mixing": {"activation": ["softmax", "tanh"], "loss": "squared_error", "output": "identity"},
    "no hidden layer": {"sizes": [4], "activation": []},
}  # fmt: skip


def written(svg: str) -> tuple[list[str], list[str]]:
    """The letters of a drawing without the formulas, and the formulas."""
    tree = ElementTree.fromstring(svg)
    for row in tree.iter(f"{SVG}g"):
        for tip in [part for part in row if part.get("class") == "cr-tip"]:
            row.remove(tip)
    texts = ["".join(element.itertext()) for element in tree.iter(f"{SVG}text")]
    rows = [element.get("aria-label", "") for element in tree.iter(f"{SVG}g") if element.get("class") == "cr-row"]
    return texts, rows


TEXTS = "[...document.querySelectorAll('#drawing text')].map(e => e.textContent)"
ROWS = "[...document.querySelectorAll('#drawing .cr-row')].map(e => e.getAttribute('aria-label'))"
NUMBER = r"-?[\d.]+"
FORMS = "[...document.querySelectorAll('#drawing path')].map(e => e.getAttribute('d'))"


@pytest.mark.parametrize("name", RUNS)
def test_the_page_draws_what_the_step_draws(name: str, browser: Browser, tmp_path: Path) -> None:
    """Every text, formula, line and edge of any row is that of step.svg, in both languages."""
    run = small(**RUNS[name])
    run.report(tmp_path / "report.html")
    for t, row, language in ((0, 0, "en"), (2, 5, "ko")):
        browser.open(tmp_path / "report.html", f"lang={language}&step={t}&row={row}")
        svg = run.replay(t).svg(row, language)
        texts, rows = written(svg)
        hint = [text for text in texts if "Tab" in text]
        assert len(hint) == 1  # the page has its own, below the drawing
        assert browser.evaluate(TEXTS) == [text for text in texts if text not in hint]
        assert browser.evaluate(ROWS) == rows and len(rows) > 10
        paths = [element.get("d", "") for element in ElementTree.fromstring(svg).iter(f"{SVG}path")]
        drawn = browser.evaluate(FORMS)
        assert [re.sub(NUMBER, "", path) for path in drawn] == [re.sub(NUMBER, "", path) for path in paths]
        here, there = (np.array(re.findall(NUMBER, " ".join(all_)), float) for all_ in (drawn, paths))
        assert np.abs(here - there).max() < 0.11  # of a pixel: a tie may be rounded up or down


def test_a_row_of_numbers_says_its_formulas_and_leads_to_why(browser: Browser, tmp_path: Path) -> None:
    """One row is reached by Tab, arrows move on, its formulas stand below the drawing, Enter asks for its origin."""
    run = small()
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=0&row=2&op=a2")
    browser.evaluate("document.querySelector('#drawing [tabindex=\"0\"]').focus()")
    browser.press(*["ArrowRight"] * 5)
    assert browser.evaluate("document.querySelector('.tape-op.here').dataset.op") == "a2"  # arrows stay in the drawing
    said = browser.evaluate("[...document.querySelectorAll('.drawing-says span')].map(e => e.textContent)")
    assert said[0].startswith("z1[1] = Σ_k a0[k]·W1[k,1] + b1[1] = ")
    assert "; ".join(said) == browser.evaluate("document.activeElement.getAttribute('aria-label')")
    browser.press("Enter")
    assert browser.evaluate("new URLSearchParams(location.hash.slice(1)).get('why')") == "a1[2,1]"
    assert browser.evaluate("document.activeElement.classList.contains('cr-row')")
    browser.evaluate("document.querySelector('details.source-box').open = true")
    assert browser.evaluate("document.getElementById('mermaid').textContent") == run.replay(0).to_mermaid(2)


def test_nothing_is_cut_off_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """At 390 pixels every part of the drawing and of the network lies within a box that scrolls to it."""
    y = np.array(["a class with a long name", "another of the classes", "나이가 많은 사람"])[RNG.integers(0, 3, 60)]
    values = RNG.normal(size=(60, 4)).round(3)
    columns = {f"the column of number {i}": values[:, i] for i in range(4)} | {"y": y}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    run = cr.train(tmp_path / "t.csv", target="y", epochs=2, preset="plain", hidden_sizes=(6, 5, 5), progress=False)
    run.report(tmp_path / "report.html")
    try:
        browser.size(390, 800)
        browser.open(tmp_path / "report.html", "lang=en&step=0&row=2")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        for box in ("#drawing", ".network-box"):
            beyond = browser.evaluate(
                f"(box => [...box.querySelectorAll('text')].filter(e => {{ const r = e.getBoundingClientRect(),"
                " b = box.getBoundingClientRect(); return r.right - b.left + box.scrollLeft > box.scrollWidth + 0.5 ||"
                " r.left - b.left + box.scrollLeft < -0.5; }).map(e => e.textContent))"
                f"(document.querySelector('{box}'))"
            )
            assert beyond == []
            assert browser.evaluate(f"getComputedStyle(document.querySelector('{box}')).overflowX") == "auto"
        browser.evaluate("document.querySelectorAll('#drawing .cr-row')[16].focus()")  # of the output layer
        assert browser.evaluate(
            "(r => r.left >= 0 && r.right <= 391)(document.activeElement.querySelector('text').getBoundingClientRect())"
        )
    finally:
        browser.size(1400, 1000)


def test_a_step_of_one_row_and_missing_targets(browser: Browser, tmp_path: Path) -> None:
    """A target that is missing is drawn as a dash with its delta of 0, as by the step."""
    y = np.abs(RNG.normal(size=(30, 2))).round(2)
    y[::2, 1] = np.nan
    net = cr.Network([4, 3, 2], "tanh", "identity", "squared_error", seed=1)
    run = cr.train(net, X, y, batch_size=1, epochs=1, shuffle=False, progress=False)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=0&row=0")
    texts, rows = written(run.replay(0).svg())
    assert browser.evaluate(ROWS) == rows and "–" in texts and "nan" not in texts
    assert browser.evaluate(TEXTS) == [text for text in texts if "Tab" not in text]
