"""Microseconds per training step against PyTorch eager, scikit-learn and the NumPy engine, interleaved in one run.

    python benchmarks/steps.py [--repeats 5] [--threads 1] [--workloads S,N,M]

Figures are medians over repeats in which the contestants take turns; a ratio is peer time / native time.
Machines differ and are noisy: only ratios within one run count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

WORKLOADS = {
    "S": ([20, 64, 64, 10], 64, 8192),
    "N": ([784, 100, 10], 10, 8192),
    "M": ([784, 512, 512, 10], 128, 4096),
    "L": ([784, 2048, 2048, 10], 512, 2048),
}
"""Layers, batch size, rows: a small table, Nielsen's book, a usual MLP, a compute-bound one."""
PEERS = ("PyTorch eager", "scikit-learn", "NumPy engine")


def ours(
    engine: str, sizes: list[int], batch: int, X: np.ndarray, y: np.ndarray, optimizer: str, threads: int
) -> Callable[[], None]:
    """One epoch in a session of an engine."""
    import chainrule as cr
    from chainrule.engine.protocol import StepSettings, Task
    from chainrule.engine.select import select
    from chainrule.reference.optimizers import OPTIMIZERS

    net = cr.Network(sizes)
    task = Task(net.architecture, X, y.astype(np.int32), None, optimizer, batch, 0)
    settings = StepSettings(dict(OPTIMIZERS[optimizer].hyper))
    session = select(engine, net.architecture, threads)[0].start(task, settings)
    session.load(net.parameters.flat, OPTIMIZERS[optimizer].start(net.parameters.flat, settings.optimizer))
    etas = np.full(task.steps_per_epoch, 0.01 if optimizer == "sgd" else 0.001)
    return lambda: session.advance(0, etas, settings) and None


def torch_eager(
    sizes: list[int], batch: int, X: np.ndarray, y: np.ndarray, optimizer: str, threads: int
) -> Callable[[], None]:
    """One epoch of the usual hand-written loop."""
    import torch

    torch.set_num_threads(threads)
    layers: list[torch.nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule = (
        torch.optim.SGD(model.parameters(), 0.01) if optimizer == "sgd" else torch.optim.Adam(model.parameters(), 0.001)
    )
    rows, targets, loss = torch.from_numpy(X), torch.from_numpy(y), torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        order = torch.randperm(len(rows))
        for i in range(0, len(rows), batch):
            index = order[i : i + batch]
            rule.zero_grad()
            loss(model(rows[index]), targets[index]).backward()
            rule.step()

    return epoch


def scikit_learn(
    sizes: list[int], batch: int, X: np.ndarray, y: np.ndarray, optimizer: str, threads: int
) -> Callable[[], None]:
    """One partial_fit over all rows."""
    from sklearn.neural_network import MLPClassifier

    options = {"momentum": 0.0, "nesterovs_momentum": False} if optimizer == "sgd" else {}
    model = MLPClassifier(tuple(sizes[1:-1]), solver=optimizer, alpha=0.0, batch_size=batch, **options)
    model.partial_fit(X, y, classes=np.arange(sizes[-1]))
    return lambda: model.partial_fit(X, y) and None


def contestants(name: str, optimizer: str, threads: int) -> dict[str, Callable[[], None]]:
    """Those that are installed; the missing ones are named."""
    sizes, batch, n = WORKLOADS[name]
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, sizes[0])).astype(np.float32), rng.integers(0, sizes[-1], n)
    makers = {
        "native": lambda *a: ours("native", *a),
        "PyTorch eager": torch_eager,
        "scikit-learn": scikit_learn,
        "NumPy engine": lambda *a: ours("numpy", *a),
    }
    ready = {}
    for label, make in makers.items():
        try:
            ready[label] = make(sizes, batch, X, y, optimizer, threads)
        except ImportError as error:
            Console(stderr=True).print(f"{label} is missing: {error}")
    return ready


def main() -> None:
    """Measure and print one line for each workload and optimizer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workloads", default="S,N,M")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = Table("workload", "native µs", "vs PyTorch", "vs scikit-learn", "vs NumPy engine", box=box.SIMPLE)
    for name in options.workloads.split(","):
        n_steps = -(-WORKLOADS[name][2] // WORKLOADS[name][1])
        for optimizer in ("sgd", "adam"):
            ready = contestants(name, optimizer, options.threads)
            times: dict[str, list[float]] = {label: [] for label in ready}
            for repeat in range(options.repeats + 1):
                for label, epoch in ready.items():
                    began = time.perf_counter()
                    epoch()
                    if repeat:  # the first round warms up
                        times[label].append((time.perf_counter() - began) / n_steps * 1e6)
            middle = {label: statistics.median(values) for label, values in times.items()}
            ratios = [f"{middle[k] / middle['native']:.1f}" if k in middle else "missing" for k in PEERS]
            table.add_row(f"{name} {optimizer}", f"{middle['native']:.0f}", *ratios)
    Console().print(table)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
