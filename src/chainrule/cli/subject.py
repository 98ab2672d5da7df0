"""What a command is about: a run or model with its pipeline, and tables read as those of its training."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.ensemble import Ensemble
from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.load import Model, load, load_model
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.tables import selection_for
from chainrule.data.cache import cached_part
from chainrule.data.read import read
from chainrule.errors import ChainruleError, DamagedFileWarning, DataError, ModelFileError, SettingsError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.run.names import MODEL
from chainrule.run.read import record_is_whole
from chainrule.run.rows import Rows, prepare_rows
from chainrule.run.table_sample import TableSample
from chainrule.status import doing


def pipeline_of(loaded: Run | Model, path: str) -> TablePipeline:
    """The pipeline of a run or model that the command line trained."""
    if loaded.pipeline is None:
        raise SettingsError(f"{path}: was trained on plain arrays, without column names; use it from Python.")
    return TablePipeline.from_dict(loaded.pipeline, loaded._pipeline_arrays)


def open_model(path: str) -> tuple[Network | Ensemble, TablePipeline]:
    """What predicts and the pipeline of a run directory or model file."""
    loaded = loaded_model(path)
    return loaded.predictor, pipeline_of(loaded, path)


def loaded_model(path: str) -> Run | Model:
    """A run or model; of a run whose record is damaged its model, which says all that prediction needs."""
    try:
        return load(path)
    except ModelFileError as error:
        if not os.path.lexists(Path(path) / MODEL) or record_is_whole(Path(path)):
            raise
        model = load_model(Path(path) / MODEL)
        warnings.warn(f"{error} Only the model is used.", DamagedFileWarning, stacklevel=2)
        return model


def open_run(path: str, member: int | None = None) -> Run:
    """A run directory, an EnsembleRun of an ensemble; or the run of one member."""
    loaded = load(path)
    if not isinstance(loaded, Run):
        raise SettingsError(f"{path}: is a model file, which contains no steps. Pass a run directory.")
    if member is None:
        return loaded
    n = len(loaded.members)
    if not 0 <= member < n:
        what = f"the number of a member of {path}" if n > 1 else f"left out or 0: {path} is the run of one training"
        raise SettingsError(f"--member {member}: must be {f'0 to {n - 1}, ' if n > 1 else ''}{what}.")
    return loaded.members[member]


def one_training(run: Run) -> Run:
    """A run; of an ensemble its first member, which is said on stderr: what is asked for belongs to one training."""
    if isinstance(run, EnsembleRun):
        which = f"an ensemble of {len(run.members)}; this is member 0 (--member K for another)"
        print(f"{run.directory}: {which}", file=sys.stderr)
        return run.members[0]
    return run


def open_training(path: str, member: int | None = None) -> Run:
    """The run of one training: of an ensemble the member asked for, else the first."""
    return one_training(open_run(path, member))


def rows_of(run: Run, path: str) -> tuple[Rows, tuple[Any, ...] | None]:
    """The training rows of a run: kept by it, or read again from where they came from; and what replay needs."""
    doing("reading the rows")
    try:
        return run.kept_rows, None
    except DataError:
        data = _read_again(run, path)
    except ModelFileError as error:
        try:
            data = _read_again(run, path)
        except ChainruleError:
            raise error from None
        warnings.warn(f"{error} The rows are read again from their source.", DamagedFileWarning, stacklevel=2)
    rows = prepare_rows(
        run.network.architecture, *data, class_weight=run.record.class_weight, index=run.index, kind=run.record.kind
    )
    return rows, data


def _read_again(run: Run, path: str) -> tuple[Any, ...]:
    source, pipeline = run.source or {}, pipeline_of(run, path)
    if "data" not in source:
        raise DataError("the run did not keep its data, and their source is not recorded.", path=path)
    if "cache" in source:
        return _mapped(source, path)
    wanted = selection_for(source["data"], pipeline, needs_target=True, dialect=source.get("dialect"))
    try:
        table = read(source["data"], replace(wanted, weight=source.get("weight")), "train")
    except ChainruleError as error:
        raise DataError(f"the run did not keep its data, and their source cannot be read: {error}", path=path) from None
    empty = np.logical_and.reduce([target.missing for target in table.targets])
    table = table.take(np.flatnonzero(~empty))
    X = pipeline.training_features(table, run.index, run.network.architecture.dtype)
    trained_on = table if run.index is None else table.take(run.index)
    run._table_sample = run._table_sample or TableSample.of(trained_on, pipeline.columns, pipeline.widths)
    return X, pipeline.target.encode(table), table.weight


def _mapped(source: Mapping[str, Any], path: str) -> tuple[Any, ...]:
    """The training rows of a cache; that they are those of the run is seen by their fingerprint."""
    part = cached_part(Path(source["cache"]), "train")
    if part is None:
        raise DataError(f"the cache {source['cache']} no longer exists; use train --resume to rebuild it.", path=path)
    return part.X, part.y, part.weight
