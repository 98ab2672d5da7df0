"""Which of several trainings is done: the simpler ones are rehearsed on the rows of the job."""

from __future__ import annotations

import argparse
from pathlib import Path

from chainrule.api.rehearsal import Choice
from chainrule.cli.job import Job
from chainrule.run import files
from chainrule.run.directory import RunDirectory
from chainrule.run.names import RUN

MANY_ROWS = 300_000


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
    if job.n_read > MANY_ROWS:
        return Choice(last, recipes[last])
    return job.choose(recipes, class_weight=options.class_weight, engine=options.engine)
