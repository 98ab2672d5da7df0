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
from chainrule.cli.subject import open_run, open_table, pipeline_of, rows_of
from chainrule.engine.protocol import Task
from chainrule.errors import ModelFileError, SettingsError
from chainrule.pipeline.numeric import labels, matrix
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
    if options.data is not None:
        step, row = _of_table(subject, options), 0
    else:
        step, row = _of_run(subject, options), options.row
    text = _written(step, row, options)
    if target is None:
        print(text)
    else:
        write_atomic(target, (text + "\n").encode())
        print(f"written to {target}", file=sys.stderr)
    return 0


def _of_run(subject: Run, options: argparse.Namespace) -> Step:
    """The replayed step."""
    _, data = rows_of(subject, options.run_directory)
    step = subject.replay(-1 if options.step is None else options.step, data)
    if not 0 <= options.row < len(step.rows):
        last = len(step.rows) - 1
        raise SettingsError(f"--row {options.row} is not in the batch of step {step.step}; expected 0 to {last}.")
    return step


def _written(step: Step, row: int, options: argparse.Namespace) -> str:
    if options.format == "mermaid":
        return step.to_mermaid(row)
    if options.format == "json":
        return json.dumps(step.to_dict(), ensure_ascii=False)
    text = step.explain(options.language, row, options.notation)
    return text if options.data is None else f"{_HEADING[options.language].format(options)}\n\n{text}"


def _of_table(subject: Run, options: argparse.Namespace) -> Step:
    """The step the trained network would take on one row alone: its passes, and where they would lead."""
    if options.step is not None:
        raise SettingsError("--step and --data exclude each other: a row of a table is explained as trained.")
    network, pipeline = subject.network, pipeline_of(subject, options.run_directory)
    table = open_table(options.data, pipeline, needs_target=True)
    if not 0 <= options.row < len(table):
        raise SettingsError(f"--row {options.row} is not in {options.data}; expected 0 to {len(table) - 1}.")
    one = np.array([options.row])
    inputs = pipeline.features(table.names, matrix(table)[one], table.path)
    features = np.ascontiguousarray(inputs, dtype=network.architecture.dtype)
    encoded, _ = network.encode(pipeline.encode(labels(table)[one], table.path), 1)
    settings = subject.settings
    name, seed = settings.optimizer.name, settings.seed
    task = Task(network.architecture, features, encoded, None, name, 1, seed, shuffle=False)
    eta, step_settings = settings_at(0, settings, ())
    still = replace(step_settings, dropout=0.0)
    session = network.engine.start(task, still)
    _, state = session.store()
    session.load(network.parameters.flat, state)
    record = replace(session.record(0, eta, still), rows=one)
    return Step(record, network.architecture, still, settings.optimizer.to_dict(), one, encoded, None, 1)
