"""The studio's page in a browser: what is seen and done there, in both languages, wide and narrow, by keyboard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.text.tables import number
from report_browser import CHROMIUM, Browser
from studio_client import until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")

READY = "document.querySelector('.screens') !== null && document.querySelector('main').childElementCount > 0"


def opened(browser: Browser, studio: Any, cursor: str = "lang=en", ready: str = READY) -> None:
    """The address as it is printed, with a cursor."""
    browser.go(f"{studio.server.url}#{cursor}", ready)


def state(browser: Browser) -> Any:
    return browser.evaluate("document.getElementById('state')?.dataset.state")


def press(browser: Browser, element: str) -> None:
    """Press Enter on an element, as one does who has no mouse."""
    browser.wait(f"document.getElementById('{element}') && !document.getElementById('{element}').disabled")
    browser.evaluate(f"document.getElementById('{element}').focus()")
    browser.press("Enter")


def typed(browser: Browser, element: str, text: str) -> None:
    """Replace what stands in a field."""
    browser.evaluate(f"document.getElementById('{element}').focus()")
    browser.evaluate(f"document.getElementById('{element}').select()")
    browser.type(text)


def done(browser: Browser, step: int) -> None:
    browser.wait(f"document.querySelector('[data-fact=\"studio.done\"]')?.textContent.startsWith('{step} ')")


def test_a_training_is_led_from_the_page_by_keyboard(studio: Any, browser: Browser) -> None:
    """One step, more steps, another η, stop: the training does it, the page says it, the numbers are the run's."""
    one = studio.begin(epochs=30, validation=0.2)
    opened(browser, studio, f"lang=en&run={one.id}", "document.getElementById('state')?.dataset.state === 'paused'")
    press(browser, "act-one")
    done(browser, 1)
    typed(browser, "act-n", "40")
    press(browser, "act-many")
    done(browser, 41)
    loss = browser.evaluate("document.querySelector('[data-fact=\"loss\"]').textContent")
    browser.wait("document.getElementById('set-learning_rate') !== null")
    typed(browser, "set-learning_rate", "0.02")
    press(browser, "set")
    browser.wait("document.querySelector('#values [role=status]').textContent.includes('41')")
    press(browser, "act-one")
    done(browser, 42)
    press(browser, "act-stop")
    browser.wait("document.getElementById('state').dataset.state === 'ended'")
    run = until(lambda: one.lead.final)
    assert loss == number(run.losses[40])
    assert [(e.step, e.name, e.value) for e in run.events if e.kind == "set"] == [(41, "learning_rate", 0.02)]
    assert run.replay(41).update.learning_rate == 0.02
    browser.wait("document.querySelector('.events')?.innerText.includes('learning_rate = 0.02')")


def test_a_value_that_cannot_be_is_said(studio: Any, browser: Browser) -> None:
    """In the words of the API, beside the field; nothing is changed."""
    one = studio.begin()
    opened(browser, studio, f"lang=en&run={one.id}", "document.getElementById('act-one') !== null")
    press(browser, "act-one")
    browser.wait("document.getElementById('set-learning_rate') !== null")
    browser.complaints.clear()
    typed(browser, "set-learning_rate", "-1")
    press(browser, "set")
    browser.wait("document.querySelector('#values .refused').textContent.includes('learning_rate')")
    typed(browser, "break-condition", "dW1[99,0] > 1")
    press(browser, "set-breaks")
    browser.wait("document.querySelector('#breakpoints .refused').textContent.includes('dW1')")
    assert all("409" in text or "422" in text for text in browser.complaints)
    browser.complaints.clear()


def test_a_breakpoint_is_set_and_met(studio: Any, browser: Browser) -> None:
    """The page says which, with the number that met it."""
    one = studio.begin()
    opened(browser, studio, f"lang=en&run={one.id}", "document.getElementById('act-one') !== null")
    press(browser, "act-one")
    browser.wait("document.getElementById('break-condition') !== null")
    typed(browser, "break-condition", "loss < 0.68")
    press(browser, "set-breaks")
    browser.wait("document.querySelector('.breaks-set').textContent.includes('loss < 0.68')")
    press(browser, "act-pause")
    browser.wait("document.querySelector('.hit').textContent.includes('loss < 0.68')")
    assert one.lead.status()["loss"] < 0.68


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_link_leads_to_the_very_number(studio: Any, browser: Browser, language: str) -> None:
    """Run, step, operation, row and number are in the address; the number is that of the API to every digit."""
    plain = studio.client.get("/api/runs")["runs"]
    run_id = next(one["id"] for one in plain if one["name"] == "plain")
    cursor = f"lang={language}&run={run_id}&screen=step&step=37&row=2&op=delta2&why=delta2[2,1]"
    opened(browser, studio, cursor, "document.getElementById('step-check')?.dataset.state === 'passed'")
    run = studio.shelf.get(run_id).run()
    value = run.replay(37).backward.delta[2][2, 1]
    browser.wait("document.querySelector('.why .num') !== null")
    assert number(float(value)) in browser.evaluate("document.querySelector('.why').innerText")
    assert "step=37&row=2&op=delta2&why=delta2%5B2%2C1%5D" in browser.evaluate("location.hash")
    browser.evaluate("document.getElementById('go-next').click()")
    browser.wait("location.hash.includes('step=38')")
    browser.evaluate("document.activeElement.blur()")
    browser.press("ArrowRight")
    browser.wait("location.hash.includes('op=dW2')")
    assert browser.evaluate("document.documentElement.lang") == language


