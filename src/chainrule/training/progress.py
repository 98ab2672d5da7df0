"""A progress bar on stderr: epochs, loss, metric, time left. One line, written over a few times a second."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Any

import numpy.typing as npt

from chainrule.training.events import Event
from chainrule.visible import drawing, visible_line

REFRESH_S = 0.25
"""Often enough for the eye; a line takes some 30 µs, which epochs of milliseconds would feel."""
WIDTH = 10  # of the bar: beside it epochs, time left, loss and validation loss fit into 80 columns


class ProgressBar:
    """An Observer that writes its line to stderr; use it as a context manager, which leaves the line empty."""

    def __init__(self, n_epochs: int, steps_per_epoch: int, metric: str) -> None:
        self._n_epochs, self._spe = n_epochs, steps_per_epoch
        self._names = tuple(dict.fromkeys(("loss", "validation_loss", metric)))
        self._line: dict[str, float] = {}
        self._shown_s = float("-inf")
        self._began: tuple[int, float] | None = None
        self._stream = sys.stderr
        self._full, self._empty = "━ " if "utf" in (getattr(self._stream, "encoding", "") or "").lower() else "= "

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._began is not None:
            self._write("")

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """Keep the epoch's loss and metric, to be shown."""
        self._line = line

    def stretch_done(self, step: int, loss: float) -> None:
        """Draw the line anew, unless it was drawn a moment ago."""
        now = time.perf_counter()
        if now - self._shown_s >= REFRESH_S:
            self._shown_s = now
            self._began = self._began or (step, now)
            self._write(self.text(step, loss, now, shutil.get_terminal_size().columns - 1))

    def text(self, step: int, loss: float, now: float, width: int) -> str:
        """The line after a step whose loss is given; of the figures those that fit whole into `width`."""
        epochs, total = step // self._spe, self._n_epochs * self._spe
        drawn = min(step * WIDTH // total, WIDTH)
        figures = self._line or {"loss": loss}
        result = [f"{name} {figures[name]:.4g}" for name in self._names if name in figures]
        text = f"epoch {epochs}/{self._n_epochs}  [{self._full * drawn}{self._empty * (WIDTH - drawn)}]"
        for part in (self._left(step, total, now), *result):
            if len(text) + 2 + len(part) > width:
                break
            text += f"  {part}"
        return text[:width]

    def _left(self, step: int, total: int, now: float) -> str:
        """The time left as hours:minutes:seconds, by the pace since the first line."""
        first, began = self._began or (step, now)
        if step <= first:
            return "-:--:--"
        seconds = round((now - began) / (step - first) * (total - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    def _write(self, text: str) -> None:
        """Overwrite the current line, which fits the terminal: a wrapped line could not be overwritten."""
        try:
            drawing(self._stream).write(f"\r\x1b[K{visible_line(text)}")
            self._stream.flush()
        except (OSError, ValueError):  # a closed terminal ends no training
            self._shown_s = float("inf")

    def event_happened(self, event: Event) -> None:
        """Events are reported by the reader of the result."""

    def before_checkpoint(self, losses: npt.NDArray[Any]) -> None:
        """Nothing to show."""


class StatusLine:
    """What is being done, on one line of stderr, written over a few times a second; a context manager that clears it.

    shown: whether anything is written at all
    """

    def __init__(self, name: str, *, shown: bool) -> None:
        self._name, self._shown, self._written_s = name, shown, float("-inf")
        self._began_s = time.perf_counter()
        self._stream = sys.stderr

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(self, *exception: Any) -> None:
        if self._shown and self._written_s > 0:
            self._write("")

    def __call__(self, what: str) -> None:
        """Write what is being done, and for how long, unless something was written a moment ago."""
        now = time.perf_counter()
        if self._shown and now - self._written_s >= REFRESH_S:
            self._written_s = now
            text = f"{self._name}  {now - self._began_s:.0f} s  {what}"
            self._write(text[: shutil.get_terminal_size().columns - 1])

    def _write(self, text: str) -> None:
        try:
            drawing(self._stream).write(f"\r\x1b[K{visible_line(text)}")
            self._stream.flush()
        except (OSError, ValueError):  # a closed terminal ends no work
            self._shown = False


def wanted(progress: bool | str) -> bool:
    """Whether to draw: True, or "auto" with a terminal behind stderr."""
    return sys.stderr is not None and (progress is True or (progress == "auto" and sys.stderr.isatty()))
