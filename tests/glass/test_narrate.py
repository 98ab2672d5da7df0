"""The narration: the numbers are those of the step, it fits a terminal, and both languages say the same."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.glass.narrate import columns, number
from chainrule.glass.words import EQUATIONS, TEXT

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 20))


@pytest.fixture(scope="module")
def step() -> cr.Step:
    """A step of a network with wide layers, dropout, Adam and a penalty."""
    net = cr.Network([20, 30, 12, 3], activation=["relu", "tanh"])
    run = cr.train(net, X, RNG.integers(0, 3, size=60), dropout=0.2, l2=0.01, clip_norm=0.5, epochs=2, progress=False)
    return run.replay(3)


@pytest.mark.parametrize("language", TEXT)
@pytest.mark.parametrize("notation", EQUATIONS)
def test_it_fits_a_terminal(step: cr.Step, language: str, notation: str) -> None:
    """No line is wider than 80 columns, Hangul counted as two."""
    lines = step.explain(language, 1, notation).splitlines()
    assert max(map(columns, lines)) <= 80
    assert not any(line != line.rstrip() for line in lines)


def test_the_numbers_are_those_of_the_step(step: cr.Step) -> None:
    """Loss, output, delta and the update appear as the record has them."""
    text = step.explain(row=2)
    record = step.record
    for value in (
        record.backward.loss,
        *record.forward.output[2],
        *record.backward.delta[3][2],
        record.penalty,
        record.forward.z[1][2].sum(dtype=np.float64),
        record.update.learning_rate,
    ):
        assert number(value) in text
    k, j = np.unravel_index(np.argmax(np.abs(record.update.gradient.W[1])), (20, 30))
    assert re.search(rf"W1\[{k},{j}\] +{re.escape(number(record.update.old.W[1][k, j]))}", text)


def test_both_languages_have_the_same_words() -> None:
    """Every text exists in both languages, with the same slots."""
    assert set(TEXT["en"]) == set(TEXT["ko"])
    for name, text in TEXT["en"].items():
        slots = sorted(re.findall(r"\{(\w+)\}", text))
        assert slots == sorted(re.findall(r"\{(\w+)\}", TEXT["ko"][name])), name


def test_both_passes_are_told_in_order(step: cr.Step) -> None:
    """Forward goes up the layers, backward comes down; BP1 to BP4 are named; Korean uses the field's words."""
    text = step.explain()
    assert text.index("Layer 1") < text.index("Layer 3") < text.index("BP1") < text.index("δ of layer 1")
    assert all(f"BP{i}" in text for i in (1, 2, 3, 4))
    korean = step.explain("ko", notation="note")
    assert all(word in korean for word in ("순전파", "역전파", "연쇄 법칙", "가중치", "편향", "학습률", "손실"))
    assert "W^(1) · a^(0) + b^(1)" in korean


def test_wrong_arguments_are_named(step: cr.Step) -> None:
    """An unknown language or notation, or a row outside the batch, is a SettingsError."""
    with pytest.raises(SettingsError, match="did you mean 'ko'"):
        step.explain("kor")
    with pytest.raises(SettingsError, match="notation 'columns' is unknown"):
        step.explain(notation="columns")
    with pytest.raises(SettingsError, match="expected 0 to 27"):
        step.explain(row=32)


def test_the_diagram_has_every_layer(step: cr.Step) -> None:
    """Both subgraphs, a node for z, a, delta and dW of every layer, quoted labels, an update arrow each."""
    source = step.to_mermaid()
    assert source.startswith("graph TD") and source.count("subgraph") == 2 == source.count("    end")
    for l in (1, 2, 3):
        for node in (f"Z{l}[", f"A{l}[", f"D{l}[", f"G{l}["):
            assert source.count(node) == 1
        assert f'"update W{l}, b{l} (η = 0.001)"' in source
    assert "W1 20×30" in source and number(step.backward.loss) in source
    assert all(line.count('"') % 2 == 0 for line in source.splitlines())


def test_to_dict_holds_every_number(step: cr.Step) -> None:
    """to_dict is plain JSON and gives back every float exactly."""
    import json

    told = json.loads(json.dumps(step.to_dict()))
    assert np.array_equal(np.array(told["forward"]["z"][2], dtype=np.float32), step.forward.z[2])
    assert np.array_equal(np.array(told["backward"]["dW"][3], dtype=np.float32), step.backward.dW[3])
    assert told["rows"] == step.rows.tolist()
