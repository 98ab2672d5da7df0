"""What is being done and how far, on one line of stderr or below a notebook's cell; redrawn by a thread of its own.

`working` opens the line, the innermost one wins; `doing` says from any depth what is done now, at the cost of an
assignment. The thread redraws the line also where nothing is said for long, so no wait looks like a halt. Nothing is
drawn before DELAY_S, so what is quick writes nothing. What is printed meanwhile takes the line away (`suspend`), until
something is said again.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from typing import Any, Protocol, TypeVar

from chainrule.visible import BEFORE_WRITING, drawing, visible_line

T = TypeVar("T")
REFRESH_S = 0.25
"""Often enough for the eye; a line takes some 30 µs, which epochs of milliseconds would feel."""
DELAY_S = 0.5
NOTEBOOK_WIDTH = 100


class Terminal:
    """A line of a terminal that is written over; a terminal that is gone ends no work."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._drawn = stream, False

    @property
    def width(self) -> int:
        """Characters of a line that does not wrap: a wrapped line could not be overwritten."""
        return shutil.get_terminal_size().columns - 1

    def show(self, text: str) -> bool:
        """Draw this text in place of the last; False where that is no longer possible."""
        try:
            drawing(self._stream).write(f"\r\x1b[K{visible_line(text)}")
            self._stream.flush()
        except (OSError, ValueError):
            return False
        self._drawn = bool(text)
        return True

    def clear(self) -> None:
        """Leave the line empty."""
        if self._drawn:
            self.show("")


class Notebook:
    """The same below the cell of a notebook, as an output that is updated in place; it needs nothing but IPython."""

    width = NOTEBOOK_WIDTH

    def __init__(self) -> None:
        self._display = importlib.import_module("IPython.display").display
        self._handle: Any = None
        self._drawn = False

    def show(self, text: str) -> bool:
        """Display this text in place of the last."""
        html = f'<pre style="margin:0">{escape(visible_line(text))}</pre>' if text else ""
        bundle = {"text/plain": visible_line(text), "text/html": html}
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)
        self._drawn = bool(text)
        return True

    def clear(self) -> None:
        """Leave it empty."""
        if self._drawn:
            self.show("")


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def screen() -> Terminal | Notebook:
    """Where lines are drawn."""
    return Notebook() if in_notebook() else Terminal(sys.stderr)


def wanted(progress: bool | str) -> bool:
    """Whether to draw: True, or "auto" with a terminal behind stderr or in a notebook."""
    if _PART.get() is not None or (sys.stderr is None and not in_notebook()):
        return False
    return progress is True or (progress == "auto" and (in_notebook() or sys.stderr.isatty()))


class OpenLine(Protocol):
    """An open line: this one, or a progress bar, which says itself what is done."""

    def __call__(self, what: str, done: int | None = None, total: int | None = None) -> None:
        """Say what is being done, and how many of how many."""

    def far(self, done: int, total: int) -> None:
        """Say how many of how many, of what was said last."""

    def suspend(self) -> None:
        """Take the line away until something is said again."""


