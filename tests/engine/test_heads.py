"""Losses of targets with several outputs, in the native engine beside the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.parameters import Parameters
from chainrule.reference.losses import loss_named
from tasks import begin, digest, make_task
from tolerances import NATIVE, SECOND_ORDER, assert_close, normalised

_native = pytest.importorskip("chainrule._native", reason="ends when the native module is built (pip install .)")
from chainrule.engine.native import NativeEngine  # noqa: E402

LOSSES = [
    "gaussian", "intervals", "intervals:0.9", "intervals:0.02,0.1,0.3:huber", "intervals:0.1,0.6,0.9:absolute_error",
    "intervals:0.2,0.8:quantile:0.4",
]  # fmt: skip


def task_of(loss: str, n_targets: int, dtype: str, n: int = 150, **options: Any) -> Task:
    """Rows with a y for each target, some of them missing where there are several."""
    n_heads = loss_named(loss).n_heads
    task = make_task([9, 17, n_targets * n_heads], "tanh", "identity", loss, dtype, n=n, weighted=True, **options)
    y = 2 * np.random.default_rng(3).normal(size=(n, n_targets))
    if n_targets > 1:
        y[::5, 0] = y[1::5, 1] = np.nan
    return replace(task, targets=np.repeat(y, n_heads, axis=1).astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_targets", [1, 2, 7])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_is_that_of_the_reference(loss: str, n_targets: int, dtype: str) -> None:
    """J, delta and every gradient, for batches of any size, up to several panels of outputs."""
    s = StepSettings()
    for batch_size in (1, 16, 37, 150):
        task = task_of(loss, n_targets, dtype, batch_size=batch_size)
        expected = begin(NumpyEngine(), task, s).record(0, 0.05, s)
        found = begin(NativeEngine(1), task, s).record(0, 0.05, s)
        tolerance = normalised(NATIVE[dtype], expected)
        assert_close(found.backward.loss, expected.backward.loss, tolerance, "J")
        for l in (1, 2):
            assert_close(found.backward.delta[l], expected.backward.delta[l], tolerance, f"delta{l}")
            assert_close(found.backward.dW[l], expected.backward.dW[l], tolerance, f"dW{l}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_bits_do_not_depend_on_threads_or_instruction_set(
    loss: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sha256 after three epochs, fused and recorded."""
    task = task_of(loss, 2, dtype, batch_size=37)
    s, n_steps, digests = StepSettings(), 3 * task.steps_per_epoch, set()
    for isa in _native.instruction_sets():
        monkeypatch.setenv("CHAINRULE_ISA", isa)
        for threads in (1, 2, 3):
            session = begin(NativeEngine(threads), task, s)
            session.advance(0, np.full(n_steps, 0.01), s)
            digests.add(digest(session))
    recorded = begin(NativeEngine(1), task, s)
    for step in range(n_steps):
        recorded.record(step, 0.01, s)
    digests.add(digest(recorded))
    assert len(digests) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", LOSSES)
def test_hessian_vector_products_are_those_of_the_reference(loss: str, dtype: str) -> None:
    """H·v of both engines, with missing targets."""
    task = task_of(loss, 2, dtype, n=31)
    rng = np.random.default_rng(2)
    theta, v = (rng.normal(size=task.architecture.n_parameters).astype(dtype) for _ in range(2))
    products = [
        engine.second_order(Parameters(task.architecture, theta), task.X, task.targets, task.weight)
        for engine in (NativeEngine(1), NumpyEngine())
    ]
    found, expected = products
    assert_close(found.loss, expected.loss, SECOND_ORDER[dtype])
    assert_close(found.gradient, expected.gradient, SECOND_ORDER[dtype])
    assert_close(found.product(v), expected.product(v), SECOND_ORDER[dtype])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_training_replay_and_the_model_file(engine: str, tmp_path: Any) -> None:
    """Both losses train, replay to the bit, and predict the same from their file."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = X @ rng.normal(size=(3, 2)) + rng.normal(size=(200, 2))
    for loss in ("gaussian:0.1,0.9", "intervals:0.1,0.9"):
        net = cr.Network([3, 8, 2 * loss_named(loss).n_heads], output="identity", loss=loss)
        run = cr.train(
            net, X, y, validation=0.25, epochs=3, engine=engine, directory=tmp_path / loss[:4], progress=False
        )  # fmt: skip
        step = run.replay(5)
        again = cr.load(tmp_path / loss[:4]).replay(5)
        assert np.array_equal(again.update.new.flat, step.update.new.flat)
        model = cr.load(tmp_path / loss[:4] / "model.safetensors")
        assert np.array_equal(model.predict(X), run.predict(X)) and model.predict(X).shape == (200, 2)
        held = np.setdiff1d(np.arange(200), run.index)
        best = min(run.history["rmse"])  # of the point forecast alone
        assert best == pytest.approx(np.sqrt(((run.predict(X[held]) - y[held]) ** 2).mean(axis=0)).mean(), rel=1e-5)
        assert np.isfinite(cr.learning_rate(net, X, y).curvature)
