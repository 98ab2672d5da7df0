"""The page in a browser without network: its mathematics against the engine's records, its keys, its languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.report import report_input_of, write
from chainrule.data.table import Table, column_of
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named
from report_browser import CHROMIUM, RNG, Browser, X, small

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist.npz"
OPTIMIZERS: list[Any] = [
    cr.SGD(0.05), cr.Adam(0.01), cr.SGD(0.05, momentum=0.9, nesterov=True), cr.RMSProp(0.01), cr.AdamW(0.01),
    cr.Adagrad(0.05), cr.SGD(0.05, momentum=0.8), "sgd_sutskever", "adam_epsilon_hat",
]  # fmt: skip
EXTRAS: list[dict[str, Any]] = [
    {}, {"dropout": 0.4}, {"l2": 0.01, "l1": 0.003}, {"sample_weight": RNG.uniform(0, 2, 30)}, {"clip_norm": 0.05},
    {"dropout": 0.2, "l2": 0.02, "clip_norm": 0.1}, {"engine": "numpy"},
]  # fmt: skip
PAIRS = [
    (loss, output)
    for loss in (*LOSSES, "quantile:0.9", "focal:0.5")
    for output in loss_named(loss).pairs
    if loss_named(loss).heads is None
]
"""With a pair come the next two activations, the next optimizer, the next extras; every other pair is in float64."""


def badge(browser: Browser) -> dict[str, str]:
    return dict(browser.evaluate("({...document.getElementById('self-check').dataset})"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_formula_agrees_with_the_engine(dtype: str, browser: Browser, tmp_path: Path) -> None:
    """Every activation, legal pair of loss and output, optimizer, penalty and mask: recomputed within its bound."""
    hidden, optimizers, extras = cycle(ACTIVATIONS), cycle(OPTIMIZERS), cycle(EXTRAS)
    worst = 0.0
    for i, (loss, output) in enumerate(PAIRS):
        if i % 2 != (dtype == "float64"):
            continue
        first, second = next(hidden), next(hidden)
        extra = dict(next(extras))
        run = small(loss, output, activation=[first, second], optimizer=next(optimizers), dtype=dtype, **extra)
        run.report(tmp_path / "report.html", size_mb=0.05)
        browser.open(tmp_path / "report.html")
        result = badge(browser)
        said = browser.evaluate("document.querySelector('.badges').innerText")
        what = f"{first}, {second}, {output}, {loss}, {run.settings.optimizer}, {extra}: {said}"
        assert result["state"] == "passed", what
        assert int(result["n"]) > 300, what
        worst = max(worst, float(result["worst"]))
    assert worst < (2e-6 if dtype == "float32" else 4e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_normalised_and_residual_layers_agree(engine: str, dtype: str, browser: Browser, tmp_path: Path) -> None:
    """Layer normalisation and residual connections, with dropout, are recomputed like everything else, and told."""
    options = {"normalization": ["layer", None, "layer"], "residual": [False, True, True], "dropout": 0.2}
    run = small(activation=["tanh", "gelu", "relu"], sizes=[4, 6, 6, 6], dtype=dtype, engine=engine, **options)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=1&why=delta1[2,3]")
    result = badge(browser)
    assert result["state"] == "passed", browser.evaluate("document.querySelector('.badges').innerText")
    names = browser.evaluate("[...document.querySelectorAll('.checks tbody th')].map(e => e.textContent)")
    assert {"u1", "du3", "dgain1", "dshift3", "a2", "delta1"} <= set(names)
    assert browser.evaluate("document.getElementById('mermaid').textContent") == run.replay(1).to_mermaid(0)
    for name in ("u1[0,2]", "a2[1,1]", "du3[0,0]", "delta2[0,3]"):
        browser.open(tmp_path / "report.html", f"lang=en&step=1&why={name}")
        rows = browser.evaluate("[...document.querySelectorAll('.lines tr')].map(r => r.children[2].textContent)")
        assert np.isfinite(float(rows[-1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rates_of_tensors_and_schedules_agree(dtype: str, browser: Browser, tmp_path: Path) -> None:
    """Factors on the learning rate and schedules of dropout, decay and l2 are recomputed; a weight shows its own η."""
    how: dict[str, Any] = {"learning_rate_factors": {"b": 0.1, "W2": 3.0}, "schedules": {"dropout": "flat_cosine"}}
    how["schedules"] |= {"l2": "cosine", "weight_decay": "coslog4"}
    run = small(optimizer=cr.AdamW(0.02, weight_decay=0.3), dtype=dtype, dropout=0.2, l2=0.01, **how)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&step=1&why=W2[0,1]")
    assert badge(browser)["state"] == "passed", browser.evaluate("document.querySelector('.badges').innerText")
    eta = 3.0 * run.replay(1).update.learning_rate
    assert f"{eta:.4g}" in browser.evaluate("document.querySelector('.lines').innerText")


def altered(run: cr.Run, change: Any) -> Any:
    """The given of a run with the records of its steps changed."""
    given = report_input_of(run._replayer, run.kept_rows, None)

    def again(steps: Any) -> Iterator[Any]:
        for seen in given.again(steps):
            change(seen.record)
            yield seen

    return replace(given, again=again)


@pytest.mark.parametrize("part", ["z", "a", "delta", "dW", "db", "new", "loss"])
def test_one_wrong_number_is_found(part: str, browser: Browser, tmp_path: Path) -> None:
    """A single number changed by a ten-thousandth makes the page say, visibly, that its check failed."""

    def change(record: Any) -> None:
        if part == "loss":
            object.__setattr__(record.backward, "loss", record.backward.loss * 1.0001)
            return
        array = (
            record.update.new.W[1]
            if part == "new"
            else getattr(record.forward if part in "za" else record.backward, part)[1]
        )
        place = np.unravel_index(np.argmax(np.abs(array)), array.shape)
        array[place] *= np.float32(1.0001)

    write(tmp_path / "report.html", altered(small(optimizer=cr.SGD(0.1)), change), 1.0, 1.0)
    browser.open(tmp_path / "report.html")
    assert badge(browser)["state"] == "failed"
    assert "SELF-CHECK FAILED" in browser.evaluate("document.querySelector('[role=alert]').innerText")


def test_damaged_numbers_are_told(browser: Browser, tmp_path: Path) -> None:
    """Bytes that cannot be unpacked make the page say so instead of showing nothing."""
    page = small(optimizer=cr.SGD(0.1)).report(tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    start = text.index('id="numbers">') + len('id="numbers">')
    page.write_text(text[:start] + "A" * 4000 + text[start + 4000 :], encoding="utf-8")
    browser.open(page)
    assert badge(browser)["state"] == "failed"
    browser.complaints.clear()  # the page may log what broke


def test_the_diagram_is_that_of_the_step(browser: Browser, tmp_path: Path) -> None:
    """The Mermaid source of a kept step and row is step.to_mermaid of it, character by character."""
    run = small(activation=["relu", "gelu"], dropout=0.3)
    run.report(tmp_path / "report.html")
    for t, row in ((0, 0), (2, 5)):
        browser.open(tmp_path / "report.html", f"lang=en&step={t}&row={row}")
        assert browser.evaluate("document.getElementById('mermaid').textContent") == run.replay(t).to_mermaid(row)


def test_keys_walk_the_operations(browser: Browser, tmp_path: Path) -> None:
    """Left and right move one operation, space plays and pauses, and the focus is always to be seen."""
    small().report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en&op=z1")
    here = "document.querySelector('.tape-op.here').dataset.op"
    seen = [browser.evaluate(here)]
    for _ in range(7):
        browser.press("ArrowRight")
        seen.append(browser.evaluate(here))
    assert seen == ["z1", "a1", "z2", "a2", "z3", "a3", "J", "delta3"]
    browser.press("ArrowLeft")
    assert browser.evaluate(here) == "J"
    browser.press(" ")
    assert browser.evaluate("document.querySelector('.primary').getAttribute('aria-pressed')") == "true"
    browser.press(" ")
    assert browser.evaluate("document.querySelector('.primary').getAttribute('aria-pressed')") == "false"
    places = set()
    for _ in range(60):
        browser.press("Tab")
        focus = browser.evaluate(
            "(e => [e.tagName + '.' + e.className + e.dataset.focus, getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        places.add(focus[0])
        assert focus[0].startswith("BODY") or focus[1] == "solid", focus
    assert len(places) > 40


def test_the_cursor_of_the_curves_moves_by_keys(browser: Browser, tmp_path: Path) -> None:
    """On a curve, End reads the last step aloud and Enter opens the kept step nearest to it."""
    run = small()
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    browser.evaluate("document.querySelector('.plot').focus()")
    browser.press("End")
    assert f"step {run.n_steps - 1}" in browser.evaluate(
        "document.querySelector('.plot').getAttribute('aria-valuetext')"
    )
    browser.press("Enter")
    browser.wait(f"location.hash.includes('step={run.n_steps - 1}&')")


def test_korean_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    """Enter on 한국어 turns the whole page, labels for screen readers included, and keeps the focus there."""
    small(optimizer=cr.SGD(0.1)).report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html")
    assert browser.evaluate("document.documentElement.lang") == "en"
    assert not any("가" <= c <= "힣" for c in browser.evaluate("document.querySelector('.walk').innerText"))
    browser.evaluate("document.querySelector('[data-focus=lang-ko]').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.documentElement.lang") == "ko"
    assert browser.evaluate("document.activeElement.dataset.focus") == "lang-ko"
    for part in ("h2", "h3", ".lead", ".check-text", "dt", ".says", "label", "caption"):
        texts = browser.evaluate(f"[...document.querySelectorAll('{part}')].map(e => e.textContent)")
        assert texts
        english = [text for text in texts if not any("가" <= c <= "힣" for c in text)]
        assert set(english) <= {"accuracy", "chainrule"}, english
    labels = browser.evaluate(
        "[...document.querySelectorAll('[aria-label]:not(.cr-row)')].map(e => e.getAttribute('aria-label'))"
    )
    assert all(any("가" <= c <= "힣" for c in label) for label in labels), labels


def test_hostile_names_stay_text(browser: Browser, tmp_path: Path) -> None:
    """Names of inputs, classes, targets and files are shown as they are and never become part of the page's code."""
    evil = [
        "</script><script>window.hit=1</script>",
        '"><img src=x onerror="window.hit=1">',
        "\u202egnp.exe",
        "a'`${1}<!--",
    ]
    run = small()
    run.record.source = {"data": '/data/<b>"소득 & 나이"<b>.csv', "task": "classification"}
    columns = tuple(column_of(name, np.arange(4.0)) for name in evil)
    target = Classes(("]]>",), ("가격<i>", "</style>", "\ud800"))
    pipeline = TablePipeline.fit(Table(path="memory", columns=columns), target)
    run.record.pipeline, run.record.pipeline_arrays = pipeline.to_dict(), pipeline.arrays()
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=ko&step=0&why=a0[0,1]")
    assert badge(browser)["state"] == "passed"
    assert browser.evaluate("window.hit === undefined && document.querySelectorAll('img, h1 b, i i').length === 0")
    assert browser.evaluate("document.querySelector('h1').textContent").startswith('<b>"소득 & 나이"')
    assert evil[1] in browser.evaluate("document.querySelector('.why .says').textContent")


