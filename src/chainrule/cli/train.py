"""chainrule train: from a table to a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule.api.run import Run
from chainrule.api.train import train
from chainrule.cli import large, train_report
from chainrule.cli.job import Job, dialect, understand
from chainrule.cli.rehearse import Choice, rehearse
from chainrule.cli.scores import Scores, baseline, scores
from chainrule.cli.train_options import AUTO
from chainrule.data import builtin
from chainrule.engine.select import select
from chainrule.errors import ChainruleError, SettingsError
from chainrule.glass.rate.found import Suggestion
from chainrule.run.directory import RunDirectory
from chainrule.training import metrics


def run(options: argparse.Namespace) -> int:
    """Read, understand, train, measure, tell."""
    if options.data is None:
        raise SettingsError("no data is named; expected chainrule train DATA --target COLUMN (see --help).")
    folder = _folder(options)
    job = large.understand(options, folder) if large.is_large(options) else understand(options)
    if options.class_weight is not None and job.task.kind != "classes":
        raise SettingsError("--class-weight weighs the classes of one target; expected no such option here.")
    metrics.choose(options.metric, job.network.kind)
    engine, reason = select(options.engine, job.network.architecture, job.settings["threads"])
    tell = not (options.quiet or options.json)
    if tell:
        train_report.tell_understood(job)
    with _warnings_to_stderr(), _left_clean(folder):
        choice, found, how = rehearse(options, job, folder), None, None
        if options.learning_rate == AUTO:
            from chainrule.cli.learning_rate import settle

            choice, found, how = settle(options, job, choice, folder)
        if tell:
            train_report.tell_training(job, choice, f"{engine.name} ({reason})", how)
        done = _trained(options, job, choice, folder, found)
    measured: dict[str, Scores] = {name: scores(done.network, job.pipeline, [part]) for name, part in job.parts.items()}
    measured["baseline"] = baseline(job.pipeline, job.parts["train"], list(job.parts.values())[-1])
    if options.json:
        print(train_report.as_json(job, choice, done, measured))
    elif tell:
        train_report.tell_result(job, done, measured)
    return 130 if done.result["stopped"] == "interrupted" else 1 if done.diverged else 0


def _trained(options: argparse.Namespace, job: Job, choice: Choice, folder: Path, found: Suggestion | None) -> Run:
    (X, y, weight), recipe = job.inputs(), choice.recipe
    return train(
        recipe.network,
        X,
        y,
        validation=job.validation(),
        optimizer=recipe.optimizer,
        learning_rate=found,
        class_weight=options.class_weight,
        engine=options.engine,
        directory=folder,
        resume=options.resume,
        progress=False if options.quiet or options.json else "auto",
        pipeline=job.pipeline,
        source=_source(options, job, choice.rung),
        sample_weight=weight,
        **recipe.settings,
    )


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
        "validation": job.share or os.path.abspath(options.valid),
        "n_rows": job.n_read,
        "rung": rung,
        **({"cache": str(job.cache.folder.resolve())} if isinstance(job, large.LargeJob) else {}),
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
