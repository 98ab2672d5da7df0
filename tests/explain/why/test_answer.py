"""Why: sums end at the very number, lines of NumPy make it again, differences and paths agree with it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.explain.why.answer import answer
from chainrule.explain.why.expression import legal
from chainrule.explain.why.text import TEXT
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named
from chainrule.text.tables import columns
from tolerances import ALGEBRA, FLOAT32, GRADIENT_CHECK

RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 7))
Y = RNG.integers(0, 3, size=60)
WEIGHT = RNG.uniform(0.2, 3.0, size=60)

RUNS = {
    "sgd": {"optimizer": cr.SGD(0.3)},
    "momentum l2": {"optimizer": cr.SGD(0.1, momentum=0.9), "l2": 0.01},
    "nesterov l1": {"optimizer": cr.SGD(0.1, momentum=0.9, nesterov=True), "l1": 0.001},
    "adam dropout": {"optimizer": cr.Adam(0.01), "dropout": 0.3},
    "adamw weights": {"optimizer": cr.AdamW(0.01), "sample_weight": WEIGHT},
    "rmsprop clip": {"optimizer": cr.RMSProp(0.01), "clip_norm": 0.1, "l2": 0.01},
    "adagrad": {"optimizer": cr.Adagrad(0.05)},
    "numpy": {"optimizer": cr.SGD(0.1), "engine": "numpy"},
    "float64": {"optimizer": cr.Adam(0.01), "dtype": "float64"},
}


def step_of(case: dict, t: int = 9, activation="tanh", y=Y, scale=1.0, **network) -> cr.Step:
    options = dict(case)
    n_outputs = 3 * loss_named(network.get("loss", "cross_entropy")).n_heads
    net = cr.Network([7, 9, 5, n_outputs], activation, dtype=options.pop("dtype", "float32"), seed=2, **network)
    return cr.train(net, scale * X, y, batch_size=13, epochs=3, progress=False, **options).replay(t)


@pytest.fixture(scope="module", params=RUNS.values(), ids=RUNS)
def step(request: pytest.FixtureRequest) -> cr.Step:
    """A step of every kind of run."""
    return step_of(request.param)


NAMES = [
    "z1[0,4]", "z3[5,2]", "a1[3,8]", "a3[2,1]", "delta3[0,2]", "delta2[4,3]", "delta1[1,0]", "da1[2,8]", "da0[1,6]",
    "dW1[6,3]", "dW2[3,4]", "dW3[0,1]", "db1[8]", "db3[0]", "W1[2,5]", "W3[4,0]", "b1[5]", "b2[1]", "loss",
]  # fmt: skip


def recorded(step: cr.Step, name: str) -> float:
    """The number as the step has it."""
    if name == "loss":
        return float(step.backward.loss)
    word, place = name.rstrip("]").split("[")
    kind, l, at = word[:-1], int(word[-1]), tuple(map(int, place.split(",")))
    source = {"z": step.forward, "a": step.forward, "W": step.update.new, "b": step.update.new}.get(kind, step.backward)
    return float(getattr(source, kind)[l][at])


@pytest.mark.parametrize("name", NAMES)
def test_the_sum_ends_at_the_very_number(step: cr.Step, name: str) -> None:
    """Terms, the steps after them and the rounding add up to the recorded number to the last digit."""
    why = step.why(name)
    if not name.startswith("da"):
        assert why.value == recorded(step, name)
    terms = [term.value for term in why.origin.terms]
    assert why.origin.total == math.fsum(terms)
    assert why.origin.last + why.rounding == pytest.approx(why.value, rel=1e-15, abs=0)
    assert abs(why.rounding) <= FLOAT32 * max(map(abs, [*terms, why.value]))
    assert sum(why.shares) == pytest.approx(1) or not any(terms)


@pytest.mark.parametrize("name", NAMES)
def test_numpy_lines_make_the_number_again(step: cr.Step, name: str) -> None:
    """Pasted into Python the lines give the number: to the bit where they say so, else to rounding."""
    why, space = step.why(name), {}
    exec(why.numpy(), space)
    if "up to rounding" in why.numpy():
        size = max(abs(why.value), *(abs(term.value) for term in why.origin.terms))
        assert abs(float(space["value"]) - why.value) <= FLOAT32 * size
    elif not (step.engine == "numpy" and name[0] in "Wb"):
        assert float(space["value"]) == why.value


@pytest.mark.parametrize("name", ["z2[1,3]", "dW1[2,2]", "dW3[1,1]", "db2[3]", "da1[0,0]", "delta3[2,0]"])
def test_running_totals_are_the_engines(step: cr.Step, name: str) -> None:
    """On the native engine the running totals, rounded at every link, end at the recorded bits."""
    why = step.why(name)
    assert len(why.origin.running) == len(why.origin.terms)
    if step.engine == "native":
        assert why.origin.exact
        if not name.startswith("delta"):
            assert why.origin.running[-1] == why.value


@pytest.mark.parametrize("name", [name for name in NAMES if name[0] == "d"])
def test_differences_agree(step: cr.Step, name: str) -> None:
    """The finite-difference twin is the number, to what float32 passes and the doubt of differences allow."""
    why = step.why(name)
    assert why.twin is not None and not why.twin.kink
    limit = GRADIENT_CHECK if why.dtype == "float64" else 50 * FLOAT32
    assert abs(why.twin.numeric - why.value) <= limit * max(1e-2, abs(why.value)) + why.twin.doubt


def test_all_paths_sum_to_the_gradient(step: cr.Step) -> None:
    """On a small network all ways over the batch sum to dW; those of one row to the row's own term."""
    why = step.why("dW1[3,4]")
    assert why.paths.every and why.paths.n_paths == 15 and len(why.paths.top) == 5
    size = sum(abs(term.value) for term in why.origin.terms)
    assert abs(why.paths.total - why.value) <= 10 * FLOAT32 * size
    row = step.why("dW1[3,4]", row=6)
    term = next(term for term in row.origin.terms if term.row == 6)
    assert not row.paths.every and abs(row.paths.total - term.value) <= 10 * FLOAT32 * size
    for path in row.paths.top:
        assert path.units[0] == 4 and len(path.units) == 3
        assert math.prod(path.factors) == pytest.approx(path.value, rel=ALGEBRA)


