"""Workers that are threads of one process: what they tell each other, and what they exchange, through memory."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.distributed.comm import WorkerLost
from chainrule.distributed.exchange import CommonMemory, Exchange, Ownership
from chainrule.distributed.messages import Messages
from chainrule.engine.lines import aligned

LIMIT_S = 60


class Threads:
    """All of them. `lost`: at which meeting the last one goes; messages and bytes between different workers count."""

    def __init__(self, size: int, lost: int | None = None, messages: bool = False) -> None:
        self.lost, self.messages, self.meetings = lost, messages, 0
        self.told: list[queue.Queue[Any]] = [queue.Queue() for _ in range(size)]
        self.barriers_of_lost: list[threading.Barrier] = []
        self.begin(size)
        self.begun = threading.Event()
        self.lock, self.n_bytes, self.n_messages = threading.Lock(), 0, 0

    def begin(self, size: int) -> None:
        """So many from here on."""
        self.size, self.here = size, dict[int, Any]()
        self.barrier = threading.Barrier(size, action=self.met)
        self.again = threading.Barrier(max(size - 1, 1))

    def met(self) -> None:
        """Everyone is there."""
        self.meetings += 1
        if self.size > 1 and self.lost == self.meetings:
            self.barriers_of_lost.append(self.barrier)


class ThreadComm:
    """One of them."""

    def __init__(self, all_: Threads, rank: int) -> None:
        self.all, self.rank, self.size, self.may_recover = all_, rank, all_.size, all_.lost is not None
        self.size_here = all_.size

    def meet(self) -> None:
        """Wait for all others."""
        barrier = self.all.barrier
        barrier.wait(LIMIT_S)
        if barrier in self.all.barriers_of_lost:
            raise WorkerLost("gone")

    def exchange(self, layout: Ownership) -> Exchange:
        """By messages, or through common memory."""
        if self.all.messages:
            return Messages(layout, self)
        self.all.here[self.rank] = aligned(CommonMemory.n_bytes(layout, self.rank), np.uint8)
        self.meet()
        parts = [self.all.here[rank] for rank in range(self.size)]
        self.meet()
        return CommonMemory(layout, parts, self.meet)

    def alltoall(
        self, sent: Any, counts: Sequence[int], at: Sequence[int], received: Any, from_each: Sequence[int],
        places: Sequence[int],
    ) -> None:  # fmt: skip
        self.all.here[self.rank] = (sent, counts, at)
        self.meet()
        for r in range(self.size):
            if from_each[r]:
                theirs, sizes, begins = self.all.here[r]
                assert sizes[self.rank] == from_each[r]
                received[places[r] : places[r] + from_each[r]] = theirs[begins[self.rank] :][: from_each[r]]
        self.count([n for r, n in enumerate(counts) if n and r != self.rank], received.itemsize)
        self.meet()

    def allgather(self, own: Any, every: Any, counts: Sequence[int]) -> Callable[[], None]:
        own = own.copy()

        def wait() -> None:
            self.all.here[self.rank] = own
            self.meet()
            every[:] = np.concatenate([self.all.here[r] for r in range(self.size)])
            self.count([len(own)] * (self.size - 1) if len(own) else [], own.itemsize)
            self.meet()

        return wait

    def count(self, sizes: list[int], n_bytes: int) -> None:
        """Messages of so many numbers."""
        with self.all.lock:
            self.all.n_messages += len(sizes)
            self.all.n_bytes += sum(sizes) * n_bytes

    def deal(self, whole: Any, layout: Ownership) -> Any:
        if self.rank == 0:
            self.all.here["whole"] = whole
        self.meet()
        own = self.all.here["whole"][layout.slice(self.rank)].copy()
        self.meet()
        return own

    def collect(self, own: Any, layout: Ownership) -> Any:
        self.all.here[self.rank] = own
        self.meet()
        whole = np.concatenate([self.all.here[r] for r in range(self.size)]) if self.rank == 0 else None
        self.meet()
        return whole

    def tell(self, order: dict[str, Any], arrays: list[Any]) -> None:
        order = json.loads(json.dumps(order))  # as it travels
        for rank in range(1, self.size):
            self.all.told[rank].put((order, [array.copy() for array in arrays]))

    def hear(self) -> Any:
        return self.all.told[self.rank].get(timeout=LIMIT_S)

    def all_agree(self, yes: bool) -> bool:
        return yes

    def recover(self) -> bool:
        """The last worker is gone: the others go on."""
        if self.rank == self.size - 1:
            return False
        if self.all.again.wait(LIMIT_S) == 0:
            for told in self.all.told:
                while not told.empty():
                    told.get()
            self.all.lost = None
            self.all.begin(self.all.size - 1)
            self.all.begun.set()
        else:
            self.all.begun.wait(LIMIT_S)
        self.size = self.all.size
        return True
