"""The scalar view: circuits of the literature, and a small network against its backward pass."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingsError
from chainrule.explain.circuit.circuit import Circuit
from chainrule.explain.circuit.draw import TEXT
from chainrule.explain.circuit.examples import CIRCUITS
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES
from chainrule.text.tables import columns

RNG = np.random.default_rng(1)
X = RNG.normal(size=(20, 3))


def test_the_circuits_of_cs231n() -> None:
    """(x + y)·z; each pattern once; inputs can be changed."""
    product = cr.circuit("product")
    assert product.value == -12 and product.gradients == {"x": -4, "y": -4, "z": 3}
    maximum = cr.circuit("max")
    assert maximum.value == -20 and maximum.gradients == {"x": -8, "y": 6, "z": 2, "w": 0}
    assert cr.circuit("product", x=4.0, y=-3.0, z=1.0).value == 1
    assert cr.circuit("max", w=5.0).gradients["w"] == 2
    kinds = {gate.kind: cr.circuit("max").to_dict()["gates"][i]["pattern"] for i, gate in enumerate(maximum.gates)}
    assert {k: p for k, p in kinds.items() if p} == {"multiply": "swaps", "add": "distributes", "max": "routes"}


def test_gradients_add_up_at_forks() -> None:
    """x·x has the gradient x + x, and the text says that the two edges are added."""
    c = Circuit("f = x·x")
    x = c.input("x", 3.0)
    c.gate("multiply", x, x, name="f")
    assert c.backward().gradients == {"x": 6.0}
    assert "x is used 2 times" in c.text() and "3 + 3 = 6" in c.text()


@pytest.mark.parametrize("name", CIRCUITS)
@pytest.mark.parametrize("language", TEXT)
def test_every_circuit_can_be_shown(name: str, language: str) -> None:
    """Text within 80 columns, Mermaid with an edge for every use of a number, JSON; differences agree."""
    c = cr.circuit(name)
    assert max(map(columns, c.text(language).splitlines())) <= 80
    n_edges = sum(len(gate.inputs) for gate in c.gates)
    assert c.to_mermaid().count(" -->|") == n_edges
    assert json.loads(json.dumps(c.to_dict()))["value"] == c.value
    for one, gradient in c.gradients.items():
        h = 1e-6
        above, below = (cr.circuit(name, **{one: c.values[one] + d}).value for d in (h, -h))
        assert (above - below) / (2 * h) == pytest.approx(gradient, abs=1e-8)


@pytest.mark.parametrize(
    ("loss", "output"),
    [(loss, output) for loss in LOSSES for output in LOSSES[loss].pairs],
)
def test_a_network_as_a_circuit_has_the_gradients_of_its_backward_pass(loss: str, output: str) -> None:
    """Every activation and legal loss: W, b and x of the scalar circuit as of reference backward, row by row."""
    y = RNG.integers(0, 2, size=(20, 2)) if LOSSES[loss].of_classes and output == "sigmoid" else None
    y = np.eye(2)[RNG.integers(0, 2, size=20)] if y is None and LOSSES[loss].of_classes else y
    y = RNG.uniform(0.1, 1, size=(20, 2)) if y is None else y
    for activation in ACTIVATIONS:
        sizes = [3, 4, 2 * LOSSES[loss].n_heads]
        net = cr.Network(sizes, activation, output, loss, initializer="glorot_normal", dtype="float64", seed=3)
        net.b[2][:] = 0.3
        run = cr.train(net, 0.1 * X, y, batch_size=1, epochs=1, shuffle=False, optimizer=cr.SGD(1e-3), progress=False)
        step = run.replay(3)
        c = step.circuit()
        assert c.value == pytest.approx(step.backward.loss, rel=1e-9)
        for l in (1, 2):
            for (k, j), g in np.ndenumerate(step.backward.dW[l]):
                assert c.gradients[f"W{l}[{k},{j}]"] == pytest.approx(g, rel=1e-7, abs=1e-12)
            for j, g in enumerate(step.backward.db[l]):
                assert c.gradients[f"b{l}[{j}]"] == pytest.approx(g, rel=1e-7, abs=1e-12)
        for k, g in enumerate(step.backward.dX[0]):
            assert c.gradients[f"x[{k}]"] == pytest.approx(g, rel=1e-7, abs=1e-12)


def test_normalised_and_residual_layers_as_circuits() -> None:
    """Layer normalisation and residual connections, gate by gate, have the gradients of the backward pass."""
    net = cr.Network([3, 4, 4, 2], "tanh", normalization="layer", residual=True, dtype="float64", seed=3)
    y = RNG.integers(0, 2, size=20)
    step = cr.train(net, X, y, batch_size=1, epochs=1, shuffle=False, progress=False).replay(3)
    c, b = step.circuit(), step.backward
    assert c.value == pytest.approx(b.loss, rel=1e-9)
    for name, arrays in (("W", b.dW), ("b", b.db), ("gain", b.dgain), ("shift", b.dshift)):
        for l in (1, 2, 3):
            for at, g in () if arrays[l] is None else np.ndenumerate(arrays[l]):
                place = ",".join(map(str, at))
                assert c.gradients[f"{name}{l}[{place}]"] == pytest.approx(g, rel=1e-7, abs=1e-12)


def test_dropout_is_part_of_the_circuit() -> None:
    """A dropped unit has a mask of 0 in the circuit, and its weights the gradient 0."""
    run = cr.train(
        cr.Network([3, 8, 2], dtype="float64"), X, RNG.integers(0, 2, size=20), dropout=0.5, batch_size=1, epochs=1,
        progress=False,
    )  # fmt: skip
    step = run.replay(4)
    c, mask = step.circuit(), step.forward.masks[1][0]
    assert (mask == 0).any() and c.value == pytest.approx(step.backward.loss)
    assert all(c.gradients[f"W1[0,{j}]"] == 0 for j in np.flatnonzero(mask == 0))


def test_limits_and_names_are_told() -> None:
    """A large network, an unknown circuit, input or gate is a SettingsError that says what there is."""
    run = cr.train(cr.Network([3, 400, 2]), X, RNG.integers(0, 2, size=20), epochs=1, progress=False)
    with pytest.raises(SettingsError, match="drawn up to 1,000"):
        run.replay(0).circuit()
    with pytest.raises(SettingsError, match="did you mean 'sigmoid'"):
        cr.circuit("sigmoit")
    with pytest.raises(SettingsError, match="this circuit has x, y, z"):
        cr.circuit("product", q=1.0)
    c = Circuit("")
    with pytest.raises(SettingsError, match="gate='softmax': must be one of"):
        c.gate("softmax", c.input("x", 1.0))