def test_runs_without_data_say_what_is_missing(browser: Browser, tmp_path: Path) -> None:
    """A run that kept no data shows its curves and says plainly why no step is there, in both languages."""
    small(directory=tmp_path / "run", keep_data=False)
    for page, why in (
        (tmp_path / "run" / "report.html", "private"),
        (cr.load(tmp_path / "run").report(tmp_path / "x.html"), "data"),
    ):
        for language, word in (("en", "Not available"), ("ko", "없는 것")):
            browser.open(page, f"lang={language}")
            assert badge(browser)["state"] == "none"
            assert browser.evaluate("document.getElementById('missing').dataset.why") == why
            assert word in browser.evaluate("document.getElementById('missing').innerText")
            assert browser.evaluate("document.querySelectorAll('.plot svg').length") >= 1
        assert b"chainrule" in page.read_bytes()


def test_diverged_steps_are_shown_with_their_nan(browser: Browser, tmp_path: Path) -> None:
    """The step that ended a run with inf or NaN is on the page, agrees with the record, and prints them as such."""
    y = RNG.normal(size=(30, 1)) * 1e4
    with pytest.warns(UserWarning, match="step"):
        run = cr.train(
            cr.Network([4, 6, 1], "relu", "identity", "squared_error", seed=0), X * 1e4, y, optimizer=cr.SGD(100.0),
            epochs=5, batch_size=8, progress=False,
        )  # fmt: skip
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", f"lang=en&step={run.n_steps - 1}&op=J&why=J")
    assert badge(browser)["state"] == "passed", browser.evaluate("document.body.innerText.slice(0, 700)")
    assert browser.evaluate("document.querySelector('.why-value output').textContent") in ("inf", "Infinity", "NaN")


