"""The drawing of a step: valid SVG with the numbers of the record, formulas that hold, and names that stay text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.explain.step.drawing_svg import DARK, LIGHT
from chainrule.text.tables import number

RNG = np.random.default_rng(8)
X, Y = RNG.normal(size=(20, 5)), RNG.integers(0, 3, size=20)
DOCS = Path(__file__).parents[3] / "docs"
SVG = "{http://www.w3.org/2000/svg}"
LAYERS: list[tuple[list[int], dict[str, Any], dict[str, Any]]] = [
    ([5, 3], {}, {}),
    ([5, 4, 3], {"activation": "relu"}, {"dropout": 0.4}),
    ([5, 12, 4, 6, 2, 3], {}, {"optimizer": "adam", "l2": 0.1}),
    ([5, 5, 5, 3], {"normalization": "layer", "residual": True}, {"dropout": 0.2}),
    ([5, 200, 150, 3], {"dtype": "float64"}, {"sample_weight": RNG.uniform(0.5, 2, 20)}),
]


@pytest.fixture(scope="module", params=LAYERS, ids=str)
def step(request: pytest.FixtureRequest) -> cr.Step:
    """One step of networks with none to many hidden layers, normalised and residual ones, wide ones."""
    sizes, layers, how = request.param
    return cr.train(cr.Network(sizes, seed=2, **layers), X, Y, epochs=1, progress=False, **how).replay(0)


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def rows(svg: str) -> list[list[str]]:
    """What the rows of numbers hold: a name, then numbers; their formulas are left out."""
    found = []
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") == "cr-row":
            found.append(["".join(text.itertext()) for text in group.findall(f"{SVG}text")])
    return found


def da(step: cr.Step, l: int) -> np.ndarray:
    """∂J/∂a of layer l, by the matrix products."""
    above = step.backward.delta[l + 1] @ step.update.old.W[l + 1].T.astype(float)
    return above + da(step, l + 1) if step.architecture.residuals[l + 1] else above


def test_every_row_holds_the_numbers_of_its_unit(step: cr.Step) -> None:
    """Input, z, u, a, y forward and delta, du, da backward of the units shown; gradient, old and new of every entry."""
    row, f, b = 2, step.forward, step.backward
    shown = rows(step.svg(row))
    L, at = len(step.architecture.layers), 0
    counts = [min(n, 6) for n in step.architecture.sizes]

    def block(n: int) -> list[list[str]]:
        nonlocal at
        at += n
        return shown[at - n : at]

    for l in range(L + 1):
        for name, *values in block(counts[l]):
            j = int(name)
            arrays = [f.a[0]] if l == 0 else [x for x in (f.z[l], f.u[l], f.a[l]) if x is not None]
            expected = [number(array[row, j]) for array in arrays] + (
                [str(int(Y[step.rows[row]] == j))] if l == L else []
            )
            assert values == expected
    for l in range(1, L + 1):
        layer = step.architecture.layers[l - 1]
        n = 3 + (3 if layer.n_out == 3 else 2) + len(layer.tensors) - 2
        for name, *values in block(n):
            found = re.fullmatch(r"([A-Za-z]+)(\d+)\[([\d,]+)\]", name)
            assert found and int(found[2]) == l
            place = tuple(map(int, found[3].split(",")))
            gradient = b.of_tensor(found[1])[l]
            assert values[0] == number(gradient[place])
            assert values[1:] == [
                number(getattr(part, found[1])[l][place]) for part in (step.update.old, step.update.new)
            ]
    for l in range(1, L + 1):
        for name, *values in block(counts[l]):
            j = int(name)
            arrays = [b.delta[l], *([] if b.du[l] is None else [b.du[l]])]
            assert values[: len(arrays)] == [number(array[row, j]) for array in arrays]
            if l < L:
                assert float(values[-1]) == pytest.approx(da(step, l)[row, j], rel=2e-4, abs=1e-8)
    assert at == len(shown)
    assert f"J = {number(b.loss)}" in texts(step.svg(row))


def test_the_units_shown_are_the_largest(step: cr.Step) -> None:
    """The unit with the largest |a| and the one with the largest |delta| are shown; how many are left out is said."""
    svg, L = step.svg(1, units=4), len(step.architecture.layers)
    for l in range(1, L):
        size = step.architecture.sizes[l]
        start = sum(min(n, 4) for n in step.architecture.sizes[:l])
        shown = [int(name) for name, *_ in rows(svg)[start : start + min(size, 4)]]
        others = [j for j in range(size) if j not in shown]
        for values in (step.forward.a[l][1], step.backward.delta[l][1]):
            assert np.argmax(np.abs(values)) in shown or not np.abs(values).max()
        if others:
            assert f"… {len(others):,} more" in texts(svg)


def test_the_formulas_come_to_their_results(step: cr.Step) -> None:
    """Every sum written in full with its numbers, a0·W1 + b1 and delta·W, gives the number behind its last sign."""
    checked = 0
    for text in texts(step.svg(3, units=20)):
        parts = text.split(" = ")
        if len(parts) < 3 or "more" in text or not re.fullmatch(r"[-+·()e.\d ]+", parts[-2]):
            continue
        terms = re.findall(r"\(?(-?[\d.]+(?:e[-+]\d+)?)\)?·\(?(-?[\d.]+(?:e[-+]\d+)?)\)?", parts[-2])
        rest = re.sub(r"\(?-?[\d.]+(?:e[-+]\d+)?\)?·\(?-?[\d.]+(?:e[-+]\d+)?\)?", "", parts[-2])
        alone = [float(x) for x in re.findall(r"-?[\d.]+(?:e[-+]\d+)?", rest)]
        if not terms:
            continue
        sizes = [abs(float(x) * float(y)) for x, y in terms] + [abs(x) for x in alone]
        total = sum(float(x) * float(y) for x, y in terms) + sum(alone)
        assert total == pytest.approx(float(parts[-1]), abs=2e-4 * max(sizes)), text
        checked += 1
    assert checked or min(step.architecture.sizes[:-1]) > 2


def test_sums_of_two_terms_by_hand() -> None:
    """Mazur's network: the drawing, that of the docs, has his z, a, delta and new weights, the sums with numbers."""
    net = cr.Network([2, 2, 2], "sigmoid", "sigmoid", "squared_error", dtype="float64")
    net.W[1][...], net.b[1][...] = np.array([[0.15, 0.20], [0.25, 0.30]]).T, 0.35
    net.W[2][...], net.b[2][...] = np.array([[0.40, 0.45], [0.50, 0.55]]).T, 0.60
    run = cr.train(net, [[0.05, 0.10]], [[0.01, 0.99]], optimizer=cr.SGD(0.5), batch_size=1, epochs=1, progress=False)
    said = texts(run.replay(0).svg())
    assert run.replay(0).svg() == (DOCS / "step.svg").read_text(encoding="utf-8").rstrip()
    assert "z1[0] = Σ_k a0[k]·W1[k,0] + b1[0] = 0.05·0.15 + 0.1·0.2 + 0.35 = 0.3775" in said
    assert "a1[0] = sigmoid(z1[0]) = sigmoid(0.3775) = 0.59327" in said
    assert "J = 0.29837" in said and "0.13850" not in said and "0.1385" in said
    assert "da1[0] = Σ_j delta2[j]·W2[0,j] = 0.1385·0.4 + (-0.038098)·0.5 = 0.03635" in said
    assert "delta1[0] = da1[0]·g′(z1[0]) = 0.03635·g′(0.3775) = 0.0087714" in said
    assert "W2[0,0]: θ ← θ − η·g; θ = 0.4, g = 0.082167, η = 0.5 → 0.35892" in said
    assert "dW2[0,0] = Σ_i a1[i,0]·delta2[i,0] = 0.082167 (rows: 1)" in said


