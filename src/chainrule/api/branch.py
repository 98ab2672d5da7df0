"""A new run that goes on from a step of another one: its steps up to there, then others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.api import finish
from chainrule.api.extend import extend, held_out_rows, setup_of
from chainrule.api.prepare import Setup
from chainrule.api.run_writer import RunWriter
from chainrule.api.trainer import done_again
from chainrule.errors import SettingsError
from chainrule.network.parameters import Parameters
from chainrule.run.names import EVENTS, HISTORY, STEPS
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.resume import LastState
from chainrule.run.rows import Rows
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.events import Event
from chainrule.training.parts import part_at, parts_of
from chainrule.training.result import Result
from chainrule.tune.found import Suggestion


def branch(
    replayer: RunReplayer,
    step: int,
    epochs: int,
    changes: Mapping[str, Any],
    *,
    directory: str | os.PathLike[str] | None = None,
    data: tuple[Any, ...] | None = None,
    validation: tuple[Any, ...] | None = None,
    threads: int | None = None,
    examined: Suggestion | None = None,
    **how: Any,
) -> RunReplayer:
    """The new run; see Run.branch.

    Arguments: how: as of execute.
    """
    record = replayer.record
    if "metric" not in record.result:
        raise SettingsError("branch: this run is that of a scikit-learn estimator. Fit another one.")
    last = record.n_steps - (record.diverged is not None)
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or not 1 <= step <= last:
        raise SettingsError(f"branch: step={step!r}: must be a whole number, 1 to {last}. From step 0: train again.")
    record.require(EVENTS, HISTORY, STEPS)
    rows = replayer.prepared(data)
    held_out = held_out_rows(replayer, rows, data, validation)
    settings = part_at(parts_of(record.settings, record.events, record.steps_per_epoch), int(step) - 1).settings
    setup = setup_of(replayer, replace(rows, index=record.index), held_out, settings, threads)
    begun = _begun(replayer, rows, setup, int(step), directory)
    return extend(begun, epochs, changes, data=None, validation=validation, threads=threads, examined=examined, **how)


def _begun(
    replayer: RunReplayer, rows: Rows, setup: Setup, step: int, directory: str | os.PathLike[str] | None
) -> RunReplayer:
    """A run that ends where the other one is before the step."""
    record = replayer.record
    start = _state_before(replayer, rows, setup, step)
    writer = RunWriter(directory, setup, "auto", None, record.source, False, replayer.table_sample)
    writer.pipeline, writer.pipeline_arrays = record.pipeline, record.pipeline_arrays
    writer.parent = {"sha256": str(record.result["sha256"]), "step": step}
    with writer.claimed():
        writer.open()
        for kept in sorted(record.checkpoints.sizes):
            if 0 < kept < step:
                writer.store.put(record.checkpoints.get(kept), pinned=kept in record.checkpoints.pinned)
        writer.store.put(writer.start)
        writer.store.put(start, pinned=step in record.checkpoints.pinned)
        result = _result(record, setup, start, step)
        if writer.observer is not None:
            writer.training_begins()
            for epoch in range(len(result.history["loss"])):
                writer.observer.epoch_ended(epoch, {name: column[epoch] for name, column in result.history.items()})
            for event in result.events:
                writer.observer.event_happened(event)
            writer.observer.before_checkpoint(result.losses)
        return finish.keep(writer, result)


def _events(record: RunRecord, step: int) -> list[Event]:
    """What happened before a step, with what was set and edited right before it."""
    return [e for e in record.events if e.step < step or (e.step == step and e.kind in ("set", "edit"))]


def _state_before(replayer: RunReplayer, rows: Rows, setup: Setup, step: int) -> Checkpoint:
    """The state before a step with what the rules knew then: the epochs since the last checkpoint are done again."""
    record, spe = replayer.record, setup.task.steps_per_epoch
    end = step // spe * spe
    kept, events = record.checkpoints.nearest(step), _events(record, step)
    if kept.step < end:
        history = {name: column[: end // spe] for name, column in record.history.items()}
        before = [event for event in events if event.step <= end]
        state = LastState(start=kept, goes_on=False, history=history, events=before, losses=record.losses[:end])
        kept = done_again(setup, state)
    with np.errstate(all="ignore"):
        theta, optimizer = replayer.session(rows).state(step)
    n_epochs = end // spe
    return replace(kept, step=step, theta=theta, optimizer=optimizer, n_epochs=n_epochs, n_events=len(events))


def _result(record: RunRecord, setup: Setup, start: Checkpoint, step: int) -> Result:
    n_epochs = step // setup.task.steps_per_epoch
    is_best = setup.validation is not None and start.progress.best_epoch is not None
    history = {name: list(column[:n_epochs]) for name, column in record.history.items()}
    return Result(
        parameters=Parameters(setup.task.architecture, (start.best_theta if is_best else start.theta).copy()),
        history=history, losses=record.losses[:step].copy(), events=_events(record, step), progress=start.progress,
        stopped="interrupted", seconds=float(sum(history.get("seconds", []))),
        step_seconds=record.reach["step_seconds"],
    )  # fmt: skip