def test_a_loss_that_stands_still_is_drawn(browser: Browser, tmp_path: Path) -> None:
    """A rate far too small leaves a curve whose values differ by their rounding alone: there are no ticks between."""
    run = cr.train(
        cr.Network([4, 6, 1], "relu", "identity", "squared_error", seed=0), X, X[:, :1], optimizer=cr.SGD(1e-30),
        epochs=40, batch_size=30, shuffle=False, progress=False,
    )  # fmt: skip
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en")
    assert badge(browser)["state"] == "passed", browser.evaluate("document.getElementById('self-check').innerText")
    assert browser.evaluate("document.querySelectorAll('.plot .tick').length") > 4


def test_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    """At 360 pixels nothing makes the whole page scroll sideways."""
    run = small()
    run.report(tmp_path / "report.html")
    try:
        for language in ("en", "ko"):
            browser.size(360, 740)
            browser.open(tmp_path / "report.html", f"lang={language}&op=delta1")
            assert browser.evaluate("document.documentElement.scrollWidth") <= 360
    finally:
        browser.size(1400, 1000)


def test_mnist_below_8_megabytes(browser: Browser, tmp_path: Path) -> None:
    """784-30-10 in Nielsen's batches of 10: the page is below 8 MB, checks itself, and shows the row as an image."""
    if not MNIST.exists():
        pytest.skip("MNIST is not here; put mnist.npz into ../shared/data to run this")
    images = np.load(MNIST)
    rows = (images["x_train"][:3000].reshape(-1, 784) / 256).astype(np.float32)
    net = cr.Network([784, 30, 10], "sigmoid", seed=0)
    run = cr.train(
        net,
        rows,
        images["y_train"][:3000].astype(int),
        optimizer=cr.Adam(0.003),
        batch_size=10,
        epochs=1,
        progress=False,
    )
    run.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 8e6
    browser.open(tmp_path / "report.html")
    result = badge(browser)
    assert result["state"] == "passed" and int(result["n"]) > 100_000
    assert browser.evaluate("document.querySelector('.row-picture canvas').width") == 28


