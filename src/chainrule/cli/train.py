"""chainrule train: from a table to a run."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chainrule.api.ensemble_training import train_chosen
from chainrule.api.model_selection import began_with_trials, choose, n_done
from chainrule.api.run import Run
from chainrule.cli import ending, rescue, train_report, workers
from chainrule.cli.subject import pipeline_of
from chainrule.cli.train_options import plan_of, value
from chainrule.engine.select import select
from chainrule.errors import SettingsError
from chainrule.planning.plan import TrainingPlan
from chainrule.planning.request import AUTO
from chainrule.planning.selection import Selected, measure
from chainrule.run.directory import RunDirectory
from chainrule.status import doing, suspend
from chainrule.training import metrics
from chainrule.training.settings import SETTINGS


def run(options: argparse.Namespace) -> int:
    """Read the data, plan, train, evaluate, and print the results; or have it done by workers."""
    code = workers.by_workers(options, lambda: free_folder(options), _say)
    return _run(options) if code is None else code


def _run(options: argparse.Namespace) -> int:
    if options.data is None:
        raise SettingsError("DATA is missing. Use chainrule train DATA --target COLUMN (see --help).")
    began_s = time.perf_counter()
    folder, tell = RunDirectory(free_folder(options)), not (options.quiet or options.json)
    epochs = None
    with _warnings_to_stderr():
        if options.resume and options.epochs is not None and began_with_trials(folder):
            epochs, options.epochs = int(value(options, SETTINGS["epochs"])), None
        plan = plan_of(options, folder.path.parent / "cache")
        metrics.choose(options.metric, plan.candidates[-1].network.kind)
        chosen, done = _trained(options, plan, folder, tell, epochs)
    if not (whole := rescue.is_whole(done)):  # before anything else can fail
        _say(rescue.message(done))
    measured = measure(plan, chosen, done.predictor, pipeline_of(done, str(folder.path)))
    doing("looking at the run")
    found = train_report.remarks(plan, done, measured)
    if options.json:
        print(train_report.as_json(plan, chosen, done, measured, found, workers.facts()))
    elif tell:
        of_workers = workers.facts_line()
        train_report.tell_result(plan, done, measured, found, whole=whole, began_s=began_s, more=of_workers)
    interrupted = done.result["stopped"] == "interrupted" or ending.ENDING.received is not None
    return ending.ENDING.code if interrupted else 1 if done.diverged else 0 if whole else 2


def _trained(
    options: argparse.Namespace, plan: TrainingPlan, folder: RunDirectory, tell: bool, epochs: int | None
) -> tuple[Selected, Run]:
    """The chosen candidate and its run; each training is announced before it starts.

    Arguments: epochs: to which a run goes on that was chosen among candidates.
    """
    last, few = plan.candidates[-1], plan.fold is not None
    engine, reason = select(options.engine, last.network.architecture, last.settings["threads"])
    if tell and not few:
        train_report.tell_understood(plan, last.pipeline)
    with _claimed(options, folder) as claimed:
        begun = claimed.path if options.resume else None
        chosen, found, how = choose(plan, plan.request.class_weight, options.engine, begun, epochs=epochs), None, None
        if tell and few:  # the choice decides about the inputs too
            train_report.tell_understood(plan, chosen.candidate.pipeline)
        if options.learning_rate == AUTO:
            from chainrule.cli.learning_rate import settle

            chosen, found, how = settle(options, chosen, claimed.path, plan.request.class_weight)
        if tell:
            done_before = n_done(begun, chosen.candidate.settings["epochs"])
            train_report.tell_training(
                plan, chosen, f"{engine.name} ({reason}){workers.engine_line(options)}", how, done_before
            )
        with ending.ENDING.held():
            done = train_chosen(
                plan, chosen, learning_rate=found, class_weight=plan.request.class_weight, engine=options.engine,
                directory=claimed, resume=options.resume, progress="auto" if tell else False,
            )  # fmt: skip
    return chosen, done


def free_folder(options: argparse.Namespace) -> Path:
    """The run's folder: the one asked for, or the next free runs/NAME-OF-DATA."""
    if options.output_directory is None:
        if options.resume:
            raise SettingsError("--resume: must be given with -o RUN, the run to continue.")
        name = Path(options.data).name.split(".")[0] or "run"
        tries = (Path("runs") / (name if i == 1 else f"{name}-{i}") for i in range(1, 1_000_000))
        return next(path for path in tries if not path.exists())
    run = RunDirectory(options.output_directory)
    folder = run.path
    if run.is_taken and not options.resume:
        raise SettingsError(f"{folder}: holds a run already; name another folder, or continue it with --resume.")
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder}: is a file. Name a folder for the run.")
    return folder


@contextlib.contextmanager
def _claimed(options: argparse.Namespace, folder: RunDirectory) -> Iterator[RunDirectory]:
    """The folder of the run with this process as its writer; checked first, so that no training is wasted.

    Where no folder was asked for and another process took the free one since, the next free one.
    """
    while True:
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(folder.claimed())
                if folder.is_taken and not options.resume:
                    raise SettingsError(f"{folder.path}: holds a run already; name another folder, or use --resume.")
            except SettingsError:
                if options.output_directory is not None or not folder.path.exists():
                    raise
                folder = RunDirectory(free_folder(options))
                continue
            yield folder
            return


@contextlib.contextmanager
def _warnings_to_stderr() -> Iterator[None]:
    """Every warning is printed as one line, like an error, once and immediately: a full disk can still be cleared."""
    reported: set[str] = set()

    def show(message: Warning | str, *where: Any, **how: Any) -> None:
        if str(message) not in reported:
            reported.add(str(message))
            _say(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


def _say(text: str) -> None:
    """One line to stderr, replacing the progress bar if there is one; stderr may be closed."""
    with contextlib.suppress(OSError, ValueError):
        suspend()
        print(f"chainrule: {' '.join(text.split())}", file=sys.stderr, flush=True)
