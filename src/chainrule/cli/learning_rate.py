"""chainrule learning-rate: what is too large, what is too small, what to take, and why; and --learning-rate auto."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from chainrule.api.learning_rate import learning_rate, pose
from chainrule.cli import large
from chainrule.cli.job import Job, understand
from chainrule.cli.rehearse import Choice
from chainrule.errors import SettingsError
from chainrule.glass.rate.laboratory import N_STEPS_AUTO, suggest
from chainrule.run import files
from chainrule.run.directory import RUN, RunDirectory
from chainrule.training.settings import Settings

STEPS = ("batch_size", "l2", "l1", "dropout", "clip_norm", "seed", "shuffle")
"""Settings that a step depends on."""


def run(options: argparse.Namespace) -> int:
    """Read, understand, examine, tell and draw."""
    if options.data is None:
        raise SettingsError("no data is named; expected chainrule learning-rate DATA --target COLUMN (see --help).")
    file = None if options.output_file is None else Path(options.output_file)
    if file is not None and file.suffix.lower() != ".svg":
        raise SettingsError(
            f"{file}: the picture is written as SVG; expected a name that ends in .svg. "
            "Browsers and word processors open it, and turn it into PNG where that is needed."
        )
    if large.is_large(options):
        raise SettingsError(
            f"{options.data}: is larger than memory is meant for; expected fewer rows. "
            "Take some of them, train with --learning-rate auto, or raise --cache-above."
        )
    job = understand(options)
    X, y, weight = training_rows(job)
    settings = {name: job.settings[name] for name in STEPS}
    found = learning_rate(
        job.network, X, y, job.optimizer, epochs=job.settings["epochs"], sample_weight=weight,
        class_weight=options.class_weight, engine=options.engine, threads=job.settings["threads"], **settings,
    )  # fmt: skip
    if file is not None:
        file.write_text(found.svg(options.language), encoding="utf-8")
    print(json.dumps(found.to_dict(), ensure_ascii=False) if options.json else found.text(options.language))
    return 0


def training_rows(job: Job) -> tuple[Any, Any, Any]:
    """X, y and weights of the rows the network is trained on, without those held out."""
    X, y, weight = job.inputs()
    if isinstance(job, large.LargeJob) or job.kept is None or job.share is None:
        return X, y, weight
    return X[job.kept], y[job.kept], None if weight is None else weight[job.kept]


def settle(options: argparse.Namespace, job: Job, choice: Choice, folder: Path) -> tuple[Choice, str]:
    """The choice with the learning rate that --learning-rate auto stands for, and a line that tells of it.

    A run that is continued keeps the one it was begun with.
    """
    recipe, directory = choice.recipe, RunDirectory(folder)
    if directory.exists and options.resume:
        eta = float(files.read_json(directory.file(RUN))["settings"]["optimizer"]["learning_rate"])
        return _with(choice, eta), f"{eta:g}, as the run was begun with"
    X, y, weight = training_rows(job)
    asked = Settings(recipe.optimizer, **{name: recipe.settings[name] for name in STEPS})
    threads = recipe.settings["threads"]
    problem = pose(recipe.network, X, y, asked, weight, options.class_weight, options.engine, threads)
    n_steps = min(N_STEPS_AUTO, recipe.settings["epochs"] * problem.task.steps_per_epoch)
    raced, n_products = suggest(problem, n_steps)
    low, high = raced.interval
    return _with(choice, raced.suggested), (
        f"{raced.suggested:g} by curvature and {len(raced.runs)} runs of {n_steps} steps; {low:g} to {high:g} does "
        f"about as well (cost: {n_products} Hessian products, {len(raced.runs) * n_steps:,} steps)"
    )


def _with(choice: Choice, eta: float) -> Choice:
    optimizer = replace(choice.recipe.optimizer, learning_rate=eta)
    return replace(choice, recipe=replace(choice.recipe, optimizer=optimizer))
