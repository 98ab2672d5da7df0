"""chainrule explain: one step of a run, or one row of a table, with every number of both passes."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.run import Run
from chainrule.api.step import Step
from chainrule.cli.subject import open_model, open_run, open_table
from chainrule.data.table import require_target
from chainrule.engine.protocol import Task
from chainrule.errors import SettingsError
from chainrule.run.files import write_atomic
from chainrule.training.events import settings_at


def run(options: argparse.Namespace) -> int:
    """Replay the step, or pass the row through the trained network, and write it down."""
    subject = open_run(options.run_directory)
    if options.data is not None:
        step, row = _of_table(subject, options), 0
    else:
        step, row = subject.replay(-1 if options.step is None else options.step), options.row
        if not 0 <= row < len(step.rows):
            raise SettingsError(f"--row {row} is not in the batch of step {step.step}; expected 0 to {len(step.rows) - 1}.")
    text = _written(step, row, options)
    if options.output_file is None:
        print(text)
    else:
        write_atomic(Path(options.output_file), (text + "\n").encode())
        print(f"written to {options.output_file}", file=sys.stderr)
    return 0


def _written(step: Step, row: int, options: argparse.Namespace) -> str:
    if options.format == "mermaid":
        return step.to_mermaid(row)
    if options.format == "json":
        return json.dumps(step.to_dict(), ensure_ascii=False)
    return step.explain(options.language, row, options.notation)


def _of_table(subject: Run, options: argparse.Namespace) -> Step:
    """The step the trained network would take on one row alone: its passes, and where they would lead."""
    if options.step is not None:
        raise SettingsError("--step and --data exclude each other: a row of a table is explained with the trained network.")
    _, network, pipeline = open_model(options.run_directory)
    table, X = open_table(options.data, pipeline, need_target=True)
    if not 0 <= options.row < len(table):
        raise SettingsError(f"--row {options.row} is not in {options.data}; expected 0 to {len(table) - 1}.")
    one = np.array([options.row])
    y = pipeline.encode(require_target(table), table.source)[one]
    rows = network.architecture.dtype
    features = np.ascontiguousarray(X[one], dtype=rows)
    encoded, _ = network.encode(y, 1)
    settings = subject.settings
    task = Task(network.architecture, features, encoded, None, settings.optimizer.name, 1, settings.seed, shuffle=False)
    eta, step_settings = settings_at(0, settings, ())
    still = type(step_settings)(step_settings.optimizer, step_settings.l2, step_settings.l1, 0.0, step_settings.clip_norm)
    session = network.engine.start(task, still)
    _, state = session.store()
    session.load(network.parameters.flat, state)
    record: Any = session.record(0, eta, still)
    return Step(record, network.architecture, still, settings.optimizer.to_dict(), one, encoded, None, 1)
