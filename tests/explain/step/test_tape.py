"""One operation at a time: the parts of an explanation are those of the whole."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.explain.step.page import page
from chainrule.explain.step.tape import pass_of

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def step() -> cr.Step:
    """A step of a network of three layers."""
    run = cr.train(
        cr.Network([6, 5, 4, 3]), RNG.normal(size=(40, 6)), RNG.integers(0, 3, size=40), epochs=1, progress=False
    )
    return run.replay(0)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_operations_together_are_the_whole(step: cr.Step, language: str) -> None:
    """Every line of every operation is in the whole explanation, and together they are all of it."""
    whole = [line for line in step.explain(language, 2).splitlines() if line]
    result = {line for name in step.tape for line in step.explain(language, 2, only=name).splitlines() if line}
    assert result <= set(whole)
    assert len(set(whole) - result) <= 2  # the closing sentence


def test_the_tape_is_in_order(step: cr.Step) -> None:
    """Forward up, backward down; a pass is its operations."""
    assert step.tape == [
        "input", "layer1", "layer2", "layer3", "loss", "delta3", "dW3", "delta2", "dW2", "delta1", "dW1", "update",
    ]  # fmt: skip
    assert [pass_of(name) for name in ("input", "layer2", "loss", "delta1", "dW3", "update")] == [
        "forward", "forward", "loss", "backward", "backward", "update",
    ]  # fmt: skip
    assert "BP1" in step.explain(only="backward") and "BP1" not in step.explain(only="delta2")
    with pytest.raises(SettingsError, match="did you mean 'delta3'"):
        step.explain(only="delta33")


def test_the_page_stands_alone(step: cr.Step) -> None:
    """No script, no address, a strict policy; everything escaped; headings are headings."""
    result = page(step.explain("ko"), "<b> & run", "ko")
    assert '<html lang="ko">' in result and "&lt;b&gt; &amp; run" in result
    assert not re.search(r"<script|https?://|src=|href=", result)
    assert "default-src 'none'" in result and result.count("<h2>") == 4
