"""The playground as a page of its own: what one does with it, by mouse and by keyboard, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chainrule.playground.page import page, script, write
from chainrule.words import sentences
from report_browser import Browser

READY = "document.getElementById('page')?.dataset.state === 'ready'"
PRESSED = "document.querySelector('.play-op[aria-pressed=true]').textContent"
LOSS = "Number(document.querySelector('[data-fact=loss]').textContent)"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("page") / "playground.html")


def focused(browser: Browser, name: str) -> None:
    browser.evaluate(f"document.querySelector('[data-focus=\"{name}\"]').focus()")


def choose(browser: Browser, name: str, value: Any) -> None:
    """Another value of a box or a list."""
    browser.evaluate(
        f"(() => {{ const e = document.querySelector('[data-focus=\"{name}\"]'); e.value = {str(value)!r};"
        "e.dispatchEvent(new Event('change')); })()"
    )


def value(browser: Browser, name: str) -> float:
    return float(browser.evaluate(f"document.querySelector('[data-value=\"{name}\"]').textContent"))


def test_both_passes_one_operation_at_a_time(browser: Browser, path: Path) -> None:
    """By keyboard: forward to the update, whose step changes the loss; back again; the formula comes to its value."""
    browser.open(path, "lang=en&units=2&eta=1", READY)
    focused(browser, "forth")
    seen = []
    for _ in range(12):
        seen.append(browser.evaluate(PRESSED))
        text = browser.evaluate("document.querySelector('.play-formula').innerText")
        assert not re.search(r"[-+−·*] -", text), text  # a negative number behind a sign stands in brackets
        if seen[-1] in ("z1", "z2", "delta1", "dW2"):
            numbers = text.split("\n")[-1].removeprefix("= ")
            formula, _, result = numbers.rpartition(" = ")
            plain = formula.replace("·", "*").replace("−", "-")
            assert re.fullmatch(r"[-+*/(). \de]+", plain), plain
            assert eval(plain) == pytest.approx(float(result), abs=2e-4), text
        if seen[-1] == "update":
            break
        browser.press("Enter")
    assert seen == ["z1", "a1", "z2", "a2", "J", "delta2", "dW2", "db2", "delta1", "dW1", "db1", "update"]
    new = value(browser, "W1[0,0]")
    focused(browser, "forth")
    browser.press("Enter")
    assert browser.evaluate(PRESSED) == "z1"
    assert browser.evaluate("Number(document.querySelector('[data-focus=w0]').value)") == pytest.approx(new, abs=1e-4)
    assert browser.evaluate("document.querySelector('[data-fact=step]').textContent") == "1"


def test_a_weight_typed_changes_the_loss(browser: Browser, path: Path) -> None:
    """The same weights, the same loss; text that is no number changes nothing."""
    browser.open(path, "lang=en&set=xor", READY)
    before = browser.evaluate(LOSS)
    first = browser.evaluate("document.querySelector('[data-focus=w3]').value")
    choose(browser, "w3", 5)
    changed = browser.evaluate(LOSS)
    assert changed != before
    choose(browser, "w3", first)
    assert browser.evaluate(LOSS) == pytest.approx(before, abs=1e-4)
    choose(browser, "w3", "")
    assert browser.evaluate("document.querySelector('[data-focus=w3]').value") != "NaN"


def test_training_learns_and_pauses(browser: Browser, path: Path) -> None:
    """Play brings the loss of the circle down; pause holds it; start again gives the first loss."""
    browser.open(path, "lang=en&set=circle&rule=adam&eta=0.03&speed=10000", READY)
    first = browser.evaluate(LOSS)
    focused(browser, "play")
    browser.press("Enter")
    browser.wait(f"{LOSS} < 0.1", 60)
    browser.press("Enter")
    step = "document.querySelector('[data-fact=step]').textContent"
    held = browser.evaluate(step)
    browser.evaluate("new Promise((done) => setTimeout(done, 200))")
    assert browser.evaluate(step) == held
    focused(browser, "again")
    browser.press("Enter")
    assert browser.evaluate(LOSS) == pytest.approx(first)


def test_own_points(browser: Browser, path: Path) -> None:
    """All points away, four put in by mouse and keyboard, and a training on them; none at all is said, not a fault."""
    browser.open(path, "lang=ko", READY)
    focused(browser, "clear")
    browser.press("Enter")
    assert sentences("playground")["ko"]["no_points"] in browser.evaluate("document.body.innerText")
    focused(browser, "one")
    browser.press("Enter")
    count = "document.querySelectorAll('.play-dot').length"
    for x, y, label in ((3, 3, 1), (-3, -3, 1), (3, -3, 0)):
        browser.evaluate(f"document.querySelector('input[name=brush][value=\"{label}\"]').click()")
        browser.evaluate(f"document.querySelector('[data-focus=x1]').value = {x}")
        browser.evaluate(f"document.querySelector('[data-focus=x2]').value = {y}")
        focused(browser, "add")
        browser.press("Enter")
    browser.evaluate(
        "(() => { const p = document.querySelector('.play-points'), b = p.getBoundingClientRect();"
        "p.dispatchEvent(new MouseEvent('click', {clientX: b.left + b.width / 4, clientY: b.top + b.height / 4}));})()"
    )
    assert browser.evaluate(count) == 4
    at = float(browser.evaluate("document.querySelector('.play-dot:last-child').getAttribute('cx')"))
    assert at == pytest.approx(-3, abs=0.1)
    before = browser.evaluate(LOSS)
    focused(browser, "one")
    browser.press(*["Enter"] * 20)
    assert browser.evaluate(LOSS) < before
    assert browser.evaluate("location.hash").count("set=own") == 1


def test_columns_of_a_file(browser: Browser, path: Path) -> None:
    """A file with a text column: two inputs and two classes make points; columns that cannot are refused in words."""
    browser.open(path, "lang=en", READY)
    rows = "\\n".join(f"{i},{i * i},{'yes' if i > 3 else 'no'}" for i in range(8))
    browser.evaluate(
        f"(() => {{ const e = document.querySelector('[data-focus=file]'), d = new DataTransfer();"
        f"d.items.add(new File(['a,b,c\\n{rows}'], 'my.csv'));"
        "e.files = d.files; e.dispatchEvent(new Event('change')); })()"
    )
    browser.wait("document.querySelector('[data-focus=use]') !== null")
    choose(browser, "column0", 2)
    focused(browser, "use")
    browser.press("Enter")
    assert sentences("playground")["en"]["no_columns"] in browser.evaluate("document.body.innerText")
    choose(browser, "column0", 0)
    focused(browser, "use")
    browser.press("Enter")
    assert browser.evaluate("document.querySelectorAll('.play-dot').length") == 8
    assert browser.evaluate("document.querySelectorAll('.play-dot.play-high').length") == 4


def test_the_address_is_the_playground(browser: Browser, path: Path) -> None:
    """What is chosen is in the address; opened anew, it is the same network with the same loss."""
    browser.open(path, "lang=en", READY)
    for name, to in (("set", "spiral"), ("seed", 7), ("noise", "0.25"), ("rule", "adam"), ("units0", 6)):
        choose(browser, name, to)
    focused(browser, "more")
    browser.press("Enter")
    loss, fragment = browser.evaluate(LOSS), browser.evaluate("location.hash.slice(1)")
    assert {"set=spiral", "seed=7", "noise=0.25", "rule=adam", "units=6%2C2%2C2"} <= set(fragment.split("&"))
    browser.open(path, fragment, READY)
    assert browser.evaluate(LOSS) == loss
    assert browser.evaluate("document.querySelectorAll('.play-unit-button').length") == 2 + 6 + 2 + 2 + 1


def test_an_address_with_nonsense(browser: Browser, path: Path) -> None:
    """Unknown sets, words for numbers and sizes out of range make a playground, not a fault."""
    browser.open(path, "lang=en&set=%3Cb%3E&seed=x&units=99,-1,z&g=none&eta=zero&rule=none&speed=-1", READY)
    assert browser.evaluate("document.querySelectorAll('.play-unit-button').length") > 3


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits(browser: Browser, path: Path, language: str, width: int) -> None:
    """No side scrolling; every control has a name; nothing is left untranslated."""
    browser.size(width, 900)
    browser.open(path, f"lang={language}&units=6,6,6,6", READY)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    nameless = (
        "[...document.querySelectorAll('input, select, button')].filter((e) => !(e.labels?.length"
        " || e.getAttribute('aria-label') || e.textContent.trim())).length"
    )
    assert browser.evaluate(nameless) == 0
    assert "playground." not in browser.evaluate("document.body.innerText")
    browser.size(1280, 900)


def test_the_page_is_small_and_whole() -> None:
    """One file without an address of anything; no name is declared twice in the joined script."""
    text, names = page(), re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script(), re.M)
    assert len(names) == len(set(names))
    assert not re.search(r"^(import|export) ", script(), re.M)
    assert not re.search(r"https?:(?!//www.w3.org)", text)
    assert len(text.encode("utf-8")) < 150_000
