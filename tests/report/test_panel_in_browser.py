"""The why-panel of the page in a browser: every number asked for, its terms, and what step.why knows besides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from report_browser import CHROMIUM, Browser, small

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")


def test_any_number_can_be_asked_for_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """`/`, a name, Enter: the panel shows the engine's number in full; arrows walk the operations."""
    run = small(optimizer=cr.Adam(0.01))
    run.report(tmp_path / "report.html")
    step = run.replay(2)
    browser.open(tmp_path / "report.html", "lang=en&step=2&row=0")
    asked = {
        "z1[0,4]": step.forward.z[1][0, 4], "dW2[3,2]": step.backward.dW[2][3, 2],
        "delta2[5,3]": step.backward.delta[2][5, 3],
        "b1[2]": step.update.old.b[1][2], "W1[2,5]": step.update.old.W[1][2, 5], "J": step.backward.loss,
    }  # fmt: skip
    for name, value in asked.items():
        browser.press("/")
        assert browser.evaluate("document.activeElement.id") == "ask"
        browser.type(name)
        browser.press("Enter")
        assert browser.evaluate("document.querySelector('.asked-name').textContent") == name
        shown = browser.evaluate("document.querySelector('.why-value output').textContent")
        assert type(value)(shown) == value
    browser.press("/")
    browser.type("z9[0,0]")
    browser.press("Enter")
    assert "z9[0,0]" in browser.evaluate("document.getElementById('ask-wrong').textContent")


def test_the_sums_end_at_their_number(browser: Browser, tmp_path: Path) -> None:
    """Terms, bias and rounding add up to the number itself, in every sum the page spells out."""
    run = small(activation=["tanh", "relu"])
    run.report(tmp_path / "report.html")
    for name in ("z2[1,0]", "dW3[4,1]", "db2[3]", "delta1[2,5]"):
        browser.open(tmp_path / "report.html", f"lang=en&step=1&why={name}")
        rows = browser.evaluate(
            "[...document.querySelectorAll('.lines tr')].map(r => [...r.children].map(c => c.textContent))"
        )
        result = float(rows[-1][-1])
        terms = browser.evaluate(
            "[...document.querySelectorAll('.terms tbody tr')].map(r => Number(r.children[1].textContent))"
        )
        assert rows[0][2] and abs(sum(terms) - float(rows[0][2])) <= 1e-4 * max(map(abs, terms)) + 1e-12
        if name != "delta1[2,5]":
            added = sum(float(row[2]) for row in rows[:-1])
            assert abs(added - result) <= 5e-5 * sum(abs(float(row[2])) for row in rows)  # five digits are shown


PART = "document.querySelector('#{0} [data-{1}]')?.dataset"
NAMED = {
    "dW1[2,3]": "dW", "dW2[3,4]": "dW", "db1[2]": "db", "delta2[1,3]": "delta", "delta4[0,1]": "delta",
    "dgain1[4]": "dgain", "dshift3[0]": "dshift", "du3[2,1]": "du", "da2[1,4]": "da", "W2[1,1]": "W", "b1[5]": "b",
    "gain1[2]": "gain", "shift3[3]": "shift", "J": "loss",
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kinds",
    [{}, {"normalization": ["layer", None, "layer"], "residual": [False, True, True]}, {"dropout": 0.3, "l2": 0.1}],
    ids=["plain", "normalised and residual", "dropout and l2"],
)
def test_the_panel_knows_what_why_knows(kinds: dict[str, Any], dtype: str, browser: Browser, tmp_path: Path) -> None:
    """Twin by differences, ways to the loss and their sum, predicted and actual change of J: as step.why has them."""
    run = small(activation=["tanh", "gelu", "relu"], sizes=[4, 6, 6, 6], dtype=dtype, optimizer=cr.SGD(0.1), **kinds)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=1&row=0")
    step = run.replay(1)
    for name, kind in NAMED.items():
        if kind in ("dgain", "dshift", "du", "gain", "shift") and "normalization" not in kinds:
            continue
        browser.press("/")
        browser.type(name)
        browser.press("Enter")
        assert browser.evaluate("document.querySelector('.asked-name').textContent") == name
        answer = step.why("loss" if name == "J" else name)
        twin, paths, prediction = (
            browser.evaluate(f"({{...{PART.format(part, data)}}})")
            for part, data in (("twin", "numeric"), ("paths", "total"), ("prediction", "predicted"))
        )
        assert bool(twin) == (answer.twin is not None)
        if answer.twin is not None:
            doubt = 2 * (float(twin["doubt"]) + answer.twin.doubt)
            assert abs(float(twin["numeric"]) - answer.twin.numeric) <= doubt, name
            assert abs(float(twin["numeric"]) - answer.value) <= doubt + 1e-5 * abs(answer.value) + 1e-7, name
        assert bool(paths) == (answer.paths is not None and answer.paths.n_paths > 1)
        if paths:
            terms = sum(abs(term.value) for term in answer.origin.terms)
            assert abs(float(paths["total"]) - answer.paths.total) <= 1e-13 * max(terms, 1e-3), name
            said = (
                browser.evaluate("document.querySelector('#paths .num').textContent").replace("(", "").replace(")", "")
            )
            assert said == " → ".join(map(str, answer.paths.top[0].units))
        assert bool(prediction) == (answer.prediction is not None)
        if prediction:
            result = answer.prediction
            assert float(prediction["predicted"]) == pytest.approx(result.predicted, rel=1e-5, abs=1e-9)
            assert float(prediction["actual"]) == pytest.approx(result.actual, rel=1e-5, abs=1e-9)


