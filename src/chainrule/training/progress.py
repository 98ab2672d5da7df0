"""A progress bar: epochs, loss, metric, time left. One line of stderr or below a cell, redrawn a few times a second."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy.typing as npt

from chainrule.status import LINES, REFRESH_S, far, screen
from chainrule.training.events import Event

WIDTH = 10  # of the bar: beside it epochs, time left, loss and validation loss fit into 80 columns


class ProgressBar:
    """An Observer that draws its line; use it as a context manager, which leaves the line empty."""

    def __init__(self, n_epochs: int, steps_per_epoch: int, metric: str) -> None:
        self._n_epochs, self._spe = n_epochs, steps_per_epoch
        self._names = tuple(dict.fromkeys(("loss", "validation_loss", metric)))
        self._line: dict[str, float] = {}
        self._shown_s = float("-inf")
        self._began: tuple[int, float] | None = None
        self._screen = screen()
        self._full, self._empty = "━ " if "utf" in (getattr(sys.stderr, "encoding", "") or "").lower() else "= "

    def __enter__(self) -> ProgressBar:
        for line in LINES:
            line.suspend()
        LINES.append(self)
        return self

    def __exit__(self, *exception: Any) -> None:
        LINES.remove(self)
        self._screen.clear()

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """Keep the epoch's loss and metric, to be shown."""
        self._line = line

    def stretch_done(self, step: int, loss: float) -> None:
        """Draw the line anew, unless it was drawn a moment ago."""
        now = time.perf_counter()
        if now - self._shown_s >= REFRESH_S:
            self._shown_s = now
            self._began = self._began or (step, now)
            if not self._screen.show(self.text(step, loss, now, self._screen.width)):
                self._shown_s = float("inf")  # a closed terminal ends no training

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

    def __call__(self, what: str, done: int | None = None, total: int | None = None) -> None:
        """What is being done within an epoch is not shown."""

    def far(self, done: int, total: int) -> None:
        """The same."""

    def suspend(self) -> None:
        """Take the line away before something else is written; it comes again with the next steps."""
        self._screen.clear()

    def event_happened(self, event: Event) -> None:
        """Events are reported by the reader of the result."""

    def before_checkpoint(self, losses: npt.NDArray[Any]) -> None:
        """Nothing to show."""


class StepCount:
    """An Observer of a training without a bar of its own, such as a trial: its steps are counted on the open line."""

    def __init__(self, n_steps: int) -> None:
        self._n_steps = n_steps

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """Nothing to show."""

    def stretch_done(self, step: int, loss: float) -> None:
        """Say how far the training is."""
        far(step, self._n_steps)

    def event_happened(self, event: Event) -> None:
        """Nothing to show."""

    def before_checkpoint(self, losses: npt.NDArray[Any]) -> None:
        """Nothing to show."""
