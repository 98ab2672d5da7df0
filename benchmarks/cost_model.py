"""The cost model of shared steps (distributed/cost.py), fitted here: python benchmarks/cost_model.py [ROUNDS].

Computing is measured worker by worker in this process, in seconds of its processor, sending between two processes by
MPI; both with 1 and 2 workers. Printed are the costs, what they say of 3 and 4 workers beside what these take, a replay
of the exchange of 1,024 workers in this process, and predictions for 64, 256 and 1,024 workers on machines with a
network of 10 and 100 Gbit/s, which were not measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "distributed"))

from chainrule.distributed.cost import Costs, StepShape, fitted, load
from chainrule.distributed.exchange import Ownership
from chainrule.distributed.mpiexec import command_of, environment_of, mpiexec
from chainrule.engine.lines import aligned
from chainrule.engine.native import NativeEngine
from chainrule.engine.protocol import StepSettings
from tasks import begin, make_task

SIZES = [784, 512, 512, 10]
SHAPES = [(512, 8), (512, 16), (2048, 8), (2048, 32)]
NETWORKS = {"10 Gbit/s, 20 µs a message": (20e-6, 1 / 1.1e9), "100 Gbit/s, 5 µs a message": (5e-6, 1 / 11e9)}


def computed(batch_size: int, leaves: int, n_workers: int, n_rounds: int) -> tuple[StepShape, list[float]]:
    """Least seconds of the passes, of adding up and of the update, of the worker that takes longest."""
    task = make_task(SIZES, n=2 * batch_size, batch_size=batch_size, optimizer="adam", leaves=leaves)
    settings, longest = StepSettings(), [0.0, 0.0, 0.0]
    for rank in range(n_workers):
        session = begin(NativeEngine(1), task, settings)
        theta, state = session.store()
        shared = session.share(n_workers, rank)
        layout = Ownership.of(shared, rank, n_workers, leaves, np.float32)
        own, flat = layout.slice(rank), shared.of_plain(theta)
        shared.begin(flat, {name: shared.of_plain(array)[own] for name, array in state.items()})
        n = layout.n_parameters
        gradients = aligned(len(layout.nodes[rank]) * n, np.float32).reshape(-1, n)
        others = aligned(n, np.float32)
        sums = {node: others[own] for nodes in layout.nodes for node in nodes}
        took: list[list[float]] = [[], [], []]
        for step in range(n_rounds):
            at = [time.thread_time()]
            shared.parts(step, settings, layout.nodes[rank], gradients)
            at.append(time.thread_time())
            shared.add_up(step, settings, sums)
            at.append(time.thread_time())
            shared.update(step, 1e-3, settings, None)
            at.append(time.thread_time())
            for i in range(3):
                took[i].append(at[i + 1] - at[i])
        longest = [max(a, min(b[2:])) for a, b in zip(longest, took, strict=True)]
    return StepShape(n_parameters=n, batch_size=batch_size, leaves=leaves), longest


def sender() -> None:
    """One of two processes: least seconds of scatter and gather by messages, for several numbers of parameters."""
    from chainrule.distributed.messages import Messages
    from chainrule.distributed.mpi import MPIComm

    comm: Any = MPIComm()
    for P in (1024, 2**16, 2**19, 2**21):
        layout = Ownership(rank=comm.rank, size=2, V=8, bounds=[0, P // 2, P], of_norm=[0, 1, 2], dtype=np.dtype("f4"))
        exchange, took = Messages(layout, comm), []
        for _ in range(60):
            began = time.perf_counter()
            exchange.scatter(np.zeros(1))
            exchange.gather(False)
            took.append(time.perf_counter() - began)
        of = load(StepShape(n_parameters=P, batch_size=1), 2)
        if comm.rank == 0:
            print(json.dumps([of.messages, of.bytes, min(took)]), flush=True)


def sent() -> list[tuple[int, int, float]]:
    """What two processes measured."""
    path = mpiexec()
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_of(path, Path(folder), 2)
        environment.pop("CHAINRULE_JOB")
        told = [*command_of(path, 2), sys.executable, __file__, "sender"]
        done = subprocess.run(told, env=environment, capture_output=True, text=True, check=True, timeout=300)
    return [tuple(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("[")]  # type: ignore[misc]


def many() -> str:
    """The exchange of 1,024 workers, replayed by as many threads."""
    from test_exchange import exchanged, leaf

    from chainrule.reference.leaves import tree_sum

    V, P = 1024, 4096
    began = time.perf_counter()
    thetas, all_, _ = exchanged(1024, V, P, True)
    whole = 1 - tree_sum({(l, l + 1): leaf(l, P) for l in range(V)}, (0, V))
    of = load(StepShape(n_parameters=P, batch_size=V, leaves=V), 1024)
    same = all(np.array_equal(theta, whole) for theta in thetas)
    return (
        f"1,024 workers replayed in {time.perf_counter() - began:.0f} s: the bits of one process: {same}; "
        f"{all_.n_messages:,} messages ({1024 * of.messages:,} by the model), "
        f"{all_.n_bytes:,} bytes ({1024 * of.bytes:,})"
    )


def main(n_rounds: int) -> None:
    """Fit, validation, replay, predictions."""
    measured = {(B, V, n): computed(B, V, n, n_rounds) for B, V in SHAPES for n in (1, 2, 3, 4)}
    known = [(shape, n, took) for (_, _, n), (shape, took) in measured.items() if n <= 2]
    columns = [[(shape, n, took[i]) for shape, n, took in known] for i in range(3)]
    costs = fitted(columns[0], columns[1], columns[2], sent())
    print("fitted, s:", {name: float(f"{value:.3g}") for name, value in vars(costs).items()})
    print("computing of 784-512-512-10, ms:  batch, leaves, workers: measured, model")
    for (B, V, n), (shape, took) in measured.items():
        model = costs.compute_s(shape, n)
        print(f"  {B:5} {V:3} {n}  {1e3 * sum(took):7.2f} {1e3 * model:7.2f}  {model / sum(took):5.2f}")
    print(many())
    predict(costs, measured[512, 8, 1][0].n_parameters)


def predict(costs: Costs, n_parameters: int) -> None:
    """Times as fast as one worker."""
    for name, (message, byte) in NETWORKS.items():
        on = replace(costs, message=message, byte=byte)
        for B in (8192, 65536, 524288):
            shape = StepShape(n_parameters=n_parameters, batch_size=B, leaves=1024)
            alone = on.step_s(shape, 1)
            told = [
                f"{n}: {1e3 * on.compute_s(shape, n):.1f} + {1e3 * on.exchange_s(shape, n):.1f} ms, "
                f"{alone / on.step_s(shape, n):.0f} times"
                for n in (4, 64, 256, 1024)
            ]
            print(f"{name}, batch {B}: 1: {1e3 * alone:.0f} ms; {'; '.join(told)}")


if __name__ == "__main__":
    if sys.argv[1:] == ["sender"]:
        sender()
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
