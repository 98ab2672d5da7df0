"""What workers exchange in a step: gradients go to the owners of slices, updated parameters come back.

Parameters are cut into as many slices as there are workers; worker i owns slice i (reference/leaves.py has the tree):

    parts      every worker: J and the gradient of its nodes
    scatter    every owner gets its slice of all of them, and J
    spread     where gradients are clipped: what the norm needs to know of every slice
    gather     everyone gets the updated slices, and whether something stopped an update
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.engine.lines import LINE
from chainrule.engine.protocol import Array, Floats, Shared
from chainrule.reference.leaves import Node, cover, tree_sum


def nodes_of(rank: int, size: int, V: int) -> list[Node]:
    """The nodes of the tree that a worker adds up."""
    return cover(V * rank // size, V * (rank + 1) // size, V)


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """Who has which nodes of the tree and which slice of the parameters."""

    rank: int
    size: int
    V: int
    bounds: Sequence[int]
    of_norm: Sequence[int]
    dtype: Any

    @classmethod
    def of(cls, shared: Shared, rank: int, size: int, V: int, dtype: Any) -> Ownership:
        """Of steps that are shared."""
        return cls(
            rank=rank, size=size, V=V, bounds=list(shared.bounds), of_norm=list(shared.of_norm), dtype=np.dtype(dtype)
        )

    @cached_property
    def nodes(self) -> list[list[Node]]:
        """Of every worker."""
        return [nodes_of(r, self.size, self.V) for r in range(self.size)]

    @property
    def n_parameters(self) -> int:
        """Numbers of a flat vector."""
        return self.bounds[-1]

    def slice(self, rank: int) -> slice:
        """That of a worker."""
        return slice(self.bounds[rank], self.bounds[rank + 1])

    def sizes(self, bounds: Sequence[int]) -> list[int]:
        """Of all slices."""
        return [bounds[r + 1] - bounds[r] for r in range(self.size)]

    def loss(self, of_nodes: Floats) -> float:
        """J from that of the nodes of all workers, one after the other."""
        flat = [node for nodes in self.nodes for node in nodes]
        return float(tree_sum(dict(zip(flat, of_nodes.tolist(), strict=True)), (0, self.V)))


class Exchange(Protocol):
    """One worker's end of it."""

    theta: Array
    """(size,): where its parameters lie."""
    gradients: Array
    """(nodes, size): where it leaves the gradients of its nodes."""

    def scatter(self, losses: Floats) -> tuple[float, dict[Node, Array]]:
        """J, and the own slice of the gradients of all nodes, from the losses of one's own."""

    def spread(self, of_norm: Floats) -> Floats:
        """That of all owners, one after the other."""

    def gather(self, stopped: bool) -> bool:
        """Have the slices of the others in theta; whether anything stopped anyone's update."""


class CommonMemory:
    """Workers of one machine: all of it lies in memory that everyone sees, and nothing is copied.

    Worker 0's part of the memory begins with theta, which every owner updates in place. Barriers are what it takes: one
    behind the gradients, one behind the updates, by which everyone is done with what the next step overwrites.
    """

    def __init__(self, layout: Ownership, parts: Sequence[npt.NDArray[np.uint8]], barrier: Callable[[], None]) -> None:
        self._layout, self._barrier = layout, barrier
        self._views = [_View(layout, rank, part) for rank, part in enumerate(parts)]
        self._own = self._views[layout.rank]
        self.theta, self.gradients = self._views[0].theta, self._own.gradients

    @staticmethod
    def n_bytes(layout: Ownership, rank: int) -> int:
        """Of the part of a worker."""
        return _View.offsets(layout, rank)[-1]

    def scatter(self, losses: Floats) -> tuple[float, dict[Node, Array]]:
        """J, and the own slice of the gradients of all nodes."""
        layout, own = self._layout, self._layout.slice(self._layout.rank)
        self._own.losses[:] = losses
        self._barrier()
        sums = {
            node: gradient[own]
            for view, nodes in zip(self._views, layout.nodes, strict=True)
            for node, gradient in zip(nodes, view.gradients, strict=True)
        }
        return layout.loss(np.concatenate([view.losses for view in self._views])), sums

    def spread(self, of_norm: Floats) -> Floats:
        """What the norm needs to know of every slice."""
        self._own.of_norm[:] = of_norm
        self._barrier()
        return np.concatenate([view.of_norm for view in self._views])

    def gather(self, stopped: bool) -> bool:
        """Wait for the updates."""
        self._own.stopped[0] = stopped
        self._barrier()
        return any(view.stopped[0] for view in self._views)


class _View:
    """One worker's part of the common memory."""

    def __init__(self, layout: Ownership, rank: int, part: npt.NDArray[np.uint8]) -> None:
        k, n = len(layout.nodes[rank]), layout.n_parameters
        at = self.offsets(layout, rank)
        self.losses = part[at[0] : at[0] + 8 * k].view(np.float64)
        self.stopped = part[at[1] : at[1] + 8].view(np.float64)
        self.of_norm = part[at[2] : at[2] + 8 * layout.sizes(layout.of_norm)[rank]].view(np.float64)
        self.gradients = part[at[3] : at[3] + k * n * layout.dtype.itemsize].view(layout.dtype).reshape(k, n)
        self.theta = part[at[4] : at[4] + (n if rank == 0 else 0) * layout.dtype.itemsize].view(layout.dtype)

    @staticmethod
    def offsets(layout: Ownership, rank: int) -> list[int]:
        """Where losses, stopped, of_norm, gradients and theta begin, each at a cache line; and the end."""
        n, k = layout.n_parameters * layout.dtype.itemsize, len(layout.nodes[rank])
        at = [0]
        for size in (8 * k, 8, 8 * layout.sizes(layout.of_norm)[rank], k * n, n if rank == 0 else 0):
            at.append(at[-1] + -(-size // LINE) * LINE)
        return at
