"""Golden numbers: worked examples of the literature to all digits, and recorded trainings to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
import golden_trainings as golden
from tolerances import NATIVE_100_STEPS, assert_close

EXACT = {"rtol": 5e-15, "atol": 0}
"""A few units in the last place: the examples were computed in another order of operations."""


def test_cs231n_neuron() -> None:
    """σ(w0·x0 + w1·x1 + w2) at w = [2, −3, −3], x = [−1, −2]: value, dw, db and dx of CS231n."""
    net = cr.Network([2, 1], output="sigmoid", loss="squared_error", dtype="float64")
    net.W[1][:] = [[2.0], [-3.0]]
    net.b[1][:] = -3.0
    forward = net.forward([[-1.0, -2.0]])
    assert forward.z[1][0, 0] == 1.0
    np.testing.assert_allclose(forward.output[0, 0], 0.7310585786300049, **EXACT)
    # ½(a − y)² has the slope a − y = 1 at y = a − 1, so the gradients are those of σ itself.
    g = net.backward([[-1.0, -2.0]], [[forward.output[0, 0] - 1.0]])
    np.testing.assert_allclose(g.dW[1][:, 0], [-0.19661193324148185, -0.3932238664829637], **EXACT)
    np.testing.assert_allclose(g.db[1], [0.19661193324148185], **EXACT)
    np.testing.assert_allclose(g.dX[0], [0.3932238664829637, -0.5898357997244456], **EXACT)


def test_cs231n_circuits() -> None:
    """(x + y)·z, the sigmoid neuron gate by gate, and the staged computation, as scalar circuits."""
    product, neuron, staged = (cr.circuit(name) for name in ("product", "sigmoid", "staged"))
    assert (product.value, product.gradients) == (-12, {"x": -4, "y": -4, "z": 3})
    assert neuron.values["dot"] == 1
    np.testing.assert_allclose(neuron.value, 0.7310585786300049, **EXACT)
    ddot = next(gate.gradient for gate in neuron.gates if gate.name == "dot")
    np.testing.assert_allclose(ddot, 0.19661193324148185, **EXACT)
    result = [neuron.gradients[name] for name in ("w0", "w1", "w2", "x0", "x1")]
    dw = [-0.19661193324148185, -0.3932238664829637, 0.19661193324148185]
    np.testing.assert_allclose(result, [*dw, 0.3932238664829637, -0.5898357997244456], **EXACT)
    np.testing.assert_allclose(staged.value, 1.5456448841066441, **EXACT)
    np.testing.assert_allclose(staged.gradients["x"], 2.0595697955721652, **EXACT)
    np.testing.assert_allclose(staged.gradients["y"], 1.5922327514838093, **EXACT)


@pytest.mark.parametrize(
    ("start", "outputs"),
    [
        ((0.6, 0.9), (0.8175744761936437, 0.15273988563341825, 0.09395569486364724)),
        ((2.0, 2.0), (0.9820137900379085, 0.933417472557329, 0.2028484242677765)),
    ],
)
def test_nielsen_neuron(start: tuple[float, float], outputs: tuple[float, ...]) -> None:
    """Nielsen's one neuron learns x = 1 → 0 at η = 0.15: its output at the start, after 150 and 300 epochs."""
    net = cr.Network([1, 1], output="sigmoid", loss="squared_error", dtype="float64")
    net.W[1][:], net.b[1][:] = start
    run = cr.train(net, [[1.0]], [[0.0]], optimizer=cr.SGD(0.15), epochs=300, batch_size=1, progress=False)
    lines = [
        net.forward([[1.0]]).output[0, 0],
        run.replay(150).forward.output[0, 0],
        run.network.forward([[1.0]]).output[0, 0],
    ]
    np.testing.assert_allclose(lines, outputs, rtol=1e-13)


