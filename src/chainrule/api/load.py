"""load: a run directory becomes a Run again, a model file a Model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.rows import class_weights
from chainrule.api.run import Run
from chainrule.engine.protocol import Engine
from chainrule.engine.select import select
from chainrule.errors import DivergedError, ModelFileError, SettingsError, of_file
from chainrule.network.architecture import Architecture
from chainrule.run import files
from chainrule.run.directory import FileStore, RunDirectory
from chainrule.run.model import read_model
from chainrule.run.names import CHECKPOINTS, MODEL, RATE, RUN, SPLIT
from chainrule.training.settings import Settings
from chainrule.tune.found import Suggestion, from_dict


@dataclass
class Model:
    """A network ready to predict, with the pipeline it was trained behind (None for plain arrays)."""

    network: Network
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Class indices, labels or values for rows of network inputs."""
        return self.network.predict(X)

    def predict_proba(self, X: object) -> npt.NDArray[Any]:
        """Probabilities, one column for each class."""
        return self.network.predict_proba(X)


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
        return _load_model(place)
    except OSError as error:
        raise ModelFileError(of_file(error.filename or place, "read", error)) from error


def _load_model(path: Path) -> Model:
    parameters, about, pipeline_arrays = read_model(path)
    network = Network.of(parameters, _kind(about.get("targets"), path), int(about.get("seed", 0)))
    return Model(network, about.get("pipeline"), pipeline_arrays)


def _kind(value: Any, path: Path) -> Any:
    if value not in ("class", "labels", "values"):
        raise ModelFileError(f"{path}: targets are {value!r}; expected class, labels or values.")
    return value


def load_run(path: Path) -> Run:
    """The Run of a directory; its data are read when a step is replayed."""
    folder = RunDirectory(path)
    if not folder.exists:
        raise ModelFileError(f"{path}: holds no run ({RUN} is missing); expected a folder written by train.")
    record = files.read_json(folder.file(RUN))
    if record.get("result") is None:
        raise ModelFileError(f"{path}: its training did not end (killed?); continue it with resume, then load it.")
    try:
        return _run_from(folder, record)
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{folder.file(RUN)}: does not describe a run ({error}); restore it or train again."
        ) from None


def _run_from(folder: RunDirectory, record: dict[str, Any]) -> Run:
    model = _load_model(folder.file(MODEL))
    settings, result, spe = Settings.from_dict(record["settings"]), record["result"], int(record["steps_per_epoch"])
    events = folder.read_events()
    store = FileStore(
        folder.file(CHECKPOINTS),
        settings.epochs * spe,
        pinned={event.step for event in events if event.kind == "edit"},
    )
    split = folder.file(SPLIT)
    index = files.read_tensors(split)[0]["train"].astype(np.int64) if split.exists() else None
    told = result.get("diverged")
    diverged = (
        None
        if told is None
        else DivergedError(
            told["message"], epoch=told["epoch"], step=told["step"], layer=told["layer"], quantity=told["quantity"]
        )
    )
    engine = _engine(record["engine"], model.network.architecture, settings.optimizer.name)
    return Run(
        model.network,
        settings,
        folder.read_history(),
        folder.read_losses(result["steps"]),
        events,
        result,
        engine,
        store,
        None,
        record["fingerprint"],
        index,
        spe,
        diverged,
        folder.path,
        model.pipeline,
        model.pipeline_arrays,
        record.get("source"),
        record["engine"],
        class_weights(record.get("class_weight")),
        examined=examined_in(folder),
    )


def examined_in(folder: RunDirectory) -> Suggestion | None:
    """What the run keeps about its learning rate, if anything."""
    file = folder.file(RATE)
    if not file.exists():
        return None
    try:
        return from_dict(files.read_json(file))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(
            f"{file}: does not describe a learning rate ({error!r}); remove it or examine the run again."
        ) from None


def _engine(recorded: dict[str, Any], architecture: Architecture, optimizer: str) -> Engine:
    """The engine that trained; where it is not to be had, the one that is (Run.engine_differs then says so)."""
    try:
        return select(str(recorded["engine"]), architecture, optimizer=optimizer)[0]
    except SettingsError:
        return select("auto", architecture, optimizer=optimizer)[0]
