"""A network with an input layer is trained, replayed, told, explained, checked, saved and shown like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.select import reference
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.text.tables import columns
from input_layers import INPUT_LAYERS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 3))
X[:, 1] = RNG.integers(0, 4, 48)
Y = (X[:, 0] + (X[:, 1] == 2) > 0.3).astype(int)


def network(name: str, dtype: str = "float32") -> cr.Network:
    architecture = Architecture.build([3, 6, 2], "tanh", dtype=dtype, inputs=INPUT_LAYERS[name])
    return cr.Network.of(initialize(architecture, choose("auto", architecture), 0), "class")


@pytest.fixture(params=list(INPUT_LAYERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def learned(of: Any) -> list[str]:
    return list(of.architecture.inputs.tensors)


def told(run: Any, t: int) -> Any:
    """A step, of networks side by side as the last of them did it."""
    step = run.replay(t)
    return step.member(step.architecture.members - 1)


def test_gradients_agree_with_differences(name: str) -> None:
    """Every tensor of the input layer, and X."""
    found = cr.check_gradients(network(name, "float64"), X, Y)
    assert found.passed, found
    assert all(f"{tensor}0" in found.tensors for tensor in network(name).architecture.inputs.tensors)


def test_a_run_is_saved_replayed_and_loaded_to_the_bit(name: str, tmp_path: Path) -> None:
    """Model file, record and replay hold everything."""
    run = cr.train(network(name), X, Y, epochs=4, batch_size=10, directory=tmp_path / "run", validation=0.2)
    again = cr.load(tmp_path / "run")
    assert np.array_equal(again.network.parameters.flat, run.network.parameters.flat)
    assert again.network.architecture == run.network.architecture
    assert np.array_equal(again.predict_proba(X), run.predict_proba(X))
    step, other = run.replay(5), again.replay(5)
    assert np.array_equal(step.update.new.parameters.flat, other.update.new.parameters.flat)
    for tensor in learned(run.network):
        assert getattr(run.network.parameters, tensor)[0] is not None


@pytest.mark.parametrize("language", ["en", "ko"])
def test_steps_are_told(name: str, language: str) -> None:
    """explain, the diagram and the notations have an input layer."""
    run = cr.train(network(name), X, Y, epochs=1, batch_size=16)
    step = told(run, 1)
    for notation in ("batch", "note", "nielsen"):
        text = step.explain(language=language, notation=notation)
        assert step.architecture.inputs.kinds[0].label in text
        assert max(map(columns, text.splitlines())) <= 80
    assert "X --> A0" in step.to_mermaid()
    assert step.to_dict()["backward"][f"d{learned(step)[0]}"][0] is not None


def test_every_number_has_an_origin_that_ends_at_it(name: str) -> None:
    """why of X, a0, da0, dX and of every tensor: the value is the recorded one, and differences of J agree."""
    run = cr.train(network(name, "float64"), X, Y, epochs=2, batch_size=16, optimizer=cr.Adam(learning_rate=0.01))
    step = told(run, 2)
    f, b = step.forward, step.backward
    recorded = {"X[2,1]": f.z[0][2, 1], "a0[2,1]": f.a[0][2, 1], "da0[2,1]": b.du[0][2, 1], "dX[2,0]": b.dX[2, 0]}
    for tensor in learned(step):
        gradient = b.of_tensor(tensor)[0]
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(np.abs(gradient))), gradient.shape))
        place = ",".join(map(str, at))
        recorded[f"d{tensor}0[{place}]"] = gradient[at]
        recorded[f"{tensor}0[{place}]"] = getattr(step.update.new.parameters, tensor)[0][at]
    for expression, value in recorded.items():
        found = step.why(expression)
        assert found.value == value, expression
        assert found.origin.last == pytest.approx(value, rel=1e-9, abs=1e-14), expression
        if found.twin is not None:
            assert found.twin.numeric == pytest.approx(value, rel=1e-5, abs=1e-8), expression
        assert step.why(expression).text("ko")


def test_the_predicted_change_of_the_loss_counts_the_input_layer(name: str) -> None:
    """Σ g·Δ over all tensors is that of the flat vectors."""
    run = cr.train(network(name, "float64"), X, Y, epochs=1, batch_size=16, optimizer=cr.SGD(learning_rate=0.01))
    step = told(run, 0)
    flat = np.concatenate([b.ravel() for b in _gradients(step)])
    change = step.update.new.parameters.flat - step.update.old.parameters.flat
    assert step.why("loss").prediction.predicted == pytest.approx(float(flat @ change), rel=1e-10)


def _gradients(step: Any) -> list[Any]:
    architecture = step.architecture
    return [step.backward.of_tensor(n)[l] for l, layer in architecture.numbered for n in layer.tensors]


def test_second_derivatives_are_those_of_differences(name: str) -> None:
    """H·v against the difference of two gradients."""
    net = network(name, "float64")
    theta, rng = net.parameters.flat.copy(), np.random.default_rng(1)
    v = rng.normal(size=theta.shape)
    hessian = reference().second_order(net.parameters, X, Y.astype(np.int32))

    def gradient(flat: Any) -> Any:
        parameters = Parameters(net.architecture, flat)
        return reference().second_order(parameters, X, Y.astype(np.int32)).gradient

    h = 1e-5
    expected = (gradient(theta + h * v) - gradient(theta - h * v)) / (2 * h)
    assert np.allclose(hessian.product(v), expected, rtol=1e-5, atol=1e-7)


def test_vitals_search_doctor_and_page_work(name: str, tmp_path: Path) -> None:
    """Nothing that walks layers stumbles over layer 0."""
    run = cr.train(network(name), X, Y, epochs=3, batch_size=16, validation=0.2)
    assert run.vitals()
    if run.network.architecture.members == 1:
        assert run.doctor().text("ko")
    else:
        with pytest.raises(cr.SettingsError, match="members"):
            run.doctor()
    run.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 50_000
    found = run.find("loss doubles")
    assert found is None or found.step > 0


def test_a_checked_file_refuses_an_unknown_kind(tmp_path: Path) -> None:
    """A kind of a later version is named."""
    values = Architecture.build([3, 2], inputs=[{"kind": "scale"}]).to_dict()
    values["inputs"][0]["kind"] = "warp"
    with pytest.raises(cr.SettingsError, match="warp"):
        Architecture.from_dict(values)
