"""How workers reach each other, as a session sees it; and the case of a single one."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.distributed.exchange import CommonMemory, Exchange, Ownership
from chainrule.engine.lines import aligned
from chainrule.engine.protocol import Array

Sent: TypeAlias = tuple[dict[str, Any], list[npt.NDArray[Any]]]
"""What is said, and the arrays that go with it."""


class WorkerLost(Exception):  # noqa: N818  # not an error of anybody
    """A worker no longer answers; what the last call was about did not happen everywhere."""


class Comm(Protocol):
    """The workers of one training, numbered 0 … size - 1; worker 0 leads."""

    rank: int
    size: int
    size_here: int
    """How many of them are on this machine."""

    may_recover: bool
    """Whether recover may do so."""

    def exchange(self, layout: Ownership) -> Exchange:
        """This worker's end of the exchange of steps; all make theirs together. It raises WorkerLost."""

    def deal(self, whole: Array | None, layout: Ownership) -> Array:
        """The own slice of a flat vector that worker 0 has; raises WorkerLost."""

    def collect(self, own: Array, layout: Ownership) -> Array | None:
        """The flat vector of all slices, for worker 0 alone; raises WorkerLost."""

    def tell(self, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Say to all others what to do next, with arrays that go with it; raises WorkerLost."""

    def hear(self) -> tuple[dict[str, Any], list[npt.NDArray[Any]]]:
        """Wait for what is told."""

    def all_agree(self, yes: bool) -> bool:
        """Whether every worker says yes."""

    def recover(self) -> bool:
        """After WorkerLost: whether those that are left go on together, with numbers of their own."""


class LocalComm:
    """One process, which is all there is."""

    rank, size, size_here, may_recover = 0, 1, 1, False

    def exchange(self, layout: Ownership) -> Exchange:
        """With nobody."""
        return CommonMemory(layout, [aligned(CommonMemory.n_bytes(layout, 0), np.uint8)], lambda: None)

    def deal(self, whole: Array | None, layout: Ownership) -> Array:
        """All of it."""
        assert whole is not None
        return whole

    def collect(self, own: Array, layout: Ownership) -> Array | None:
        """All of it."""
        return own

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
