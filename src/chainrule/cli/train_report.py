"""What train tells: what it understood before the first step, and what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.api.run import Run
from chainrule.cli.console import say, scores_table
from chainrule.cli.scores import Scores
from chainrule.pipeline.numeric import class_text
from chainrule.training.settings import Optimizer

if TYPE_CHECKING:
    from chainrule.cli.train import Job

UNFINISHED = ("interrupted", "time_limit")
"""Ways to stop after which the run can be continued."""


def tell_understood(job: Job, optimizer: Optimizer, settings: Mapping[str, Any], engine: str) -> None:
    """Rows, columns, task, network, training, engine; one line each."""
    table, network = job.all_rows, job.network
    a = network.architecture
    counts = ", ".join(f"{len(part):,} {name}" for name, part in job.parts.items())
    penalty = "".join(f", {name} {settings[name]:g}" for name in ("l2", "l1", "dropout") if settings[name])
    say(
        {
            "data": f"{table.path}: {len(table.columns)} columns, standardised",
            "rows": counts,
            "target": f"{table.targets[0].name}: {job.task}, {job.reason}" + _classes(job),
            "network": f"{a}, {a.hidden}, {a.output}, {a.loss}; {a.n_parameters:,} parameters, {a.dtype}",
            "training": f"{optimizer.name}, learning rate {optimizer.learning_rate:g}, batches of "
            f"{settings['batch_size']}, up to {settings['epochs']} epochs{penalty}, seed {settings['seed']}",
            "engine": engine,
        }
    )


def _classes(job: Job) -> str:
    if job.pipeline.classes is None:
        return ""
    names = [class_text(name) for name in job.pipeline.classes]
    return f" ({', '.join(names[:10])}{', …' if len(names) > 10 else ''})"


def tell_result(job: Job, run: Run, measured: Mapping[str, Scores]) -> None:
    """The measures beside the simplest prediction, how training ended, and where the run lies."""
    judged = list(job.parts)[-1]
    print()
    scores_table(measured, f"{'majority class' if job.pipeline.classes else 'mean'}\non {judged}")
    result = run.result
    reason = {"epochs": "all epochs done", "early_stopping": f"no better {result['metric']} any more"}
    best = "" if result["best_epoch"] is None else f"; kept epoch {result['best_epoch'] + 1}, the best"
    print()
    goes_on = {"continue": "the same command with --resume"} if result["stopped"] in UNFINISHED else {}
    say(
        {
            "stopped": f"{reason.get(result['stopped'], result['stopped'].replace('_', ' '))}, after "
            f"{result['epochs']} epochs, {run.n_steps:,} steps, {result['seconds']:.1f} s{best}",
            **goes_on,
            "run": str(run.directory),
            "report": f"{run.directory}/report.html",
            "next": f"chainrule explain {run.directory}",
        }
    )


def as_json(job: Job, run: Run, measured: Mapping[str, Scores]) -> str:
    """All of it as one JSON object; a number that is not finite is null."""
    told = {
        "run": str(run.directory),
        "task": job.task,
        "network": str(job.network.architecture),
        "n_columns": len(job.all_rows.columns),
        **run.result,
        **measured,
    }
    return json.dumps(_plain(told), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