def mazur() -> cr.Network:
    """The 2-2-2 network of Matt Mazur's step-by-step example; his W is [out, in], ours [in, out]."""
    net = cr.Network([2, 2, 2], activation="sigmoid", output="sigmoid", loss="squared_error", dtype="float64")
    net.W[1][:] = np.array([[0.15, 0.20], [0.25, 0.30]]).T
    net.W[2][:] = np.array([[0.40, 0.45], [0.50, 0.55]]).T
    net.b[1][:], net.b[2][:] = 0.35, 0.60
    return net


def test_mazur_two_layers() -> None:
    """Every number of the example: both activations, the error, both deltas, the new weights, the new error."""
    net, x, y = mazur(), [[0.05, 0.10]], [[0.01, 0.99]]
    forward, g = net.forward(x), net.backward(x, y)
    np.testing.assert_allclose(forward.a[1][0], [0.5932699921071872, 0.596884378259767], **EXACT)
    np.testing.assert_allclose(forward.output[0], [0.7513650695523157, 0.7729284653214625], **EXACT)
    np.testing.assert_allclose(g.loss, 0.2983711087600027, **EXACT)
    np.testing.assert_allclose(g.delta[2][0], [0.13849856162855695, -0.03809823651655624], **EXACT)
    np.testing.assert_allclose(g.delta[1][0], [0.00877135468948693, 0.0099542547052172], **EXACT)
    net.W[1][:] -= 0.5 * g.dW[1]
    net.W[2][:] -= 0.5 * g.dW[2]
    new_1 = [[0.1497807161327628, 0.19956143226552567], [0.24975114363236958, 0.29950228726473915]]
    new_2 = [[0.35891647971788465, 0.4086661860762334], [0.5113012702387375, 0.5613701211079891]]
    np.testing.assert_allclose(net.W[1].T, new_1, **EXACT)
    np.testing.assert_allclose(net.W[2].T, new_2, **EXACT)
    np.testing.assert_allclose(net.backward(x, y).loss, 0.29102777369359933, **EXACT)


def test_exact_xor() -> None:
    """The Deep Learning Book's XOR network answers exactly 0, 1, 1, 0."""
    net = cr.Network([2, 2, 1], activation="relu", output="identity", loss="squared_error", dtype="float64")
    net.W[1][:], net.b[1][:] = 1.0, [0.0, -1.0]
    net.W[2][:], net.b[2][:] = [[1.0], [-2.0]], 0.0
    assert net.forward([[0, 0], [0, 1], [1, 0], [1, 1]]).output[:, 0].tolist() == [0, 1, 1, 0]


def test_every_recorded_training_exists() -> None:
    """The record and the list of trainings name the same; `python tests/golden_trainings.py --write` records."""
    known = golden.recorded()
    assert set(known["native"]) == set(golden.cases())
    assert set(known["numpy"]) == set(golden.exact_cases())


@pytest.mark.parametrize("name", golden.cases())
def test_bits_of_native_trainings(name: str) -> None:
    """The weights after a training are to the bit what was recorded."""
    pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
    run = golden.train("native", **golden.cases()[name])
    assert golden.digest(run.network) == golden.recorded()["native"][name]


@pytest.mark.parametrize("name", golden.exact_cases())
def test_bits_of_numpy_trainings(name: str) -> None:
    """Where the NumPy engine's bits depend on no library, they are what was recorded."""
    run = golden.train("numpy", **golden.exact_cases()[name])
    assert golden.digest(run.network) == golden.recorded()["numpy"][name]


@pytest.mark.parametrize("name", golden.cases())
def test_numpy_trains_as_native_does(name: str) -> None:
    """The two engines end a training with the same weights, to the rounding of its steps."""
    pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
    case = golden.cases()[name]
    native, numpy = (golden.train(engine, **case).network for engine in ("native", "numpy"))
    found, expected = (np.concatenate([w.ravel() for w in [*n.W[1:], *n.b[1:]]]) for n in (numpy, native))
    assert_close(found, expected, NATIVE_100_STEPS[case.get("dtype", "float32")], name)
