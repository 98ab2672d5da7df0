"""load: a run directory becomes a Run again, a model file a Model."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from chainrule.api.columns import ExplainsTables
from chainrule.api.ensemble import Ensemble
from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.examined import examined_in
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.engine.protocol import Engine
from chainrule.engine.select import select
from chainrule.errors import (
    DamagedFileWarning,
    InterruptedWarning,
    ModelFileError,
    SettingsError,
    named_path,
    of_file,
    warn,
)
from chainrule.run.directory import RunDirectory
from chainrule.run.ensemble import EnsembleDirectory
from chainrule.run.model import read_members
from chainrule.run.names import ENSEMBLE
from chainrule.run.read import LOST, read_run
from chainrule.run.record import RunRecord


@dataclass
class Model(ExplainsTables):
    """A network ready to predict; made by `load` from a model file.

    Attributes
    ----------
    network : Network
        The network.
    pipeline : dict or None
        The pipeline it was trained behind; None for plain arrays.
    pipeline_arrays : dict of str to ndarray
        Its arrays.
    ensemble : Ensemble or None
        Of the model of an ensemble its networks, whose mean predicts; `network` is the first of them.

    Examples
    --------
    >>> import os, tempfile
    >>> import chainrule as cr
    >>> run = cr.train(cr.Network([2, 2]), [[0.0, 1.0], [1.0, 0.0]], [0, 1], epochs=1, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run.save(os.path.join(folder, "model.safetensors"))
    ...     model = cr.load(os.path.join(folder, "model.safetensors"))
    >>> model.predict([[0.0, 1.0]]).tolist() == run.predict([[0.0, 1.0]]).tolist()
    True
    """

    network: Network
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    ensemble: Ensemble | None = None

    def __post_init__(self) -> None:
        self._pipeline_arrays = self.pipeline_arrays


def load(path: str | os.PathLike[str]) -> Run | Model:
    """Read a run from its directory, or a model from its .safetensors file; nothing in a file is executed.

    Parameters
    ----------
    path : str or path
        A run directory, or a model file.

    Returns
    -------
    Run or Model
        A Run for a directory, a Model for a file.

    Raises
    ------
    ModelFileError
        If the path is neither, or a file is truncated or altered.
    SettingsError
        If the path is empty.

    Examples
    --------
    >>> import tempfile
    >>> import chainrule as cr
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = cr.Network([2, 2])
    ...     run = cr.train(network, [[0.0, 1.0], [1.0, 0.0]], [0, 1], epochs=1, directory=folder, progress=False)
    ...     cr.load(folder).n_steps
    1
    """
    place = named_path(path, "path", "runs/first")
    try:
        if place.is_dir():
            return load_ensemble(place) if (place / ENSEMBLE).exists() else load_run(place)
        if not place.exists():
            raise ModelFileError(f"{place}: no such file or folder. Pass a run directory or a .safetensors model.")
        return load_model(place)
    except OSError as error:
        raise ModelFileError(of_file(error.filename or place, "read", error)) from error


def load_model(path: Path) -> Model:
    """The model of a file."""
    members, about, pipeline_arrays = read_members(path)
    networks = [Network.of(parameters, about["targets"], about.get("seed", 0)) for parameters in members]
    ensemble = Ensemble(networks) if "members" in about else None
    return Model(networks[0], about.get("pipeline"), pipeline_arrays, ensemble)


def load_ensemble(path: Path) -> EnsembleRun:
    """The EnsembleRun of a directory, which predicts by its model file; its members are read as runs are."""
    folder = EnsembleDirectory(RunDirectory(path))
    about = folder.read()
    parameters, kind, arrays = folder.read_model()
    members = [load_run(folder.member(k)) for k in range(len(parameters))]
    if len(members) < about["asked"]:
        remedy = "Continue it with resume."
        warn(f"{path}: {len(members)} of {about['asked']} members trained. {remedy}", InterruptedWarning)
    ensemble = Ensemble([Network.of(one, kind["targets"], kind.get("seed", 0)) for one in parameters])
    return EnsembleRun(members, about["asked"], about["stopped"], path, ensemble, arrays)


def load_run(path: Path) -> Run:
    """The Run of a directory; its data are read when a step is replayed."""
    record, result = read_run(path)
    examined = examined_in(RunDirectory(path))
    for name, error in result.items():
        warnings.warn(f"{str(error).rstrip('.')}. Without it {LOST[name]}.", DamagedFileWarning, stacklevel=3)
    return Run(record, _engine(record), examined=examined)


def _engine(record: RunRecord) -> Engine:
    """The engine that trained, or the available one otherwise (Run.engine_differs then reports it)."""
    optimizer = record.settings.optimizer.name
    try:
        return select(str(record.engine["engine"]), record.architecture, optimizer=optimizer)[0]
    except SettingsError:
        return select("auto", record.architecture, optimizer=optimizer)[0]
