"""run.report: the page of a run, from its facts and some of its steps replayed."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import DamagedFileWarning, DataError, ModelFileError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import class_text
from chainrule.report.collect import collect
from chainrule.report.page import page
from chainrule.report.report_input import Names, ReplayedStep, ReportInput, Sample
from chainrule.run.directory import RunDirectory
from chainrule.run.files import refuse_unwritable, writing_atomic
from chainrule.run.names import REPORT
from chainrule.tune.figure import shown

if TYPE_CHECKING:
    from chainrule.api.rows import Rows
    from chainrule.api.run import Run

SIZE_MB = 7.0
"""Of the packed steps as text; page and facts come to about 0.2 MB more."""
SAMPLE_ROWS = 4
PATIENCE_S = 20.0
"""About how long a page that was asked for may take."""
AFTER_TRAINING_S, AFTER_TRAINING_SHARE = 0.1, 0.01
"""The page a training ends with may take this share of its time, or these seconds where that is less."""


def write_report(
    run: Run,
    path: str | os.PathLike[str],
    data: tuple[Any, ...] | None = None,
    size_mb: float = SIZE_MB,
) -> Path:
    """The report of a run as one file; see Run.report."""
    target = Path(path)
    refuse_unwritable(target)
    rows, missing = _replayable(run, data)
    write(target, report_input_of(run, rows, missing), size_mb, PATIENCE_S, _right_to_write(run, target))
    return target


def _replayable(run: Run, data: tuple[Any, ...] | None) -> tuple[Rows | None, str | None]:
    """The rows whose steps can be shown, or why there are none."""
    try:
        run.require(*run.needed_to_replay)
        rows = run._rows(data)
        run.checkpoints.nearest(0)
        return rows, None
    except DataError:
        if data is not None:
            raise
        return None, "data" if run.rows is None else "altered"
    except ModelFileError as error:
        warnings.warn(f"{error} The report shows no steps.", DamagedFileWarning, stacklevel=4)
        return None, "damaged"


def _right_to_write(run: Run, target: Path) -> contextlib.AbstractContextManager[None]:
    """That of the run's one writer, where the page is to lie in its folder."""
    if run.directory is None or not run.directory.is_dir() or not target.absolute().parent.samefile(run.directory):
        return contextlib.nullcontext()
    return RunDirectory(run.directory).claimed()


def write_after_training(run: Run, folder: Path, *, shows_rows: bool) -> None:
    """RUN/report.html, cheaply: from the rows that are at hand, without long ways between checkpoints."""
    try:
        given = report_input_of(run, run.rows, None, shows_rows=shows_rows)
        seconds = AFTER_TRAINING_S
        if run.result["stopped"] != "interrupted":  # else somebody waits for the end
            seconds = max(seconds, AFTER_TRAINING_SHARE * float(run.result["seconds"]))
        write(folder / REPORT, given, SIZE_MB, seconds)  # the training still is the one writer
    finally:
        run._replayer = None  # nobody may ask this run for a step; the session would stay until it is gone


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


def report_input_of(run: Run, rows: Rows | None, missing: str | None, *, shows_rows: bool = True) -> ReportInput:
    """What the report may use of a run; `rows` are its training rows, if they are to be had."""
    return ReportInput(
        architecture=run.network.architecture,
        parameters=run.network.parameters,
        settings=run.settings,
        history=run.history,
        losses=run.losses,
        steps_per_epoch=run.steps_per_epoch,
        result=run.result,
        facts=_facts(run, rows),
        events=[event.to_dict() for event in run.events],
        names=_names(run),
        checkpoints=sorted(run.checkpoints.sizes),
        again=None if rows is None else lambda steps: _again(run, rows, steps),
        sample=None if rows is None else Sample(
            rows.X[:SAMPLE_ROWS], rows.targets[:SAMPLE_ROWS], None if rows.weight is None else rows.weight[:SAMPLE_ROWS]
        ),
        missing=missing,
        shows_rows=shows_rows,
        rate=None if run.examined is None else shown(run.examined),
    )  # fmt: skip


def _again(run: Run, rows: Rows, steps: Iterable[int]) -> Iterator[ReplayedStep]:
    """The steps one after the other, in one session."""
    for t in steps:
        step = run._step(t, rows)
        yield ReplayedStep(step.record, step.settings, step.rows, step.targets, step.weight)


def _facts(run: Run, rows: Rows | None) -> dict[str, Any]:
    source = run.source or {}
    named = source.get("data")
    return {
        "data": None if named is None else Path(str(named)).name,
        "task": source.get("task") or {"values": "regression"}.get(run.network.kind, "classification"),
        "n_rows": source.get("n_rows"),
        "n_train": None if rows is None else len(rows.X),
        "fingerprint": run.recorded_fingerprint if rows is None else run.fingerprint,
        "engine": run.engine_record.get("engine", run.engine.name),
        "instruction_set": run.engine_record.get("instruction_set"),
        "threads": run.engine_record.get("threads"),
        "run": None if run.directory is None else run.directory.name,
        "weighted": rows is not None and rows.weight is not None,
    }


def _names(run: Run) -> Names:
    """The names of inputs and outputs that the pipeline of a run tells; else numbers do."""
    if run.pipeline is None:
        return Names()
    pipeline = TablePipeline.from_dict(run.pipeline, run.pipeline_arrays)
    target, classes = pipeline.target, pipeline.classes
    outputs = list(target.columns) if classes is None else [class_text(name) for name in classes]
    return Names(list(pipeline.names), outputs, ", ".join(target.columns))
