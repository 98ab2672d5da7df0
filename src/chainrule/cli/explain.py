"""chainrule explain: one step of a run, or one row of a table, with every number of both passes."""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from chainrule import json_text
from chainrule.api.columns import row_of
from chainrule.api.diagnosis import search
from chainrule.api.report import names_of
from chainrule.api.run import Run
from chainrule.api.step import Step
from chainrule.cli.console import put
from chainrule.cli.subject import one_training, open_run, pipeline_of, rows_of
from chainrule.data.table import Table
from chainrule.engine.protocol import Task
from chainrule.errors import DataError, ReplayWarning, SettingsError
from chainrule.explain.circuit.examples import circuit
from chainrule.explain.columns.contributions import contributions
from chainrule.explain.columns.explanation import RowExplanation
from chainrule.explain.step.page import page
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.run.files import refuse_unwritable, write_atomic
from chainrule.run.smoothing import learned_targets
from chainrule.text.tables import wrapped
from chainrule.training.parts import settings_at
from chainrule.words import sentences

_TEXT = sentences("explain")


class _Shown(Protocol):
    """What can be shown in several forms."""

    def text(self, language: str = "en") -> str: ...
    def to_mermaid(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...


def run(options: argparse.Namespace) -> int:
    """Replay the step, or pass the row through the trained network, and write it down."""
    target = None if options.output_file is None else Path(options.output_file)
    if target is not None:
        refuse_unwritable(target, options.data, options.run_directory)
    text = _explained(options)
    if target is None:
        put(text, is_document=options.format in ("html", "mermaid", "svg"))
    else:
        write_atomic(target, (text + "\n").encode())
        print(f"written to {target}", file=sys.stderr)
    return 0


def _explained(options: argparse.Namespace) -> str:
    if options.circuit not in (None, "row"):
        return _shown(circuit(options.circuit), options, options.circuit)
    if options.run_directory is None:
        raise SettingsError("RUN is missing. Pass a run directory, or --circuit with product, sigmoid, max or staged.")
    subject = open_run(options.run_directory, options.member)
    if options.find is not None:
        return _found(one_training(subject), options)
    if options.whole:
        return _of_columns(subject, options)
    if options.data is not None:
        return _of_table(subject, options)
    subject = one_training(subject)
    return _of_step(subject, _of_run(subject, options), options.row, options)


def _of_columns(subject: Run, options: argparse.Namespace) -> str:
    """What each column is worth, on the rows given or those of the run."""
    if options.format in ("mermaid", "svg"):
        raise SettingsError(f"--format {options.format}: must be text, json or html for --global. Leave it out.")
    pipeline_of(subject, options.run_directory)
    if options.data is None and "data" not in (subject.source or {}):
        raise SettingsError("--data is missing: the run does not say where its rows came from. Give --data DATA.")
    found = subject.importances(options.data)
    if options.format == "json":
        return json_text.text(found.to_dict())
    text, title = found.text(options.language), f"chainrule: {options.run_directory}"
    return page(text, title, options.language) if options.format == "html" else text


def _of_step(subject: Run, step: Step, row: int, options: argparse.Namespace) -> str:
    """What is asked of a step: an answer, a circuit, or the whole of it."""
    if options.why is not None:
        return _shown(step.why(options.why), options, options.why)
    if options.circuit is not None:
        return _shown(step.circuit(row), options, f"step {step.step}, row {row}")
    return _written(subject, step, row, options)


def _shown(what: _Shown, options: argparse.Namespace, title: str) -> str:
    """An answer or a circuit in the form asked for."""
    if options.format == "svg":
        raise SettingsError(
            "--format svg: draws a whole step, without --why or --circuit. Try mermaid, text, json or html."
        )
    if options.format == "mermaid":
        return what.to_mermaid()
    if options.format == "json":
        return json_text.text(what.to_dict())
    text = what.text(options.language)
    return page(text, title, options.language) if options.format == "html" else text


def _found(subject: Run, options: argparse.Namespace) -> str:
    """The finding of a search, or that there was none."""
    if options.format in ("mermaid", "svg"):
        raise SettingsError(f"--format {options.format}: not available with --find. Try text, json or html.")
    _, data = rows_of(subject, options.run_directory)
    n = subject.n_steps
    found, examined = search(subject._replayer, options.find, range(n), data, thorough=options.thorough)
    if options.format == "json":
        return json_text.text(None if found is None else found.to_dict())
    absent = _TEXT[options.language]["not_found"].format(what=options.find)
    if examined is not None:
        absent = "\n".join(
            wrapped(_TEXT[options.language]["not_in_sample"].format(what=options.find, n=examined, all=n))
        )
    text = absent if found is None else found.text(options.language)
    return page(text, options.find, options.language) if options.format == "html" else text


def _of_run(subject: Run, options: argparse.Namespace) -> Step:
    """The replayed step; how far it was, and whether its bits are those of the training, go to stderr."""
    _, data = rows_of(subject, options.run_directory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        step = subject.replay(-1 if options.step is None else options.step, data)
    if not 0 <= options.row < len(step.rows):
        last = len(step.rows) - 1
        raise SettingsError(f"--row {options.row}: must be 0 to {last}, a row of the batch of step {step.step}.")
    distance = step.step - subject.checkpoints.last_before(step.step)
    print(_TEXT[options.language]["way"].format(step=step.step, distance=distance, **subject.reach), file=sys.stderr)
    if subject.engine_differs:
        print(subject.engine_differs, file=sys.stderr)
    return step


def _written(subject: Run, step: Step, row: int, options: argparse.Namespace) -> str:
    if options.format == "svg":
        return _drawn(subject, step, row, options)
    if options.format == "mermaid":
        return step.to_mermaid(row, options.language)
    if options.format == "json":
        return json_text.text(step.to_dict())
    text = step.explain(options.language, row, options.notation, options.only)
    if options.format != "html":
        return text
    picture = "" if options.only else _drawn(subject, step, row, options)
    return page(text, f"chainrule: {options.run_directory}", options.language, picture)


def _drawn(subject: Run, step: Step, row: int, options: argparse.Namespace) -> str:
    """The drawing of a row, with the names of the columns and classes where the run knows them."""
    names = names_of(subject.record)
    return step.svg(row, options.language, inputs=names.inputs, outputs=names.outputs)


def _of_table(subject: Run, options: argparse.Namespace) -> str:
    """Which columns drove the prediction of a row, then the step the trained network would take on it alone."""
    if options.step is not None:
        raise SettingsError("--step and --data are mutually exclusive: --data uses the trained network.")
    pipeline = pipeline_of(subject, options.run_directory)
    row, has_target = _row(pipeline, options)
    asked = options.why is not None or options.circuit is not None or options.format in ("mermaid", "svg")
    subject = one_training(subject) if asked or options.only is not None else subject
    has_step = has_target and subject.ensemble is None  # the passes are those of one training
    step = _step_of(subject, pipeline, row, options.row) if has_step else None
    if step is not None and asked:
        return _of_step(subject, step, 0, options)
    if asked:
        raise SettingsError(f"--row {options.row}: must have a target in {options.data}; a step needs its loss.")
    result = RowExplanation(options.row, contributions(subject.predictor, subject._networks, pipeline, row))
    if options.format == "json":
        return json_text.text({"drivers": result.to_dict()["targets"], **({} if step is None else step.to_dict())})
    parts = [result.text(options.language)]
    if step is not None and options.only is None:
        parts.append("\n".join(wrapped(_TEXT[options.language]["passes"])))
    elif step is not None:
        whole = step.explain(options.language, 0, options.notation, options.only)
        parts += [_TEXT[options.language]["heading"].format(options), whole]
    text = "\n\n".join(parts)
    return page(text, f"chainrule: {options.run_directory}", options.language) if options.format == "html" else text


def _row(pipeline: TablePipeline, options: argparse.Namespace) -> tuple[Table, bool]:
    """The row asked for, and whether it has its target: a file without one can be explained too."""
    try:
        row = row_of(options.data, pipeline, options.row, needs_target=True, option="--row ")
    except DataError:
        return row_of(options.data, pipeline, options.row, needs_target=False, option="--row "), False
    return row, not any(target.missing.any() for target in row.targets)


def _step_of(subject: Run, pipeline: TablePipeline, row: Table, number: int) -> Step:
    """The step the trained network would take on one row alone: its passes, and where they would lead."""
    network, settings = subject.network, subject.settings
    features = pipeline.features(row, network.architecture.dtype)
    encoded, _ = network.encode(pipeline.target.encode(row), 1)
    encoded = learned_targets(encoded, network.architecture, settings.label_smoothing)
    name, seed = settings.optimizer.name, settings.seed
    task = Task(
        architecture=network.architecture,
        X=features,
        targets=encoded,
        weight=None,
        optimizer=name,
        batch_size=1,
        seed=seed,
        shuffle=False,
    )
    eta, step_settings = settings_at(0, settings, ())
    still = replace(step_settings, dropout=0.0)
    session = network.engine.start(task, still)
    _, state = session.store()
    session.load(network.parameters.flat, state)
    one = np.array([number])
    record = replace(session.record(0, eta, still), rows=one)
    return Step(
        record=record,
        architecture=network.architecture,
        settings=still,
        optimizer=settings.optimizer.to_dict(),
        rows=one,
        targets=encoded,
        weight=None,
        n_steps=1,
    )
