"""What train tells: what it understood before the first step, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule import json_text
from chainrule.api.rehearsal import Choice
from chainrule.api.run import Run
from chainrule.cli.console import columns_table, say, scores_table
from chainrule.cli.job import Job
from chainrule.data.folds import N_FOLDS
from chainrule.data.table import listed
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, class_text
from chainrule.planning.evaluation import Scores

UNFINISHED = ("interrupted", "time_limit")
"""Ways to stop after which the run can be continued."""
MOST_COLUMNS = 40
"""Tables with more columns are summed up by kind."""


def tell_understood(job: Job, pipeline: TablePipeline) -> None:
    """The columns, then data, rows and target; one line each."""
    table = job.table
    counts = ", ".join(f"{n:,} {name}" for name, n in job.counts.items())
    left_out = f"; {job.n_left_out:,} without a target left out" if job.n_left_out else ""
    facts = {"data": f"{table.path}{f' ({table.dialect})' if table.dialect else ''}", **_columns(job, pipeline)}
    kind = f"{', '.join(job.pipeline.target.columns)}: {job.task.name}, {job.task.reason}" + _classes(job)
    say(facts | {"rows": counts + left_out, "target": kind}, len("training"))


def tell_training(job: Job, choice: Choice, engine: str, how: str | None = None) -> None:
    """What was rehearsed, then the network, the training, the engine; `how` tells of a learning rate that was found."""
    settings, optimizer = choice.recipe.settings, choice.recipe.optimizer
    a = choice.recipe.network.architecture
    penalty = "".join(f", {name} {settings[name]:g}" for name in ("l2", "l1", "dropout") if settings[name])
    tried = {}
    if choice.tried:
        told = "; ".join(f"{r.named}: {loss:.4g}" for r, loss in zip(job.recipes, choice.tried, strict=False))
        what = "validation loss at the end" if job.fold is None else f"mean loss of {N_FOLDS} folds"
        why = (
            "the freest was best, so a longer one follows" if choice.rung == len(choice.tried) else "the best is taken"
        )
        tried["tried"] = f"{told} ({what}; {why})"
    say(
        tried
        | {
            "network": f"{a}, {a.hidden}, {a.output}, {a.loss}; {a.n_parameters:,} parameters, {a.dtype}",
            "training": f"{optimizer.name}, learning rate {optimizer.learning_rate:g}, "
            f"{settings['schedule']}, batches of {settings['batch_size']}, up to {settings['epochs']} epochs{penalty}, "
            f"seed {settings['seed']}",
            **({"rate": how} if how else {}),
            "engine": engine,
        }
    )


def _columns(job: Job, pipeline: TablePipeline) -> dict[str, str]:
    """A table of what each column was taken for; of many columns how many of each kind and which are not used."""
    understood, widths = job.table.understood, dict(zip(pipeline.columns, pipeline.widths, strict=True))
    unused = [entry for entry in understood if not entry.used and entry.name not in pipeline.target.columns]
    if 0 < len(understood) <= MOST_COLUMNS:
        columns_table([(entry.name, entry.kind, widths.get(entry.name), entry.detail) for entry in understood])
        print()
        return {}
    kinds = [encoder.kind for encoder in pipeline.encoders]
    told = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds))
    facts = {"columns": f"{told}; {sum(widths.values()):,} inputs"}
    if unused:
        facts["not used"] = listed([f"{entry.name} ({entry.detail})" for entry in unused], 12)
    return facts


def _classes(job: Job) -> str:
    target = job.pipeline.target
    if not isinstance(target, Classes):
        return ""
    names = [class_text(name) for name in target.classes]
    return f" ({', '.join(names[:10])}{', …' if len(names) > 10 else ''})"


def tell_result(job: Job, run: Run, measured: Mapping[str, Scores]) -> None:
    """The measures beside the simplest prediction, how training ended, and where the run lies."""
    judged = list(job.parts)[-1]
    print()
    simplest = {"classes": "majority class", "labels": "shares", "values": "mean"}[job.task.kind]
    scores_table(measured, f"{simplest}\non {judged}")
    result = run.result
    reason = {"epochs": "all epochs done", "early_stopping": f"no better {result['metric']} any more"}
    n_best = None if result["best_epoch"] is None else result["best_epoch"] + 1
    best = "" if n_best is None else f"; kept the weights after {n_best} epoch{'s' * (n_best > 1)}, the best"
    seconds = f"{result['seconds']:.{1 if result['seconds'] >= 1 else 2}f} s"
    print()
    goes_on = {"continue": "the same command with --resume"} if result["stopped"] in UNFINISHED else {}
    say(
        {
            "stopped": f"{reason.get(result['stopped'], result['stopped'].replace('_', ' '))}, after "
            f"{result['epochs']} epochs, {run.n_steps:,} steps, {seconds}{best}",
            **goes_on,
            "run": str(run.directory),
            "report": f"{run.directory}/report.html",
            "next": f"chainrule explain {run.directory}",
        }
    )


def as_json(job: Job, choice: Choice, run: Run, measured: Mapping[str, Scores]) -> str:
    """All of it as one JSON object."""
    judged = "validation_loss" if job.fold is None else "cross_validation_loss"
    told = {
        "run": str(run.directory),
        "task": job.task.name,
        "network": str(choice.recipe.network.architecture),
        "tried": [
            {"network": str(r.network.architecture), "epochs": r.settings["epochs"], judged: loss}
            for r, loss in zip(job.recipes, choice.tried, strict=False)
        ],
        "n_columns": len(job.table.columns),
        "n_inputs": run.network.architecture.n_inputs,
        "columns": [
            {"name": entry.name, "kind": entry.kind, "used": entry.used, "detail": entry.detail}
            for entry in job.table.understood
        ],
        **run.result,
        **measured,
    }
    return json_text.text(told)
