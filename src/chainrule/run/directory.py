"""The run directory: who writes which file when, and how it is read back.

run.json             architecture, settings, seed, fingerprint, versions; the result once it ended
model.safetensors    the best model with its pipeline
history.jsonl        one line for each epoch, at most half a second and a stretch of steps later
steps.safetensors    the loss of every step
events.jsonl         what changed the run from outside
data.safetensors     the rows, where they are kept
learning_rate.json   what was found about the learning rate, where that was looked for
checkpoints/         step-00000000.safetensors …: the state before that step
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import ModelFileError, SettingsError, named_path
from chainrule.run import contents, event_lines, files
from chainrule.run.claim import Claim
from chainrule.run.contents import StateShape
from chainrule.run.lines import together
from chainrule.run.names import ENSEMBLE, EVENTS, HISTORY, RUN, STEPS
from chainrule.training.checkpoints import BUDGET_BYTES, Checkpoint, CheckpointStore
from chainrule.training.events import Event

KEEP_BYTES = 64 * 2**20
WAIT_S = 0.5
"""Lines of the history are written together where they come faster than this."""


def columns_of(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Lines of a history as lists, by name."""
    columns: dict[str, list[float]] = {}
    for line in lines:
        for name, value in line.items():
            if name != "epoch":
                columns.setdefault(name, []).append(value)
    return columns


def refuse_unread(error: ModelFileError | None) -> None:
    """A file that could not be read this time is not a damaged one, whose content would be dropped."""
    if error is not None and isinstance(error.__cause__, OSError):
        raise error


class RunDirectory:
    """The files of one run; an Observer of its training."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = named_path(path, "directory", "runs/first")
        self._claim: Claim | None = None
        self._training = False
        self._new_events = False
        self._waiting = bytearray()
        self._tried_s = 0.0
        self._n_lines = {HISTORY: 0, EVENTS: 0}

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / RUN).exists()

    @property
    def holds_ensemble(self) -> bool:
        """Whether an ensemble was begun here; its members have run directories of their own."""
        return (self.path / ENSEMBLE).exists()

    @property
    def is_taken(self) -> bool:
        """Whether a run or an ensemble was begun here."""
        return self.exists or self.holds_ensemble

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the one writer of this folder, as often as asked for; an error before training leaves it as it was.

        Raises SettingsError if another process writes there; ModelFileError if nothing can be written.
        """
        if self._claim is not None:
            yield
            return
        claim = Claim(self.path)
        claim.take()
        self._claim, self._training = claim, False
        try:
            yield
        except BaseException:
            if not self._training:
                claim.withdraw()
            raise
        finally:
            self._claim = None
            claim.release()

    def create(self) -> None:
        """Begin a run in the folder, which is claimed.

        Raises SettingsError if a run is already there, or parts of one; ModelFileError if nothing can be written.
        """
        assert self._claim is not None
        if self.holds_ensemble:
            raise SettingsError(
                f"{self.path}: holds an ensemble, not the run of one training. Continue it with the preset and the "
                "number of members that it was begun with, or name another folder."
            )
        if self.exists:
            raise SettingsError(f"{self.path}: holds a run already. Continue it with resume, or name another folder.")
        self._claim.clear_remains()
        self._claim.make_checkpoints()

    def training_begins(self) -> None:
        """From here on the run stays, whatever fails: it can be resumed."""
        self._training = True

    def file(self, name: str) -> Path:
        """The path of one file."""
        return self.path / name

    # written while training ---------------------------------------------------------------------------------

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        """The epoch's line comes into the history, soon."""
        self._waiting += together([{"epoch": epoch, **line}], self._n_lines[HISTORY])
        self._n_lines[HISTORY] += 1
        self._write_history()

    def stretch_done(self, step: int, loss: float) -> None:
        """Lines of the history that waited are written."""
        if self._waiting:
            self._write_history()

    def _write_history(self, *, at_once: bool = False) -> None:
        """Append the waiting lines, unless that was tried a moment ago: epochs may be shorter than a write, and lines
        that find no room are many in the end."""
        now = time.perf_counter()
        if at_once or now - self._tried_s >= WAIT_S:
            self._tried_s = now
            if self._waiting:
                files.append(self.file(HISTORY), bytes(self._waiting))
                self._waiting.clear()

    def event_happened(self, event: Event) -> None:
        """Append the event."""
        files.append(self.file(EVENTS), together([event.to_dict()], self._n_lines[EVENTS]))
        self._n_lines[EVENTS] += 1
        self._new_events = True

    def before_checkpoint(self, losses: npt.NDArray[np.float64]) -> None:
        """Write the losses of all steps so far, so that no checkpoint is ahead of them; nor of history and events."""
        self._write_history(at_once=True)
        if self._new_events:
            files.sync(self.file(EVENTS))
            self._new_events = False
        self.write_losses(losses)

    def write_losses(self, losses: npt.NDArray[np.float64]) -> None:
        """The losses of all steps so far."""
        files.write_tensors(self.file(STEPS), {"loss": losses}, {"kind": "steps"}, durable=False)

    def training_ended(self) -> None:
        """Losses, history and events are on the disk."""
        self._write_history(at_once=True)
        for name in (STEPS, HISTORY, EVENTS):
            files.sync(self.file(name))

    # read back ---------------------------------------------------------------------------------------------

    def history_lines(self) -> list[dict[str, Any]]:
        """The lines of the history up to the first that does not fit, for a writer who goes on behind them.

        Raises ModelFileError if the system could not read the file this time: its lines are not lost.
        """
        lines, error = contents.read_history(self.file(HISTORY))
        refuse_unread(error)
        return lines

    def read_history(self, n_epochs: int | None = None) -> dict[str, list[float]]:
        """The history as lists, of the first n_epochs; up to the first line that does not fit."""
        return columns_of(contents.read_history(self.file(HISTORY))[0][:n_epochs])

    def read_events(self) -> list[Event]:
        """All events.

        Raises ModelFileError if a line is damaged: what happened then is not known.
        """
        events, error = event_lines.read_events(self.file(EVENTS))
        if error is not None:
            raise error
        return events

    def read_losses(self, n_steps: int) -> npt.NDArray[np.float64]:
        """The losses of the first n_steps; empty if there is no such file."""
        if not os.path.lexists(self.file(STEPS)):
            return np.zeros(0)
        return contents.read_losses(self.file(STEPS), n_steps)

    def ends_whole(self, name: str) -> bool:
        """Whether the last line of a file, if there is any, has its end."""
        try:
            return self.file(name).read_bytes()[-1:] in (b"", b"\n")
        except FileNotFoundError:
            return True

    def rewind(self, n_epochs: int, events: Sequence[Event], fill: Mapping[str, float] | None = None) -> None:
        """Cut history and events back to the lines before a checkpoint: what came after it is done again.

        Arguments: fill: what a line of the history holds where it does not say otherwise.
        """
        history = [{**(fill or {}), **line} for line in self.history_lines()[:n_epochs]]
        for name, lines in {HISTORY: history, EVENTS: [event.to_dict() for event in events]}.items():
            files.write_atomic(self.file(name), together(lines))
            self._n_lines[name] = len(lines)