def test_one_is_singular_and_numbers_stay_on_their_line(browser: Browser, tmp_path: Path) -> None:
    """One output is 1 output and one epoch 1 epoch; small numbers beside the strips do not wrap."""
    X = RNG.normal(size=(40, 4)).astype(np.float32) * 1e-3
    net = cr.Network([4, 6, 1], "tanh", "identity", "squared_error", seed=1)
    run = cr.train(net, X, X[:, 0], batch_size=8, epochs=1, optimizer=cr.SGD(1e-4), progress=False)
    run.report(tmp_path / "report.html")
    browser.open(tmp_path / "report.html", "lang=en")
    summary = browser.evaluate("document.querySelector('.summary').textContent")
    assert "1 output (" in summary and "on 40 rows: 1 epoch, 5 steps of 8 rows." in summary
    heights = browser.evaluate(
        "[...document.querySelectorAll('.health-row .num')].map(e => [e.clientHeight, e.scrollWidth - e.clientWidth])"
    )
    assert heights and all(height < 26 and wider <= 0 for height, wider in heights)


def test_the_learning_rate_that_was_found(browser: Browser, tmp_path: Path) -> None:
    """Sentences and panels as found, in both languages and colours; a run without it has no such section."""
    run = small(learning_rate="auto", optimizer="sgd")
    browser.open(run.report(tmp_path / "auto.html"))
    sentences = "[...document.querySelectorAll('.rate > p:not(.lead)')].map((p) => p.textContent)"
    eta = f"{run.settings.optimizer.learning_rate:.2g}"
    assert browser.evaluate(sentences)[0].startswith(f"Suggested: {eta}.")
    assert browser.evaluate("document.querySelectorAll('.rate-panels svg[role=img]').length") == 2
    browser.evaluate("document.querySelector('[data-focus=lang-ko]').click()")
    browser.evaluate("document.querySelector('[data-focus=theme-dark]').click()")
    assert browser.evaluate(sentences)[0].startswith(f"권장값은 {eta}입니다.")
    run.learning_rate()
    browser.open(run.report(tmp_path / "whole.html"))
    assert browser.evaluate("document.querySelectorAll('.rate-panels svg[role=img]').length") == 3
    marks = "[...document.querySelectorAll('.rate-panels figure:first-child .rate-label')].map((x) => x.textContent)"
    assert browser.evaluate(marks) == ["1/λ", "2/λ", "η"]
    assert (
        browser.evaluate("document.querySelectorAll('.rate-panels .rate-line.bold').length") == 6
    )  # legend and curves
    browser.open(small().report(tmp_path / "none.html"))
    assert browser.evaluate("document.querySelector('.rate').childElementCount") == 0
