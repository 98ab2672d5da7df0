"""run.report: the page of a run, from its facts and some of its steps replayed."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chainrule.api.results import results_of
from chainrule.api.step import step_of
from chainrule.errors import DamagedFileWarning, DataError, ModelFileError, named_path
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import class_text
from chainrule.report.collect import collect
from chainrule.report.page import page
from chainrule.report.report_input import Names, ReplayedStep, ReportInput, Sample
from chainrule.run.directory import RunDirectory
from chainrule.run.files import refuse_unwritable, writing_atomic
from chainrule.run.member_replayer import member_replayer
from chainrule.run.names import REPORT
from chainrule.run.record import RunRecord
from chainrule.run.replayer import RunReplayer
from chainrule.run.rows import Rows
from chainrule.tune.figure import shown
from chainrule.tune.found import Suggestion

SIZE_MB = 7.0
"""Of the packed steps as text; page and facts come to about 0.2 MB more."""
SAMPLE_ROWS = 4
PATIENCE_S = 20.0
"""About how long a page that was asked for may take."""
AFTER_TRAINING_S, AFTER_TRAINING_SHARE = 0.1, 0.01
"""The page a training ends with may take this share of its time, or these seconds where that is less."""


def write_report(
    replayer: RunReplayer,
    path: str | os.PathLike[str],
    data: tuple[Any, ...] | None = None,
    size_mb: float = SIZE_MB,
    examined: Suggestion | None = None,
) -> Path:
    """The report of a run as one file; see Run.report."""
    target = named_path(path, "path", "report.html")
    refuse_unwritable(target)
    rows, missing = _replayable(replayer, data)
    given = report_input_of(replayer, rows, missing, examined, asked=True)
    write(target, given, size_mb, PATIENCE_S, _right_to_write(replayer.record.directory, target))
    return target


def _replayable(replayer: RunReplayer, data: tuple[Any, ...] | None) -> tuple[Rows | None, str | None]:
    """The rows whose steps can be shown, or the reason why there are none."""
    record = replayer.record
    try:
        record.require(*record.needed_to_replay)
        rows = replayer.rows_of(data)
        record.checkpoints.nearest(0)
        return rows, None
    except DataError:
        if data is not None:
            raise
        return None, "data" if replayer.rows is None else "altered"
    except ModelFileError as error:
        warnings.warn(f"{error} The report shows no steps.", DamagedFileWarning, stacklevel=4)
        return None, "damaged"


def _right_to_write(directory: Path | None, target: Path) -> contextlib.AbstractContextManager[None]:
    """The lock of the run's writer, if the page is written into its folder."""
    if directory is None or not directory.is_dir() or not target.absolute().parent.samefile(directory):
        return contextlib.nullcontext()
    return RunDirectory(directory).claimed()


def write_after_training(
    replayer: RunReplayer, folder: Path, *, shows_rows: bool, examined: Suggestion | None = None
) -> None:
    """Write RUN/report.html at low cost: from the rows in memory, without long replays between checkpoints."""
    try:
        given = report_input_of(replayer, replayer.rows, None, examined, shows_rows=shows_rows)
        result = replayer.record.result
        seconds = AFTER_TRAINING_S
        if result["stopped"] != "interrupted":  # otherwise the caller waits for the end
            seconds = max(seconds, AFTER_TRAINING_SHARE * float(result["seconds"]))
        write(folder / REPORT, given, SIZE_MB, seconds)  # the training still is the one writer
    finally:
        replayer.rest()  # no step of this run may ever be requested, and the session would live as long as the run


def write(
    target: Path,
    given: ReportInput,
    size_mb: float,
    seconds: float,
    right_to_write: contextlib.AbstractContextManager[None] | None = None,
) -> None:
    """Collect, compose, write at once; the right to write is taken for the writing only."""
    collected = collect(given, budget_bytes=int(size_mb * 1e6 * 3 / 4), seconds=seconds)
    data = given.facts.get("data")
    title = f"{data} · {given.architecture}" if data else f"{given.architecture}"
    with (
        right_to_write or contextlib.nullcontext(),
        writing_atomic(target, durable=False) as file,
    ):  # it can be made again
        file.write(page(collected, f"{title} · chainrule").encode("utf-8"))


def report_input_of(
    replayer: RunReplayer,
    rows: Rows | None,
    missing: str | None,
    examined: Suggestion | None = None,
    *,
    shows_rows: bool = True,
    asked: bool = False,
) -> ReportInput:
    """The parts of a run that the report uses; `rows` are its training rows, if available.

    Arguments: asked: whether the page was asked for, and not only comes with a training: it may then take longer.
    """
    whole, replayer = replayer, member_replayer(replayer)
    run = replayer.record
    return ReportInput(
        architecture=run.architecture,
        parameters=run.parameters,
        settings=run.settings,
        history=run.history,
        losses=run.losses,
        steps_per_epoch=run.steps_per_epoch,
        result=run.result,
        facts=_facts(replayer, rows),
        events=[event.to_dict() for event in run.events],
        names=names_of(run),
        checkpoints=sorted(run.checkpoints.sizes),
        again=None if rows is None else lambda steps: _again(replayer, rows, steps),
        sample=None if rows is None else Sample(
            rows.X[:SAMPLE_ROWS], rows.targets[:SAMPLE_ROWS], None if rows.weight is None else rows.weight[:SAMPLE_ROWS]
        ),
        missing=missing,
        shows_rows=shows_rows,
        results=results_of(whole, rows, asked=asked) if shows_rows else None,
        rate=None if examined is None else shown(examined),
    )  # fmt: skip


def _again(replayer: RunReplayer, rows: Rows, steps: Iterable[int]) -> Iterator[ReplayedStep]:
    """The steps one after the other, in one session."""
    for t in steps:
        step = step_of(replayer, t, rows)
        yield ReplayedStep(step.record, step.settings, step.rows, step.targets, step.weight)


def _facts(replayer: RunReplayer, rows: Rows | None) -> dict[str, Any]:
    run = replayer.record
    source = run.source or {}
    named = source.get("data")
    return {
        "data": None if named is None else Path(str(named)).name,
        "task": source.get("task") or {"values": "regression"}.get(run.kind, "classification"),
        "n_rows": source.get("n_rows"),
        "n_train": None if rows is None else len(rows.X),
        "fingerprint": run.fingerprint if rows is None else replayer.fingerprint(),
        "engine": run.engine.get("engine", replayer.engine.name),
        "instruction_set": run.engine.get("instruction_set"),
        "threads": run.engine.get("threads"),
        "run": None if run.directory is None else run.directory.name,
        "member": source.get("member"),
        "members": source.get("members"),
        "side_by_side": replayer.of_members,
        "weighted": rows is not None and rows.weight is not None,
    }


def names_of(run: RunRecord) -> Names:
    """The names of inputs and outputs from the pipeline of a run; numbers otherwise."""
    if run.pipeline is None:
        return Names()
    pipeline = TablePipeline.from_dict(run.pipeline, run.pipeline_arrays)
    target, classes = pipeline.target, pipeline.classes
    outputs = list(target.columns) if classes is None else [class_text(name) for name in classes]
    return Names(list(pipeline.names), outputs, ", ".join(target.columns))
