"""Parametric activations in both engines: every intermediate, any activation, and second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.native import NativeEngine
from chainrule.engine.native_tables import ACTIVATIONS, unable
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.reference.layer_kinds import LAYER_KINDS, PARAMETRIC
from chainrule.reference.optimizers import OPTIMIZERS
from tasks import digest
from tolerances import NATIVE, assert_close

KINDS = [name for name in ACTIVATIONS if f"{PARAMETRIC}{name}" in LAYER_KINDS and name != "exponential"]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.integers(0, 2, 40)


def begin(engine: Any, task: Task, settings: StepSettings) -> Any:
    parameters = initialize(task.architecture, choose("auto", task.architecture), 3)
    for alpha in parameters.alpha[1:3]:
        alpha[:] = np.random.default_rng(5).uniform(0.2, 1.7, len(alpha))
    session = engine.start(task, settings)
    session.load(parameters.flat, OPTIMIZERS[task.optimizer].start(parameters.flat, settings.optimizer))
    return session


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_number_of_a_step_agrees(activation: str, dtype: str) -> None:
    """z, u, a, delta, du, dalpha and the gradient; with a mask and a residual connection on the way."""
    architecture = Architecture.build([3, 17, 17, 2], activation, dtype=dtype, parametric=True, residual=True)
    assert unable(architecture) is None
    settings = StepSettings(optimizer={}, dropout=0.2, learning_rate_factors={"alpha": 0.1})
    task = Task(
        architecture=architecture, X=X.astype(dtype), targets=Y.astype(np.int32), weight=None, optimizer="adam",
        batch_size=13, seed=2,
    )  # fmt: skip
    found = begin(NativeEngine(1), task, settings)
    record, expected = found.record(0, 0.05, settings), begin(NumpyEngine(), task, settings).record(0, 0.05, settings)
    for l in (1, 2, 3):
        for part in ("z", "u", "a"):
            one, other = getattr(record.forward, part)[l], getattr(expected.forward, part)[l]
            assert (one is None) == (other is None)
            if other is not None:
                assert_close(one, other, NATIVE[dtype], f"{part}{l}")
        for part in ("delta", "du", "dW", "db", "dalpha"):
            one, other = getattr(record.backward, part)[l], getattr(expected.backward, part)[l]
            assert (one is None) == (other is None)
            if other is not None:
                assert_close(one, other, NATIVE[dtype], f"{part}{l}")
    assert_close(record.update.gradient.flat, expected.update.gradient.flat, NATIVE[dtype], "gradient")
    fused = begin(NativeEngine(2), task, settings)
    fused.advance(0, np.full(1, 0.05), settings)
    assert digest(fused) == digest(found)


def test_an_alpha_of_1_is_the_activation_and_of_0_the_identity() -> None:
    """The two ends, by prediction."""
    net = cr.Network([3, 5, 2], activation="tanh", parametric=True, dtype="float64", seed=1)
    plain = cr.Network([3, 5, 2], activation="tanh", dtype="float64", seed=1)
    assert np.allclose(net.predict_proba(X), plain.predict_proba(X), rtol=1e-12)
    net.parameters.alpha[1][:] = 0
    linear = cr.Network([3, 5, 2], activation="identity", dtype="float64", seed=1)
    linear.parameters.flat[:] = plain.parameters.flat
    assert np.allclose(net.predict_proba(X), linear.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "mish", "selu"])
def test_gradients_and_second_derivatives_agree_with_differences(activation: str) -> None:
    """Every alpha, and H·v against the difference of two gradients."""
    net = cr.Network([3, 6, 2], activation=activation, parametric=True, dtype="float64")
    assert cr.check_gradients(net, X, Y).passed
    theta, v = net.parameters.flat.copy(), np.random.default_rng(1).normal(size=net.parameters.flat.shape)
    found = NativeEngine(1).second_order(net.parameters, X, Y.astype(np.int32)).product(v)
    ends = []
    for h in (1e-6, -1e-6):
        parameters = Parameters(net.architecture, theta + h * v)
        ends.append(NumpyEngine().second_order(parameters, X, Y.astype(np.int32)).gradient)
    assert np.allclose(found, (ends[0] - ends[1]) / 2e-6, rtol=1e-5, atol=1e-7)


def test_a_run_with_parametric_activations_is_told_replayed_and_explained(tmp_path: Any) -> None:
    """explain in both languages, why of u, alpha and dalpha, loading, vitals, doctor and the page."""
    net = cr.Network([3, 6, 2], activation="selu", parametric=True, dtype="float64")
    run = cr.train(net, X, Y, epochs=3, batch_size=16, directory=tmp_path / "run", validation=0.2)
    again = cr.load(tmp_path / "run")
    assert np.array_equal(again.network.parameters.flat, run.network.parameters.flat)
    step = again.replay(2)
    assert "u1 = z1 + alpha1" in step.explain()
    assert "alpha¹" in step.explain(language="ko", notation="note")
    for expression, value in {
        "u1[2,3]": step.forward.u[1][2, 3], "delta1[2,3]": step.backward.delta[1][2, 3],
        "dalpha1[4]": step.backward.dalpha[1][4], "alpha1[4]": step.update.new.parameters.alpha[1][4],
    }.items():  # fmt: skip
        why = step.why(expression)
        assert why.value == value
        assert why.origin.last == pytest.approx(value, rel=1e-9)
    assert step.circuit() is not None
    assert run.vitals()
    assert run.doctor().text("ko")
    run.report(tmp_path / "page.html")


def test_what_has_no_meaning_is_refused() -> None:
    """No hidden layer, a normalisation besides, an activation that mixes units."""
    with pytest.raises(cr.SettingsError, match="A layer has one kind"):
        cr.Network([3, 4, 2], parametric=True, normalization="layer")
    with pytest.raises(cr.SettingsError, match="0 hidden layers"):
        cr.Network([3, 2], parametric=True)
    with pytest.raises(cr.SettingsError, match="no parametric kind"):
        cr.Network([3, 4, 2], activation="identity", parametric=True)
