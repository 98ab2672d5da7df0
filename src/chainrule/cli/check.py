"""chainrule check: gradients against differences, replay against training. Exit code 1 if one fails."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import json_text
from chainrule.api.ensemble_run import EnsembleRun
from chainrule.api.run import Run
from chainrule.cli.check_members import RunChecks, of_members
from chainrule.cli.subject import open_run, rows_of
from chainrule.engine.select import one_thread, reference
from chainrule.run.names import STEPS
from chainrule.status import counted_off
from chainrule.text.tables import wrapped
from chainrule.verify.gradients import MAX_ENTRIES, GradientCheck, check_gradients
from chainrule.verify.parity import Parity, parity
from chainrule.verify.sweep import sweep
from chainrule.words import sentences

ROWS = 32
"""Rows of the gradient check: a few reveal a wrong formula as well as many, and kinks remain rare."""
BUDGET_S, BUDGET_SHARE = 1.5, 0.03
"""Unless all is asked for, the gradient check and the replay may each take about so long, or this share of the
training, whichever is more."""
PASSES_PER_ENTRY, PASSES_PER_STEP, FEWEST_ENTRIES = 8, 4, 6
"""Forward passes that judge an entry, and that take as long as a step, about; entries of a tensor that are compared at
least."""

TEXT = sentences("check")


def run(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether all is well."""
    subject = open_run(options.run_directory, options.member)
    result = of_members(subject, checked, options) if isinstance(subject, EnsembleRun) else checked(subject, options)
    print(json_text.text(result.record) if options.json else result.text)
    return 0 if result.passed else 1


def checked(subject: Run, options: argparse.Namespace) -> RunChecks:
    """Gradients, engines, the curve of differences and the replay of one training."""
    subject.record.require(STEPS)
    rows, data = rows_of(subject, options.run_directory)
    weight = None if rows.weight is None else rows.weight[:ROWS]
    few = (rows.X[:ROWS], rows.targets[:ROWS], weight)
    yardstick = reference()
    n_entries = entries_within(subject, thorough=options.thorough)
    with one_thread():
        gradients = check_gradients(yardstick, subject.network.parameters, *few, max_entries=n_entries)
        engines = parity(subject.engine, yardstick, subject.network.parameters, *few)
        curve = sweep(yardstick, subject.network.parameters, *few)
    replay = replayed(subject, data, thorough=options.thorough)
    passed = bool(gradients.passed) and engines.passed and not replay.differ
    is_cut = gradients_cut(gradients, n_entries) or replay.n_stretches < replay.n_wanted
    record = {
        "passed": passed,
        "gradients_passed": bool(gradients.passed),
        "max_relative_error": float(gradients.max_relative_error),
        "engine": subject.engine.name,
        "parity_passed": engines.passed,
        "parity_difference": engines.gap,
        "parity_worst": engines.worst,
        "difference_widths": curve.widths,
        "difference_errors": curve.errors,
        "kinks": {name: len(places) for name, places in gradients.kinks.items()},
        "reach": subject.reach,
        "replayed_steps": len(replay.steps),
        "replay_differs_at": replay.differ,
        "sampled": is_cut,
    }
    parts = [gradients.text(options.language), "", curve.text(options.language), ""]
    parts += _outcome(subject, engines, replay, options.language)
    if is_cut:
        sampled = TEXT[options.language]["sampled"]
        slots = {"entries": n_entries, "most": MAX_ENTRIES, "n": replay.n_stretches, "wanted": replay.n_wanted}
        parts += wrapped(sampled.format(**slots, all=len(subject.checkpoints.sizes) - 1))
    return RunChecks(passed=passed, record=record, text="\n".join(parts))


