"""What results show of themselves: a short repr everywhere; HTML without scripts, escaped, legible on any page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr
from chainrule.api.history import TrainingHistory
from chainrule.explain.circuit.circuit import Circuit
from chainrule.html_text import card, curves, lines, paragraph, some, table, unfolding
from chainrule.sklearn import MLPClassifier

EVIL = '<script>alert("1")</script>\x1b[2J'
LONGEST = 240
"""Characters of a repr: two lines of a wide terminal."""


@pytest.fixture(scope="module")
def run() -> cr.Run:
    X, y = load_iris(return_X_y=True)
    net = cr.Network([4, 16, 16, 3], normalization="layer")
    return cr.train(net, X, y, epochs=60, validation=0.2, progress=False)


@pytest.fixture(scope="module")
def results(run: cr.Run) -> dict[str, Any]:
    """A result of each kind."""
    X, y = load_iris(return_X_y=True)
    step = run.replay(50)
    return {
        "network": run.network, "run": run, "history": run.history, "step": step, "why": step.why("dW2[3,7]"),
        "why W": step.why("W1[0,1]"), "why loss": step.why("loss"), "circuit": cr.circuit("sigmoid"),
        "doctor": run.doctor(), "vitals": run.vitals([0, 5, 100]), "found": run.find(lambda step: step.epoch == 1),
        "learning rate": cr.learning_rate(run.network, X, y), "check": cr.check_gradients(run.network, X, y),
        "plan": cr.plan("iris"), "forward": step.forward, "backward": step.backward, "update": step.update,
        "classifier": MLPClassifier(max_iter=2, solver="sgd").fit(X, y),
    }  # fmt: skip


def reached(roots: dict[str, Any]) -> dict[str, Any]:
    """Every object of this package that attributes, entries and items lead to, one of each class, by the way to it."""
    todo, seen, found = list(roots.items()), [], {}
    while todo:
        path, one = todo.pop()
        if any(one is other for other in seen[-3000:]):
            continue
        seen.append(one)
        if type(one).__module__.startswith("chainrule"):
            found.setdefault(f"{path}: {type(one).__name__}", one)
            todo += [(f"{path}.{n}", v) for n, v in getattr(one, "__dict__", {}).items() if not n.startswith("_")]
        if isinstance(one, dict):
            todo += [(f"{path}[{key!r}]", value) for key, value in one.items()]
        elif isinstance(one, (list, tuple)):
            todo += [(f"{path}[{k}]", value) for k, value in enumerate(one[:5])]
    return found


@pytest.mark.filterwarnings("ignore")
def test_reprs_are_short(results: dict[str, Any]) -> None:
    """Whatever attributes of results lead to has a repr on one line: shapes, no arrays, no addresses."""
    found = reached(results)
    kinds = {path.split(": ")[1] for path in found}
    assert {"Step", "Forward", "Backward", "Update", "Answer", "Origin", "Vitals", "StepSigns", "Diagnosis"} <= kinds
    assert {"Circuit", "LearningRate", "Parameters", "RunRecord", "TablePipeline"} <= kinds
    long = {path: text for path, one in found.items() if len(text := repr(one)) > LONGEST or "\n" in text}
    assert long == {}
    assert [path for path, one in found.items() if "object at 0x" in repr(one)] == []


def test_reprs_say_what_they_are(results: dict[str, Any]) -> None:
    """The step, its loss and its rows; the number; the first cause."""
    step, why = results["step"], results["why"]
    assert repr(step).startswith(
        f"Step(step 50 of {step.n_steps}, epoch 12: J = {step.backward.loss:.5g}, 32 rows, 4-16"
    )
    assert repr(why) == f"Answer(dW2[3,7] = {why.value:.9g}, step 50, 32 terms)"
    assert repr(results["circuit"]) == "Circuit('f = 1/(1 + e^−(w0·x0 + w1·x1 + w2))', 15 numbers, value 0.73106)"
    z, u = "z=[None, (32, 16), (32, 16), (32, 3)]", "u=[None, (32, 16), (32, 16), None]"
    assert repr(step.forward) == f"Forward({z}, a=[(32, 4), (32, 16), (32, 16), (32, 3)], {u})"
    assert repr(cr.train(cr.Network([1, 2]), [[0.0], [1.0]], [0, 1], epochs=1, l2=0.1, progress=False).settings) == (
        "Settings(optimizer=Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08), batch_size=32, epochs=1, "
        "l2=0.1)"
    )


class _Checked(HTMLParser):
    """Notes the tags, and fails where they do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes += attrs

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(html: str) -> _Checked:
    """The tags and attributes of HTML that is whole and runs nothing."""
    parser = _Checked()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert not parser.tags & {"script", "style", "link", "iframe", "img", "a", "object", "foreignobject"}
    assert [name for name, _ in parser.attributes if name.startswith("on") or name in ("href", "src")] == []
    return parser


SHOWN = ("network", "run", "history", "step", "why", "why W", "why loss", "circuit", "doctor", "vitals", "found",
         "learning rate", "check")  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_html_is_whole_and_small(results: dict[str, Any], name: str) -> None:
    """Every tag closes, nothing runs or is fetched, and a result takes at most 40 kB."""
    html = results[name]._repr_html_()
    checked(html)
    assert 100 < len(html.encode()) < 40_000


