"""What train is about to do: the rows by their part, the task, the fitted pipeline, and how it may be trained."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.rehearsal import Recipe
from chainrule.api.table_rows import VALIDATION_SHARE, TableRows
from chainrule.cli import train_options
from chainrule.cli.train_parser import BY_PRESET
from chainrule.data import arrays, builtin, split
from chainrule.data.folds import folds
from chainrule.data.read import read
from chainrule.data.table import MISSING, Column, Selection, Table
from chainrule.errors import DataError, SettingsError, unknown_name
from chainrule.pipeline.columns import SCALINGS
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Target, Values
from chainrule.planning.presets import FEW_ROWS, Preset, few_rows, preset
from chainrule.planning.task import Task, choose_task
from chainrule.training.settings import SETTINGS, Optimizer

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Job(TableRows):
    """What was understood, and what will be done."""

    n_left_out: int
    """Rows of DATA without any target."""
    parts: dict[str, Table]
    """train, validation where rows are held out or given, and test where there is one."""
    task: Task
    recipes: tuple[Recipe, ...]
    """What will be done; before it, simpler trainings, one of which may be done instead."""

    @property
    def network(self) -> Network:
        """The network to train."""
        return self.recipes[-1].network

    @property
    def pipeline(self) -> TablePipeline:
        """From the columns to its inputs."""
        return self.recipes[-1].pipeline

    @property
    def optimizer(self) -> Optimizer:
        """The rule it is trained by."""
        return self.recipes[-1].optimizer

    @property
    def settings(self) -> dict[str, Any]:
        """The further arguments of train."""
        return self.recipes[-1].settings

    @property
    def counts(self) -> dict[str, int]:
        """Rows of each part."""
        return {name: len(table) for name, table in self.parts.items()}


def understand(options: argparse.Namespace) -> Job:
    """Read every table, choose the task, hold rows out, fit the pipeline, build the network."""
    seed = int(train_options.value(options, SETTINGS["seed"]))
    whole = read(options.data, selection(options), "train")
    if not whole.targets:
        raise SettingsError("no target is named; expected --target COLUMN.")
    check_weights(whole, options.weight)
    try:
        task = choose_task(whole.targets, options.task)
    except DataError as error:
        raise DataError(str(error), path=whole.path) from None
    refuse_one_class(task, whole)
    table = _with_targets(whole)
    few = is_few(options, len(table))
    kept, share, parts = _parts(options, table, task, seed, few)
    rows = parts["train"]
    fold, n_distinct = folds(rows, seed) if few else (None, 0)
    output, loss = train_options.output_and_loss(options, task)
    chosen = _preset(options, rows, task, n_distinct, output)

    def pipeline(n_bins: int) -> TablePipeline:
        return fitted(options, replace(chosen, n_bins=n_bins), rows, task, output, seed)

    recipes = train_options.recipes(options, chosen, pipeline, task, len(table.targets), output, loss)
    judges = parts.get("validation") if share is None else None
    return Job(table, kept, share, judges, fold, len(whole) - len(table), parts, task, recipes)


def is_few(options: argparse.Namespace, n_rows: int) -> bool:
    """Whether all rows are trained on and trainings are compared by cross-validation: few rows, and nothing stated."""
    stated = [getattr(options, name, None) for name in (*BY_PRESET, "valid")]
    by_default = all(given is None for given in stated) and (options.preset, options.metric) == ("auto", "auto")
    return by_default and n_rows < FEW_ROWS


def _preset(options: argparse.Namespace, rows: Table, task: Task, n_distinct: int, output: str) -> Preset:
    """Of few rows, of which so many are distinct, that for few rows; else (0) the one that is named."""
    n_numbers = sum(column.kind == "number" for column in rows.columns)
    if n_distinct:
        return few_rows(len(rows), n_distinct, n_numbers, output)
    return preset(options.preset, n_rows=len(rows), n_numbers=n_numbers, is_class=task.kind != "values")


def dialect(options: argparse.Namespace) -> dict[str, Any]:
    """How text files are written, as far as the options say."""
    given = {name: getattr(options, name, None) for name in ("delimiter", "quote", "decimal", "encoding")}
    if given["delimiter"] in ("tab", "\\t"):
        given["delimiter"] = "\t"
    return {name: text for name, text in given.items() if text is not None}


def missing_cells(options: argparse.Namespace) -> tuple[str, ...]:
    """The cells that mean a missing value; an empty one always does."""
    given = getattr(options, "missing", None)
    return MISSING if given is None else ("", *(text.strip() for text in given.split(",") if text.strip()))


def _names(given: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())


def selection(options: argparse.Namespace) -> Selection:
    """What is to be read of DATA, as the options say."""
    return Selection(
        _names(options.target) or None,
        weight=options.weight,
        drop=_names(options.drop),
        kinds=_kinds(options.kind),
        missing=missing_cells(options),
        **dialect(options),
    )


def _kinds(given: str | None) -> dict[str, str]:
    """--kind as readings by column."""
    stated = {}
    for entry in _names(given):
        name, equals, kind = entry.rpartition("=")
        if not equals:
            raise SettingsError(f"--kind {entry} is not possible; expected COLUMN=KIND, such as zip=category.")
        stated[name.strip()] = kind.strip()
    return stated


def check_weights(table: Table, column: str | None) -> None:
    """DataError where the weights of rows are negative, missing or all zero."""
    try:
        arrays.weights(table.weight, len(table), "float64")
    except DataError as error:
        raise DataError(str(error).removeprefix("sample_weight "), path=table.path, column=column) from None


def refuse_one_class(task: Task, table: Table) -> None:
    """DataError where there is nothing to tell apart."""
    if task.kind == "classes" and len(task.words[0]) < 2:
        told = f"holds one class only ({task.words[0][0]!r}); expected at least two: there is nothing to tell apart."
        raise DataError(told, path=table.path, column=table.targets[0].name)


def _with_targets(table: Table) -> Table:
    """The rows that have a target, one of several at least."""
    empty = np.logical_and.reduce([target.missing for target in table.targets])
    return table.take(np.flatnonzero(~empty)) if empty.any() else table


def _target(task: Task, table: Table, output: str) -> Target:
    if task.kind == "classes":
        return Classes.fit(table, task.words[0])
    if task.kind == "labels":
        return Labels.fit(table, task.words)
    return Values.fit(table, standardised=output == "identity")


def fitted(
    options: argparse.Namespace, chosen: Preset, rows: Table, task: Task, output: str, seed: int
) -> TablePipeline:
    """The pipeline, fitted to the training rows."""
    scaling = options.scaling or chosen.scaling
    if scaling not in SCALINGS:
        raise unknown_name("scaling", scaling, SCALINGS)
    return TablePipeline.fit(
        rows,
        _target(task, rows, output),
        scaling=scaling,
        n_bins=train_options.whole_number(options.bins, "bins", chosen.n_bins),
        missing=missing_cells(options),
        seed=seed,
    )


def _parts(
    options: argparse.Namespace, table: Table, task: Task, seed: int, few: bool
) -> tuple[Rows | None, float | None, dict[str, Table]]:
    """Rows to train on, to judge epochs by, and to test on; the same held-out share that train will choose."""
    share = None if few else share_of(options.valid)
    if few:
        kept, parts = None, {"train": table}
    elif share is None:
        kept, parts = None, {"train": table, "validation": alike(options, options.valid, table, weighted=True)}
    else:
        classes = Classes.fit(table, task.words[0]).encode(table) if task.kind == "classes" else None
        kept, out = split.holdout(len(table), share, seed, classes)
        parts = {"train": table.take(kept), "validation": table.take(out)}
    test = options.test or (options.data if options.data in builtin.TARGETS else None)
    if test is not None:
        parts["test"] = alike(options, test, table, weighted=False)
    return kept, share, parts


def alike(options: argparse.Namespace, source: str, table: Table, *, weighted: bool) -> Table:
    """Another table, its columns read as those of training."""
    read_as: dict[str, Column] = {column.name: column for column in (*table.columns, *table.targets)}
    wanted = replace(
        selection(options),
        targets=None if source in builtin.TARGETS else tuple(target.name for target in table.targets),
        weight=options.weight if weighted else None,
        drop=(),
        features=table.names,
        kinds={name: column.reading for name, column in read_as.items()},
    )
    return _with_targets(read(source, wanted, "test"))


def share_of(given: str | None) -> float | None:
    """--valid as a share, or None where it names rows."""
    if given is None:
        return VALIDATION_SHARE
    try:
        share = float(given)
    except ValueError:
        return None
    if not 0 < share < 1:
        raise SettingsError(f"--valid {given} is not possible; expected a file, or a share between 0 and 1.")
    return share