def test_one_row_has_its_best_ways(browser: Browser, tmp_path: Path) -> None:
    """Where there are too many ways to walk them all, the best of the row that gives most are those of step.why."""
    run = small(activation="tanh", sizes=[4, 70, 90, 70], optimizer=cr.SGD(0.1))
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=1&row=0&why=dW1[2,3]")
    paths = run.replay(1).why("dW1[2,3]").paths
    assert paths is not None and paths.row is not None
    rows = browser.evaluate("[...document.querySelectorAll('#paths tbody tr')].map(r => r.textContent)")
    for row, path in zip(rows[: len(paths.top)], paths.top, strict=True):
        assert row.startswith(" → ".join(map(str, path.units))), (row, path)
    assert float(browser.evaluate("document.querySelector('#paths tbody').dataset.total")) == pytest.approx(
        paths.total, rel=1e-12
    )


def test_a_sum_is_copied_as_numpy(browser: Browser, tmp_path: Path) -> None:
    """The lines the panel copies leave the number in `value`, up to the rounding of the order of summing."""
    run = small(activation=["tanh", "relu"], dtype="float64")
    run.report(tmp_path / "report.html")
    step = run.replay(1)
    browser.open(tmp_path / "report.html", "lang=en&step=1&row=0")
    browser.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }; 0")
    for name in ("z2[1,0]", "dW3[4,1]", "db2[3]", "da1[0,2]", "J"):
        browser.press("/")
        browser.type(name)
        browser.press("Enter")
        browser.evaluate("document.querySelector('[data-focus=copy-numpy]').click()")
        lines = browser.evaluate("window.copied").splitlines()
        names: dict[str, Any] = {"np": np}
        assert lines[0] == "import numpy as np" and not set("".join(lines[1:-1])) - set(
            "firstecondvalunpaym =.([,])@+-0123456789"
        )
        exec("\n".join(lines[1:]), names)
        value = step.why("loss" if name == "J" else name).value
        assert names["value"] == pytest.approx(value, rel=1e-13), name


def test_what_is_too_large_for_the_page_is_said(browser: Browser, tmp_path: Path) -> None:
    """Where more passes would take too long the panel says what it leaves out, for numbers they would speak of."""
    wide = np.random.default_rng(0).normal(size=(2000, 4))
    run = cr.train(cr.Network([4, 280, 280, 1], output="identity", loss="squared_error", seed=0), wide, wide[:, :1],
                   batch_size=2000, epochs=1, progress=False)  # fmt: skip
    run.report(tmp_path / "report.html")
    for name, said in (("dW2[3,4]", True), ("z1[0,1]", False)):
        browser.open(tmp_path / "report.html", f"lang=en&step=0&row=0&why={name}")
        assert browser.evaluate("document.getElementById('left-out') !== null") == said
        assert browser.evaluate("document.getElementById('twin')") is None


@pytest.mark.parametrize(
    ("output", "loss"), [("identity", "squared_error"), ("sigmoid", "cross_entropy"), ("tanh", "huber")]
)
def test_a_missing_target_has_no_error(output: str, loss: str, browser: Browser, tmp_path: Path) -> None:
    """The page finds the same J and delta as the engine, and explains both without a nan."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 2)), (rng.uniform(size=(6, 2)) > 0.5).astype(float)
    y[3, 0] = np.nan
    network = cr.Network([2, 3, 2], "tanh", output, loss, seed=1)
    run = cr.train(network, X, y, epochs=2, batch_size=6, shuffle=False, progress=False)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=0&row=3")
    assert browser.evaluate("document.querySelector('#self-check').dataset.state") == "passed"
    for name, said in (("delta2[3,0]", "target is missing"), ("loss[3]", ""), ("J", ""), ("y[3,0]", "is missing")):
        browser.press("/")
        browser.type(name)
        browser.press("Enter")
        shown = browser.evaluate("document.body.innerText")
        assert said in shown and (name == "y[3,0]" or "nan" not in shown.lower()), shown
