"""The rows of a run's source, read again: those that training held out, or a built-in set's test rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chainrule.api.tables import selection_for
from chainrule.data.builtin import TARGETS, Part
from chainrule.data.read import read
from chainrule.data.table import Table
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.run.record import RunRecord


@dataclass(frozen=True)
class SourceRows:
    """Rows with targets to judge a network by, and those it was trained on; `part`: held_out, test or training."""

    part: str
    table: Table
    trained_on: Table


def source_rows(record: RunRecord, pipeline: TablePipeline) -> SourceRows:
    """Held-out rows, where there are none a built-in set's test rows, else those of training.

    Raises SettingsError where the run does not know its source, DataError where that cannot be read.
    """
    if "data" not in (record.source or {}):
        raise SettingsError("X=None: the run does not say where its rows came from. Give X, rows with their targets.")
    whole = _rows_with_targets(record, pipeline, "train")
    if record.index is None:
        if (record.source or {})["data"] in TARGETS:
            return SourceRows("test", _rows_with_targets(record, pipeline, "test"), whole)
        return SourceRows("training", whole, whole)
    last = int(record.index.max(initial=0))
    if last >= len(whole):
        raise DataError(
            f"has {len(whole):,} rows with a target: must have at least {last + 1:,}, as at the training. Give X.",
            path=str((record.source or {})["data"]),
        )
    trained_on = whole.take(record.index)
    held_out = np.setdiff1d(np.arange(len(whole)), record.index)
    if not len(held_out):
        return SourceRows("training", trained_on, trained_on)
    return SourceRows("held_out", whole.take(held_out), trained_on)


def _rows_with_targets(record: RunRecord, pipeline: TablePipeline, part: Part) -> Table:
    """The rows of a source that have a target."""
    source = record.source or {}
    wanted = selection_for(source["data"], pipeline, needs_target=True, dialect=source.get("dialect"))
    table = read(source["data"], replace(wanted, weight=source.get("weight")), part)
    return table.take(np.flatnonzero(~np.logical_and.reduce([target.missing for target in table.targets])))