def test_a_difference_is_written_only_where_delta_is_one() -> None:
    """delta = (a − y)/n where loss and output collapse and no row is weighted; otherwise the derivative is named."""
    for how, written in (({}, True), ({"sample_weight": np.arange(1.0, 21)}, False)):
        step = cr.train(cr.Network([5, 3], seed=2), X, Y, epochs=1, progress=False, **how).replay(0)
        assert any("(a1 − y) / 20" in text for text in texts(step.svg())) is written
        for j in range(3):
            delta, a, y = step.backward.delta[1][0, j], step.forward.output[0, j], float(Y[step.rows[0]] == j)
            assert bool(abs(delta - (a - y) / 20) < 1e-7) is written


def test_hostile_names_stay_text() -> None:
    """Names with markup are shown as they are, and the file stays well-formed."""
    evil = ['"><script>x', "<b>&amp;</b>", "]]>", "\u202egnp", "a\x00b"]
    step = cr.train(cr.Network([5, 3]), X, Y, epochs=1, progress=False).replay(0)
    svg = step.svg(inputs=evil, outputs=["</svg>", "나이", "a rather long class name"])
    tree = ElementTree.fromstring(svg)
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} == {"svg", "style", "rect", "g", "path", "text"}
    said = texts(svg)
    assert '"><script>x' in said and "</svg>" in said and "나이" in said and "a rathe…s name" in said
    assert not re.search(r"[\u202e\x00]", svg)


