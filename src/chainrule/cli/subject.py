"""What a command is about: a run or model with its pipeline, and a table fitted to it."""

from __future__ import annotations

from typing import Any

from chainrule.api.load import Model, load
from chainrule.api.network import Network
from chainrule.api.run import Rows, Run, prepare_rows
from chainrule.data import builtin
from chainrule.data.read import read
from chainrule.data.table import Selection, Table
from chainrule.errors import ChainruleError, DataError, SettingsError
from chainrule.pipeline.numeric import NumericPipeline, labels, matrix


def pipeline_of(loaded: Run | Model, path: str) -> NumericPipeline:
    """The pipeline of a run or model that the command line trained."""
    if loaded.pipeline is None:
        raise SettingsError(f"{path}: was trained on plain arrays, without column names; use it from Python.")
    return NumericPipeline.from_dict(loaded.pipeline, loaded.pipeline_arrays)


def open_model(path: str) -> tuple[Network, NumericPipeline]:
    """The network and the pipeline of a run directory or model file."""
    loaded = load(path)
    return loaded.network, pipeline_of(loaded, path)


def open_run(path: str) -> Run:
    """A run directory."""
    loaded = load(path)
    if not isinstance(loaded, Run):
        raise SettingsError(f"{path}: is a model file; expected a run directory, which also holds steps.")
    return loaded


def open_table(data: str, pipeline: NumericPipeline, *, needs_target: bool) -> Table:
    """The columns a pipeline knows, by name, from a file or the test part of a built-in set."""
    wanted = Selection(_targets(data, pipeline), needs_target=needs_target, features=pipeline.columns)
    table = read(data, wanted, "test")
    pipeline.features(table.names, matrix(table)[:0], data)  # a built-in set is read whole: refuse foreign columns now
    return table


def _targets(data: str, pipeline: NumericPipeline) -> tuple[str, ...] | None:
    return None if data in builtin.TARGETS or pipeline.target is None else (pipeline.target,)


def rows_of(run: Run, path: str) -> tuple[Rows, tuple[Any, ...] | None]:
    """The training rows of a run: kept by it, or read again from where they came from; and what replay needs."""
    try:
        return run.kept_rows, None
    except DataError:
        data = _read_again(run, path)
    rows = prepare_rows(run.network, *data, class_weight=run.class_weight, index=run.index)
    return rows, data


def _read_again(run: Run, path: str) -> tuple[Any, ...]:
    source, pipeline = run.source or {}, pipeline_of(run, path)
    if "data" not in source:
        raise DataError("the run did not keep its data and does not say where they came from.", path=path)
    selection = Selection(_targets(source["data"], pipeline), weight=source.get("weight"), features=pipeline.columns)
    try:
        table = read(source["data"], selection, "train")
    except ChainruleError as error:
        raise DataError(f"the run did not keep its data, and their source cannot be read: {error}", path=path) from None
    X = pipeline.features(table.names, matrix(table), table.path)
    return X, pipeline.encode(labels(table), table.path), table.weight