def _outcome(subject: Run, engines: Parity, replay: Replayed, language: str) -> list[str]:
    """Lines on the other engine, on replay, and on how far any step is."""
    text = TEXT[language]
    verdict = text["within" if engines.passed else "beyond"].format(limit=engines.limit)
    said = text["parity"].format(
        engine=subject.engine.name, gap=engines.gap, verdict=verdict, worst=engines.worst, a=engines.found,
        n=engines.expected,
    )  # fmt: skip
    verdict = text["differ"].format(steps=replay.differ) if replay.differ else text["same"]
    return [
        *wrapped(said),
        text["replay"].format(n=len(replay.steps), verdict=verdict),
        text["way"].format(**subject.reach),
        *(wrapped(subject.engine_differs) if subject.engine_differs else []),
    ]


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Steps that were replayed, those that differ from the record, and how many stretches between checkpoints."""

    steps: list[int]
    differ: list[int]
    n_stretches: int
    n_wanted: int


def replayed(subject: Run, data: tuple[Any, ...] | None = None, *, thorough: bool = True) -> Replayed:
    """Steps whose loss or following checkpoint is compared with the record.

    The last step before a checkpoint compares the whole stretch since the one before. Unless all is asked for, so many
    stretches are replayed as may take BUDGET_S or a share of the training, the shortest at least, and of the others the
    step that begins them.
    """
    first, kept = subject.checkpoints.first, sorted(subject.checkpoints.sizes)
    ends = [step - 1 for step in kept if first < step <= subject.n_steps]
    wanted = ends[:: max(1, len(ends) // 8)]
    begins = {end: subject.checkpoints.last_before(end) for end in wanted}
    chosen = wanted if thorough else _within(subject, begins)
    starts = {begins[end] for end in wanted} - {end + 1 for end in chosen}
    steps = sorted({first, *chosen, *starts}) if first < subject.n_steps else []
    differ = [t for t in counted_off(steps, "replaying step", len(steps)) if not _is_same(subject, t, kept, data)]
    return Replayed(steps=steps, differ=differ, n_stretches=len(chosen), n_wanted=len(wanted))


def _within(subject: Run, begins: dict[int, int]) -> list[int]:
    """The ends of as many stretches as fit, the shortest first."""
    per_step = max(subject.reach["step_seconds"], 1e-9)
    left, chosen = max(BUDGET_S, subject.n_steps * per_step * BUDGET_SHARE) / per_step, list[int]()
    for end in sorted(begins, key=lambda end: (end - begins[end], -end)):
        left -= end - begins[end] + 1
        if chosen and left < 0:
            break
        chosen.append(end)
    return sorted(chosen)


def _is_same(subject: Run, step: int, kept: list[int], data: tuple[Any, ...] | None) -> bool:
    """Whether a replayed step has the recorded loss, and leads to the checkpoint behind it."""
    edited = {event.step for event in subject.events if event.kind == "edit"}
    before = subject.checkpoints.last_before(step)
    replay = subject.replay(step, data)
    same = bool(replay.backward.loss == subject.losses[step])
    if step + 1 in kept and step + 1 not in edited and before <= step:
        theta = subject.checkpoints.get(step + 1).theta
        same = same and np.array_equal(theta, replay.update.new.parameters.flat)
    return same


def gradients_cut(gradients: GradientCheck, n_entries: int) -> bool:
    """Whether a tensor has entries that were left out only for a quick answer."""
    return any(n_entries < min(int(np.prod(one.shape)), MAX_ENTRIES) for one in gradients.tensors.values())


def entries_within(subject: Run, *, thorough: bool) -> int:
    """Entries of a tensor to compare: all that are usual, or as many as BUDGET_S or a share of the training allows."""
    parameters = subject.network.parameters
    n_parameters = parameters.flat.size
    pass_s = reference().step_seconds(4 * ROWS * n_parameters) / PASSES_PER_STEP
    training_s = subject.n_steps * subject.reach["step_seconds"]
    n_tensors = len(list(parameters.named())) + 1
    allowed = max(BUDGET_S, training_s * BUDGET_SHARE) / (n_tensors * PASSES_PER_ENTRY * pass_s)
    return MAX_ENTRIES if thorough else int(np.clip(allowed, FEWEST_ENTRIES, MAX_ENTRIES))