def test_wrong_requests_are_named() -> None:
    """Row, language, theme, units and numbers of names that do not fit are SettingsErrors."""
    step = cr.train(cr.Network([5, 3]), X, Y, epochs=1, progress=False).replay(0)
    for how, message in (
        ({"row": 20}, "must be 0 to 19"),
        ({"language": "fr"}, "fr"),
        ({"theme": "red"}, "theme='red': must be one of auto, light, dark"),
        ({"units": 0}, "units=0: must be an integer >= 1"),
        ({"inputs": ["a"]}, "inputs: 1 names for 5 inputs"),
    ):
        with pytest.raises(SettingsError, match=re.escape(message)):
            step.svg(**how)


def test_languages_and_themes() -> None:
    """Korean has no English words but the names of functions; colours are fixed, or follow the screen."""
    step = cr.train(cr.Network([5, 4, 3]), X, Y, epochs=1, progress=False).replay(0)
    said = texts(step.svg(language="ko"))
    assert "순전파 →" in said and "← 역전파" in said
    words = {word for text in said for word in re.findall(r"[A-Za-z]{4,}", text)}
    assert words <= {"delta", "relu", "softmax", "cross", "entropy", "cross_entropy", "Tab"}
    assert "prefers-color-scheme" in step.svg() and step.to_svg() == step.svg()
    assert "prefers-color-scheme" not in step.svg(theme="dark") + step.svg(theme="light")


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_read(colours: dict[str, str]) -> None:
    """Every colour of letters has a contrast of 4.5 or more with every ground they stand on (WCAG 2)."""

    def light(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    for letters in ("ink", "soft", "forward", "backward", "update"):
        for ground in ("paper", "raised", *(f"{role}-soft" for role in ("forward", "backward"))):
            low, high = sorted((light(colours[letters]), light(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (letters, ground)


def test_a_notebook_shows_it_without_a_style_sheet() -> None:
    """In a notebook formulas are titles; of a network with many layers there is only the table."""
    for sizes, drawn in (([5, 4, 3], True), ([5, 300, 300, 3], True), ([5, *[4] * 6, 3], False)):
        step = cr.train(cr.Network(sizes), X, Y, epochs=1, progress=False).replay(0)
        html = step._repr_html_()
        assert ("Forward propagation" in html) is drawn and "<style" not in html and "cr-" not in html
        assert ("<title>z1[0] = Σ_k a0[k]·W1[k,0] + b1[0] = " in html or sizes[1] == 300) or not drawn


def test_a_step_that_diverged_is_drawn() -> None:
    """inf and NaN stand where they are, without a warning, and the file stays well-formed."""
    with pytest.warns(UserWarning, match="step"):
        run = cr.train(
            cr.Network([5, 6, 1], "relu", "identity", "squared_error"), X * 1e20, X[:, 0] * 1e30,
            optimizer=cr.SGD(1e3), epochs=5, progress=False,
        )  # fmt: skip
    svg = run.replay(-1).svg()
    ElementTree.fromstring(svg)
    assert "inf" in svg or "nan" in svg