def test_the_best_paths_are_the_best() -> None:
    """The search for the best ways of a row finds those that walking all of them finds."""
    step = step_of(RUNS["float64"])
    z1, z2 = step.forward.z[1][6], step.forward.z[2][6]
    W = step.update.old.W
    first, second = 1 - np.tanh(z1[4]) ** 2, 1 - np.tanh(z2) ** 2
    ways = first * W[2][4][:, None] * second[:, None] * W[3] * step.backward.delta[3][6] * step.forward.a[0][6, 3]
    found = step.why("dW1[3,4]", row=6).paths
    best = np.sort(np.abs(ways).ravel())[::-1][:5]
    np.testing.assert_allclose([abs(path.value) for path in found.top], best, rtol=ALGEBRA)
    assert found.total == pytest.approx(ways.sum(), rel=1e-10)


def test_what_the_update_did_to_the_loss(step: cr.Step) -> None:
    """Predicted is Σ g·Δ over all parameters; actual is J with the new weights on the same rows and masks."""
    p = step.why("loss").prediction
    b, change = step.backward, step.update.change
    flat = sum(float((b.dW[l].astype(float) * change.W[l]).sum() + (b.db[l] * change.b[l]).sum()) for l in (1, 2, 3))
    assert p.predicted == pytest.approx(flat, rel=1e-5)
    assert p.before == pytest.approx(step.backward.loss, rel=1e-5)
    assert p.actual == p.after - p.before and p.actual < 0
    one = step.why("W2[1,1]").prediction
    assert one.predicted == pytest.approx(float(b.dW[2][1, 1]) * float(change.W[2][1, 1]), rel=1e-6)
    assert one.actual == pytest.approx(one.predicted, rel=0.2, abs=1e-9)


@pytest.mark.parametrize("language", TEXT)
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_a_terminal(step: cr.Step, language: str, name: str) -> None:
    """Both languages stay within 80 columns, show the number in full and can be turned into JSON."""
    why = step.why(name)
    result = why.text(language)
    assert max(map(columns, result.splitlines())) <= 80
    assert f"{why.value:.9g}" in result
    assert json.loads(json.dumps(why.to_dict()))["value"] == why.value
    assert why.to_mermaid().startswith("graph LR")


@pytest.mark.parametrize(
    ("loss", "output"),
    [(loss, output) for loss in LOSSES for output in LOSSES[loss].pairs],
)
def test_every_legal_pair_can_be_asked(loss: str, output: str) -> None:
    """Every loss, output and hidden activation answers: sums end at the number, differences agree."""
    y = Y if LOSSES[loss].of_classes else RNG.uniform(0.1, 1.0, size=(60, 3))
    for activation in ACTIVATIONS:
        case = {"optimizer": cr.SGD(1e-3), "dtype": "float64"}
        step = step_of(case, 2, activation, y, output=output, loss=loss, initializer="glorot_normal", scale=0.1)
        for name in ("delta3[1,2]", "delta2[0,1]", "delta1[3,3]", "a3[0,0]", "a2[1,1]", "dW1[2,2]", "loss"):
            why = step.why(name)
            assert abs(why.rounding) <= 1e-9 * max(1.0, abs(why.value)), name
            if why.twin is not None and not why.twin.kink:
                assert abs(why.twin.numeric - why.value) <= 1e-6 * max(1e-2, abs(why.value)) + why.twin.doubt


