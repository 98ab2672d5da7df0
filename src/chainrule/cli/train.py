"""chainrule train: from a table to a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule.api.rehearsal import Choice
from chainrule.api.run import Run
from chainrule.api.train import train
from chainrule.cli import ending, large, train_report
from chainrule.cli.job import Job, dialect, understand
from chainrule.cli.rehearse import rehearse
from chainrule.cli.train_parser import AUTO
from chainrule.data import builtin
from chainrule.engine.select import select
from chainrule.errors import SettingsError
from chainrule.planning.evaluation import Scores, baseline, scores, scores_of_folds
from chainrule.run.directory import RunDirectory
from chainrule.training import metrics
from chainrule.tune.found import Suggestion


def run(options: argparse.Namespace) -> int:
    """Read, understand, train, measure, tell."""
    if options.data is None:
        raise SettingsError("no data is named; expected chainrule train DATA --target COLUMN (see --help).")
    folder = RunDirectory(_folder(options))
    job = large.understand(options, folder.path) if large.is_large(options) else understand(options)
    if options.class_weight is not None and job.task.kind != "classes":
        raise SettingsError("--class-weight weighs the classes of one target; expected no such option here.")
    metrics.choose(options.metric, job.network.kind)
    engine, reason = select(options.engine, job.network.architecture, job.settings["threads"])
    tell = not (options.quiet or options.json)
    few = job.fold is not None
    if tell and not few:
        train_report.tell_understood(job, job.pipeline)
    with _warnings_to_stderr(), _claimed(options, folder) as folder:
        choice, found, how = rehearse(options, job, folder.path), None, None
        if tell and few:  # the choice decides about the inputs too
            train_report.tell_understood(job, choice.recipe.pipeline)
        if options.learning_rate == AUTO:
            from chainrule.cli.learning_rate import settle

            choice, found, how = settle(options, job, choice, folder.path)
        if tell:
            train_report.tell_training(job, choice, f"{engine.name} ({reason})", how)
        with ending.ENDING.held():
            done = _trained(options, job, choice, folder, found)
    measured = _measured(job, choice, done)
    if options.json:
        print(train_report.as_json(job, choice, done, measured))
    elif tell:
        train_report.tell_result(job, done, measured)
    interrupted = done.result["stopped"] == "interrupted" or ending.ENDING.received is not None
    return ending.ENDING.code if interrupted else 1 if done.diverged else 0


def _trained(
    options: argparse.Namespace, job: Job, choice: Choice, folder: RunDirectory, found: Suggestion | None
) -> Run:
    recipe = choice.recipe
    X, y, weight = job.inputs(recipe)
    return train(
        recipe.network,
        X,
        y,
        validation=job.validation(recipe),
        optimizer=recipe.optimizer,
        learning_rate=found,
        class_weight=options.class_weight,
        engine=options.engine,
        directory=folder,
        resume=options.resume,
        progress=False if options.quiet or options.json else "auto",
        pipeline=recipe.pipeline,
        source=_source(options, job, choice.rung),
        sample_weight=weight,
        **recipe.settings,
    )


def _measured(job: Job, choice: Choice, run: Run) -> dict[str, Scores]:
    """The measures on each part; of few rows also those of their cross-validation; of the simplest prediction."""
    pipeline, parts = choice.recipe.pipeline, dict(job.parts)
    measured = {"train": scores(run.network, pipeline, [parts["train"]])}
    if job.fold is not None and any(choice.networks):
        inputs = pipeline.features(job.table, run.network.architecture.dtype)
        measured["cross-validation"] = scores_of_folds(choice.networks, pipeline, job.table, inputs, job.fold)
    measured |= {name: scores(run.network, pipeline, [part]) for name, part in parts.items() if name != "train"}
    return measured | {"baseline": baseline(pipeline, parts["train"], list(parts.values())[-1])}


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


@contextlib.contextmanager
def _claimed(options: argparse.Namespace, folder: RunDirectory) -> Iterator[RunDirectory]:
    """The run's folder with this process as its one writer: before the work, so that nobody trains in vain.

    Where no folder was asked for and another process took the free one since, the next free one.
    """
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(folder.claimed())
                if folder.exists and not options.resume:
                    raise SettingsError(f"{folder.path}: holds a run already; name another folder, or use --resume.")
            except SettingsError:
                if options.output_directory is not None or not folder.path.exists():
                    raise
                folder = RunDirectory(_folder(options))
                continue
            yield folder
            return


def _source(options: argparse.Namespace, job: Job, rung: int) -> dict[str, Any]:
    """Where the rows came from, for the run's record."""
    built_in = options.data in builtin.TARGETS
    return {
        "data": options.data if built_in else os.path.abspath(options.data),
        "target": list(job.pipeline.target.columns),
        "task": job.task.name,
        "weight": options.weight,
        "drop": options.drop,
        "dialect": dialect(options),
        "validation": job.share or (None if options.valid is None else os.path.abspath(options.valid)),
        "n_rows": job.n_read,
        "rung": rung,
        **({"cache": str(job.cache.folder.resolve())} if isinstance(job, large.LargeJob) else {}),
    }


@contextlib.contextmanager
def _warnings_to_stderr() -> Iterator[None]:
    """Every warning is told in one line, like an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        print(f"chainrule: {' '.join(text.split())}", file=sys.stderr)