@pytest.mark.parametrize("screen", ["run", "step"])
@pytest.mark.parametrize(
    ("width", "language", "scheme"), [(390, "ko", "dark"), (390, "en", "light"), (1280, "ko", "light")]
)
def test_screens_fit_and_speak(
    studio: Any, browser: Browser, screen: str, width: int, language: str, scheme: str
) -> None:
    """No sideways scrolling, no sentence without words, no text in the other language."""
    browser.size(width, 844)
    browser.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    opened(browser, studio, f"lang={language}&screen={screen}")
    browser.wait("document.querySelector('main .part') !== null && !document.querySelector('main [role=status].lead')")
    text = browser.evaluate("document.getElementById('page').innerText")
    assert "studio." not in text and "undefined" not in text and "NaN" not in text
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert ("한 단계" in text or "학습" in text) == (language == "ko")
    dark = browser.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(251, 250, 247)"
    assert dark == (scheme == "dark")


def test_a_closed_page_never_hurts_the_training(studio: Any, browser: Browser) -> None:
    """It goes on when the page that led it is gone, and another page finds it as it is."""
    one = studio.begin(epochs=200)
    opened(browser, studio, f"lang=en&run={one.id}", "document.getElementById('act-one') !== null")
    press(browser, "act-one")
    done(browser, 1)
    browser.go("about:blank", "true")
    one.lead.go_on()
    until(lambda: one.lead.is_over)
    opened(browser, studio, f"lang=en&run={one.id}", "document.querySelector('.curves svg') !== null")
    assert one.lead.final.n_steps == 3000


SCREENS = {
    "why": "document.getElementById('why-value') !== null",
    "data": "document.querySelector('.part.data h2') !== null",
    "rate": "document.querySelector('.part.rate svg') !== null",
    "flow": "document.querySelector('.part.health .strip') !== null",
    "doctor": "document.getElementById('diagnosis') !== null",
    "check": "document.querySelectorAll('.part.check table').length === 2",
    "graph": "document.querySelector('#graph .gate') !== null",
    "compare": "document.getElementById('parted') !== null",
}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("screen", list(SCREENS))
def test_every_screen_draws_and_fits(studio: Any, browser: Browser, screen: str, language: str) -> None:
    """On a telephone, in both languages; what is said is words, and nothing is wider than the page."""
    browser.size(390, 844)
    run = next(one["id"] for one in studio.client.get("/api/runs")["runs"] if one["name"] == "plain")
    opened(browser, studio, f"lang={language}&run={run}&screen={screen}&step=7&row=1&why=dW2[3,1]", SCREENS[screen])
    text = browser.evaluate("document.getElementById('page').innerText")
    assert "studio." not in text and "undefined" not in text and "[object" not in text
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390


def test_answers_are_those_of_the_api(studio: Any, browser: Browser) -> None:
    """A number asked about, the diagnosis, the step at which two runs part."""
    run_id = next(one["id"] for one in studio.client.get("/api/runs")["runs"] if one["name"] == "plain")
    run = studio.shelf.get(run_id).run()
    cursor = f"lang=en&run={run_id}&screen="
    opened(browser, studio, f"{cursor}why&step=7&why=dW2[3,1]", SCREENS["why"])
    value = repr(run.replay(7).why("dW2[3,1]").value)
    assert browser.evaluate("document.getElementById('why-value').textContent").endswith(value)
    typed(browser, "why-name", "delta3[2,0]")
    press(browser, "why-ask")
    browser.wait("document.getElementById('why-value')?.textContent.startsWith('delta3[2,0]')")
    assert "why=delta3%5B2%2C0%5D" in browser.evaluate("location.hash")
    opened(browser, studio, f"{cursor}doctor", SCREENS["doctor"])
    found = browser.evaluate("[...document.querySelectorAll('.finding')].map(e => e.dataset.id)")
    assert found == [finding.id for finding in run.doctor(progress=False)]
    opened(browser, studio, f"{cursor}compare", SCREENS["compare"])
    assert browser.evaluate("document.getElementById('parted').dataset.step") == "41"
    assert "learning_rate" in browser.evaluate("document.querySelector('.compare table').innerText")


def test_of_networks_side_by_side_the_first_is_shown(studio: Any, browser: Browser) -> None:
    """It is said; the page has no equations of them and calls nothing wrong; numbers are those of the member."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)).astype(np.float32)
    network = cr.Network([3, 4, 1], output="identity", loss="squared_error", members=2, seed=1)
    run = cr.train(network, X, X[:, 0], epochs=3, directory=studio.shelf.folder / "sides", progress=False, report=False)
    studio.shelf.look_again()
    run_id = next(one["id"] for one in studio.client.get("/api/runs")["runs"] if one["name"] == "sides")
    ready = "document.querySelector('.step-head')?.childElementCount > 0"
    opened(browser, studio, f"lang=en&run={run_id}&screen=step&step=2", ready)
    assert "2 networks side by side" in browser.evaluate("document.querySelector('.step-head').innerText")
    assert browser.evaluate("document.getElementById('step-check')") is None
    opened(browser, studio, f"lang=en&run={run_id}&screen=why&step=2&why=delta2[1,0]", SCREENS["why"])
    value = repr(run.members[0].replay(2).why("delta2[1,0]").value)
    assert browser.evaluate("document.getElementById('why-value').textContent").endswith(value)


def test_the_check_is_as_wide_as_the_page(studio: Any, browser: Browser) -> None:
    """The verdict above the tables, not beside them."""
    run = next(one["id"] for one in studio.client.get("/api/runs")["runs"] if one["name"] == "plain")
    opened(browser, studio, f"lang=en&run={run}&screen=check", SCREENS["check"])
    below = "document.querySelector('.tables').getBoundingClientRect().top"
    assert browser.evaluate("document.querySelector('.badges').getBoundingClientRect().bottom") <= browser.evaluate(
        below
    )
