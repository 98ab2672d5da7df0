"""The scenes: their numbers are those of the literature and of `cr.circuit`, and they are walked by keyboard."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.words import sentences
from report_browser import CHROMIUM, Browser

NODE = shutil.which("node")
SCENES = Path(cr.__file__).parent / "studio" / "static" / "learn" / "scenes.js"
SCRIPT = """
import {{ outcome, quotient, SCENES, stepped }} from "{module}";
const found = SCENES.map((scene) => {{
  const tape = scene.build(scene.inputs).backward(), names = Object.keys(scene.inputs);
  return {{ name: scene.name, value: outcome(scene, scene.inputs), after: stepped(scene, scene.inputs, scene.eta),
    gradients: Object.fromEntries(names.map((name) => [name, tape.of(name).gradient])),
    quotients: Object.fromEntries(names.map((name) => [name, quotient(scene, scene.inputs, name)])),
    values: Object.fromEntries(tape.gates.map((gate) => [gate.name, gate.value])),
    fallen: outcome(scene, stepped(scene, scene.inputs, scene.eta)),
    far: outcome(scene, stepped(scene, scene.inputs, 100 * scene.eta)),
    texts: tape.gates.map((gate) => tape.formula(gate).numbers) }};
}});
const book = SCENES.find((scene) => scene.name === "book");
const xor = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([x1, x2]) => book.build({{ ...book.inputs, x1, x2 }}).of("z3").value);
console.log(JSON.stringify({{ found, xor }}));
"""


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    if NODE is None:
        pytest.skip("node is not on this machine: install it to run the page's modules")
    command = [NODE, "--input-type=module", "--eval", SCRIPT.format(module=SCENES.as_uri())]
    given = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {scene["name"]: scene for scene in given["found"]} | {"xor": given["xor"]}


def test_mazur_number_by_number(computed: dict[str, Any]) -> None:
    """The published example: hidden units, outputs, error, both layers' weights after a step, and the error then."""
    scene = computed["mazur"]
    published = {
        "ah1": 0.5932699921071872, "ah2": 0.596884378259767, "ao1": 0.7513650695523157, "ao2": 0.7729284653214625,
        "J": 0.2983711087600027,
    }  # fmt: skip
    assert {name: scene["values"][name] for name in published} == pytest.approx(published, abs=1e-15)
    after = {
        "w5": 0.35891647971788465, "w6": 0.4086661860762334, "w7": 0.5113012702387375, "w8": 0.5613701211079891,
        "w1": 0.1497807161327628, "w2": 0.19956143226552567, "w3": 0.24975114363236958, "w4": 0.29950228726473915,
    }  # fmt: skip
    assert {name: scene["after"][name] for name in after} == pytest.approx(after, abs=1e-15)
    assert scene["after"]["b1"] == 0.35
    assert scene["fallen"] == pytest.approx(0.29102777369359933, abs=1e-15)


@pytest.mark.parametrize(("scene", "circuit"), [("gates", "product"), ("patterns", "max"), ("forks", "staged")])
def test_circuits_are_those_of_the_package(computed: dict[str, Any], scene: str, circuit: str) -> None:
    """The same numbers as cr.circuit."""
    assert computed[scene]["gradients"] == pytest.approx(cr.circuit(circuit).gradients, abs=1e-14)
    assert computed[scene]["value"] == pytest.approx(cr.circuit(circuit).value, abs=1e-14)


def test_exclusive_or_exactly(computed: dict[str, Any]) -> None:
    """The rectifier network answers 0, 1, 1, 0, so that the gradient of a weight is 2λ·w alone."""
    assert computed["xor"] == [0, 1, 1, 0]
    assert computed["book"]["gradients"]["v2"] == pytest.approx(2 * 0.01 * -2)


def test_gradients_agree_with_difference_quotients(computed: dict[str, Any]) -> None:
    """Of every scene and every input; a step against the gradient of a loss makes it smaller."""
    for name, scene in computed.items():
        if name != "xor":
            assert scene["gradients"] == pytest.approx(scene["quotients"], abs=1e-8)
            assert scene["fallen"] < scene["value"]


def test_too_large_a_step_makes_the_loss_larger(computed: dict[str, Any]) -> None:
    """What the third question says is so with the numbers of its scene; no number stands in two pairs of brackets."""
    assert computed["note"]["far"] > computed["note"]["value"] > computed["note"]["fallen"]
    assert not any("((" in text for scene in computed.values() if isinstance(scene, dict) for text in scene["texts"])


def test_the_four_equations(computed: dict[str, Any]) -> None:
    """BP1 to BP4 of the Nielsen scene from its own values."""
    v, g = computed["nielsen"]["values"], computed["nielsen"]["gradients"]
    delta3 = (v["a3"] - v["y"]) * v["a3"] * (1 - v["a3"])
    delta1 = delta3 * v["v1"] * v["a1"] * (1 - v["a1"])
    assert g["c"] == pytest.approx(delta3)
    assert g["v1"] == pytest.approx(v["a1"] * delta3)
    assert g["b1"] == pytest.approx(delta1)
    assert g["w12"] == pytest.approx(v["x2"] * delta1)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; install Debian's chromium to run these")
@pytest.mark.parametrize("language", ["en", "ko"])
def test_scenes_are_walked_by_keyboard(studio: Any, browser: Browser, language: str) -> None:
    """Nothing known at first, all at the end; a changed number changes the rest; a step; the answers have numbers."""
    ready = "document.querySelector('.learn-table') !== null"
    browser.go(f"{studio.server.url}#lang={language}&screen=learn&scene=note", ready)
    unknown = "[...document.querySelectorAll('.learn-table td')].filter((e) => e.textContent === '…').length"

    def enter(name: str, times: int = 1) -> None:
        browser.evaluate(f"document.querySelector('[data-focus=\"{name}\"]').focus()")
        browser.press(*["Enter"] * times)

    enter("first")
    n = browser.evaluate("document.querySelectorAll('.learn-table tbody tr').length")
    assert browser.evaluate(unknown) == 2 * n
    enter("forth", 2 * n)
    assert browser.evaluate(unknown) == 0
    value = "document.querySelector('[data-value=J]').textContent"
    before = browser.evaluate(value)
    enter("step")
    assert float(browser.evaluate(value)) < float(before)
    answer = browser.evaluate("document.querySelector('[data-answer=\"1\"]').textContent")
    assert browser.evaluate(value) in answer
    assert "{" not in answer
    for scene in ("gates", "patterns", "forks", "nielsen", "book", "mazur"):
        enter(f"scene-{scene}")
        assert (
            browser.evaluate("document.querySelector('.learn h2').textContent")
            == (sentences("learn")[language][f"{scene}.title"])
        )
        done, every = browser.evaluate("document.querySelector('[data-checked]').dataset.checked").split("/")
        assert done == every
    assert "scene=mazur" in browser.evaluate("location.hash")
    browser.size(390, 900)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 390
    text = browser.evaluate("document.body.innerText")
    assert "learn." not in text
    assert "studio." not in text
