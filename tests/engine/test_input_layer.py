"""An input layer has the same numbers in both engines, and the same bits for every number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from chainrule.engine.native import NativeEngine, instruction_sets
from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from input_layers import INPUT_LAYERS
from tasks import digest
from tolerances import NATIVE, assert_close

N_IN = 5
SETTINGS = {
    "adam": ("adam", StepSettings(optimizer={})),
    "sgd": ("sgd", StepSettings(optimizer={"momentum": 0.9}, l2=0.01, dropout=0.2)),
    "factors": ("adamw", StepSettings(optimizer={}, learning_rate_factors={"scale": 6.0, "b": 0.1})),
    "clipped": ("rmsprop", StepSettings(optimizer={}, clip_norm=0.05)),
}


def task_of(
    inputs: list[dict[str, Any]], dtype: str, optimizer: str, hidden: list[int], n: int = 60, leaves: int = 1
) -> Task:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, N_IN)).astype(dtype)
    X[:, 1] = rng.integers(0, 4, n)  # a column of codes
    architecture = Architecture.build([N_IN, *hidden, 3], "tanh", dtype=dtype, inputs=inputs)
    targets = rng.integers(0, 3, n).astype(np.int32)
    weight = rng.uniform(0, 2, n).astype(dtype)
    return Task(
        architecture=architecture, X=X, targets=targets, weight=weight, optimizer=optimizer, batch_size=16, seed=3,
        leaves=leaves,
    )  # fmt: skip


def begin(engine: Any, task: Task, settings: StepSettings) -> Any:
    parameters = started(task.architecture)
    session = engine.start(task, settings)
    session.load(parameters.flat, OPTIMIZERS[task.optimizer].start(parameters.flat, settings.optimizer))
    return session


def started(architecture: Architecture) -> Parameters:
    """Parameters of which none is 0 or 1, which would hide what they do."""
    parameters = initialize(architecture, choose("auto", architecture), 3)
    parameters.flat += 0.3 * np.random.default_rng(4).normal(size=parameters.flat.shape).astype(architecture.dtype)
    return parameters


@pytest.mark.parametrize("inputs", INPUT_LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("how", SETTINGS)
@pytest.mark.parametrize("hidden", [[], [70]], ids=["no hidden layer", "one hidden layer"])
def test_every_number_of_a_step_agrees(inputs: str, dtype: str, how: str, hidden: list[int]) -> None:
    """X, a[0], da[0], dX and the gradients of what the input layer learns, besides all of the layers above."""
    optimizer, settings = SETTINGS[how]
    task = task_of(INPUT_LAYERS[inputs], dtype, optimizer, hidden, leaves=3 if how == "sgd" else 1)
    found = begin(NativeEngine(1), task, settings)
    record = found.record(0, 0.05, settings)
    expected = begin(NumpyEngine(), task, settings).record(0, 0.05, settings)
    tolerance = NATIVE[dtype]
    assert np.array_equal(record.forward.z[0], task.X[record.rows])
    for l in range(len(expected.forward.a)):
        assert_close(record.forward.a[l], expected.forward.a[l], tolerance, f"a{l}")
        if l:
            assert_close(record.backward.delta[l], expected.backward.delta[l], tolerance, f"delta{l}")
    assert_close(record.forward.u[0], expected.forward.a[0], tolerance, "u0")
    assert_close(record.backward.du[0], expected.backward.du[0], tolerance, "da0")
    assert_close(record.backward.dX, expected.backward.dX, tolerance, "dX")
    for name in task.architecture.inputs.tensors if task.architecture.inputs else ():
        one, other = record.backward.of_tensor(name)[0], expected.backward.of_tensor(name)[0]
        assert np.abs(other).max() > 0
        assert_close(one, other, tolerance, f"d{name}")
    assert_close(record.update.gradient.flat, expected.update.gradient.flat, tolerance, "gradient")
    fused = begin(NativeEngine(2), task, settings)
    fused.advance(0, np.full(1, 0.05), settings)
    assert digest(fused) == digest(found)


@pytest.mark.parametrize("inputs", INPUT_LAYERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_and_predictions_agree(inputs: str, dtype: str) -> None:
    """Forward, predictions of many rows and of one, and J are those of the reference."""
    task = task_of(INPUT_LAYERS[inputs], dtype, "adam", [20])
    parameters, tolerance = started(task.architecture), NATIVE[dtype]
    native, reference = NativeEngine(2), NumpyEngine()
    expected = reference.forward(parameters, task.X)
    assert_close(native.forward(parameters, task.X).a[0], expected.a[0], tolerance, "a0")
    assert_close(native.predict(parameters, task.X), expected.output, tolerance, "output")
    assert_close(native.predict(parameters, task.X[:1]), expected.output[:1], tolerance, "output of one row")
    assert native.forward(parameters, task.X[:0]).a[0].shape == (0, task.architecture.layers[0].n_in)
    J = [engine.loss(parameters, task.X, task.targets, task.weight)[0] for engine in (native, reference)]
    assert_close(J[0], J[1], tolerance, "J")
    both = [engine.backward(parameters, task.X, task.targets, task.weight) for engine in (native, reference)]
    assert_close(both[0].du[0], both[1].du[0], tolerance, "da0")


_TRAINED = """
import sys; sys.path.insert(0, sys.argv[1])
from test_input_layer import *
for name, inputs in INPUT_LAYERS.items():
    for dtype in ("float32", "float64"):
        for threads in (1, 2):
            task = task_of(inputs, dtype, "adam", [33], n=90)
            session = begin(NativeEngine(threads), task, SETTINGS["adam"][1])
            session.advance(0, np.full(12, 0.05), SETTINGS["adam"][1])
            print(name, dtype, digest(session))
"""


def test_bits_are_the_same_for_every_instruction_set_and_number_of_threads() -> None:
    """Twelve steps leave the same sha256 wherever they are computed."""
    lines: dict[str, set[str]] = {}
    here = os.path.dirname(__file__)
    for isa in instruction_sets():
        env = {**os.environ, "CHAINRULE_ISA": isa, "PYTHONPATH": os.pathsep.join([here, os.path.dirname(here)])}
        out = subprocess.run(
            [sys.executable, "-c", _TRAINED, here], env=env, capture_output=True, text=True, check=True
        )
        for line in out.stdout.splitlines():
            what, found = line.rsplit(" ", 1)
            lines.setdefault(what, set()).add(found)
    assert len(lines) == 2 * len(INPUT_LAYERS)
    assert all(len(found) == 1 for found in lines.values()), lines