class FileStore(CheckpointStore):
    """Checkpoints as files of a run directory."""

    def __init__(
        self,
        folder: Path,
        n_steps: int,
        shape: StateShape,
        budget_bytes: int = BUDGET_BYTES,
        pinned: set[int] | None = None,
    ) -> None:
        super().__init__(n_steps, budget_bytes)
        self.folder, self.shape, self.place = folder, shape, str(folder)
        self.pinned = set(pinned or ())
        self.sizes = contents.checkpoints_in(folder)
        for step in sorted(self.sizes, reverse=True):
            with contextlib.suppress(ModelFileError):  # damaged: said where it is asked for
                self.spacing = contents.read_checkpoint(self._path(step), step, shape)[1]
                break

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.safetensors"

    def _write(self, checkpoint: Checkpoint) -> None:
        """All arrays, but for a best theta that is theta, and for an optimizer's state that is all zero still."""
        arrays = {"theta": checkpoint.theta}
        if not np.array_equal(checkpoint.best_theta, checkpoint.theta):
            arrays["best_theta"] = checkpoint.best_theta
        zero = {name: array.shape for name, array in checkpoint.optimizer.items() if _is_zero(array)}
        arrays |= {f"optimizer.{name}": array for name, array in checkpoint.optimizer.items() if name not in zero}
        about = {
            "zero": zero,
            "kind": "checkpoint",
            "step": checkpoint.step,
            "spacing": self.spacing,
            "progress": checkpoint.progress.to_dict(),
            "epochs": checkpoint.n_epochs,
            "events": checkpoint.n_events,
        }
        files.write_tensors(self._path(checkpoint.step), arrays, about, durable=False)

    def _read(self, step: int) -> Checkpoint:
        return contents.read_checkpoint(self._path(step), step, self.shape)[0]

    def is_kept(self, step: int) -> bool:
        """Whether there is such a file, or it waits to be one."""
        return super().is_kept(step) or self._path(step).exists()

    def _drop(self, step: int) -> None:
        self._path(step).unlink(missing_ok=True)


def _is_zero(array: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether every bit of an array is 0; −0 is not."""
    return not (array.reshape(-1)[:1024].any() or array.view(np.uint8).any())
