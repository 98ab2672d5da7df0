"""How workers reach each other, as a session sees it; and the case of a single one."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import LeafSums
from chainrule.reference.leaves import Node, cover, tree_sum


class WorkerLost(Exception):  # noqa: N818  # not an error of anybody
    """A worker no longer answers; what the last call was about did not happen everywhere."""


class Comm(Protocol):
    """The workers of one training, numbered 0 … size - 1; worker 0 leads."""

    rank: int
    size: int
    size_here: int
    """How many of them are on this machine."""

    def allreduce(self, sums: LeafSums, V: int) -> LeafSums:
        """The sums over all V leaves, on every worker, from those of the nodes of each; raises WorkerLost."""

    def tell(self, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Say to all others what to do next, with arrays that go with it; raises WorkerLost."""

    def hear(self) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Wait for what is told."""

    def all_agree(self, yes: bool) -> bool:
        """Whether every worker says yes."""

    def recover(self) -> bool:
        """After WorkerLost: whether those that are left go on together, with numbers of their own."""


def nodes_of(rank: int, size: int, V: int) -> list[Node]:
    """The nodes of the tree that a worker adds up."""
    return cover(V * rank // size, V * (rank + 1) // size, V)


def root_of(sums: LeafSums, V: int) -> LeafSums:
    """The sums over all leaves from those of the nodes of a single worker."""
    nodes = nodes_of(0, 1, V)
    gradient = tree_sum(dict(zip(nodes, sums.gradients, strict=True)), (0, V))
    loss = tree_sum(dict(zip(nodes, sums.losses.tolist(), strict=True)), (0, V))
    return LeafSums(gradient[None], np.array([loss]))


class LocalComm:
    """One process, which is all there is."""

    rank, size, size_here = 0, 1, 1

    def allreduce(self, sums: LeafSums, V: int) -> LeafSums:
        """The sums over all leaves."""
        return root_of(sums, V)

    def tell(self, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Nobody listens."""

    def hear(self) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Nobody speaks: it is over."""
        return {"do": "end"}, []

    def all_agree(self, yes: bool) -> bool:
        """Whether this one says yes."""
        return yes

    def recover(self) -> bool:
        """Nobody can be lost."""
        return False
