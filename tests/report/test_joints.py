"""The page of a run that went on: where it did so, and what changed there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from report_browser import CHROMIUM, Browser


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")
def test_joints_are_drawn_and_described(browser: Browser, tmp_path: Path) -> None:
    """A dashed line in every curve for each of them, a sentence in each language, and the first step of each part."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    run = cr.train(cr.Network([3, 4, 2]), X, y, epochs=30, batch_size=8, schedule="cosine", progress=False)
    run.extend(20, progress=False).extend(10, learning_rate=0.005, clip_norm=1.0, schedule="plateau", progress=False)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    lines = browser.evaluate("[...document.querySelectorAll('.chart')].map((c) => c.querySelectorAll('.joint').length)")
    assert lines == [2, 2]  # of the loss and of η; the factor of plateau is no metric
    notes = "[...document.querySelectorAll('.joint-note')].map((note) => note.textContent)"
    assert browser.evaluate(notes) == [
        "The run went on before step 150 (epoch 30; dashed line): epochs 30 → 50.",
        "The run went on before step 250 (epoch 50; dashed line): epochs 50 → 60, learning_rate 0.001 → 0.005, "
        "clip_norm none → 1, schedule cosine → plateau.",
    ]
    assert browser.evaluate("document.getElementById('self-check').dataset.state") == "passed"
    browser.open(tmp_path / "report.html", "step=150")
    shown = "[...document.querySelectorAll('option')].map((option) => option.textContent)"
    assert {"150 (epoch 30)", "250 (epoch 50)"} <= set(browser.evaluate(shown))
    browser.evaluate("document.querySelector('[data-focus=lang-ko]').click()")
    assert ["epochs 30 → 50" in note for note in browser.evaluate(notes)] == [True, False]
