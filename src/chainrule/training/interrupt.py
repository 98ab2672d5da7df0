"""Signals that ask a training to end: it does after the current step, and everything is kept before anything else.

Ctrl-C (SIGINT) is taken up by that. SIGTERM and SIGHUP are meant for the whole program: once the training has ended
and its files are written, they are passed on to whoever was to act on them, by default the system, which then ends
the process as it would have done at once.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

AS_ONE_S = 0.1
"""Signals of one kind this close together are one: timeout(1) and other wrappers send each of them twice."""
AGAIN_S = 2.0
"""A Ctrl-C this soon after another raises KeyboardInterrupt, though another training may have begun between them."""
NUMBERS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # no SIGHUP on Windows

_last: dict[int, float] = {}
"""When each signal came last, also in the trainings before."""


_ENDED: ContextVar[Callable[[], bool] | None] = ContextVar("ended", default=None)
"""In the threads of trainings side by side: whether the thread that started them asks for their end."""


@contextmanager
def ended_by(asked: Callable[[], bool]) -> Iterator[None]:
    """In this context every training ends where `asked` says so, as if a signal had come."""
    token = _ENDED.set(asked)
    try:
        yield
    finally:
        _ENDED.reset(token)


class Listening:
    """While open, the first signal raises a flag, which calling the object reads; a second one acts at once.

    Only in the main thread, where alone Python runs handlers; in another one a training ends where `ended_by` says so.
    A signal that is ignored (nohup, a shell's background) stays so, and one whose handler is not Python's is left to
    it. Every handler is as before at the end.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._asked = _ENDED.get()
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Whether the training is to end."""
        return self.received is not None or (self._asked is not None and self._asked())

    @property
    def name(self) -> str:
        """What asked for the end, in words."""
        return "Ctrl-C" if self.received in (None, signal.SIGINT) else signal.Signals(self.received).name

    def __enter__(self) -> Listening:
        if threading.current_thread() is threading.main_thread():
            for number in NUMBERS:
                handler = signal.getsignal(number)
                if handler not in (signal.SIG_IGN, None):
                    self._before[number] = handler
                    signal.signal(number, self._hear)
        return self

    def __exit__(self, *failed: object) -> None:
        self._restore()
        if self.received is not None and self._before[self.received] is not signal.default_int_handler:
            self._pass_on(self.received, None)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now, last = time.monotonic(), _last.get(number, float("-inf"))
        _last[number] = now
        if now - last < AS_ONE_S:
            return
        if self.received is None and not (number == signal.SIGINT and now - last < AGAIN_S):
            self.received = number
            return
        self._restore()
        self.received = None  # nothing is left to be passed on
        self._pass_on(number, frame)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        """As it would have been without us."""
        handler = self._before[number]
        if callable(handler):
            handler(number, frame)
        elif number != signal.SIGINT or frame is not None:  # the default action; one Ctrl-C is answered by the end
            signal.raise_signal(number)