@pytest.mark.parametrize("name", ["network", "run", "history", "step", "why", "circuit", "doctor", "vitals"])
def test_no_colour_hides_on_a_page(results: dict[str, Any], name: str) -> None:
    """Text has the colour of the page around it or a middle tone; nothing sets a background."""
    html = re.sub(r"<svg[^>]*>\n<rect .*?</svg>", "", results[name]._repr_html_(), flags=re.S)  # has a page of its own
    for colour in re.findall(r"(?:color:|fill=\"|stroke=\")(#[0-9a-f]{3,6})", html):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        light = float(np.dot([0.2126, 0.7152, 0.0722], [c**2.2 for c in channels]))
        assert (light + 0.05) / 0.05 >= 3 and 1.05 / (light + 0.05) >= 2.4, colour
    assert set(re.findall(r"background:(\w+)", html)) <= {"transparent"}


def test_texts_are_escaped() -> None:
    """Names of users appear as text, whatever they hold."""
    parts = [
        card(EVIL, paragraph(EVIL), lines(EVIL), table([EVIL], [[EVIL]]), unfolding(EVIL), curves({EVIL: [1, 2]}, EVIL))
    ]
    circuit = Circuit(EVIL)
    circuit.input(EVIL, 2.0)
    history = TrainingHistory({"loss": [1.0, 0.5], EVIL: [0.1, 0.2]})
    parts += [circuit.backward()._repr_html_(), history._repr_html_()]
    for html in parts:
        assert "script" not in checked(html).tags
        assert "&lt;script&gt;" in html and "\x1b" not in html
    assert "\x1b" not in repr(circuit) + repr(circuit.gates[0])


def test_curves_draw_what_is_finite() -> None:
    """A value that is no number breaks the line; nothing is drawn where there is none; scales have no end."""
    assert curves({"loss": [np.nan, np.inf]}, "epoch") == "" == curves({}, "epoch") == curves({"loss": []}, "epoch")
    broken = curves({"loss": [3.0, 2.0, np.nan, 1.5, 1.0]}, "epoch")
    assert broken.count("<polyline") == 2
    assert curves({"loss": [0.5]}, "epoch").count("<circle") == 1
    for values in ([1e308, -1e308], [1.7e308, 1.7e308], [0.0, 0.0], [-1.7e308], [5e-324, 1e308], [1e-3, 1.0, 0.0]):
        points = re.findall(r'points="([^"]+)"|c[xy]="([^"]+)"', curves({"loss": values}, "epoch"))
        assert points
        assert all(-1 <= float(x) <= 421 for pair in points for x in re.split("[ ,]", pair[0] or pair[1]))
    decades = curves({"loss": [1.0, 1e-4]}, "epoch")
    assert ">0.01<" in decades  # the middle of 1 and 0.0001 in decades
    many = curves({"loss": np.linspace(1, 0, 100_000)}, "step")
    assert len(many) < 8_000 and ">99,999<" in many


def test_long_tables_are_cut() -> None:
    """The first and the last rows stay, with an ellipsis between."""
    rows = [[k, k] for k in range(100)]
    assert some(rows, 2, 1) == [[0, 0], [1, 1], ["…", ""], [99, 99]]
    assert some(rows[:4], 2, 1) == rows[:4]
    wide = TrainingHistory({"loss": list(np.linspace(1, 0.1, 5000))})
    assert len(wide._repr_html_()) < 20_000 and ">4,999<" in wide._repr_html_()


def test_a_diverged_run_shows_itself() -> None:
    """With no epoch at its end and a loss that is no number, it still says what happened."""
    X, y = np.array([[1e4], [-1e4]]), np.array([[1.0], [0.0]])
    net = cr.Network([1, 8, 1], output="identity", loss="squared_error")
    with pytest.warns(cr.DivergenceWarning):
        run = cr.train(net, X, y, optimizer=cr.SGD(1e6), epochs=50, progress=False)
    checked(run._repr_html_())
    checked(run.history._repr_html_())
    assert "diverged" in run._repr_html_() and len(repr(run)) < LONGEST and "TrainingHistory(" in repr(run.history)


def test_history_is_a_dict(run: cr.Run) -> None:
    """It compares, copies and writes like a plain dict of the recorded lists."""
    import json

    assert run.history == run.record.history and isinstance(run.history, dict)
    assert json.loads(json.dumps(run.history)) == run.record.history
    assert repr(run.history).startswith("TrainingHistory(60 epochs: loss ")


def test_summary_of_a_network() -> None:
    """A line for each layer, with its kind and its own parameters."""
    net = cr.Network([4, 8, 8, 1], activation="tanh", output="sigmoid", normalization=["layer", None], residual=True)
    assert net.summary() == (
        "layer   units                  activation   parameters\n"
        "0           4                      inputs            0\n"
        "1           8   tanh, layer normalisation           56\n"  # 4·8 + 8, and a gain and a shift for each unit
        "2           8              tanh, residual           72\n"
        "3           1                     sigmoid            9\n"
        "4-8-8-1: 137 parameters, loss cross_entropy, float32"
    )


def test_plot(run: cr.Run, tmp_path: Any) -> None:
    """Losses and metrics of the history, as they are; a notebook gets a PNG; no figure stays with pyplot."""
    matplotlib = pytest.importorskip("matplotlib", reason="pip install 'chainrule[plot]'")
    figure = run.plot()
    left, right = figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for axes in (left, right) for line in axes.get_lines()}
    assert drawn == {name: run.history[name] for name in ("loss", "validation_loss", "accuracy")}
    assert figure._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
    figure.savefig(tmp_path / "run.svg")
    assert matplotlib._pylab_helpers.Gcf.get_num_fig_managers() == 0


def test_plot_without_matplotlib(run: cr.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and what shows the curves without it."""
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(cr.SettingsError, match=r"pip install 'chainrule\[plot\]'.*run\.history"):
        run.plot()
