"""A plan in words: what each column was taken for, the rows, the target, and what will be trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from chainrule.data.folds import N_FOLDS
from chainrule.data.table import Table, listed
from chainrule.pipeline.codes import CodeEncoder
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Values, class_text
from chainrule.planning.candidates import Candidate
from chainrule.planning.members import n_members
from chainrule.planning.plan import TrainingPlan
from chainrule.planning.selection import Selected
from chainrule.planning.trials import Trial
from chainrule.text.tables import counted

MOST_COLUMNS = 40
"""Tables with more columns are summed up by kind."""


def columns(plan: TrainingPlan, pipeline: TablePipeline) -> list[tuple[str, str, int | None, str]]:
    """Name, kind, number of inputs and remark of every column; nothing where there are many."""
    understood, widths = plan.table.understood, dict(zip(pipeline.columns, pipeline.widths, strict=True))
    if len(understood) > MOST_COLUMNS:
        return []
    return [(entry.name, entry.kind, widths.get(entry.name), entry.detail) for entry in understood]


def facts(plan: TrainingPlan, pipeline: TablePipeline) -> dict[str, str]:
    """Data, many columns, rows and target; one line each."""
    table, target = plan.table, pipeline.target
    found = {"data": f"{table.path}{f' ({table.dialect})' if table.dialect else ''}"}
    if not columns(plan, pipeline):
        found |= _by_kind(plan, pipeline)
    counts = ", ".join(f"{n:,} {name}" for name, n in plan.counts.items())
    left_out = f"; {plan.n_left_out:,} without a target left out" if plan.n_left_out else ""
    r = plan.request
    how = f"; held out by {r.valid_by}" if r.valid_by else f"; held out after {r.valid_after}" if r.valid_after else ""
    found["rows"] = counts + how + left_out
    codes = [encoder.name for encoder in pipeline.encoders if isinstance(encoder, CodeEncoder)]
    if codes:
        how = f"--kind {codes[0]}=number or --kind {codes[0]}=category states it"
        found["codes"] = f"{listed(codes, 12)}: whole numbers that predict better as names, taken as both; {how}"
    found["target"] = f"{', '.join(target.columns)}: {plan.task.name}, {plan.task.reason}{_classes(pipeline)}"
    return found | _notes(table)


LEFT_OUT = {"columns": "looking for columns that tell nothing", "neighbours": "inputs from neighbours"}
"""Parts of model selection that a time limit may leave no room for."""


def tried(plan: TrainingPlan, selection: Selected) -> dict[str, str]:
    """What was tried, with which loss, and what follows from it; nothing where nothing was."""
    if not selection.trials:
        return {}
    n_judged = max(len(trial.losses) for trial in selection.trials)
    if n_judged == 0:
        why = "no fold leaves rows that can be trained on and others to judge by; the simplest is taken"
        return {"tried": f"candidates could not be compared: {why}"}
    losses = "; ".join(f"{trial.name}: {_loss(trial)}" for trial in selection.trials)
    what = "validation loss at the end" if plan.fold is None else f"mean loss of {counted(n_judged, 'fold')}"
    is_longer = selection.index == len(plan.candidates) - 1 and plan.fold is None
    was_tried = is_longer and any(trial.candidate == selection.index for trial in selection.trials)
    longer = "the longest has the best epoch" if was_tried else "the least regularised was best"
    why = (
        f"{longer}, so {'it is taken' if was_tried else 'a longer training follows'}"
        if is_longer
        else "the best is taken"
    )
    if not any(math.isfinite(trial.loss) for trial in selection.trials):
        why = "the simplest is taken"
    names = [LEFT_OUT[name] for name in selection.left_out]
    short = {"left out": f"{' and '.join(names)}, for want of time (--time-limit)"} if names else {}
    return {"tried": f"{losses} ({what}; {why})"} | short


def _loss(trial: Trial) -> str:
    """The loss of a trial, or why it has none."""
    return f"{trial.loss:.4g}" if math.isfinite(trial.loss) else "diverged" if trial.losses else "not judged"


def training(candidate: Candidate) -> dict[str, str]:
    """The network and its training."""
    settings, optimizer, a = candidate.settings, candidate.optimizer, candidate.network.architecture
    penalty = "".join(
        f", {name} {settings[name]:g}" for name in ("l2", "l1", "dropout", "label_smoothing") if settings[name]
    )
    preset = {} if candidate.preset is None else {"preset": candidate.preset.text}
    near = candidate.pipeline.neighbours
    n_left, n_all = len(candidate.pipeline.columns), len(candidate.rows.first.pipeline.columns)
    used = f"{n_left:,} of {n_all:,} used; the others tell no more than shuffled ones (--no-screening: all)"
    held = f"the model stores {len(near):,} training rows and their targets (--no-neighbours: none)" if near else ""
    scaled = "its logarithm is learned, log(1 + y / {:.3g}); predictions and measures are of y itself"
    target = candidate.pipeline.target
    learned = scaled.format(target.unit[0]) if isinstance(target, Values) and target.logarithm else ""
    return {
        **({"logarithm": learned} if learned else {}),
        **({"columns": used} if n_left < n_all else {}),
        **({"neighbours": held} if held else {}),
        "network": f"{a}, {a.hidden}, {a.output}, {a.loss}; {a.n_parameters:,} parameters, {a.dtype}",
        "training": f"{optimizer.name}, learning rate {optimizer.learning_rate:g}, "
        f"{settings['schedule']}, batches of {settings['batch_size']}, "
        f"up to {counted(settings['epochs'], 'epoch')}{penalty}, seed {settings['seed']}",
        **preset,
    }


def averaged(plan: TrainingPlan, candidate: Candidate) -> dict[str, str]:
    """Of an ensemble how many trainings it is made of."""
    n = n_members(plan.request, candidate)
    return {} if n == 1 else {"members": f"{n} of these trainings, each with a seed of its own, are averaged"}


def summary(plan: TrainingPlan) -> str:
    """All of it as text, before anything is trained: columns, rows, target, candidates."""
    last = plan.candidates[-1]
    lines = [
        [name, kind, "" if n is None else f"{n} input{'s' * (n != 1)}", detail]
        for name, kind, n, detail in columns(plan, last.pipeline)
    ]
    found = facts(plan, last.pipeline) | training(last) | averaged(plan, last)
    items = [*_aligned(lines), *_labelled(found)]
    if len(plan.candidates) > 1:
        how = "on the rows held out" if plan.fold is None else f"by cross-validation in {N_FOLDS} folds"
        names = [candidate.name for candidate in plan.candidates]
        items += _labelled({"candidates": f"{'; '.join(names)} (compared {how})"})
    return "\n".join(items)


def _labelled(found: Mapping[str, str]) -> list[str]:
    return [f"{name:12}{text}" for name, text in found.items()]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return ["  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]


def _by_kind(plan: TrainingPlan, pipeline: TablePipeline) -> dict[str, str]:
    """Of many columns how many there are of each kind, and which are not used."""
    kinds = [encoder.kind for encoder in pipeline.encoders]
    message = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds))
    found = {"columns": f"{message}; {sum(pipeline.widths):,} inputs"}
    unused = [entry for entry in plan.table.understood if not entry.used and entry.name not in pipeline.target.columns]
    if unused:
        found["not used"] = listed([f"{entry.name} ({entry.detail})" for entry in unused], 12)
    return found


def _notes(table: Table) -> dict[str, str]:
    """What spellings of a missing value were taken for in the targets."""
    several = len(table.targets) > 1
    notes = [f"{entry.name}: {entry.note}" if several else entry.note for entry in table.understood if entry.note]
    return {"note": ". ".join(notes)} if notes else {}


def _classes(pipeline: TablePipeline) -> str:
    if not isinstance(pipeline.target, Classes):
        return ""
    names = [class_text(name) for name in pipeline.target.classes]
    return f" ({', '.join(names[:10])}{', …' if len(names) > 10 else ''})"
