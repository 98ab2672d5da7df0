"""After the last step: the run is returned whatever fails now, and what could not be written is named.

The model comes first, run.json behind all that it speaks of. It says that the training ended only where the model
is there; else the run can be resumed, from its last checkpoint, once there is room. What else is missing it names, and
resuming makes that good too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chainrule.api.network import Network
from chainrule.api.report import write_after_training
from chainrule.api.run_writer import RunWriter
from chainrule.errors import ChainruleError, InterruptedWarning, ModelFileError, UnwrittenWarning, of_file
from chainrule.network.targets import points
from chainrule.planning.intervals import encoded, factors_of, heads_of
from chainrule.planning.temperature import temperature
from chainrule.run import files
from chainrule.run.directory import RunDirectory
from chainrule.run.model import write_model
from chainrule.run.names import MODEL, REPORT, RUN
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.steady import SteadyStore
from chainrule.status import doing
from chainrule.text.tables import counted
from chainrule.training.interrupt import Listening
from chainrule.training.result import Result
from chainrule.tune.found import Suggestion

TRIES = 2
"""A network drive that hangs, a quota that is freed: what failed once often succeeds at once."""


def keep(writer: RunWriter, result: Result) -> RunReplayer:
    """The run of a training that is over; where it has a directory, with its files there, as far as that can be."""
    doing("keeping the run")
    _calibrate(writer, result)
    _temper(writer, result)
    replayer = writer.run_of(result)
    if writer.directory is not None:
        _write(replayer.record, writer, result, writer.directory)
    return replayer


def _calibrate(writer: RunWriter, result: Result) -> None:
    """The levels of a table's network, by the rows held out; without such rows they stay as they are."""
    setup, rows = writer.setup, writer.setup.validation
    network = Network.of(result.parameters, setup.kind)
    if writer.pipeline is None or rows is None or (heads := heads_of(network)) is None or result.diverged is not None:
        return
    doing("calibrating the intervals")
    y = points(rows.targets, network.architecture.loss).astype(np.float64)
    found = factors_of(encoded(network, rows.X, heads), y, rows.weight, heads)
    writer.pipeline_arrays = {**writer.pipeline_arrays, "target.calibration": found}


def _temper(writer: RunWriter, result: Result) -> None:
    """The temperature of a table's classes, by the rows held out; that of a member of an ensemble stays 1."""
    setup, rows = writer.setup, writer.setup.validation
    if writer.pipeline is None or writer.pipeline["target"]["kind"] != "classes":
        return
    target = {name: value for name, value in writer.pipeline["target"].items() if name != "temperature"}
    if rows is not None and result.diverged is None and "member" not in (writer.source or {}):
        doing("calibrating the probabilities")
        network = Network.of(result.parameters, setup.kind)
        found = temperature(network, rows.X, rows.targets, rows.weight)
        target |= {} if found is None else {"temperature": found}
    writer.pipeline = writer.pipeline | {"target": target}


def report(
    replayer: RunReplayer, interrupted: Listening, examined: Suggestion | None, *, writes: bool, shows_rows: bool
) -> list[Warning]:
    """Write the page, where that is wanted and the run has a directory; the warnings to give now that all is done."""
    warnings: list[Warning] = []
    run = replayer.record
    if interrupted():
        done = f"{counted(len(run.history['loss']), 'epoch')}, {counted(run.n_steps, 'step')}"
        message = f"{interrupted.name} ended the training after {done}; "
        warnings.append(InterruptedWarning(message + "the best weights so far are kept."))
    if writes and run.directory is not None:
        doing("writing the report")
        place = run.directory / REPORT
        page = functools.partial(
            write_after_training, replayer, run.directory, shows_rows=shows_rows, examined=examined
        )
        try:
            _attempt(
                run,
                place,
                page,
            )
        except KeyboardInterrupt:
            if interrupted():  # that was the second
                raise
            message = f"Ctrl-C came after the training, which is complete; {place} was left out."
            warnings.append(InterruptedWarning(message))
    if run.unwritten:
        message = "the training is complete, but not all files could be written. "
        warnings.append(UnwrittenWarning(message + " ".join(run.unwritten.values())))
    return warnings


def _write(run: RunRecord, writer: RunWriter, result: Result, folder: RunDirectory) -> None:
    model, about = folder.file(MODEL), run.about_model()
    observer, store = writer.observer, writer.store
    assert observer is not None
    assert isinstance(store, SteadyStore)
    doing("writing the model")
    _attempt(run, model, lambda: write_model(model, result.parameters, about, run.pipeline_arrays))
    for _ in range(TRIES):
        observer.end(result.losses)
        store.write_waiting()
    missing = sorted(path.name for path in run.unwritten)
    if missing:
        run.result["unwritten"] = missing
    if model not in run.unwritten:
        _attempt(run, folder.file(RUN), lambda: files.write_json(folder.file(RUN), writer.record(run.result)))
    else:
        run.unwritten[folder.file(RUN)] = f"{folder.file(RUN)}: does not say that the training ended, without {MODEL}."


def _attempt(run: RunRecord, path: Path, write: Callable[[], object]) -> None:
    """Write, and retry once on failure; errors are recorded, because none justifies losing the training."""
    for _ in range(TRIES):
        try:
            write()
        except Exception as error:
            run.unwritten[path] = _reason(path, error)
            if not isinstance(error, OSError | ModelFileError):
                return
        else:
            run.unwritten.pop(path, None)
            return


def _reason(path: Path, error: Exception) -> str:
    """Why a file is missing, with its path."""
    if isinstance(error, ChainruleError) and str(path) in str(error):
        return str(error)
    if isinstance(error, ChainruleError):
        return f"{path}: cannot be written: {error}"
    if isinstance(error, OSError):
        return of_file(path, "written", error)
    return f"{path}: cannot be written ({type(error).__name__}: {error})."
