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
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule import json_text
from chainrule.errors import ModelFileError, SettingsError
from chainrule.run import files
from chainrule.run.claim import Claim
from chainrule.run.names import CHECKPOINT, EVENTS, HISTORY, RUN, STEPS
from chainrule.training.checkpoints import BUDGET_BYTES, Checkpoint, CheckpointStore, Progress
from chainrule.training.events import Event

KEEP_BYTES = 64 * 2**20
WAIT_S = 0.5
"""Lines of the history are written together where they come faster than this."""


class RunDirectory:
    """The files of one run; an Observer of its training."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._claim: Claim | None = None
        self._training = False
        self._new_events = False
        self._waiting: list[dict[str, float]] = []
        self._wrote_s = 0.0

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / RUN).exists()

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the one writer of this folder, as often as asked for; an error before training leaves it as it was.

        Errors    SettingsError where another process writes there; ModelFileError where nothing can be written
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

        Errors    SettingsError if a run is already there, or parts of one; ModelFileError if nothing can be written
        """
        assert self._claim is not None
        if self.exists:
            raise SettingsError(
                f"{self.path}: holds a run already; expected a new folder. Continue it with resume, or name another."
            )
        self._claim.refuse_remains()
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
        self._waiting.append({"epoch": epoch, **line})
        self._write_history()

    def stretch_done(self, step: int, loss: float) -> None:
        """Lines of the history that waited are written."""
        if self._waiting:
            self._write_history()

    def _write_history(self, *, at_once: bool = False) -> None:
        """Append the waiting lines, unless some were written a moment ago: epochs may be shorter than a write."""
        now = time.perf_counter()
        if at_once or now - self._wrote_s >= WAIT_S:
            self._append(HISTORY, *self._waiting)
            self._waiting, self._wrote_s = [], now

    def event_happened(self, event: Event) -> None:
        """Append the event."""
        self._append(EVENTS, event.to_dict())
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

    def _append(self, name: str, *lines: Mapping[str, Any]) -> None:
        if lines:
            files.append(self.file(name), "".join(json_text.text(values) + "\n" for values in lines).encode())

    # read back ---------------------------------------------------------------------------------------------

    def read_history(self, n_epochs: int | None = None) -> dict[str, list[float]]:
        """The history as lists, of the first n_epochs."""
        columns: dict[str, list[float]] = {}
        for line in self._lines(HISTORY)[:n_epochs]:
            for name, value in line.items():
                if name != "epoch":
                    columns.setdefault(name, []).append(json_text.number(value))
        return columns

    def read_events(self) -> list[Event]:
        """All events."""
        return [Event.from_dict(line) for line in self._lines(EVENTS)]

    def read_losses(self, n_steps: int) -> npt.NDArray[np.float64]:
        """The losses of the first n_steps."""
        if not self.file(STEPS).exists():
            return np.zeros(0)
        losses: npt.NDArray[np.float64] = files.read_tensors(self.file(STEPS))[0]["loss"]
        return losses[:n_steps]

    @property
    def n_epochs(self) -> int:
        """Whole lines of the history."""
        return len(self._lines(HISTORY))

    def rewind(self, n_epochs: int) -> None:
        """Cut the history back to n_epochs: what came after the checkpoint is done again."""
        lines = self._lines(HISTORY)[:n_epochs]
        files.write_atomic(self.file(HISTORY), "".join(json_text.text(line) + "\n" for line in lines).encode())

    def _lines(self, name: str) -> list[dict[str, Any]]:
        """The whole lines of a file; a last line cut off by a crash is left out."""
        path = self.file(name)
        if not path.exists():
            return []
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
        return lines


class FileStore(CheckpointStore):
    """Checkpoints as files of a run directory."""

    def __init__(
        self, folder: Path, n_steps: int, budget_bytes: int = BUDGET_BYTES, pinned: set[int] | None = None
    ) -> None:
        super().__init__(n_steps, budget_bytes)
        self.folder = folder
        self.pinned = set(pinned or ())
        self.sizes = _checkpoints_in(folder)
        for step in sorted(self.sizes, reverse=True):
            with contextlib.suppress(ModelFileError):  # damaged: said where it is asked for
                self.spacing = int(files.read_tensors(self._path(step))[1]["spacing"])
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
        }
        files.write_tensors(self._path(checkpoint.step), arrays, about, durable=False)

    def _read(self, step: int) -> Checkpoint:
        arrays, about = files.read_tensors(self._path(step))
        optimizer = {
            name.removeprefix("optimizer."): array for name, array in arrays.items() if name.startswith("optimizer.")
        }
        theta = arrays["theta"]
        optimizer |= {name: np.zeros(shape, theta.dtype) for name, shape in about.get("zero", {}).items()}
        best = arrays.get("best_theta", theta)
        progress = {name: json_text.number(value) for name, value in about["progress"].items()}
        return Checkpoint(step, theta, optimizer, best, Progress(**progress))

    def _drop(self, step: int) -> None:
        self._path(step).unlink(missing_ok=True)


def _checkpoints_in(folder: Path) -> dict[int, int]:
    """The bytes of every checkpoint, by its step; one that goes while they are listed is none."""
    sizes = {}
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(folder)):
            if match := CHECKPOINT.fullmatch(name):
                with contextlib.suppress(FileNotFoundError):
                    sizes[int(match[1])] = (folder / name).stat().st_size
    return sizes


def _is_zero(array: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether every bit of an array is 0; −0 is not."""
    return not (array.reshape(-1)[:1024].any() or array.view(np.uint8).any())
