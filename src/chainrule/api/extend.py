"""A run goes on behind its last step: with more epochs, and other settings where that is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.api.execute import NOTHING_TO_STOP_BY, check_options, execute
from chainrule.api.network import Network
from chainrule.api.prepare import Setup, metric_of, positive_of
from chainrule.api.run_writer import RunWriter
from chainrule.api.weight_rules import judged_by_its_rules
from chainrule.engine.protocol import Engine, dense_targets
from chainrule.engine.select import select
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.run.names import DATA, EVENTS, HISTORY, STEPS
from chainrule.run.replayer import RunReplayer
from chainrule.run.resume import DIVERGED, LastState, with_joint
from chainrule.run.rows import Rows, prepare_rows
from chainrule.training.measure import Validation
from chainrule.training.metrics import VALIDATED
from chainrule.training.parts import checked, with_values
from chainrule.training.settings import SETTINGS, Settings
from chainrule.tune.found import Suggestion


def extend(
    replayer: RunReplayer,
    epochs: int,
    changes: Mapping[str, Any],
    *,
    data: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    threads: int | None = None,
    examined: Suggestion | None = None,
    **how: Any,
) -> RunReplayer:
    """The run after more epochs; see Run.extend.

    Arguments: how: as of execute.
    """
    record = replayer.record
    if replayer.of_members is not None:
        raise SettingsError("extend: members of networks side by side go on together. Extend the run of all of them.")
    check_options(threads, how.get("time_limit"), how.get("on_divergence", "warn"))
    total = len(record.history["loss"]) + SETTINGS["epochs"].check(epochs)
    changes = {"epochs": SETTINGS["epochs"].check(total)} | checked(record.settings, changes)
    if "metric" not in record.result:
        raise SettingsError("extend: this run is that of a scikit-learn estimator. Fit it again with warm_start=True.")
    if record.diverged is not None:
        raise SettingsError(f"extend: the run {DIVERGED}")
    record.require(EVENTS, HISTORY, STEPS)
    rows = replayer.prepared(data)
    held_out = held_out_rows(replayer, rows, data, validation)
    settings = with_values(record.settings, changes)
    if settings.early_stopping is not None and held_out is None:
        raise SettingsError(NOTHING_TO_STOP_BY)
    setup = setup_of(replayer, replace(rows, index=record.index), held_out, settings, threads)
    setup.examined = examined
    writer = _writer(replayer, setup, changes)
    done = execute(setup, writer, shows_rows=record.directory is None or (record.directory / DATA).exists(), **how)
    assert done is not None
    return done


def held_out_rows(
    replayer: RunReplayer, rows: Rows, data: tuple[Any, ...] | None, given: tuple[Any, ...] | None
) -> Rows | None:
    """The rows that judge epochs: those in memory, in the run's directory, given, or left out of the data given."""
    record = replayer.record
    if VALIDATED not in record.history:
        if given is not None:
            raise SettingsError("validation: the run has no validation rows, so its history has no place for theirs.")
        return None
    if given is not None:
        counts = tuple(given)
    elif replayer.validation is not None:
        return replayer.validation
    elif data is not None and record.index is not None:
        out = np.ones(len(data[0]), bool)
        out[record.index] = False
        counts = tuple(None if part is None else np.asarray(part)[out] for part in data)
    else:
        raise DataError(
            "this run did not keep its validation rows. Use extend(…, validation=(X, y)) with those passed to "
            "train, or data=(X, y) where a share of them was held out."
        )
    held = prepare_rows(record.architecture, *counts, kind=record.kind, weight_name="weight")
    return judged_by_its_rules(record, held, rows)


def setup_of(
    replayer: RunReplayer, rows: Rows, held_out: Rows | None, settings: Settings, threads: int | None
) -> Setup:
    """What train would have made of the same rows with these settings; the network is that of the start."""
    record, architecture = replayer.record, replayer.record.architecture
    engine: Engine = replayer.engine
    if threads is not None:
        engine = select(engine.name, architecture, threads, settings.optimizer.name)[0]
    positive = 1
    if record.pipeline is not None:
        positive = positive_of(TablePipeline.from_dict(record.pipeline, record.pipeline_arrays))
    start = record.parameters.like(record.checkpoints.get(0).theta)
    validation = None
    if held_out is not None:
        y, is_values = held_out.targets, record.kind == "values"
        dense = dense_targets(y, architecture) if is_values else y
        validation = Validation(held_out.X, y, held_out.weight, dense=dense)
    return Setup(
        network=Network.of(start, record.kind, record.seed, record.initializers),
        settings=settings,
        engine=engine,
        reason="as before",
        rows=rows,
        task=replayer.task(rows),
        metric=metric_of(settings, record.kind, architecture, positive),
        validation=validation,
        class_weight=record.class_weight,
        kind=record.kind,
    )


def _writer(replayer: RunReplayer, setup: Setup, changes: Mapping[str, Any]) -> RunWriter:
    """The writer of the run's directory, which then goes on; or of one in memory that begins with what this one has."""
    record = replayer.record
    writer = RunWriter(
        record.directory, setup, "auto", None, record.source, record.directory is not None, replayer.table_sample,
        changes, record.n_steps,
    )  # fmt: skip
    writer.pipeline, writer.pipeline_arrays = record.pipeline, record.pipeline_arrays
    writer.parent = record.parent
    if record.directory is None:
        writer.store = record.checkpoints
        state = LastState(
            start=record.checkpoints.last(), goes_on=False, history=record.history, events=record.events,
            losses=record.losses,
        )  # fmt: skip
        writer.take(with_joint(state, record.settings, changes))
        writer.store.put(writer.start)
    return writer
