"""Executors: who does independent tasks, such as the trainings of an ensemble's members or the trials of candidates.

A task is a function of its item alone, so what it comes to has the same bits whoever does it and whatever runs beside
it. An executor gives the results in the order of the items: a caller sees what it would see of one after the other.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from chainrule.distributed import places, team
from chainrule.engine.select import allowed_threads, at_most
from chainrule.errors import COLLECTED, warn
from chainrule.status import OneOfSeveral, Several
from chainrule.training.interrupt import Listening, ended_by

Item = TypeVar("Item")
Done = TypeVar("Done")
POLL_S = 0.05
"""So often the waiting thread looks up for signals where the system does not wake it."""
_NONE_LEFT: Any = object()


class Execute(Protocol):
    """Does a task for each item, in this process or elsewhere. The results come in the order of the items, each as soon
    as it is known; the caller may stop asking. An exception of a task comes in the place of its result."""

    def __call__(self, fit: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
        """What `fit` makes of each item."""


def in_turn(fit: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
    """One after the other, in this thread."""
    return map(fit, items)


@dataclass
class SideBySide:
    """Several tasks at once, each in a thread of this process; they share the threads that are allowed.

    Where this is one of several workers, each of the others does one too.

    what: what is said of them on the open line
    threads: those that are allowed, by default as for a training
    most: tasks at once, as memory allows
    """

    what: str
    threads: int | None = None
    most: int | None = None

    def __call__(self, fit: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
        """What `fit` makes of each item, in their order.

        Items are taken by this thread, when one is needed. Signals are heard by this thread: the first one ends all
        trainings after their step, as it ends one. Where the caller stops asking, or a task fails, the others are
        ended so too, and waited for.
        """
        n_threads, n_others = allowed_threads(self.threads)[0], places.n_others()
        if n_others:
            n_threads = min(n_threads, team.join().threads)
        n_items = len(items) if isinstance(items, Sized) else None
        n_workers = min(n for n in (n_threads + n_others, self.most, n_items) if n is not None)
        if n_workers < 2:
            return in_turn(fit, items)
        parts = Several(self.what, n_items)
        if n_others:
            return _across(fit, items, n_workers, n_threads, parts)
        return _Beside(fit, items, n_workers, n_threads, parts).results()


def _across(
    fit: Callable[[Item], Done], items: Iterable[Item], n_tasks: int, n_threads: int, parts: Several
) -> Iterator[Done]:
    """Some of them by other workers, one each at a time, the others by threads of this process."""
    n_others = min(places.n_others(), n_tasks - 1)
    free = queue.SimpleQueue[int]()
    for place in (*range(1, n_others + 1), *[0] * (n_tasks - n_others)):
        free.put(place)

    def somewhere(item: Item) -> Done:
        place = free.get()
        token = places.PLACE.set(place)
        try:
            return fit(item)
        finally:
            places.PLACE.reset(token)
            free.put(place)

    places.begin()
    try:
        yield from _Beside(somewhere, items, n_tasks, n_threads, parts).results()
    finally:
        places.end()


def _pool_of(n_workers: int) -> ThreadPoolExecutor | None:
    """So many threads, started; None where the system gives fewer, as containers limit their number."""
    pool, started = ThreadPoolExecutor(n_workers, thread_name_prefix="training"), threading.Event()
    try:
        for _ in range(n_workers):
            pool.submit(started.wait)  # a thread that is not idle: the next task starts another
    except RuntimeError:
        started.set()
        pool.shutdown()
        return None
    started.set()
    return pool


@dataclass
class _Outcome(Generic[Done]):
    """What a task came to: a result or an exception, and what it warned of."""

    result: Done | None = None
    error: BaseException | None = None
    warned: tuple[tuple[str | Warning, type[Warning]], ...] = ()

    def given(self) -> Done:
        """The same in the thread of the caller."""
        for message, category in self.warned:
            warn(message, category)
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class _Beside(Generic[Item, Done]):
    """Tasks under way."""

    def __init__(
        self, fit: Callable[[Item], Done], items: Iterable[Item], n_workers: int, n_threads: int, parts: Several
    ) -> None:
        self._fit, self._items, self._parts = fit, iter(items), parts
        self._n_workers, self._n_threads = n_workers, n_threads
        self._left = len(items) if isinstance(items, Sized) else n_workers
        self._stop = threading.Event()
        self._pending = deque[Future[_Outcome[Done]]]()

    def results(self) -> Iterator[Done]:
        """In the order of the items; the threads end with them."""
        pool = _pool_of(self._n_workers)
        if pool is None:
            yield from in_turn(self._fit, self._items)
            return
        with Listening() as heard:
            try:
                self._heard = heard
                while self._begin(pool) or self._pending:
                    if self._pending[0].done():
                        yield self._pending.popleft().result().given()
                    else:
                        wait([one for one in self._pending if not one.done()], POLL_S, FIRST_COMPLETED)
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)

    def _begin(self, pool: ThreadPoolExecutor) -> bool:
        """Give work to those who have none; whether any was begun."""
        begun = False
        while self._is_one_idle() and (item := next(self._items, _NONE_LEFT)) is not _NONE_LEFT:
            share = max(1, self._n_threads // min(self._n_workers, max(self._left, 1)))
            self._left -= 1
            self._pending.append(pool.submit(copy_context().run, self._do, item, share))
            begun = True
        return begun

    def _is_one_idle(self) -> bool:
        over = [one.result() for one in self._pending if one.done()]
        if self._heard():  # one more, which ends at once, says so where all results are known
            return not self._pending
        failed = any(outcome.error is not None for outcome in over)
        return not failed and len(self._pending) - len(over) < self._n_workers

    def _do(self, item: Item, n_threads: int) -> _Outcome[Done]:
        warned = list[tuple[str | Warning, type[Warning]]]()
        COLLECTED.set(warned)  # of this thread's context alone
        with ended_by(self._is_over), at_most(n_threads), OneOfSeveral(self._parts):
            try:
                result = self._fit(item)
            except BaseException as error:
                return _Outcome(error=error, warned=tuple(warned))
            return _Outcome(result, warned=tuple(warned))

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._heard()


@contextmanager
def under_way(results: Iterator[Done]) -> Iterator[Iterator[Done]]:
    """A context within which results are asked for; what is still under way at its end is ended."""
    try:
        yield results
    finally:
        close = getattr(results, "close", None)
        if close is not None:
            close()
