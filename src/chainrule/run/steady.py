"""Training survives a full disk: files that cannot be written are kept in memory, retried and reported.

Numbers come first and files second: a training that has run for hours goes on where a write fails. Lines of history
and events wait for the next write; checkpoints that no file could take stay in memory, and no file holds one that is
ahead of losses, history and events. What is missing in the end is named.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError, UnwrittenWarning, of_file
from chainrule.run.directory import FileStore, RunDirectory
from chainrule.run.names import EVENTS, HISTORY, STEPS
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.events import Event


class Unwritten:
    """What could not be written so far, and why, by its path."""

    def __init__(self) -> None:
        self.why: dict[Path, str] = {}
        self.over = False
        """Whether all steps are done: what is missing is then reported once, together."""
        self._reported: set[Path] = set()

    def attempt(self, path: Path, write: Callable[[], object]) -> bool:
        """Whether it was written; the first failure of a path is reported at once, so that space can be freed."""
        try:
            write()
        except (ModelFileError, OSError) as error:
            why = str(error) if isinstance(error, ModelFileError) else of_file(path, "written", error)
            self.why[path] = why
            if path not in self._reported and not self.over:
                self._reported.add(path)
                with contextlib.suppress(UnwrittenWarning):  # if warnings are errors; reported again at the end
                    warnings.warn(f"{why} Training continues and retries.", UnwrittenWarning, stacklevel=2)
            return False
        self.why.pop(path, None)
        return True


class SteadyDirectory:
    """A run's directory as an observer that never ends the training it watches."""

    def __init__(self, directory: RunDirectory, unwritten: Unwritten) -> None:
        self._directory, self._unwritten = directory, unwritten
        self._events: list[Event] = []

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """The line comes into the history, now or later."""
        self._attempt(lambda: self._directory.epoch_ended(epoch, line))

    def stretch_done(self, step: int, loss: float) -> None:
        """Lines that waited are written."""
        self._attempt(lambda: self._directory.stretch_done(step, loss))

    def event_happened(self, event: Event) -> None:
        """The event is appended, behind those that wait."""
        self._events.append(event)
        self._attempt(self._write_events)

    def before_checkpoint(self, losses: npt.NDArray[np.float64]) -> None:
        """Losses, history and events are written; where they are not, the checkpoint stays in memory."""

        def write() -> None:
            self._write_events()
            self._directory.before_checkpoint(losses)

        self._attempt(write)

    def end(self, losses: npt.NDArray[np.float64]) -> None:
        """Each of them comes onto the disk, as far as that can be."""
        self._unwritten.over = True
        self._unwritten.why.pop(self._directory.path, None)
        for name, write in {
            EVENTS: self._write_events,
            STEPS: lambda: self._directory.write_losses(losses),
            HISTORY: self._directory.training_ended,
        }.items():
            self._unwritten.attempt(self._directory.file(name), write)

    def _attempt(self, write: Callable[[], object]) -> None:
        self._unwritten.attempt(self._directory.path, write)

    def _write_events(self) -> None:
        while self._events:
            self._directory.event_happened(self._events[0])
            self._events.pop(0)


class SteadyStore(FileStore):
    """Checkpoints in files; those that no file could take, in memory."""

    def __init__(self, unwritten: Unwritten, folder: Path, n_steps: int, **how: Any) -> None:
        super().__init__(folder, n_steps, **how)
        self._unwritten = unwritten

    @property
    def _behind(self) -> bool:
        """Whether losses, history or events of the steps before are in no file yet."""
        return self.folder.parent in self._unwritten.why

    def begin(self, start: Checkpoint) -> None:
        """Keep the first checkpoint. Nothing is lost yet, so here a file that cannot be written is an error."""
        began = time.perf_counter()
        super()._write(start)
        self.sizes[start.step] = start.n_bytes
        self.charge(time.perf_counter() - began)

    def write_waiting(self) -> None:
        """Try those in memory again."""
        for checkpoint in list(self._kept.values()):
            self._write(checkpoint)

    def _write(self, checkpoint: Checkpoint) -> None:
        self._kept[checkpoint.step] = checkpoint
        if self._behind:
            return
        if self._unwritten.attempt(self._path(checkpoint.step), lambda: super(SteadyStore, self)._write(checkpoint)):
            del self._kept[checkpoint.step]

    def _read(self, step: int) -> Checkpoint:
        return self._kept[step] if step in self._kept else super()._read(step)

    def _drop(self, step: int) -> None:
        self._unwritten.why.pop(self._path(step), None)
        if self._kept.pop(step, None) is None:
            with contextlib.suppress(OSError):  # an extra checkpoint does no harm
                super()._drop(step)
