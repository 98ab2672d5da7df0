"""chainrule studio: a local page on which a run is watched, paused, stepped back and questioned."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import choose
from chainrule.cli.train import free_folder
from chainrule.cli.train_options import plan_of
from chainrule.errors import SettingsError
from chainrule.run.directory import RunDirectory
from chainrule.studio.shelf import Shelf, found_in
from chainrule.studio.studio import started
from chainrule.studio.trainings import Trainings

POLL_S = 0.1


def run(options: argparse.Namespace) -> int:
    """Show runs, or train on a table, until Ctrl-C."""
    if not 0 <= options.port <= 65_535:
        raise SettingsError(f"--port {options.port}: must be 0 to 65535; 0 takes a free one.")
    folder = Path(options.data or ".")
    is_data = options.data is not None and (options.target is not None or not _holds_runs(folder))
    shelf = Shelf(None if is_data else folder)
    trainings = Trainings(shelf)
    begin = _training(options, trainings) if is_data else None
    server = started(shelf, options.port, browser=not options.no_browser, trainings=trainings)
    if begin is not None:
        begin()
    print("end with Ctrl-C", file=sys.stderr, flush=True)
    try:
        while server.is_alive:
            time.sleep(POLL_S)
    finally:  # Ctrl-C or another signal: pages first, for they cost nothing
        server.close()
        trainings.end()
    return 0


def _holds_runs(folder: Path) -> bool:
    """Whether a path is a run, or a folder of runs, and no data."""
    return folder.is_dir() and bool(found_in(folder))


def _training(options: argparse.Namespace, trainings: Trainings) -> Any:
    """What begins the training that the options ask for; wrong use is refused here."""
    folder = RunDirectory(free_folder(options))
    plan = plan_of(options)
    chosen = choose(plan, plan.request.class_weight, options.engine, None)

    def train(lead: Any) -> None:
        with folder.claimed():
            train_chosen(
                plan, chosen, class_weight=plan.request.class_weight, engine=options.engine, directory=folder,
                progress=False, callbacks=[lead],
            )  # fmt: skip

    return lambda: trainings.begin(str(folder.path), train, paused=options.paused)