class StatusLine:
    """What is being done, and for how long; a context manager that leaves the line empty.

    shown: whether anything is drawn at all
    """

    def __init__(self, name: str, *, shown: bool) -> None:
        self._name, self._shown = name, shown
        self._began_s = time.perf_counter()
        self._what: tuple[str, int | None, int | None] = ("", None, None)
        self._suspended, self._ended, self._lock = False, threading.Event(), threading.RLock()
        self._screen = screen() if shown else None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> StatusLine:
        LINES.append(self)
        if self._shown:
            self._thread = threading.Thread(target=self._redraw, name="status line", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        LINES.remove(self)
        self._ended.set()
        self.suspend()
        if self._thread is not None:
            self._thread.join(2 * REFRESH_S)

    def __call__(self, what: str, done: int | None = None, total: int | None = None) -> None:
        """Say what is being done, and how many of how many."""
        self._what = (what, done, total)
        self._suspended = False

    def far(self, done: int, total: int) -> None:
        """Say how many of how many, of what was said last."""
        self._what = (self._what[0], done, total)

    def suspend(self) -> None:
        """Take the line away until something is said again."""
        self._suspended = True
        if self._screen is not None:
            with self._lock:
                self._screen.clear()

    def text(self, now: float) -> str:
        """The line at this time."""
        what, done, total = self._what
        far = "" if done is None else f"  {done:,}" if total is None else f"  {done:,} of {total:,}"
        return f"{self._name}  {now - self._began_s:.0f} s  {what}{far}"

    def _redraw(self) -> None:
        """Draw the line a few times a second, while it is the innermost and nothing else is written."""
        assert self._screen is not None
        wait = DELAY_S
        while not self._ended.wait(wait):
            wait = REFRESH_S
            with self._lock:
                if self._suspended or self._ended.is_set() or not LINES or LINES[-1] is not self:
                    continue
                if not self._screen.show(self.text(time.perf_counter())[: self._screen.width]):
                    return


LINES: list[OpenLine] = []
"""The open lines, the innermost last. They say what this process does; no result depends on them."""


_PART: ContextVar[OpenLine | None] = ContextVar("part", default=None)
"""In a thread that does a part of the work: what takes what it says."""


class Several:
    """What several threads do at once, said together on the open line.

    what: said of them all; total: how many parts there are, where that is known
    """

    def __init__(self, what: str, total: int | None = None) -> None:
        self._what, self._total, self._n_done = what, total, 0
        self._open: dict[OneOfSeveral, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def begun(self, part: OneOfSeveral) -> None:
        """One more is at work."""
        self.say(part, 0, 0)

    def say(self, part: OneOfSeveral, done: int, total: int) -> None:
        """How far a part is."""
        with self._lock:
            self._open[part] = (done, total)
            self._show()

    def ended(self, part: OneOfSeveral) -> None:
        """One more is done."""
        with self._lock:
            self._open.pop(part, None)
            self._n_done += 1
            self._show()

    def _show(self) -> None:
        if LINES:
            of = "" if self._total is None else f" of {self._total}"
            done, total = (sum(one) for one in zip(*self._open.values(), strict=True)) if self._open else (0, 0)
            what = f"{self._what}, {self._n_done}{of} done"
            LINES[-1](f"{what}, step" if total else what, done if total else None, total or None)


class OneOfSeveral:
    """The line of one thread: how far it is; what it does in between is not said."""

    def __init__(self, parts: Several) -> None:
        self._parts = parts

    def __call__(self, what: str, done: int | None = None, total: int | None = None) -> None:
        """Nothing: the other threads do something else."""

    def far(self, done: int, total: int) -> None:
        """Say how many of how many."""
        self._parts.say(self, done, total)

    def suspend(self) -> None:
        """Nothing to take away."""

    def __enter__(self) -> OneOfSeveral:
        self._token = _PART.set(self)
        self._parts.begun(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        _PART.reset(self._token)
        self._parts.ended(self)


def _line() -> OpenLine | None:
    """What takes what this thread says."""
    part = _PART.get()
    return part if part is not None else LINES[-1] if LINES else None


@contextmanager
def working(name: str, progress: bool | str = "auto") -> Iterator[OpenLine]:
    """The open line, or a new one for a piece of work, drawn where it is wanted."""
    line = _line()
    if line is not None:
        yield line
        return
    with StatusLine(name, shown=wanted(progress)) as line:
        yield line


def doing(what: str, done: int | None = None, total: int | None = None) -> None:
    """Say on the open line, if there is one, what is being done and how far it is."""
    line = _line()
    if line is not None:
        line(what, done, total)


def far(done: int, total: int) -> None:
    """Say how far that is which is being done."""
    line = _line()
    if line is not None:
        line.far(done, total)


def counted_off(items: Iterable[T], what: str, total: int) -> Iterator[T]:
    """The items, each said to be worked on when it is taken."""
    for done, item in enumerate(items, start=1):
        doing(what, done, total)
        yield item


def suspend() -> None:
    """Take the open line away before something else is written to the terminal."""
    if LINES:
        LINES[-1].suspend()


BEFORE_WRITING.append(suspend)
