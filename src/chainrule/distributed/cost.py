"""What a shared step costs: computing, messages and bytes of the worker that has the most to do, by number of workers.

    T(N) = step + row·rows + leaf·leaves + add·nodes·slice + update·slice + latency·messages + byte·bytes

    rows, leaves   of the worker that has the most leaves, ⌈V/N⌉ of V
    nodes          of the tree that an owner adds up: all workers' together
    slice          numbers that a worker owns, ⌈P/N⌉
    messages       (k + 3)·(N − 1): its k nodes to every owner; its losses, its slice and whether it stopped to everyone
    bytes          (P − slice)·s·k + (N − 1)·(slice·s + 8·k + 8), s bytes a number

Workers of one machine that share memory send nothing; what is counted here is what workers of several machines send.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.distributed.exchange import nodes_of


@dataclass(frozen=True, kw_only=True)
class StepShape:
    """A step: numbers of parameters, rows and leaves of a batch, bytes of a number."""

    n_parameters: int
    batch_size: int
    leaves: int = 8
    item_bytes: int = 4


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the worker with the most to do has to do in a step."""

    rows: int
    leaves: int
    nodes: int
    slice: int
    messages: int
    bytes: int


def load(shape: StepShape, n_workers: int) -> Load:
    """That of n_workers.

    Examples
    --------
    >>> one = load(StepShape(n_parameters=1000, batch_size=64), 1)
    >>> one.rows, one.leaves, one.messages, one.bytes
    (64, 8, 0, 0)
    >>> four = load(StepShape(n_parameters=1000, batch_size=64), 4)
    >>> four.rows, four.leaves, four.slice, four.messages, four.bytes
    (16, 2, 250, 12, 6048)
    """
    V, N = shape.leaves, n_workers
    nodes = [len(nodes_of(r, N, V)) for r in range(N)]
    leaves, k = -(-V // N), max(nodes)
    own = -(-shape.n_parameters // N)
    sent = (shape.n_parameters - own) * shape.item_bytes * k + (N - 1) * (own * shape.item_bytes + 8 * k + 8)
    return Load(
        rows=-(-shape.batch_size * leaves // V), leaves=leaves, nodes=sum(nodes), slice=own,
        messages=(k + 3) * (N - 1), bytes=sent,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Seconds of each of these."""

    step: float
    row: float
    leaf: float
    add: float
    update: float
    message: float = 0.0
    byte: float = 0.0

    def compute_s(self, shape: StepShape, n_workers: int) -> float:
        """Seconds of computing."""
        of = load(shape, n_workers)
        passes = self.step + self.row * of.rows + self.leaf * of.leaves
        return passes + (self.add * of.nodes + self.update) * of.slice

    def exchange_s(self, shape: StepShape, n_workers: int) -> float:
        """Seconds of sending, where nothing overlaps."""
        of = load(shape, n_workers)
        return self.message * of.messages + self.byte * of.bytes

    def step_s(self, shape: StepShape, n_workers: int) -> float:
        """T(N).

        Examples
        --------
        >>> costs = Costs(step=0.0, row=1e-5, leaf=0.0, add=0.0, update=0.0, message=1e-5, byte=1e-9)
        >>> shape = StepShape(n_parameters=1_000_000, batch_size=4096)
        >>> [round(1e3 * costs.step_s(shape, n), 2) for n in (1, 2, 4)]
        [40.96, 24.52, 16.36]
        """
        return self.compute_s(shape, n_workers) + self.exchange_s(shape, n_workers)


def fitted(
    passes: Sequence[tuple[StepShape, int, float]], adding: Sequence[tuple[StepShape, int, float]],
    updating: Sequence[tuple[StepShape, int, float]], sending: Sequence[tuple[int, int, float]] = (),
) -> Costs:  # fmt: skip
    """Costs from measurements, by least squares of relative errors.

    Arguments: passes, adding, updating: step, number of workers and seconds of the worker with the most to do; sending:
    messages, bytes and seconds.
    """
    step, row, leaf = _solved(
        [((1.0, float(of.rows), float(of.leaves)), s) for shape, n, s in passes for of in [load(shape, n)]]
    )
    (add,) = _solved([((float(of.nodes * of.slice),), s) for shape, n, s in adding for of in [load(shape, n)]])
    (update,) = _solved([((float(of.slice),), s) for shape, n, s in updating for of in [load(shape, n)]])
    message, byte = _solved([((float(m), float(b)), s) for m, b, s in sending]) if sending else (0.0, 0.0)
    return Costs(step=step, row=row, leaf=leaf, add=add, update=update, message=message, byte=byte)


def _solved(rows: Sequence[tuple[tuple[float, ...], float]]) -> tuple[float, ...]:
    """The x of Σ ((Σ_j a_j·x_j)/s − 1)² → min with x ≥ 0: what would be negative is left out, one after the other."""
    A = np.array([np.array(a) / s for a, s in rows])
    kept = list(range(A.shape[1]))
    while True:
        x = np.zeros(A.shape[1])
        x[kept] = np.linalg.lstsq(A[:, kept], np.ones(len(A)), rcond=None)[0]
        if (x >= 0).all() or len(kept) == 1:
            return tuple(float(max(value, 0.0)) for value in x)
        kept.remove(int(np.argmin(x)))
