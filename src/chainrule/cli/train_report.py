"""The output of train: the plan before the first step, and the results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from chainrule import json_text
from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.run import Run
from chainrule.cli.console import columns_table, say, scores_table
from chainrule.diagnose.doctor.after_training import after_training
from chainrule.diagnose.doctor.finding import Finding
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning import summary
from chainrule.planning.measures import Scores
from chainrule.planning.plan import TrainingPlan
from chainrule.planning.selection import Selected
from chainrule.run.names import REPORT
from chainrule.text.tables import counted

UNFINISHED = ("interrupted", "time_limit")
"""Ways to stop after which the run can be continued."""


def tell_understood(plan: TrainingPlan, pipeline: TablePipeline) -> None:
    """A table of the columns, then data, rows and target; one line each."""
    columns = summary.columns(plan, pipeline)
    if columns:
        columns_table(columns)
        print()
    say(summary.facts(plan, pipeline), len("training"))


def tell_training(
    plan: TrainingPlan, selection: Selected, engine: str, how: str | None = None, n_done: int | None = None
) -> None:
    """What was tried, then the network, the training, the engine; `how` describes an automatic learning rate.

    Arguments: n_done: the epochs of a run that goes on.
    """
    found = {"rate": how} if how else {}
    if n_done:
        found |= {"goes on": f"after {counted(n_done, 'epoch')}, to {selection.candidate.settings['epochs']:,}"}
    averaged = summary.averaged(plan, selection.candidate)
    say(summary.tried(plan, selection) | summary.training(selection.candidate) | averaged | found | {"engine": engine})


def remarks(plan: TrainingPlan, run: Run, measured: Mapping[str, Scores]) -> list[Finding]:
    """What the training should not end without a word about."""
    judged = "cross-validation" if "cross-validation" in measured else list(plan.parts)[-1]
    weighted = run.record.class_weight is not None or plan.table.weight is not None
    return after_training(run._table_sample, plan.task.kind, measured[judged], measured["baseline"], weighted=weighted)


def _seconds(value: float) -> str:
    return f"{value:.{1 if value >= 1 else 2}f} s"


def tell_result(
    plan: TrainingPlan,
    run: Run,
    measured: Mapping[str, Scores],
    found: Sequence[Finding],
    *,
    whole: bool,
    began_s: float,
    more: Mapping[str, str],
) -> None:
    """The measures beside the simplest prediction, how training ended, and where the run lies."""
    judged = list(plan.parts)[-1]
    print()
    simplest = {"classes": "majority class", "labels": "shares", "values": "mean"}[plan.task.kind]
    scores_table(measured, f"{simplest}\non {judged}")
    result = run.result
    reason = {"epochs": "all epochs done", "early_stopping": f"no better {result['metric']} any more"}
    n_best = None if result["best_epoch"] is None else result["best_epoch"] + 1
    best = "" if n_best is None else f"; kept the weights after {counted(n_best, 'epoch')}, the best"
    report = Path(run.directory or "") / REPORT
    seconds = f"{_seconds(result['seconds'])} of training, {_seconds(time.perf_counter() - began_s)} in all"
    print()
    unfinished = result["stopped"] in UNFINISHED or run.unwritten
    goes_on = {"continue": "the same command with --resume"} if unfinished else {}
    say(
        {
            "stopped": f"{reason.get(result['stopped'], result['stopped'].replace('_', ' '))}, after "
            f"{counted(result['epochs'], 'epoch')}, {counted(run.n_steps, 'step')}, {seconds}{best}",
            **_of_members(run),
            **_of_temperature(run),
            **more,
            **goes_on,
            "run": str(run.directory) if whole else f"{run.directory} (not all of it could be written, see above)",
            **({} if report in run.unwritten else {"report": str(report)}),
            **({"next": f"chainrule explain {run.directory}"} if whole else {}),
        }
    )
    tell_remarks(run, found, whole=whole)


def temperature_of(run: Run) -> float | None:
    """The temperature of its probabilities; None where it is 1."""
    target = (run.pipeline or {}).get("target", {})
    return None if isinstance(run, EnsembleRun) else target.get("temperature")


def _of_temperature(run: Run) -> dict[str, str]:
    """What the probabilities were calibrated by."""
    found = temperature_of(run)
    if found is None:
        return {}
    return {"calibrated": f"probabilities at temperature {found:g}, which lowers the log-loss of the rows held out"}


def _of_members(run: Run) -> dict[str, str]:
    """Of an ensemble how many trainings it averages, and whose facts the other lines are."""
    if not isinstance(run, EnsembleRun):
        return {}
    n, asked = len(run.members), run.n_asked
    epochs = ", ".join(f"{member.result['epochs']:,}" for member in run.members)
    count = f"{n} averaged" if n == asked else f"{n} of {asked} averaged"
    return {"members": f"{count}, of {epochs} epochs; report and stopped show member 0"}


def tell_remarks(run: Run, found: Sequence[Finding], *, whole: bool) -> None:
    """A line for each finding, and the command that says more."""
    for label, finding in zip_longest(["look at"], found, fillvalue=""):
        if isinstance(finding, Finding):
            say({label: finding.line()}, len("stopped"))
    if whole and (found or run.diverged):
        say({"" if found else "look at": f"chainrule doctor {run.directory} says more"}, len("stopped"))


def as_json(
    plan: TrainingPlan, selection: Selected, run: Run, measured: Mapping[str, Scores], found: Sequence[Finding],
    workers: Mapping[str, float],
) -> str:  # fmt: skip
    """All of it as one JSON object."""
    judged = "validation_loss" if plan.fold is None else "cross_validation_loss"
    record = {
        "run": str(run.directory),
        "task": plan.task.name,
        "network": str(selection.candidate.network.architecture),
        "tried": [
            {"network": trial.sizes, "epochs": trial.settings["settings"]["epochs"], judged: trial.loss}
            | ({"neighbours": True} if trial.has_neighbours else {})
            for trial in selection.trials
        ],
        "n_columns": len(plan.table.columns),
        "n_inputs": run.network.architecture.n_inputs,
        "columns": [
            {"name": entry.name, "kind": entry.kind, "used": entry.used, "detail": entry.detail}
            | ({"note": entry.note} if entry.note else {})
            for entry in plan.table.understood
        ],
        **({"temperature": temperature_of(run)} if temperature_of(run) else {}),
        **run.result,
        **measured,
        "leaves": run.settings.leaves,
        **workers,
        "look_at": [{"id": one.id, "text": one.line()} for one in found],
    }
    return json_text.text(record)
