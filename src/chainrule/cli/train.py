"""chainrule train: from a table to a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.train import train
from chainrule.cli import train_options
from chainrule.cli.scores import Scores, baseline, scores
from chainrule.data import arrays, builtin, split
from chainrule.data.read import read
from chainrule.data.table import Selection, Table
from chainrule.engine.select import select
from chainrule.errors import ChainruleError, DataError, SettingsError
from chainrule.pipeline.numeric import NumericPipeline, class_names, labels, matrix
from chainrule.pipeline.task import choose_task
from chainrule.run.directory import RunDirectory
from chainrule.training import metrics

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Job:
    """What was understood: the rows by their part, the task, the pipeline fitted to the training rows."""

    all_rows: Table
    parts: dict[str, Table]
    """train, validation, and test where there is one."""
    share: float | None
    """The share held out for validation, or None where it has its own file."""
    task: str
    reason: str
    pipeline: NumericPipeline
    network: Network


def run(options: argparse.Namespace) -> int:
    """Read, understand, train, measure, tell."""
    settings, optimizer = train_options.settings(options), train_options.optimizer(options)
    folder = _folder(options)
    job = _understand(options, int(settings["seed"]))
    metrics.choose(options.metric, job.network.kind)
    engine, reason = select(options.engine, job.network.architecture, settings["threads"])
    tell = not (options.quiet or options.json)
    if tell:
        from chainrule.cli.train_report import tell_understood

        tell_understood(job, optimizer, settings, f"{engine.name} ({reason})")
    with _warnings_to_stderr(), _left_clean(folder):
        done = train(
            job.network,
            *_inputs(job, job.all_rows if job.share else job.parts["train"]),
            validation=job.share or _validation(job),
            optimizer=optimizer,
            metric=options.metric,
            class_weight=options.class_weight,
            engine=options.engine,
            directory=folder,
            resume=options.resume,
            progress=False if options.quiet or options.json else "auto",
            pipeline=job.pipeline,
            source=_source(options, job),
            sample_weight=(job.all_rows if job.share else job.parts["train"]).weight,
            **settings,
        )
    measured: dict[str, Scores] = {name: scores(done.network, job.pipeline, part) for name, part in job.parts.items()}
    measured["baseline"] = baseline(job.pipeline, job.parts["train"], list(job.parts.values())[-1])
    _tell(options, job, done, measured, tell)
    return 130 if done.result["stopped"] == "interrupted" else 1 if done.diverged else 0


def _tell(options: argparse.Namespace, job: Job, done: Run, measured: dict[str, Scores], tell: bool) -> None:
    from chainrule.cli import train_report

    if options.json:
        print(train_report.as_json(job, done, measured))
    elif tell:
        train_report.tell_result(job, done, measured)


def _folder(options: argparse.Namespace) -> Path:
    """The run's folder: the one asked for, or the next free runs/NAME-OF-DATA."""
    if options.output_directory is None:
        if options.resume:
            raise SettingsError("--resume continues the run in a folder; give it with -o RUN.")
        name = Path(options.data).name.split(".")[0] or "run"
        tries = (Path("runs") / (name if i == 1 else f"{name}-{i}") for i in range(1, 1_000_000))
        return next(path for path in tries if not path.exists())
    folder = Path(options.output_directory)
    if RunDirectory(folder).exists and not options.resume:
        raise SettingsError(f"{folder}: holds a run already; name another folder, or continue it with --resume.")
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: is a file; expected a folder for the run.")
    return folder


def _understand(options: argparse.Namespace, seed: int) -> Job:
    """Read every table, choose the task, hold rows out, fit the pipeline, build the network."""
    drop = tuple(name.strip() for name in options.drop.split(",") if name.strip())
    table = read(
        options.data,
        Selection(None if options.target is None else (options.target,), weight=options.weight, drop=drop),
        "train",
    )
    _check_weights(table, options.weight)
    task, reason = choose_task(labels(table), options.task, table.targets[0].name)
    classes = class_names(labels(table)) if task == "classification" else None
    if classes is not None and len(classes) < 2:
        told = f"holds one class only ({classes[0]!r}); expected at least two: there is nothing to tell apart."
        raise DataError(told, path=table.path, column=table.targets[0].name)
    share, parts = _parts(options, table, classes is not None, seed)
    output, loss = train_options.output_and_loss(options, task)
    rows, n_classes = parts["train"], None if classes is None else len(classes)
    pipeline = NumericPipeline.fit(
        table.names,
        matrix(rows),
        labels(rows),
        target=table.targets[0].name,
        classes=classes,
        weight=rows.weight,
        standardise_target=output == "identity",
    )
    network = train_options.network(options, len(table.columns), n_classes, output, loss, seed)
    return Job(table, parts, share, task, reason, pipeline, network)


def _check_weights(table: Table, column: str | None) -> None:
    try:
        arrays.weights(table.weight, len(table), "float64")
    except DataError as error:
        raise DataError(str(error).removeprefix("sample_weight "), path=table.path, column=column) from None


def _parts(
    options: argparse.Namespace, table: Table, is_class: bool, seed: int
) -> tuple[float | None, dict[str, Table]]:
    """Rows to train on, to judge epochs by, and to test on; the same held-out share that train will choose."""
    share = _share(options.valid)
    same = Selection((table.targets[0].name,), weight=options.weight, features=table.names)
    if share is None:
        parts = {"train": table, "validation": read(options.valid, same, "test")}
    else:
        classes = np.unique(labels(table), return_inverse=True)[1] if is_class else None
        kept, out = split.holdout(len(table), share, seed, classes)
        parts = {"train": table.take(kept), "validation": table.take(out)}
    test = options.test or (options.data if options.data in builtin.TARGETS else None)
    if test is not None:
        parts["test"] = read(test, Selection((table.targets[0].name,), features=table.names), "test")
    return share, parts


def _share(given: str | None) -> float | None:
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


def _inputs(job: Job, table: Table) -> tuple[Any, Any]:
    """The rows of a table as the network takes them."""
    return job.pipeline.features(table.names, matrix(table), table.path), job.pipeline.encode(labels(table), table.path)


def _validation(job: Job) -> tuple[Any, ...]:
    table = job.parts["validation"]
    return (*_inputs(job, table), *([] if table.weight is None else [table.weight]))


def _source(options: argparse.Namespace, job: Job) -> dict[str, Any]:
    """Where the rows came from, for the run's record."""
    built_in = options.data in builtin.TARGETS
    return {
        "data": options.data if built_in else os.path.abspath(options.data),
        "target": job.all_rows.targets[0].name,
        "task": job.task,
        "weight": options.weight,
        "drop": options.drop,
        "validation": job.share or os.path.abspath(options.valid),
        "n_rows": len(job.all_rows),
    }


@contextlib.contextmanager
def _left_clean(folder: Path) -> Iterator[None]:
    """A run that was refused leaves no folder behind, if it was not there before."""
    was_there = folder.exists()
    try:
        yield
    except ChainruleError:
        if not was_there and folder.is_dir():
            shutil.rmtree(folder)
        raise


@contextlib.contextmanager
def _warnings_to_stderr() -> Iterator[None]:
    """Every warning is told in one line, like an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"chainrule: {' '.join(text.split())}", file=sys.stderr)
