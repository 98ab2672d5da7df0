"""The native engine computes what the reference states."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.engine.threads import paying_threads
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.reference.losses import LOSSES, loss_named
from tasks import begin, digest, make_task
from tolerances import NATIVE, NATIVE_100_STEPS, assert_close, normalised

pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule.engine.native import NativeEngine
from chainrule.engine.native_tables import ACTIVATIONS, unable

SIZES = [1, 2, 3, 15, 16, 17, 63, 65, 100]
GRADIENTS = ("delta", "du", "dW", "db", "dgain", "dshift")
PAIRS = [
    (loss, output)
    for loss in (*LOSSES, "quantile:0.9", "focal:0.5")
    for output in loss_named(loss).pairs
    if loss_named(loss).heads is None
]
HYPER: list[tuple[str, dict[str, Any]]] = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.9}),
    ("sgd", {"momentum": 0.9, "nesterov": True}),
    *((name, {}) for name in ("rmsprop", "adagrad", "adam", "adamw", "sgd_sutskever", "adam_epsilon_hat")),
    ("sgd_sutskever", {"momentum": 0.9, "nesterov": False}),
]
EXTRAS = [
    {},
    {"l2": 0.02},
    {"l1": 0.01, "l2": 0.02},
    {"dropout": 0.3},
    {"clip_norm": 0.05},
    {"alpha": 0.7},
    {"alpha": 0.7, "l2": 0.01, "clip_norm": 0.05},
    {"dropout": 0.5, "clip_norm": 0.1, "l2": 0.1},
]


def assert_same_arrays(found: Any, expected: Any, parts: tuple[str, ...], l: int, tolerance: float) -> None:
    for part in parts:
        one, other = getattr(found, part)[l], getattr(expected, part)[l]
        assert (one is None) == (other is None), f"{part}[{l}]"
        if other is not None:
            assert_close(one, other, tolerance, f"{part}[{l}]")


def assert_same_record(found: Any, expected: Any, tolerance: float) -> None:
    assert found.step == expected.step
    assert found.epoch == expected.epoch
    assert np.array_equal(found.rows, expected.rows)
    assert_close(found.backward.loss, expected.backward.loss, tolerance, "J")
    assert_close(found.penalty, expected.penalty, tolerance, "penalty")
    for l in range(1, len(expected.forward.z)):
        if expected.forward.masks is not None and l + 1 < len(expected.forward.z):
            assert np.array_equal(found.forward.masks[l], expected.forward.masks[l])
        assert_same_arrays(found.forward, expected.forward, ("z", "u", "a"), l, tolerance)
        assert_same_arrays(found.backward, expected.backward, GRADIENTS, l, tolerance)
    assert_close(found.backward.dX, expected.backward.dX, tolerance, "dX")
    assert_close(found.update.gradient.flat, expected.update.gradient.flat, tolerance, "gradient")


def assert_parity(task: Task, settings_: StepSettings) -> None:
    """A recorded first step agrees with the NumPy engine in everything, and a fused one has the recorded bits."""
    found = begin(NativeEngine(1), task, settings_)
    expected = begin(NumpyEngine(), task, settings_)
    recorded = expected.record(0, 0.05, settings_)
    tolerance = normalised(NATIVE[task.architecture.dtype], recorded)
    assert_same_record(found.record(0, 0.05, settings_), recorded, tolerance)
    fused = begin(NativeEngine(2), task, settings_)
    fused.advance(0, np.full(1, 0.05), settings_)
    assert digest(fused) == digest(found)


@settings(max_examples=60)
@given(
    hidden=st.lists(st.sampled_from(SIZES), min_size=0, max_size=3),
    ends=st.tuples(st.sampled_from(SIZES), st.sampled_from([1, 2, 3, 10, 17, 65])),
    activation=st.sampled_from([name for name in ACTIVATIONS if name not in ("softmax", "exponential")]),
    pair=st.sampled_from(PAIRS),
    batch_size=st.sampled_from([1, 2, 7, 16, 33, 100]),
    hyper=st.sampled_from(HYPER),
    extra=st.sampled_from(EXTRAS),
    dtype=st.sampled_from(["float32", "float64"]),
    weighted=st.booleans(),
    labels=st.booleans(),
)
def test_parity_over_architectures(
    hidden: list[int], ends: tuple[int, int], activation: str, pair: tuple[str, str], batch_size: int,
    hyper: tuple[str, dict[str, Any]], extra: dict[str, float], dtype: str, weighted: bool, labels: bool,
) -> None:  # fmt: skip
    """Every intermediate of a step agrees with the reference, whatever the architecture and the settings."""
    loss, output = pair
    if output == "exponential":
        activation = "tanh"  # e^z of unbounded units leaves the range in which two sums can agree
    if output == "softmax" and ends[1] == 1:
        ends = (ends[0], 2)
    task = make_task(
        [ends[0], *hidden, ends[1]], activation, output, loss, dtype, batch_size=batch_size, optimizer=hyper[0],
        weighted=weighted, labels=labels and loss_named(loss).of_classes,
    )  # fmt: skip
    assert_parity(task, StepSettings(optimizer=hyper[1], **extra))


@pytest.mark.parametrize(("sizes", "batch_size"), [([784, 1000, 10], 513), ([129, 257, 100], 65), ([5, 1000, 3], 10)])
def test_parity_of_wide_layers(sizes: list[int], batch_size: int) -> None:
    """Layers of many panels and batches of many tiles agree too."""
    assert_parity(make_task(sizes, n=batch_size + 5, batch_size=batch_size), StepSettings())


@pytest.mark.parametrize("l2", [0.0, 0.01])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parity_of_a_large_layer_with_adam(dtype: str, l2: float) -> None:
    """Where W exceeds the caches near a core, the update runs beside the product, with the same bits."""
    task = make_task([301, 257, 3], dtype=dtype, n=205, batch_size=100, optimizer="adam")
    assert_parity(task, StepSettings(l2=l2))


@settings(max_examples=60)
@given(
    widths=st.lists(st.sampled_from(SIZES), min_size=1, max_size=2),
    repeats=st.integers(1, 3),
    n_inputs=st.sampled_from([3, 16, 17]),
    activation=st.sampled_from([name for name in ACTIVATIONS if name not in ("softmax", "exponential")]),
    batch_size=st.sampled_from([1, 2, 7, 16, 33, 100]),
    hyper=st.sampled_from(HYPER),
    extra=st.sampled_from(EXTRAS),
    dtype=st.sampled_from(["float32", "float64"]),
    kinds=st.lists(st.sampled_from([None, "layer"]), min_size=6, max_size=6),
    skips=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_parity_of_normalised_and_residual_layers(
    widths: list[int], repeats: int, n_inputs: int, activation: str, batch_size: int,
    hyper: tuple[str, dict[str, Any]], extra: dict[str, float], dtype: str, kinds: list[str | None], skips: list[bool],
) -> None:  # fmt: skip
    """Every intermediate agrees for any mixture of normalised, residual and plain layers."""
    sizes = [n_inputs, *(width for width in widths for _ in range(repeats)), 3]
    n = len(sizes) - 2
    fits = [skip and sizes[l] == sizes[l + 1] for l, skip in enumerate(skips[:n])]
    task = make_task(
        sizes, activation, dtype=dtype, batch_size=batch_size, optimizer=hyper[0], weighted=True,
        normalization=kinds[:n], residual=fits,
    )  # fmt: skip
    assert_parity(task, StepSettings(optimizer=hyper[1], **extra))


@pytest.mark.parametrize(
    ("sizes", "batch_size"), [([100, 1000, 1000, 10], 513), ([65, 65, 65, 3], 129), ([2, 2, 2, 2], 513)]
)
def test_parity_of_wide_normalised_layers(sizes: list[int], batch_size: int) -> None:
    """Normalised and residual layers of many panels agree too, and so does a first layer that adds X."""
    task = make_task(sizes, n=batch_size + 5, batch_size=batch_size, normalization="layer", residual=True)
    assert_parity(task, StepSettings(dropout=0.1))


LAYERS = [{}, {"normalization": "layer"}, {"residual": True}, {"normalization": "layer", "residual": True}]


@pytest.mark.parametrize("layers", LAYERS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("optimizer", "hyper"), HYPER)
def test_parity_after_a_hundred_steps(
    optimizer: str, hyper: dict[str, Any], dtype: str, layers: dict[str, Any]
) -> None:
    """Weights, optimizer arrays and losses of 100 steps agree, short last batches among them."""
    sizes = [7, 19, 19, 4] if layers else [7, 19, 4]
    task = make_task(sizes, "tanh", dtype=dtype, n=53, optimizer=optimizer, **layers)
    s = StepSettings(optimizer=hyper, l2=0.01)
    found, expected = begin(NativeEngine(1), task, s), begin(NumpyEngine(), task, s)
    etas = np.linspace(0.01, 0.001, 100)
    losses = found.advance(0, etas, s).losses, expected.advance(0, etas, s).losses
    assert_close(*losses, NATIVE_100_STEPS[dtype], "losses")
    (theta, state), (theta_reference, state_reference) = found.store(), expected.store()
    assert_close(theta, theta_reference, NATIVE_100_STEPS[dtype], "theta")
    assert set(state) == set(state_reference)
    for name in state:
        assert_close(state[name], state_reference[name], NATIVE_100_STEPS[dtype], name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("level", [1e4, 1e8])
def test_equal_units_are_normalised_to_the_shift(level: float, dtype: str) -> None:
    """A row whose z are all alike gives u = shift at any level, as in the reference, and nothing flows back."""
    architecture = Architecture.build([1, 70, 2], "tanh", normalization="layer", dtype=dtype)
    parameters = initialize(architecture, choose("auto", architecture), 0)
    parameters.W[1][:] = level
    for engine in (NativeEngine(1), NumpyEngine()):
        X, y = np.array([[1.0], [0.3]], dtype), np.array([0, 1], np.int32)
        u, g = engine.forward(parameters, X).u[1], engine.backward(parameters, X, y)
        assert_close(u, np.zeros((2, 70)), NATIVE["float32"] * max(1, level * 1e-4))
        assert np.isfinite(g.delta[1]).all()


@pytest.mark.parametrize("layers", LAYERS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pair", PAIRS)
def test_passes_of_an_engine(pair: tuple[str, str], dtype: str, layers: dict[str, Any]) -> None:
    """forward, backward, predict and loss agree with the NumPy engine for rows from outside a training."""
    loss, output = pair
    task = make_task(
        [11, 30, 30, 17],
        "tanh",
        output,
        loss,
        dtype,
        n=700,
        weighted=True,
        labels=loss_named(loss).of_classes,
        **layers,
    )
    parameters = initialize(task.architecture, choose("auto", task.architecture), 1)
    found, expected, tolerance = NativeEngine(2), NumpyEngine(), NATIVE[dtype]
    f, g = found.forward(parameters, task.X), expected.forward(parameters, task.X)
    for l in (1, 2, 3):
        assert_same_arrays(f, g, ("z", "u", "a"), l, tolerance)
    data = (parameters, task.X, task.targets, task.weight)
    b, c = found.backward(*data), expected.backward(*data)
    assert_close(b.loss, c.loss, tolerance)
    assert_close(b.dX, c.dX, tolerance)
    for l in (1, 2, 3):
        assert_same_arrays(b, c, GRADIENTS, l, tolerance)
    assert np.array_equal(found.predict(parameters, task.X), f.output)
    J, out = found.loss(*data)
    assert_close(J, expected.loss(*data)[0], tolerance)
    assert np.array_equal(out, f.output)
    assert np.array_equal(found.predict(parameters, task.X[:1]), f.output[:1])
    assert found.predict(parameters, task.X[:0]).shape == (0, 17)


def test_softmax_inside_is_left_to_numpy() -> None:
    """The engine says what it cannot do, so that the selector can choose another."""
    assert unable(Architecture.build([3, 4, 2])) is None
    reason = unable(Architecture.build([3, 4, 2], "softmax"))
    assert reason is not None
    assert "softmax" in reason


def test_relu_does_not_hide_a_nan() -> None:
    """A NaN in X reaches the loss through rectifiers."""
    architecture = Architecture.build([4, 8, 8, 3])
    parameters = initialize(architecture, choose("auto", architecture), 0)
    X = np.full((1, 4), np.nan, np.float32)
    assert np.isnan(NativeEngine(1).predict(parameters, X)).all()


def test_refused_arrays_are_named() -> None:
    """Wrong shapes raise before any arithmetic."""
    task = make_task([4, 5, 3])
    session = begin(NativeEngine(1), task, StepSettings())
    with pytest.raises(ValueError, match="length"):
        session.load(np.zeros(3, np.float32), {})
    with pytest.raises(ValueError, match="label"):
        NativeEngine(1).start(
            Task(
                architecture=task.architecture,
                X=task.X,
                targets=np.full(60, 3, np.int32),
                weight=None,
                optimizer="sgd",
                batch_size=8,
                seed=0,
            ),
            StepSettings(),
        )


@pytest.mark.parametrize(("loss", "output"), [pair for pair in PAIRS if pair[1] != "softmax"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_missing_targets(loss: str, output: str, dtype: str) -> None:
    """NaN in y adds nothing to loss and gradient in both engines, weighted or not, whatever the width."""
    for n_outputs in (2, 17):
        task = make_task([3, 5, n_outputs], "tanh", output, loss, dtype, labels=False, weighted=n_outputs == 17)
        task.targets[np.random.default_rng(1).uniform(size=task.targets.shape) < 0.3] = np.nan
        assert_parity(task, StepSettings(optimizer={}))


@pytest.mark.parametrize("weighted", [False, True])
def test_penalties_of_every_step(weighted: bool) -> None:
    """advance tells ½·l2·Σ‖W‖² before each step, l2 grown by alpha / weight of the batch, as the reference does."""
    task = make_task([7, 19, 4], dtype="float64", n=53, batch_size=10, weighted=weighted)
    s = StepSettings(l2=0.01, alpha=0.5)
    found, expected = np.empty(12), np.empty(12)
    for engine, out in ((NativeEngine(1), found), (NumpyEngine(), expected)):
        begin(engine, task, s).advance(0, np.full(12, 0.1), s, out)
    assert_close(found, expected, NATIVE_100_STEPS["float64"])
    first = begin(NumpyEngine(), task, s).record(0, 0.1, s)
    weight = 10.0 if task.weight is None else float(task.weight[first.rows].sum())
    squares = sum(float((W**2).sum()) for W in first.update.old.W[1:])
    assert found[0] == pytest.approx(0.5 * (0.01 + 0.5 / weight) * squares)


def test_predictions_remember_nothing() -> None:
    """The workspace that predict keeps changes no bit: after other weights and other numbers of rows, from threads."""
    task, engine = make_task([9, 70, 1], "tanh", "sigmoid", n=900), NativeEngine(2)
    parameters = initialize(task.architecture, choose("auto", task.architecture), 3)
    for n in (5, 900, 50, 192, 193, 900):
        parameters.flat[:] *= 0.9
        fresh = NativeEngine(1).predict(parameters, task.X[:n])
        assert np.array_equal(engine.predict(parameters, task.X[:n]), fresh)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: engine.predict(parameters, task.X[:n]), [900, 500, 40, 300] * 8))
    assert all(np.array_equal(output, fresh[: len(output)]) for output in found)


def test_threads_pay_by_work() -> None:
    """A prediction too small to pay for a thread starts none; a large one takes what is allowed."""
    assert [paying_threads(n, 4) for n in (0, 1e7, 2.5e7, 1e9)] == [1, 1, 2, 4]
