"""The playground as a screen of the studio: it needs no run, and the address says what is chosen."""

from __future__ import annotations

from typing import Any

import pytest

from report_browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")

READY = "document.querySelector('.playground .play-main') !== null"
LOSS = "document.querySelector('[data-fact=loss]').textContent"


def test_a_weight_is_changed_and_the_loss_seen(studio: Any, browser: Browser) -> None:
    """From the tab to a changed weight by keyboard; the address opens the same network again, in Korean too."""
    browser.go(f"{studio.server.url}#lang=en", "document.querySelector('[data-focus=screen-playground]') !== null")
    browser.evaluate("document.querySelector('[data-focus=screen-playground]').focus()")
    browser.press("Enter")
    browser.wait(READY)
    before = browser.evaluate(LOSS)
    browser.evaluate("document.querySelector('[data-focus=w0]').focus()")
    browser.evaluate("document.activeElement.select()")
    browser.type("3")
    browser.press("Tab")
    assert browser.evaluate(LOSS) != before
    browser.evaluate("document.querySelector('[data-focus=one]').focus()")
    browser.press("Enter")
    assert browser.evaluate("document.querySelector('[data-fact=step]').textContent") == "1"
    browser.evaluate("(() => { const e = document.querySelector('[data-focus=seed]'); e.value = 5;"
                     "e.dispatchEvent(new Event('change')); })()")  # fmt: skip
    loss, address = browser.evaluate(LOSS), browser.evaluate("location.hash")
    assert "screen=playground" in address
    assert "seed=5" in address
    browser.go("about:blank", "true")
    browser.go(f"http://127.0.0.1:{studio.server.port}/{address.replace('lang=en', 'lang=ko')}", READY)
    assert browser.evaluate(LOSS) == loss
    assert "playground." not in browser.evaluate("document.body.innerText")
    browser.evaluate("document.querySelector('[data-focus=screen-run]').click()")
    browser.wait("document.querySelector('.playground') === null")
