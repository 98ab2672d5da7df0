"""Whole trainings that another worker does: worker 0 asks, one of the others answers.

A thread of worker 0 that does a task has a place in its context: itself, or another worker. Where something is packed
for the other one, `ask` waits for its answer, and tells it where the end is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

import numpy.typing as npt

from chainrule.distributed import world
from chainrule.distributed.comm import Comm, Sent
from chainrule.training.interrupt import ended_by

NAP_S = 2e-3
TASK, ANSWER, STOP = 1, 2, 3
"""Kinds of messages between two workers."""


class Pairwise(Comm, Protocol):
    """Workers of whom two can speak without the others."""

    def send(self, rank: int, kind: int, order: dict[str, Any], arrays: list[npt.NDArray[Any]]) -> None:
        """Send a message of a kind."""

    def take(self, rank: int, kind: int) -> Sent:
        """Receive it."""

    def has_come(self, rank: int, kind: int) -> bool:
        """Whether one is there."""


PLACE: ContextVar[int] = ContextVar("place", default=0)
"""The worker that does the trainings of this context."""


def n_others() -> int:
    """How many other workers can be given whole trainings by threads of this process."""
    comm = world.of_this_process()
    return comm.size - 1 if comm.rank == 0 and getattr(comm, "threads_may_speak", False) else 0


def ask(order: dict[str, Any], arrays: list[npt.NDArray[Any]], is_over: Callable[[], bool]) -> Sent:
    """What the worker at the place of this context answers."""
    comm: Any = world.of_this_process()
    rank, has_heard = PLACE.get(), False
    comm.send(rank, TASK, order, arrays)
    while not comm.has_come(rank, ANSWER):
        if is_over() and not has_heard:
            comm.send(rank, STOP, {}, [])
            has_heard = True
        time.sleep(NAP_S)
    answer: Sent = comm.take(rank, ANSWER)
    comm.send(rank, TASK, {"do": "go on"}, [])  # behind it no STOP comes any more
    return answer


def begin() -> None:
    """The others are ready for tasks from now on."""
    world.of_this_process().tell({"do": "tasks"}, [])


def end() -> None:
    """The others wait for orders again."""
    comm: Any = world.of_this_process()
    for rank in range(1, comm.size):
        comm.send(rank, TASK, {"do": "over"}, [])


def serve(comm: Any, perform: Callable[[Sent], Sent]) -> None:
    """Of another worker: do tasks until they are over."""
    while True:
        order, arrays = _patiently(comm)
        if order["do"] == "over":
            return
        with ended_by(lambda: bool(comm.has_come(0, STOP))):
            comm.send(0, ANSWER, *perform((order, arrays)))
        _patiently(comm)
        while comm.has_come(0, STOP):
            comm.take(0, STOP)


def _patiently(comm: Any) -> Sent:
    while not comm.has_come(0, TASK):
        time.sleep(NAP_S)
    found: Sent = comm.take(0, TASK)
    return found
