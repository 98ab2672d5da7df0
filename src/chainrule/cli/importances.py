"""explain --global: what each column is worth to a trained network, over many rows."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from chainrule import json_text
from chainrule.api.run import Run
from chainrule.api.tables import selection_for
from chainrule.cli.subject import pipeline_of
from chainrule.data.read import read
from chainrule.data.table import Table
from chainrule.errors import DataError, SettingsError
from chainrule.explain.step.page import page
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values
from chainrule.planning.importances import Importance, importances
from chainrule.seeding import permutation
from chainrule.text.tables import aligned, wrapped
from chainrule.words import sentences

MOST_ROWS = 2_000
"""More rows are sampled, which is said."""
MOST_COLUMNS = 30
_TEXT = sentences("importance")


def explained(subject: Run, options: argparse.Namespace) -> str:
    """Permutation importance in the form asked for."""
    if options.format in ("mermaid", "svg"):
        raise SettingsError(f"--format {options.format}: must be text, json or html for --global. Leave it out.")
    pipeline = pipeline_of(subject, options.run_directory)
    table, what = _rows(subject, pipeline, options)
    n = len(table)
    if n > MOST_ROWS:
        table = table.take(np.sort(permutation(subject.settings.seed, 0, n)[:MOST_ROWS]))
    found = importances(subject.network, pipeline, table, subject.settings.seed)
    if options.format == "json":
        columns = [vars(one) for one in found]
        return json_text.text({"rows": what, "n_rows": n, "n_sampled": len(table), "columns": columns})
    text = _text(found, isinstance(pipeline.target, Values), what, n, len(table), options.language)
    return page(text, f"chainrule: {options.run_directory}", options.language) if options.format == "html" else text


def _rows(subject: Run, pipeline: TablePipeline, options: argparse.Namespace) -> tuple[Table, str]:
    """Rows with a target: those of --data, else those that training held out, else those of training."""
    source = subject.source or {}
    data = options.data or source.get("data")
    if data is None:
        raise SettingsError("--data is missing: the run does not say where its rows came from. Give --data DATA.")
    dialect = None if options.data else source.get("dialect")
    table = read(data, replace(selection_for(data, pipeline, needs_target=True, dialect=dialect), weight=None), "train")
    empty = np.logical_and.reduce([target.missing for target in table.targets])
    table, what = table.take(np.flatnonzero(~empty)), "data"
    if options.data is None:
        held_out = np.setdiff1d(np.arange(len(table)), np.arange(0) if subject.index is None else subject.index)
        what = "held_out" if subject.index is not None and len(held_out) else "training"
        table = table.take(held_out) if what == "held_out" else table
    if not len(table):
        raise DataError(
            "holds no row with a target; expected some: importance compares predictions with it.", path=data
        )
    return table, what


def _text(found: list[Importance], is_values: bool, what: str, n: int, n_sampled: int, language: str) -> str:
    text = _TEXT[language]
    rows = text[what].format(n=f"{n:,}") + (text["sampled"].format(n=f"{n_sampled:,}") if n_sampled < n else "")
    shown = [
        (one.column[:40], f"{one.rise:+.4g}", f"{one.low:+.4g}", f"{one.high:+.4g}") for one in found[:MOST_COLUMNS]
    ]
    title = text["title"].format(measure=text["rmse" if is_values else "log_loss"])
    lines = [*wrapped(title), *wrapped(rows), "", *aligned([("", "", "95 %", ""), *shown])]
    if len(found) > MOST_COLUMNS:
        lines.append("    " + text["rest"].format(n=len(found) - MOST_COLUMNS))
    return "\n".join([*lines, "", *wrapped(text["about"])])
