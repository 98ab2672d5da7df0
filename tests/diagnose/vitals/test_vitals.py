"""Vital signs: by hand where a hand can do it, against definitions elsewhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.vitals.deaths import deaths
from chainrule.diagnose.vitals.steps import chosen_steps
from chainrule.text.tables import columns

RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def train(**options) -> cr.Run:
    net = options.pop("net", None) or cr.Network([6, 12, 8, 2], "tanh", seed=1, dtype="float64")
    return cr.train(net, X, Y, **{"optimizer": cr.SGD(0.1), "epochs": 5, "progress": False, **options})


def test_steps_are_close_at_first_and_end_with_the_last() -> None:
    """Steps are in order, without repetition, from 0 to the last, half of them before the first checkpoint."""
    steps = chosen_steps(5000, range(0, 5001, 100))
    assert steps == sorted(set(steps)) and steps[0] == 0 and steps[-1] == 4999
    assert sum(step < 100 for step in steps) >= 8
    assert chosen_steps(0, [0]) == [] and chosen_steps(1, [0, 1]) == [0]


def test_overshoot_on_a_parabola() -> None:
    """One linear unit, one row x = 1, y = 0: J = ½w², λ = 1 of w alone; η = 1 lands at the lowest point, α = 0;
    η = 0.5 goes half of the way, α = −0.5; η = 2 ends as high on the other side, α = 1."""
    for eta, alpha in ((1.0, 0.0), (0.5, -0.5), (2.0, 1.0)):
        net = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64", seed=0)
        net.W[1][:], net.b[1][:] = 1.0, 0.0
        # x = 1 moves the bias as well: with both, the curvature along the step is 2, so η is halved.
        run = cr.train(net, np.ones((1, 1)), np.zeros(1), optimizer=cr.SGD(eta / 2), epochs=1, progress=False)
        signs = run.vitals()[0]
        assert signs.overshoot == pytest.approx(alpha, abs=1e-12)
        assert signs.sharpness == pytest.approx(2.0, rel=1e-4)
        assert signs.eta_lambda == pytest.approx(eta, rel=1e-4)


def test_the_factors_multiply_to_what_is_left_of_the_error_signal() -> None:
    """rms of delta[1] over that of delta[L] is the product of the factors of weights and slopes."""
    step = train().replay(3)
    signs = train().vitals(steps=[3])[0].layers
    left = np.prod([s.by_weights * s.by_slope for s in signs[:-1]])
    rms = [np.sqrt((step.backward.delta[l] ** 2).mean()) for l in (1, 3)]
    assert left == pytest.approx(rms[0] / rms[1], rel=1e-12)


def test_noise_against_single_gradients() -> None:
    """tr Σ / ‖G‖² equals the one computed from a backward pass for every row of the batch."""
    run = train(batch_size=150)
    step, net = run.replay(0), cr.Network([6, 12, 8, 2], "tanh", dtype="float64")
    net.parameters.flat[:] = step.update.old.parameters.flat
    each = []
    for row in step.rows:
        g = net.backward(X[[row]], Y[[row]])
        each.append(np.concatenate([np.concatenate([g.dW[l].ravel(), g.db[l]]) for l in (1, 2, 3)]))
    each = np.array(each)
    trace = each.var(axis=0, ddof=1).sum()
    signal = (each.mean(axis=0) ** 2).sum() - trace / len(each)
    assert signal > 0
    assert run.vitals(steps=[0])[0].noise == pytest.approx(trace / signal, rel=1e-9)


def test_the_step_of_a_death() -> None:
    """Units fall silent one by one; halving finds the step of each, and 0 for one that never woke."""
    born = np.array([0, 7, 7, 23, 1000])

    def silent(step: int):
        return [step >= born]

    found = {unit: death.step for death in deaths(silent, [0, 5, 10, 20, 40]) for unit in death.units}
    assert found == {0: 0, 1: 7, 2: 7, 3: 23}


def test_an_overshoot_kills_and_the_step_is_told() -> None:
    """After an edit of the biases at step 12 a layer is silent from step 12 on."""

    class Kill:
        def on_step_end(self, control) -> None:
            if control.step == 12:
                control.edit(lambda p: p.b[1].__setitem__(slice(None), -1e3))

    run = train(net=cr.Network([6, 12, 8, 2], "relu", seed=1), callbacks=[Kill()])
    assert [(death.layer, death.step, len(death.units)) for death in run.vitals().deaths if death.layer == 1] == [
        (1, 12, 12)
    ]


def test_vitals_change_nothing_and_are_told_in_both_languages() -> None:
    """Replay gives the same bits after vitals; text fits 80 columns; to_dict is JSON."""
    run = train(batch_size=8)
    before = run.replay(20).update.new.parameters.flat.copy()
    vitals = run.vitals()
    assert np.array_equal(run.replay(20).update.new.parameters.flat, before)
    for language in ("en", "ko"):
        assert max(map(columns, vitals.text(language).splitlines())) <= 80
    assert json.loads(json.dumps(vitals.to_dict()))["steps"][0]["step"] == 0
    assert all(s.sharpness is None for s in run.vitals(steps=[1, 2], sharpness=False))
    with pytest.raises(cr.SettingsError, match="step=9999"):
        run.vitals(steps=[9999])


def test_units_of_a_parametric_layer_are_those_of_the_whole() -> None:
    """With alpha = 1 a rectifier whose z is below 0 is silent; with alpha = ½ its slope is ½ there."""
    net = cr.Network([1, 3, 1], "relu", "identity", "squared_error", parametric=True)
    net.W[1][:], net.b[1][:] = [[0.0, 0.0, 1.0]], [-1.0, -1.0, 2.0]
    X = np.linspace(-1, 1, 20)[:, None]
    net.parameters.alpha[1][:] = [1.0, 0.5, 1.0]
    optimizer = cr.SGD(learning_rate=1e-12)
    run = cr.train(net, X, X[:, 0], epochs=1, optimizer=optimizer, progress=False)
    layer = run.vitals(steps=0).steps[0].layers[0]
    assert layer.units == (0,) and layer.silent == pytest.approx(1 / 3)
