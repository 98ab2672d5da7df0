"""Tasks of random rows, and sessions of an engine at their start: what the tests of engines train."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from chainrule.engine.protocol import StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.initializers import choose, initialize
from chainrule.reference.optimizers import OPTIMIZERS


def make_task(
    sizes: list[int],
    activation: str = "relu",
    output: str = "softmax",
    loss: str = "cross_entropy",
    dtype: str = "float32",
    *,
    n: int = 60,
    batch_size: int = 16,
    optimizer: str = "sgd",
    weighted: bool = False,
    labels: bool = True,
    seed: int = 5,
    shuffle: bool = True,
    normalization: Any = None,
    residual: Any = False,
    leaves: int = 1,
) -> Task:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, sizes[0])).astype(dtype)
    targets: Any = rng.uniform(0, 1, (n, sizes[-1])).astype(dtype)
    if labels and output in ("softmax", "sigmoid"):
        targets = rng.integers(0, max(sizes[-1], 2), n).astype(np.int32)
    weight = None
    if weighted:
        weight = rng.uniform(0, 2, n).astype(dtype)
        weight[::7] = 0
    return Task(
        architecture=Architecture.build(sizes, activation, output, loss, dtype, normalization, residual),
        X=X,
        targets=targets,
        weight=weight,
        optimizer=optimizer,
        batch_size=batch_size,
        seed=seed,
        shuffle=shuffle,
        leaves=leaves,
    )


def begin(engine: Any, task: Task, settings_: StepSettings) -> Any:
    parameters = initialize(task.architecture, choose("auto", task.architecture), 3)
    rng = np.random.default_rng(4)
    for vector in filter(lambda v: v is not None, [*parameters.gain, *parameters.shift]):
        vector += 0.3 * rng.normal(size=vector.shape)  # 1 and 0 would hide what they do
    session = engine.start(task, settings_)
    session.load(parameters.flat, OPTIMIZERS[task.optimizer].start(parameters.flat, settings_.optimizer))
    return session


def digest(session: Any) -> str:
    theta, state = session.store()
    return hashlib.sha256(theta.tobytes() + b"".join(state[name].tobytes() for name in sorted(state))).hexdigest()
