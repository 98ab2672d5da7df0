"""Search in time: injected faults are located at the right step, layer, unit and example."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.search.found import TEXT
from chainrule.errors import SettingsError
from chainrule.text.tables import columns

RNG = np.random.default_rng(7)
X = RNG.normal(size=(640, 8))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0.5)


class At:
    """Acts once, after a number of steps."""

    def __init__(self, steps: int, act) -> None:
        self.steps, self.act = steps, act

    def on_step_end(self, control) -> None:
        if control.step == self.steps:
            self.act(control)


def train(callbacks=(), X=X, **options) -> cr.Run:
    net = cr.Network([8, 24, 12, 3], options.pop("activation", "relu"), seed=1)
    settings = {"optimizer": cr.SGD(0.1), "batch_size": 32, "epochs": 40, "progress": False, **options}
    return cr.train(net, X, Y, callbacks=callbacks, **settings)


def test_a_learning_rate_times_100_at_step_500() -> None:
    """The loss doubles one step after the rate was raised; rate, event, layer and example are named."""
    run = train([At(500, lambda control: control.set(learning_rate=10.0))])
    found = run.find("loss doubles")
    assert found.step == 501 and found.evidence["learning_rate"] == 10.0
    assert found.evidence["learning_rate_before"] == 0.1
    assert found.evidence["event"] == "set learning_rate = 10 before step 500"
    u = run.replay(500).update
    ratios = [np.linalg.norm(u.change.W[l]) / np.linalg.norm(u.old.W[l]) for l in (1, 2, 3)]
    assert found.layer == 1 + int(np.argmax(ratios))
    step = run.replay(501)
    losses = [term.value for term in step.why("loss").origin.terms]
    assert found.row == int(np.argmax(np.abs(step.backward.delta[3]).sum(axis=1)))
    assert found.example == step.rows[found.row] and losses[found.row] > np.median(losses)
    assert found.n_looked <= 3


def test_a_healthy_run_has_nothing_to_find() -> None:
    """No loss doubles and nothing is non-finite where training goes well."""
    run = train()
    assert run.find("loss doubles") is None and run.find("non-finite") is None


def test_a_killed_unit() -> None:
    """A unit whose bias an edit sinks is dead from that step on; layer, unit and edit are named."""

    def kill(control) -> None:
        control.edit(lambda parameters: parameters.b[2].__setitem__(7, -50.0))

    run = train([At(300, kill)], activation=["tanh", "relu"])
    found = run.find("dead unit", steps=range(100, run.n_steps))
    assert (found.step, found.layer, found.unit) == (300, 2, 7)
    assert found.evidence["killed_by"] == "edit before step 300" and found.evidence["bias"] == -50
    assert found.evidence["largest_z"] < 0 < found.evidence["largest_z_before"]


@pytest.mark.parametrize(
    ("activation", "bias", "what"),
    [("elu", -40, "dead unit"), ("gelu", -20, "dead unit"), ("silu", -40, "dead unit"), ("softplus", -40, "dead unit"),
     ("tanh", 9, "saturated unit"), ("sigmoid", -12, "saturated unit")],
)  # fmt: skip
def test_other_activations_have_flat_parts_too(activation: str, bias: float, what: str) -> None:
    """On a flat side of g a unit dies, at a flat end of tanh or sigmoid it is saturated; step, layer, unit."""

    def push(control) -> None:
        control.edit(lambda parameters: parameters.b[2].__setitem__(7, bias))

    run = train([At(120, push)], activation=["relu", activation], epochs=10)
    found = run.find(what, steps=range(110, run.n_steps))
    assert (found.step, found.layer, found.unit, found.what) == (120, 2, 7, what)
    assert found.evidence["steepest_slope"] < found.evidence["steepest_slope_before"]
    assert found.evidence["killed_by"] == "edit before step 120"
    z = run.engine.forward(run.replay(120).update.old.parameters, run.rows.X).z[2][:, 7].astype(np.float64)
    h = 1e-4
    g = {"elu": lambda z: np.where(z > 0, z, np.expm1(z)), "gelu": lambda z: z * (np.abs(z) < 13), "tanh": np.tanh,
         "silu": lambda z: z / (1 + np.exp(-z)), "softplus": lambda z: np.logaddexp(0, z),
         "sigmoid": lambda z: 1 / (1 + np.exp(-z))}[activation]  # fmt: skip
    slope = float(np.max(np.abs((g(z + h) - g(z - h)) / (2 * h))))
    assert found.evidence["steepest_slope"] == pytest.approx(slope, rel=1e-3, abs=1e-9)


def test_a_leaky_unit_does_not_die() -> None:
    """Its slope is 0.01 where others are flat, so neither search names it, however low its bias."""

    def push(control) -> None:
        control.edit(lambda parameters: parameters.b[2].__setitem__(7, -50.0))

    run = train([At(120, push)], activation="leaky_relu", epochs=7)
    assert run.find("dead unit") is None and run.find("saturated unit") is None


def test_a_unit_killed_by_an_update() -> None:
    """A raised learning rate kills units of layer 1; the update that did it and the example that pushed are named."""
    run = train([At(200, lambda control: control.set(learning_rate=20.0))], epochs=15)
    found = run.find("dead unit", steps=range(100, run.n_steps))
    assert found.step == 201 and found.evidence["killed_by"] == "update of step 200"
    z = run.engine.forward(run.replay(found.step).update.old.parameters, run.rows.X).z[found.layer]
    assert not (z[:, found.unit] > 0).any()
    before = run.engine.forward(run.replay(200).update.old.parameters, run.rows.X).z[found.layer]
    assert (before[:, found.unit] > 0).any()
    assert found.row is None and found.example in run.replay(200).rows


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
def test_a_row_whose_products_overflow() -> None:
    """One row too large for float32: the step that met it, the first such number, its layer, unit and example."""
    wild = X.copy()
    wild[333] = 3e38
    run = train(X=wild, epochs=2)
    assert run.diverged is not None
    found, step = run.find("non-finite"), run.replay(-1)
    assert (found.step, found.example, found.layer) == (run.n_steps - 1, 333, 1)
    assert step.rows[found.row] == 333 and not np.isfinite(step.forward.z[1][found.row, found.unit])
    assert found.evidence["input_size"] == np.float32(3e38)
    milder = X.copy()
    milder[333, 5] = 3e38  # every number of its step is finite, but the weights it leaves are not of this world
    found = train(X=milder, optimizer=cr.SGD(1e-3), epochs=2).find("non-finite")
    assert found.example == 333 and found.row is None and "example 333" in found.evidence["pushed_by"]


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
def test_a_nan_that_an_edit_brought_in() -> None:
    """A NaN written into one weight stops the run; the search names its layer and the edit."""

    def spoil(control) -> None:
        control.edit(lambda parameters: parameters.W[2].__setitem__((3, 5), np.nan))

    run = train([At(77, spoil)])
    found = run.find("non-finite")
    assert (found.step, found.layer, found.unit) == (77, 2, 5)
    assert found.evidence["event"] == "edit before step 77" and found.evidence["quantity"] == "z2[0,5]"


def test_a_predicate_on_a_step() -> None:
    """The first step that fits, in the order given; what the function returned is the evidence."""
    run = train(epochs=5)
    first = next(t for t in range(run.n_steps) if run.losses[t] < 0.9)
    found = run.find(lambda step: step.backward.loss < 0.9)
    assert found.step == first and found.n_looked == first + 1
    assert run.find(lambda step: step.backward.loss < 0.9 and "low", steps=range(20, 100)).evidence == {"answer": "low"}
    assert run.find(lambda step: False, steps=slice(0, 5)) is None


def test_units_may_revive() -> None:
    """A unit that is silent on some batches only is not called dead."""
    run = train(epochs=3)
    found = run.find("dead unit")
    if found is not None:
        z = run.engine.forward(run.replay(found.step).update.old.parameters, run.rows.X).z[found.layer]
        assert not (z[:, found.unit] > 0).any()
    assert train(epochs=2, activation="tanh").find("dead unit") is None


def test_findings_are_told_in_both_languages() -> None:
    """Text within 80 columns, the same slots in both languages, plain JSON; an unknown name is refused."""
    run = train([At(100, lambda control: control.set(learning_rate=10.0))], epochs=8)
    found = run.find("loss doubles")
    for language in TEXT:
        result = found.text(language)
        assert "101" in result and max(map(columns, result.splitlines())) <= 80
    assert json.loads(json.dumps(found.to_dict()))["step"] == 101
    with pytest.raises(SettingsError, match="did you mean 'dead unit'"):
        run.find("dead units")
    with pytest.raises(SettingsError, match="language 'fr' is unknown"):
        found.text("fr")
