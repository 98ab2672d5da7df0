"""Ctrl-C, SIGTERM and SIGHUP end a command: what it was writing is cleared away, what it has is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

NUMBERS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
AGAIN_S = 0.05
"""Within an import a signal waits and tries again: extension modules swallow what is raised there or stay half made."""
INTERRUPTED = 130
"""The exit code after Ctrl-C: 128 plus the number of SIGINT, as in shells; likewise for the other signals."""


class Ended(BaseException):
    """A signal asks the command to end; raised wherever it is."""


class Ending:
    """Which signal came, and what then happens: Ended is raised, once; within `held`, nothing yet."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._held = self._raised = False
        self._waiting = 0

    @property
    def code(self) -> int:
        """The exit code of a command that was interrupted."""
        return INTERRUPTED if self.received is None else 128 + self.received

    def hear(self, number: int, frame: FrameType | None) -> None:
        """A signal came; without a frame it is Ctrl-C that a training has answered already."""
        if number == signal.SIGINT and frame is None:
            return
        if number == getattr(signal, "SIGALRM", None):
            number = self._waiting
        elif number != signal.SIGINT:
            self.received = self.received or number
        if _is_importing(frame) and hasattr(signal, "setitimer"):
            self._waiting = number
            signal.signal(signal.SIGALRM, self.hear)
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        elif not self._held and not self._raised:
            self._raised = True
            raise Ended

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Inside, the command ends by itself in time and is only notified of the signal."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """While open, signals are handled here: in the main thread, and only those that were not ignored (nohup)."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            usual = (signal.SIG_DFL, signal.default_int_handler)
            wanted = [number for number in NUMBERS if signal.getsignal(number) in usual]
            before = {number: signal.signal(number, self.hear) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether a module is being loaded there."""
    while frame is not None:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            return True
        frame = frame.f_back
    return False


def give_up_output() -> None:
    """The reader has gone: whatever Python flushes at exit is discarded."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # also if there is no stream
            with contextlib.suppress(AttributeError, OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


ENDING = Ending()
"""The one of the running command; a process runs a single command."""
