"""chainrule check: gradients against differences, replay against training. Exit code 1 if one fails."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from chainrule import json_text
from chainrule.api.run import Run
from chainrule.cli.subject import open_run, rows_of
from chainrule.engine.select import reference
from chainrule.run.names import STEPS
from chainrule.status import counted_off
from chainrule.text.tables import wrapped
from chainrule.verify.gradients import check_gradients
from chainrule.verify.parity import Parity, parity
from chainrule.verify.sweep import sweep
from chainrule.words import sentences

ROWS = 32
"""Rows of the gradient check: a few reveal a wrong formula as well as many, and kinks remain rare."""


TEXT = sentences("check")


def run(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether all is well."""
    subject = open_run(options.run_directory)
    subject.record.require(STEPS)
    rows, data = rows_of(subject, options.run_directory)
    weight = None if rows.weight is None else rows.weight[:ROWS]
    few = (rows.X[:ROWS], rows.targets[:ROWS], weight)
    yardstick = reference()
    gradients = check_gradients(yardstick, subject.network.parameters, *few)
    engines = parity(subject.engine, yardstick, subject.network.parameters, *few)
    curve = sweep(yardstick, subject.network.parameters, *few)
    compared, wrong = replayed(subject, data)
    passed = bool(gradients.passed) and engines.passed and not wrong
    if options.json:
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
            "replayed_steps": compared,
            "replay_differs_at": wrong,
        }
        print(json_text.text(record))
    else:
        print(gradients.text(options.language), curve.text(options.language), sep="\n\n", end="\n\n")
        print("\n".join(_outcome(subject, engines, compared, wrong, options.language)))
    return 0 if passed else 1


def _outcome(subject: Run, engines: Parity, compared: int, wrong: list[int], language: str) -> list[str]:
    """Lines on the other engine, on replay, and on how far any step is."""
    text = TEXT[language]
    verdict = text["within" if engines.passed else "beyond"].format(limit=engines.limit)
    said = text["parity"].format(
        engine=subject.engine.name, gap=engines.gap, verdict=verdict, worst=engines.worst, a=engines.found,
        n=engines.expected,
    )  # fmt: skip
    verdict = text["differ"].format(steps=wrong) if wrong else text["same"]
    return [
        *wrapped(said),
        text["replay"].format(n=compared, verdict=verdict),
        text["way"].format(**subject.reach),
        *(wrapped(subject.engine_differs) if subject.engine_differs else []),
    ]


def replayed(subject: Run, data: tuple[Any, ...] | None = None) -> tuple[int, list[int]]:
    """How many steps were recomputed, and those whose loss or following checkpoint differs from the record."""
    wrong: list[int] = []
    first, kept = subject.checkpoints.first, sorted(subject.checkpoints.sizes)
    ends = [step - 1 for step in kept if first < step <= subject.n_steps]
    chosen = sorted({first, *ends[:: max(1, len(ends) // 8)]}) if first < subject.n_steps else []
    edited = {event.step for event in subject.events if event.kind == "edit"}
    for step in counted_off(chosen, "replaying step", len(chosen)):
        before = subject.checkpoints.last_before(step)
        replay = subject.replay(step, data)
        same = replay.backward.loss == subject.losses[step]
        if step + 1 in kept and step + 1 not in edited and before <= step:
            theta = subject.checkpoints.get(step + 1).theta
            same = same and np.array_equal(theta, replay.update.new.parameters.flat)
        if not same:
            wrong.append(step)
    return len(chosen), wrong