def test_names_that_are_none_are_refused_with_the_legal_ones(step: cr.Step) -> None:
    """A wrong name is a SettingsError that lists what there is, with its ranges; several spellings are understood."""
    for wrong in ("dW9[0,0]", "q", "z1[1]", "loss[1]", "dW1[-1,0]", "z1[0,4", "", "__import__('os')"):
        with pytest.raises(SettingsError, match="expected"):
            step.why(wrong)
    with pytest.raises(SettingsError, match=r"is outside; expected dW1\[0…6,0…8\]"):
        step.why("dW1[7,0]")
    with pytest.raises(SettingsError, match="row=13: must be 0 to 7"):
        step.why("dW1[0,0]", row=13)
    assert step.why(" dW2[ 3, 4 ] ").name == "dW2[3,4]"
    assert step.why("δ2[0,1]").name == "delta2[0,1]" and step.why("J").name == "loss"
    assert step.why("X[1,2]").value == pytest.approx(float(step.forward.a[0][1, 2]))
    for name in legal(step.architecture, len(step.rows)):
        step.why(name.replace("0…", ""))


@pytest.mark.filterwarnings("ignore")
def test_a_diverged_step_can_be_asked() -> None:
    """Infinite terms are shown as they are; nothing is predicted of an update that was not applied."""
    net = cr.Network([7, 12, 3], "exponential", "identity", "squared_error")
    run = cr.train(net, 100 * X, RNG.normal(size=(60, 3)), optimizer=cr.SGD(1.0), epochs=1, progress=False)
    assert run.diverged is not None
    for name in ("z1[0,0]", "a1[0,0]", "z2[0,0]", "delta2[0,0]", "dW1[0,0]", "W1[0,0]", "loss"):
        why = run.replay(-1).why(name)
        assert why.twin is None and why.prediction is None and why.text("ko")


NORMALISED = [
    "u1[0,4]", "z2[1,3]", "a2[3,4]", "delta1[1,0]", "delta2[4,3]", "du1[2,8]", "du2[0,0]", "da1[2,3]", "dW1[6,3]",
    "dgain1[2]", "dshift2[4]", "gain2[1]", "shift1[0]", "W2[3,3]", "db1[3]", "loss",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NORMALISED)
def test_normalised_and_residual_layers_answer(dtype: str, name: str) -> None:
    """With layer normalisation, residual connections and dropout: sums end at the number, differences agree."""
    net = cr.Network([7, 9, 9, 9, 3], "tanh", normalization="layer", residual=True, dtype=dtype, seed=2)
    run = cr.train(net, X, Y, batch_size=13, epochs=3, dropout=0.2, optimizer=cr.Adam(0.01), progress=False)
    why, space = run.replay(9).why(name), {}
    terms = [term.value for term in why.origin.terms]
    size = max(map(abs, [*terms, why.value]))
    assert abs(why.rounding) <= (10 * FLOAT32 if dtype == "float32" else ALGEBRA) * size
    assert why.origin.last + why.rounding == pytest.approx(why.value, rel=1e-15)
    exec(why.numpy(), space)
    assert abs(float(space["value"]) - why.value) <= 10 * FLOAT32 * size
    if why.twin is not None:
        limit = GRADIENT_CHECK if dtype == "float64" else 50 * FLOAT32
        assert abs(why.twin.numeric - why.value) <= limit * max(1e-2, abs(why.value)) + why.twin.doubt
    for language in TEXT:
        assert max(map(columns, why.text(language).splitlines())) <= 80
    assert (why.paths is not None) == name.startswith("dW")


@pytest.mark.parametrize("activation", ["tanh", "relu", "softmax"])
@pytest.mark.parametrize("layers", [{"normalization": "layer"}, {"residual": True},
                                    {"normalization": "layer", "residual": True}, {}], ids=str)  # fmt: skip
def test_paths_through_normalised_and_residual_layers(layers: dict[str, Any], activation: str) -> None:
    """They sum to the gradient, over the batch and for one row; counted and found best by hand; past a layer by 1."""
    net = cr.Network([7, 4, 4, 4, 3], activation, dtype="float64", seed=2, **layers)
    run = cr.train(net, X, Y, batch_size=13, epochs=3, dropout=0.2, optimizer=cr.Adam(0.01), progress=False)
    step = run.replay(9)
    why, row = step.why("dW1[3,2]"), step.why("dW1[3,2]", row=6)
    n = 4 if (layers.get("normalization") or activation == "softmax") and layers.get("residual") else 1
    if layers.get("residual"):  # z2 z3 o, z2 past3 o, past2 z3 o, past2 past3 o
        assert why.paths.n_paths == 4 * 4 * 3 + 4 * n * 3 + n * 4 * 3 + n * 1 * 3
    else:
        assert why.paths.n_paths == 4 * 4 * 3
    size = sum(abs(term.value) for term in why.origin.terms)
    assert why.paths.every and abs(why.paths.total - why.value) <= 1e-12 * size
    term = next(term for term in row.origin.terms if term.row == 6)
    assert abs(row.paths.total - term.value) <= 1e-12 * size
    assert all(math.prod(path.factors) == pytest.approx(path.value, rel=ALGEBRA) for path in row.paths.top)
    every = answer(step.context, "dW1[3,2]", shown=1000).paths.top
    assert len({(path.units, path.past) for path in every}) == why.paths.n_paths
    assert any(path.past for path in every) == bool(layers.get("residual"))
    assert ("A unit in brackets" in why.text("en")) == any(path.past for path in why.paths.top)
