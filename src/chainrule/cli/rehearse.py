"""Which of several trainings is done: the simpler ones are rehearsed on the rows of the job."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from chainrule.api import rehearsal
from chainrule.cli.job import Job
from chainrule.cli.train_options import Recipe
from chainrule.run import files
from chainrule.run.directory import RUN, RunDirectory

MANY_ROWS = 300_000


@dataclass(frozen=True)
class Choice:
    """The recipe to train by, its place among those of the job, and the validation losses of those before it."""

    rung: int
    recipe: Recipe
    tried: tuple[float, ...] = ()


def rehearse(options: argparse.Namespace, job: Job, folder: Path) -> Choice:
    """The training that is done.

    A run that is resumed goes on as it began. So many rows that nobody learns them by heart need no rehearsal.
    """
    recipes = job.recipes
    last = len(recipes) - 1
    if options.resume and RunDirectory(folder).exists:
        begun = (files.read_json(folder / RUN).get("source") or {}).get("rung", last)
        rung = begun if isinstance(begun, int) and 0 <= begun <= last else last
        return Choice(rung, recipes[rung])
    if last == 0 or job.n_read > MANY_ROWS:
        return Choice(last, recipes[last])
    few = job.share is not None and job.n_read < rehearsal.FEW_ROWS
    (X, y, weight), validation = (job.gathered(), job.share) if few else (job.inputs(), job.validation())
    clock = rehearsal.Clock(recipes[last].settings["time_limit"])

    def loss_of(rung: int) -> float:
        how = recipes[rung].settings | clock.share(2 * rehearsal.N_SPLITS)
        return rehearsal.rehearse(
            recipes[rung].network, X, y, validation=validation, optimizer=recipes[rung].optimizer,
            class_weight=options.class_weight, engine=options.engine, sample_weight=weight, **how,
        )  # fmt: skip

    rung, tried = rehearsal.climb(len(recipes), loss_of)
    return Choice(rung, replace(recipes[rung], settings=recipes[rung].settings | clock.share(1)), tried)
