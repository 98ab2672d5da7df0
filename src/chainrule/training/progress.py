"""A progress bar on stderr: epochs, loss, metric, time left."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.training.events import Event

REFRESH_HZ = 4
"""Often enough for the eye; telling the bar more often costs epochs of milliseconds several percent."""


class ProgressBar:
    """An Observer that draws with rich; use it as a context manager."""

    def __init__(self, n_epochs: int, steps_per_epoch: int, metric: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._metric, self._spe, self._told, self._shown = metric, steps_per_epoch, "", 0.0
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(n_epochs)),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            refresh_per_second=REFRESH_HZ,
        )
        self._task = self._bar.add_task("train", total=n_epochs * steps_per_epoch, epoch=0, told="")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.stop()

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """Show the epoch's loss and metric."""
        names = [name for name in ("loss", "validation_loss", self._metric) if name in line]
        self._told = "  ".join(f"{name} {line[name]:.4g}" for name in dict.fromkeys(names))
        self._show(epoch=epoch + 1, told=self._told)

    def stretch_done(self, step: int, loss: float) -> None:
        """Move the bar."""
        self._show(completed=step, told=self._told or f"loss {loss:.4g}", epoch=step // self._spe)

    def _show(self, **fields: Any) -> None:
        now = time.perf_counter()
        if now - self._shown >= 1 / REFRESH_HZ:
            self._shown = now
            self._bar.update(self._task, **fields)

    def event_happened(self, event: Event) -> None:
        """Events are told by whoever reads the result."""

    def before_checkpoint(self, losses: npt.NDArray[np.float64]) -> None:
        """Nothing to show."""


def wanted(progress: bool | str) -> bool:
    """Whether to draw: True, or "auto" with a terminal behind stderr."""
    return progress is True or (progress == "auto" and sys.stderr is not None and sys.stderr.isatty())
