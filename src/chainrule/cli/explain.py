"""chainrule explain: one step of a run, or one row of a table, with every number of both passes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from chainrule.api.run import Run
from chainrule.api.step import Step
from chainrule.cli.drivers import drivers
from chainrule.cli.subject import blocks, open_run, pipeline_of, rows_of
from chainrule.data.table import Table
from chainrule.engine.protocol import Task
from chainrule.errors import DataError, ModelFileError, SettingsError
from chainrule.glass.tell import influence
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.run.files import write_atomic
from chainrule.training.events import settings_at

_HEADING = {
    "en": "Row {0.row} of {0.data} through the trained network, and the step it would take alone:",
    "ko": "학습된 신경망을 지나는 {0.data}의 {0.row}번 행, 그리고 그 행 하나로 하게 될 단계:",
}


def run(options: argparse.Namespace) -> int:
    """Replay the step, or pass the row through the trained network, and write it down."""
    target = None if options.output_file is None else Path(options.output_file)
    if target is not None and (target.is_dir() or not target.absolute().parent.is_dir()):
        raise ModelFileError(f"{target}: cannot be written; expected a file name in a folder that exists.")
    subject = open_run(options.run_directory)
    text = _of_run(subject, options) if options.data is None else _of_table(subject, options)
    if target is None:
        print(text)
    else:
        write_atomic(target, (text + "\n").encode())
        print(f"written to {target}", file=sys.stderr)
    return 0


def _of_run(subject: Run, options: argparse.Namespace) -> str:
    """The replayed step, in the format asked for."""
    _, data = rows_of(subject, options.run_directory)
    step = subject.replay(-1 if options.step is None else options.step, data)
    if not 0 <= options.row < len(step.rows):
        last = len(step.rows) - 1
        raise SettingsError(f"--row {options.row} is not in the batch of step {step.step}; expected 0 to {last}.")
    return _written(step, options.row, options)


def _written(step: Step, row: int, options: argparse.Namespace) -> str:
    if options.format == "mermaid":
        return step.to_mermaid(row)
    if options.format == "json":
        return json.dumps(step.to_dict(), ensure_ascii=False)
    return step.explain(options.language, row, options.notation)


def _of_table(subject: Run, options: argparse.Namespace) -> str:
    """Which columns drove the prediction of a row, then the step the trained network would take on it alone."""
    if options.step is not None:
        raise SettingsError("--step and --data exclude each other: a row of a table is explained as trained.")
    pipeline = pipeline_of(subject, options.run_directory)
    row, has_target = _row(pipeline, options)
    told = drivers(subject.network, pipeline, row)
    step = _step_of(subject, pipeline, row, options.row) if has_target else None
    if options.format == "mermaid" and step is not None:
        return step.to_mermaid(0)
    if options.format == "json":
        columns = [{"prediction": one.prediction, "probability": one.probability, "columns": one.plain} for one in told]
        return json.dumps({"drivers": columns, **({} if step is None else step.to_dict())}, ensure_ascii=False)
    parts = [influence.told(one.prediction, one.probability, one.found, options.language) for one in told]
    if step is not None:
        parts += [_HEADING[options.language].format(options), step.explain(options.language, 0, options.notation)]
    return "\n\n".join(parts)


def _row(pipeline: TablePipeline, options: argparse.Namespace) -> tuple[Table, bool]:
    """The row asked for, and whether it has its target: a file without one can be explained too."""
    first = 0
    try:
        tables, has_target = list(blocks(options.data, pipeline, needs_target=True)), True
    except DataError:
        tables, has_target = list(blocks(options.data, pipeline, needs_target=False)), False
    for table in tables:
        if first <= options.row < first + len(table):
            row = table.take(np.array([options.row - first]))
            return row, has_target and not any(target.missing.any() for target in row.targets)
        first += len(table)
    raise SettingsError(f"--row {options.row} is not in {options.data}; expected 0 to {first - 1}.")


def _step_of(subject: Run, pipeline: TablePipeline, row: Table, number: int) -> Step:
    """The step the trained network would take on one row alone: its passes, and where they would lead."""
    network, settings = subject.network, subject.settings
    features = pipeline.features(row, network.architecture.dtype)
    encoded, _ = network.encode(pipeline.target.encode(row), 1)
    name, seed = settings.optimizer.name, settings.seed
    task = Task(network.architecture, features, encoded, None, name, 1, seed, shuffle=False)
    eta, step_settings = settings_at(0, settings, ())
    still = replace(step_settings, dropout=0.0)
    session = network.engine.start(task, still)
    _, state = session.store()
    session.load(network.parameters.flat, state)
    one = np.array([number])
    record = replace(session.record(0, eta, still), rows=one)
    return Step(record, network.architecture, still, settings.optimizer.to_dict(), one, encoded, None, 1)
