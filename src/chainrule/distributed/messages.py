"""The exchange of a step by messages: slices of gradients to their owners, updated slices to everyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.distributed.exchange import Ownership
from chainrule.engine.lines import aligned
from chainrule.engine.protocol import Array, Floats
from chainrule.reference.leaves import Node

Counts = Sequence[int]


class Collectives(Protocol):
    """What it takes: two of the operations that every worker takes part in."""

    def alltoall(
        self, sent: Array, counts: Counts, at: Counts, received: Array, from_each: Counts, places: Counts
    ) -> None:
        """Send counts[r] numbers of `sent`, from at[r] on, to each worker r; receive from_each[r] at places[r]."""

    def allgather(self, own: npt.NDArray[Any], every: npt.NDArray[Any], counts: Counts) -> Callable[[], None]:
        """Begin to give `own` to all; once what is returned is called, `every` holds counts[r] numbers of each r."""


class Messages:
    """Workers of several machines."""

    def __init__(self, layout: Ownership, collectives: Collectives) -> None:
        self._layout, self._all = layout, collectives
        k, n = len(layout.nodes[layout.rank]), layout.n_parameters
        own = layout.sizes(layout.bounds)[layout.rank]
        self.theta = aligned(n, layout.dtype)
        self.gradients = aligned(k * n, layout.dtype).reshape(k, n)
        self._rounds: list[tuple[Array, list[Node], list[int], list[int]]] = []
        for j in range(max(map(len, layout.nodes))):  # in round j everyone sends its j-th node, if it has one
            come = [own if j < len(nodes) else 0 for nodes in layout.nodes]
            nodes = [nodes[j] for nodes in layout.nodes if j < len(nodes)]
            places = _before(come)
            self._rounds.append((aligned(sum(come), layout.dtype), nodes, come, places))

    def scatter(self, losses: Floats) -> tuple[float, dict[Node, Array]]:
        """J, and the own slice of the gradients of all nodes."""
        layout, sums = self._layout, dict[Node, Array]()
        sizes, at = layout.sizes(layout.bounds), list(layout.bounds[:-1])
        every = np.empty(sum(map(len, layout.nodes)))
        wait = self._all.allgather(losses, every, list(map(len, layout.nodes)))
        for j, (received, nodes, come, places) in enumerate(self._rounds):
            takes_part = j < len(self.gradients)
            sent = self.gradients[j] if takes_part else self.theta[:0]
            counts = sizes if takes_part else [0] * layout.size
            self._all.alltoall(sent, counts, at if takes_part else [0] * layout.size, received, come, places)
            sums |= dict(zip(nodes, received.reshape(len(nodes), -1), strict=True))
        wait()
        return layout.loss(every), sums

    def spread(self, of_norm: Floats) -> Floats:
        """What the norm needs to know of every slice."""
        every = np.empty(self._layout.of_norm[-1])
        self._all.allgather(of_norm, every, self._layout.sizes(self._layout.of_norm))()
        return every

    def gather(self, stopped: bool) -> bool:
        """Have the slices of the others in theta."""
        layout, every = self._layout, np.empty(self._layout.size)
        wait = self._all.allgather(np.array([float(stopped)]), every, [1] * layout.size)
        own = self.theta[layout.slice(layout.rank)].copy()
        self._all.allgather(own, self.theta, layout.sizes(layout.bounds))()
        wait()
        return bool(every.any())


def _before(counts: Counts) -> list[int]:
    return [0, *np.cumsum(counts[:-1]).tolist()]
