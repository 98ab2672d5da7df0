"""load: a run directory becomes a Run again, a model file a Model."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.rows import class_weights
from chainrule.api.run import Run
from chainrule.api.tables import PredictsTables
from chainrule.api.under_way import is_alive, so_far
from chainrule.engine.protocol import Engine
from chainrule.engine.select import select
from chainrule.errors import DamagedFileWarning, DivergedError, ModelFileError, SettingsError, of_file
from chainrule.network.architecture import Architecture
from chainrule.run import contents, stored
from chainrule.run.contents import StateShape
from chainrule.run.directory import FileStore, RunDirectory
from chainrule.run.model import read_model
from chainrule.run.names import CHECKPOINTS, EVENTS, HISTORY, MODEL, RATE, RUN, SPLIT, STEPS
from chainrule.run.stored import RESTORE
from chainrule.training.events import Event
from chainrule.training.settings import Settings
from chainrule.tune.found import Suggestion, from_dict
from chainrule.tune.stored import FoundSchema

LOST = {
    HISTORY: "the curves of this run end before the damage",
    EVENTS: "no step can be replayed, for what changed the training is not known",
    STEPS: "the losses of the steps are not known, and nothing that is judged by them",
    SPLIT: "no step can be replayed, for which rows were trained on is not known",
    RATE: "nothing is known about the learning rate of this run",
}
TRIES = 20
"""A writer that goes on between two reads is waited out; the longest it needs is the moment a training ends."""
MOST_LOST = 2**22
"""Steps whose losses are lost that a run is shown with, without them."""


@dataclass
class Model(PredictsTables):
    """A network ready to predict, with the pipeline it was trained behind (None for plain arrays)."""

    network: Network
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


def load(path: str | os.PathLike[str]) -> Run | Model:
    """A run directory -> Run; a .safetensors model file -> Model. Nothing in a file is executed.

    Errors    ModelFileError if the path is neither, or a file is truncated or altered
    """
    place = Path(path)
    try:
        if place.is_dir():
            return load_run(place)
        if not place.exists():
            raise ModelFileError(f"{place}: no such file or folder; expected a run directory or a .safetensors model.")
        return load_model(place)
    except OSError as error:
        raise ModelFileError(of_file(error.filename or place, "read", error)) from error


def load_model(path: Path) -> Model:
    """The model of a file."""
    parameters, about, pipeline_arrays = read_model(path)
    network = Network.of(parameters, about["targets"], about.get("seed", 0))
    return Model(network, about.get("pipeline"), pipeline_arrays)


def load_run(path: Path) -> Run:
    """The Run of a directory; its data are read when a step is replayed."""
    folder = RunDirectory(path)
    if not folder.exists:
        raise ModelFileError(f"{path}: holds no run ({RUN} is missing); expected a folder written by train.")
    for _ in range(TRIES):
        record = contents.read_record(folder.file(RUN))
        loaded = _attempt(folder, record)
        if contents.read_record(folder.file(RUN)) == record:
            break  # else its one writer went on meanwhile: the files may be those of two moments
    if isinstance(loaded, ModelFileError):
        raise loaded
    run, told = loaded
    for name, error in told.items():
        warnings.warn(f"{str(error).rstrip('.')}. Without it {LOST[name]}.", DamagedFileWarning, stacklevel=3)
    return run


def _attempt(folder: RunDirectory, record: dict[str, Any]) -> tuple[Run, dict[str, ModelFileError]] | ModelFileError:
    try:
        return _run_from(folder, record)
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
        self.told: dict[str, ModelFileError] = {}

    def lose(self, name: str, error: ModelFileError) -> None:
        """What a file held is lost, which is to be told."""
        self.lost[name] = self.told[name] = error

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
        events, error = contents.read_events(path)
        error = error or contents.refuse_strange_events(path, events, self.settings)
        if error is None and not path.is_file():
            error = ModelFileError(f"{path}: no such file; expected one, if only an empty one; {RESTORE}.")
        n_events = self.record["result"].get("events")  # an older run does not say
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


def _as_of_now(
    folder: RunDirectory, record: dict[str, Any], settings: Settings
) -> tuple[Model, FileStore, dict[str, Any]]:
    """Model, checkpoints and record as the run ended; where it was taken up again, as its last checkpoint has it."""
    if record["result"] is None and record.get("ended") is None:
        if is_alive(folder):
            raise ModelFileError(f"{folder.path}: its training is under way; load it when it has ended.")
        raise ModelFileError(
            f"{folder.path}: its training did not end (killed?); continue it with resume, then load it."
        )
    model = load_model(folder.file(MODEL))
    told = _told_architecture(folder, record, model)
    n_steps, shape = settings.epochs * record["steps_per_epoch"], StateShape.of(told, settings)
    edits = {event.step for event in contents.read_events(folder.file(EVENTS))[0] if event.kind == "edit"}
    store = FileStore(folder.file(CHECKPOINTS), n_steps, shape, pinned=edits)
    if record["result"] is None:
        model.network.parameters, result = so_far(folder, store, record, model.network.parameters)
        record = record | {"result": result}
    return model, store, record


def _run_from(folder: RunDirectory, record: dict[str, Any]) -> tuple[Run, dict[str, ModelFileError]]:
    """The run, and what is wrong with its damaged files."""
    settings = Settings.from_dict(record["settings"])
    model, store, record = _as_of_now(folder, record, settings)
    result = record["result"]
    parts = _Parts(folder, record, settings)
    events = parts.events()
    what = result["diverged"]
    names = ("epoch", "step", "layer", "quantity")
    diverged = None if what is None else DivergedError(what["message"], **{name: what[name] for name in names})
    run = Run(
        model.network,
        settings,
        parts.history(),
        parts.losses(),
        events,
        result,
        _engine(record["engine"], model.network.architecture, settings.optimizer.name),
        store,
        None,
        record["fingerprint"],
        parts.index(),
        record["steps_per_epoch"],
        diverged,
        folder.path,
        model.pipeline,
        model.pipeline_arrays,
        record.get("source"),
        record["engine"],
        class_weights(record.get("class_weight")),
        examined=examined_in(folder),
        lost=parts.lost,
    )
    return run, parts.told


def _told_architecture(folder: RunDirectory, record: dict[str, Any], model: Model) -> Architecture:
    """What the run's record says of its network, which its model must agree with."""
    told = Architecture.from_dict(record["architecture"])
    if told != model.network.architecture:
        raise ModelFileError(
            f"{folder.file(MODEL)}: holds another network than {RUN} describes ({model.network.architecture}, "
            f"{told}); {RESTORE}."
        )
    return told


def examined_in(folder: RunDirectory) -> Suggestion | None:
    """What the run keeps about its learning rate, if anything; a damaged file is told, and nothing is."""
    file = folder.file(RATE)
    if not os.path.lexists(file):
        return None
    try:
        return from_dict(stored.read_json(file, FoundSchema(), "remove it or examine the run again"))
    except ModelFileError as error:
        warnings.warn(f"{str(error).rstrip('.')}. Without it {LOST[RATE]}.", DamagedFileWarning, stacklevel=5)
        return None


def _engine(recorded: dict[str, Any], architecture: Architecture, optimizer: str) -> Engine:
    """The engine that trained; where it is not to be had, the one that is (Run.engine_differs then says so)."""
    try:
        return select(str(recorded["engine"]), architecture, optimizer=optimizer)[0]
    except SettingsError:
        return select("auto", architecture, optimizer=optimizer)[0]
