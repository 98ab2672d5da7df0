"""Who trains: one function for each library, the whole loop as docs/benchmarks.md says.

Each takes (workload, optimizer, threads) and returns a function that trains for n more epochs of shuffled
mini-batches. The processes they run in are held to the cores and threads by turns.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.bench import workloads
from chainrule.bench.workloads import LEARNING_RATES, Workload

Epochs = Callable[[int], object]
PEAK_OPERATIONS = 1e9
"""Floating-point operations of a unit of the loop that measures the peak: some milliseconds."""


def chainrule_engine(name: str, workload: Workload, optimizer: str, threads: int | None = None) -> Epochs:
    """Epochs in a session of an engine; without a number of threads, the native engine chooses the fastest."""
    from chainrule.api.network import Network
    from chainrule.engine.protocol import StepSettings, Task
    from chainrule.engine.select import select
    from chainrule.reference.optimizers import OPTIMIZERS

    X, y = workload.rows()
    net = Network(workload.sizes)
    task = Task(
        architecture=net.architecture,
        X=X,
        targets=y,
        weight=None,
        optimizer=optimizer,
        batch_size=workload.batch_size,
        seed=0,
    )
    settings = StepSettings(optimizer=dict(OPTIMIZERS[optimizer].hyper))
    session = select(name, net.architecture, threads)[0].start(task, settings)
    session.load(net.parameters.flat, OPTIMIZERS[optimizer].start(net.parameters.flat, settings.optimizer))
    done = 0

    def train(n_epochs: int) -> None:
        nonlocal done
        etas = np.full(n_epochs * workload.n_steps, LEARNING_RATES[optimizer])
        session.advance(done, etas, settings)
        done += len(etas)

    return train


def chainrule_train(workload: Workload, optimizer: str, *, progress: bool) -> Epochs:
    """The public call: conversion of the data, history, best weights and checkpoints; with a progress bar or not."""
    import chainrule as cr

    X, y = workload.rows()
    net = cr.Network(workload.sizes)
    rule = {"sgd": cr.SGD, "adam": cr.Adam}[optimizer](LEARNING_RATES[optimizer])
    return lambda n_epochs: cr.train(
        net, X, y, optimizer=rule, batch_size=workload.batch_size, epochs=n_epochs, progress=progress
    )


def torch_eager(workload: Workload, optimizer: str, threads: int) -> Epochs:
    """The usual loop, the rows of an epoch gathered at once."""
    import torch

    torch.set_num_threads(threads)
    layers: list[Any] = []
    for n_in, n_out in pairwise(workload.sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    rule, loss = kind(model.parameters(), lr=LEARNING_RATES[optimizer]), torch.nn.CrossEntropyLoss()

    def step(x: Any, t: Any) -> None:
        rule.zero_grad()
        loss(model(x), t).backward()
        rule.step()

    return _torch_epochs(workload, step)


def torch_compile(workload: Workload, optimizer: str, threads: int) -> Epochs:
    """Forward, backward and update compiled as one graph, which is faster than compiling the model alone."""
    import torch

    torch.set_num_threads(threads)
    theta = [
        part.detach().clone()
        for n_in, n_out in pairwise(workload.sizes)
        for part in torch.nn.Linear(n_in, n_out).parameters()
    ]
    m, v = [torch.zeros_like(p) for p in theta], [torch.zeros_like(p) for p in theta]
    t, eta = torch.zeros(()), LEARNING_RATES[optimizer]

    def loss(theta: list[Any], x: Any, targets: Any) -> Any:
        for l in range(0, len(theta), 2):
            x = torch.nn.functional.linear(x if l == 0 else torch.relu(x), theta[l], theta[l + 1])
        return torch.nn.functional.cross_entropy(x, targets)

    def step(x: Any, targets: Any) -> None:
        gradient = torch.func.grad(loss)(theta, x, targets)
        t.add_(1)
        for p, g, first, second in zip(theta, gradient, m, v, strict=True):
            if optimizer == "sgd":
                p.sub_(eta * g)
            else:
                first.mul_(0.9).add_(g, alpha=0.1)
                second.mul_(0.999).add_(g * g, alpha=0.001)
                p.sub_(eta / (1 - 0.9**t) * first / (torch.sqrt(second / (1 - 0.999**t)) + 1e-8))

    return _torch_epochs(workload, torch.compile(step))


def _torch_epochs(workload: Workload, step: Callable[[Any, Any], None]) -> Epochs:
    import torch

    rows, labels = (torch.from_numpy(array) for array in workload.rows())
    labels = labels.long()

    def train(n_epochs: int) -> None:
        for _ in range(n_epochs):
            order = torch.randperm(len(rows))
            batches = (whole[order].split(workload.batch_size) for whole in (rows, labels))
            for x, t in zip(*batches, strict=True):
                step(x, t)

    return train


def jax_scan(workload: Workload, optimizer: str, threads: int) -> Epochs:
    """A whole epoch as one jitted scan over the batches, its state donated; the order comes from NumPy."""
    import jax
    import jax.numpy as jnp

    generator = np.random.default_rng(0)
    X, y = (jnp.asarray(array) for array in workload.rows())
    theta = [
        (jnp.asarray(generator.standard_normal((n_in, n_out)) / np.sqrt(n_in), jnp.float32), jnp.zeros(n_out))
        for n_in, n_out in pairwise(workload.sizes)
    ]
    state: Any = (theta,)
    if optimizer == "adam":
        state = (theta, jax.tree.map(jnp.zeros_like, theta), jax.tree.map(jnp.zeros_like, theta), jnp.zeros(()))
    step = _jax_step(optimizer)

    @functools.partial(jax.jit, donate_argnums=0)
    def epoch(state: Any, X: Any, y: Any, order: Any) -> Any:
        return jax.lax.scan(lambda s, rows: step(s, X[rows], y[rows]), state, order.reshape(-1, workload.batch_size))

    def train(n_epochs: int) -> None:
        nonlocal state
        for _ in range(n_epochs):
            state, losses = epoch(state, X, y, generator.permutation(len(X)).astype(np.int32))
        losses.block_until_ready()

    return train


def _jax_step(optimizer: str) -> Callable[[Any, Any, Any], Any]:
    import jax
    import jax.numpy as jnp

    eta = LEARNING_RATES[optimizer]

    def loss(theta: Any, x: Any, targets: Any) -> Any:
        for W, b in theta[:-1]:
            x = jax.nn.relu(x @ W + b)
        W, b = theta[-1]
        return -jnp.take_along_axis(jax.nn.log_softmax(x @ W + b), targets[:, None], axis=1).mean()

    def sgd(state: Any, x: Any, targets: Any) -> Any:
        J, g = jax.value_and_grad(loss)(state[0], x, targets)
        return (jax.tree.map(lambda p, d: p - eta * d, state[0], g),), J

    def adam(state: Any, x: Any, targets: Any) -> Any:
        theta, m, v, t = state
        J, g = jax.value_and_grad(loss)(theta, x, targets)
        t = t + 1
        m = jax.tree.map(lambda first, d: 0.9 * first + 0.1 * d, m, g)
        v = jax.tree.map(lambda second, d: 0.999 * second + 0.001 * d * d, v, g)
        size, correction = eta / (1 - 0.9**t), 1 / (1 - 0.999**t)
        theta = jax.tree.map(lambda p, a, b: p - size * a / (jnp.sqrt(b * correction) + 1e-8), theta, m, v)
        return (theta, m, v, t), J

    return sgd if optimizer == "sgd" else adam


def peak(workload: Workload, optimizer: str, threads: int) -> Callable[[int], float]:
    """Not a training: a loop of independent multiply-adds on one core; a unit is PEAK_OPERATIONS of them.

    It takes turns as long as those of the others, and gives the mean of the turn as they do: what else runs on the
    machine slows all of them alike.
    """
    from chainrule.engine.select import multiply_add_seconds

    return lambda n: multiply_add_seconds(n * PEAK_OPERATIONS) / n


def scikit_learn(workload: Workload, optimizer: str, threads: int) -> Epochs:
    """MLPClassifier.fit, which goes on where the last call ended and never stops early."""
    from sklearn.neural_network import MLPClassifier

    X, y = workload.rows()
    plain = {"momentum": 0.0, "nesterovs_momentum": False} if optimizer == "sgd" else {}
    model = MLPClassifier(
        workload.sizes[1:-1], solver=optimizer, alpha=0.0, batch_size=workload.batch_size, warm_start=True,
        learning_rate_init=LEARNING_RATES[optimizer], tol=0.0, n_iter_no_change=10**9, **plain,
    )  # fmt: skip
    return lambda n_epochs: model.set_params(max_iter=n_epochs).fit(X, y)


TRAINERS: dict[str, Callable[[Workload, str, int], Epochs]] = {
    workloads.OURS: lambda workload, optimizer, threads: chainrule_engine("native", workload, optimizer),
    workloads.ALONE: lambda workload, optimizer, threads: chainrule_engine("native", workload, optimizer, 1),
    workloads.PEAK: peak,
    workloads.TRAIN: lambda workload, optimizer, threads: chainrule_train(workload, optimizer, progress=False),
    workloads.PROGRESS: lambda workload, optimizer, threads: chainrule_train(workload, optimizer, progress=True),
    workloads.EAGER: torch_eager,
    workloads.COMPILE: torch_compile,
    workloads.JAX: jax_scan,
    workloads.SKLEARN: scikit_learn,
    workloads.NUMPY: lambda workload, optimizer, threads: chainrule_engine("numpy", workload, optimizer),
}
