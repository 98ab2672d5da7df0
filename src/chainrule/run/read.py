"""From a run directory to the record of its run; a damaged file loses what it held."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.errors import DivergedError, ModelFileError, SettingsError
from chainrule.network.architecture import Architecture
from chainrule.network.class_weights import ClassWeights, class_weights
from chainrule.network.parameters import Parameters
from chainrule.network.targets import OutputKind
from chainrule.run import contents, event_lines
from chainrule.run.contents import StateShape
from chainrule.run.directory import FileStore, RunDirectory
from chainrule.run.model import read_model
from chainrule.run.names import CHECKPOINTS, EVENTS, HISTORY, MODEL, RATE, RUN, SPLIT, STEPS, TABLE
from chainrule.run.record import RunRecord
from chainrule.run.stored import RESTORE
from chainrule.run.under_way import is_alive, so_far
from chainrule.training.events import Event
from chainrule.training.settings import Settings

LOST = {
    HISTORY: "the curves of this run end before the damage",
    EVENTS: "no step can be replayed, because changes to the training are unknown",
    STEPS: "the losses of the steps, and everything derived from them, are unknown",
    SPLIT: "no step can be replayed, because the training rows are unknown",
    TABLE: "the doctor uses encoded inputs instead of the cells of the table",
    RATE: "the learning-rate analysis of this run is lost",
}
TRIES = 20
"""A writer that goes on between two reads is waited out; the longest it needs is the moment a training ends."""
MOST_LOST = 2**22
"""Steps whose losses are lost that a run is shown with, without them."""


def read_run(path: Path) -> tuple[RunRecord, dict[str, ModelFileError]]:
    """The record of the run in a directory, and the reports on its damaged files by name.

    Raises ModelFileError if the directory holds no run, its training did not end, or its record or model is damaged.
    """
    folder = RunDirectory(path)
    if not folder.exists:
        raise ModelFileError(f"{path}: holds no run ({RUN} is missing). Pass a folder written by train.")
    for _ in range(TRIES):
        record = contents.read_record(folder.file(RUN))
        found = _attempt(folder, record)
        if contents.read_record(folder.file(RUN)) == record:
            break  # else its one writer went on meanwhile: the files may be those of two moments
    if isinstance(found, ModelFileError):
        raise found
    return found


def _attempt(
    folder: RunDirectory, record: dict[str, Any]
) -> tuple[RunRecord, dict[str, ModelFileError]] | ModelFileError:
    try:
        return _record_from(folder, record)
    except ModelFileError as error:
        return error


def record_is_whole(path: Path) -> bool:
    """Whether the record of a run can be read."""
    try:
        contents.read_record(path / RUN)
        return True
    except ModelFileError:
        return False


class _Parts:
    """What the files of a run beside run.json and the model hold; a damaged one loses what it held, said once."""

    def __init__(self, folder: RunDirectory, record: dict[str, Any], settings: Settings) -> None:
        self.folder, self.record, self.settings = folder, record, settings
        self.lost: dict[str, ModelFileError] = {}
        self.to_report: dict[str, ModelFileError] = {}

    def lose(self, name: str, error: ModelFileError) -> None:
        """Note that the content of a file is lost."""
        self.lost[name] = self.to_report[name] = error

    def history(self) -> dict[str, list[float]]:
        """The whole lines before the first that is damaged."""
        path, n_epochs = self.folder.file(HISTORY), self.record["result"]["epochs"]
        lines, error = contents.read_history(path)
        if error is not None:
            self.lose(HISTORY, error)
        if len(lines) >= n_epochs:
            self.lost.pop(HISTORY, None)  # the damage lies behind all epochs
        elif error is None:  # not damaged: the end was never written; only what needs all of it minds
            self.lost[HISTORY] = ModelFileError(f"{path}: holds {len(lines)} epochs; expected {n_epochs}; {RESTORE}.")
        return self.folder.read_history(n_epochs)

    def events(self) -> list[Event]:
        """The events before the first that is damaged."""
        path = self.folder.file(EVENTS)
        events, error = event_lines.read_events(path)
        n_events = self.record["result"].get("events")  # an older run does not say
        events = event_lines.of_parts(events, self.record.get("parts", 1))
        error = error or event_lines.refuse_strange_events(path, events[:n_events], self.settings)
        if error is None and not path.is_file():
            error = ModelFileError(f"{path}: no such file; expected a file, even if empty; {RESTORE}.")
        if error is None and n_events is not None and len(events) < n_events:
            error = ModelFileError(f"{path}: holds {len(events)} events; expected {n_events}; {RESTORE}.")
        if error is not None:
            self.lose(EVENTS, error)
        return events[:n_events] if error is None else []

    def losses(self) -> npt.NDArray[np.float64]:
        """The losses of all steps; where they are lost NaN, as many as there were steps."""
        path, n_steps = self.folder.file(STEPS), self.record["result"]["steps"]
        try:
            losses = contents.read_losses(path, n_steps)
            if len(losses) == n_steps:
                return losses
            raise ModelFileError(f"{path}: holds {len(losses)} losses; expected {n_steps}; {RESTORE}.")
        except ModelFileError as error:
            self.lose(STEPS, error)
            return np.full(n_steps if n_steps <= MOST_LOST else 0, np.nan)

    def index(self) -> npt.NDArray[np.int64] | None:
        """Which rows of those given were trained on; None where all were."""
        path = self.folder.file(SPLIT)
        try:
            return contents.read_split(path, self.record["n_samples"]) if os.path.lexists(path) else None
        except ModelFileError as error:
            self.lose(SPLIT, error)
            return None


Model = tuple[Parameters, dict[str, Any], dict[str, npt.NDArray[Any]]]
"""What a model file holds: parameters, facts, arrays of the pipeline."""


def _as_of_now(
    folder: RunDirectory, record: dict[str, Any], settings: Settings
) -> tuple[Model, FileStore, dict[str, Any]]:
    """Model, checkpoints and record as the run ended; where it was taken up again, as its last checkpoint has it."""
    if record["result"] is None and record.get("ended") is None:
        if is_alive(folder):
            raise ModelFileError(f"{folder.path}: its training is under way; load it when it has finished.")
        raise ModelFileError(
            f"{folder.path}: its training did not finish (killed?). Continue it with resume, then load it."
        )
    parameters, about, pipeline_arrays = read_model(folder.file(MODEL))
    found = _architecture_of_run(folder, record, parameters.architecture)
    n_steps, shape = settings.epochs * record["steps_per_epoch"], StateShape.of(found, settings)
    edits = {event.step for event in event_lines.read_events(folder.file(EVENTS))[0] if event.kind == "edit"}
    store = FileStore(folder.file(CHECKPOINTS), n_steps, shape, pinned=edits)
    if record["result"] is None:
        parameters, result = so_far(folder, store, record, parameters)
        record = record | {"result": result}
    return (parameters, about, pipeline_arrays), store, record


def _record_from(folder: RunDirectory, stored: dict[str, Any]) -> tuple[RunRecord, dict[str, ModelFileError]]:
    """The record of the run, and what is wrong with its damaged files."""
    settings = Settings.from_dict(stored["settings"])
    (parameters, about, pipeline_arrays), store, stored = _as_of_now(folder, stored, settings)
    parts = _Parts(folder, stored, settings)
    events = parts.events()
    what = stored["result"]["diverged"]
    names = ("epoch", "step", "layer", "quantity")
    record = RunRecord(
        parameters=parameters,
        kind=about["targets"],
        seed=about.get("seed", 0),
        settings=settings,
        history=parts.history(),
        losses=parts.losses(),
        events=events,
        result=stored["result"],
        checkpoints=store,
        steps_per_epoch=stored["steps_per_epoch"],
        fingerprint=stored["fingerprint"],
        index=parts.index(),
        class_weight=_by_class(folder, stored, about["targets"], parameters.architecture),
        engine=stored["engine"],
        versions={"chainrule": stored.get("chainrule", ""), **(stored.get("versions") or {})},
        diverged=None if what is None else DivergedError(what["message"], **{name: what[name] for name in names}),
        directory=folder.path,
        pipeline=about.get("pipeline"),
        pipeline_arrays=pipeline_arrays,
        source=stored.get("source"),
        parent=stored.get("parent"),
        lost=parts.lost,
    )
    return record, parts.to_report


def _by_class(
    folder: RunDirectory, stored: dict[str, Any], kind: OutputKind, architecture: Architecture
) -> ClassWeights:
    try:
        return class_weights(stored.get("class_weight"), kind, architecture.n_outputs)
    except SettingsError as error:
        raise ModelFileError(f"{folder.file(RUN)}: {error}") from None


def _architecture_of_run(folder: RunDirectory, record: dict[str, Any], of_model: Architecture) -> Architecture:
    """What the run's record says of its network, which its model must agree with."""
    result = Architecture.from_dict(record["architecture"])
    if result != of_model:
        raise ModelFileError(
            f"{folder.file(MODEL)}: holds a different network than {RUN} describes ({of_model}, {result}); {RESTORE}."
        )
    return result
