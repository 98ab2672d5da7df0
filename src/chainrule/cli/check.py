"""chainrule check: gradients against differences, replay against training. Exit code 1 if one fails."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from chainrule.api.run import Run
from chainrule.cli.subject import open_run, rows_of
from chainrule.engine.numpy import NumpyEngine
from chainrule.glass.check import check_gradients

ROWS = 32
"""Rows of the gradient check: a few tell a wrong formula as well as many, and kinks stay rare."""


def run(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether all is well."""
    subject = open_run(options.run_directory)
    rows, data = rows_of(subject, options.run_directory)
    weight = None if rows.weight is None else rows.weight[:ROWS]
    gradients = check_gradients(NumpyEngine(), subject.network.parameters, rows.X[:ROWS], rows.targets[:ROWS], weight)
    compared, wrong = replayed(subject, data)
    passed = bool(gradients.passed) and not wrong
    if options.json:
        told = {
            "passed": passed,
            "gradients_passed": bool(gradients.passed),
            "max_relative_error": float(gradients.max_relative_error),
            "replayed_steps": compared,
            "replay_differs_at": wrong,
        }
        print(json.dumps(told))
        return 0 if passed else 1
    print(gradients.text(options.language))
    good = {"en": "the same to the bit", "ko": "비트까지 같음"}[options.language]
    bad = {"en": "DIFFERENT at steps", "ko": "다른 단계"}[options.language]
    head = {
        "en": "Replay: steps recomputed against the run's own records",
        "ko": "재생: 다시 계산한 단계와 기록의 비교",
    }
    print(f"\n{head[options.language]}: {compared}, {bad + ' ' + str(wrong) if wrong else good}.")
    return 0 if passed else 1


def replayed(subject: Run, data: tuple[Any, ...] | None = None) -> tuple[int, list[int]]:
    """How many steps were recomputed, and those whose loss or following checkpoint differs from the record."""
    wrong: list[int] = []
    kept = sorted(subject.checkpoints.sizes)
    ends = [step - 1 for step in kept if 0 < step <= subject.n_steps]
    chosen = sorted({0, *ends[:: max(1, len(ends) // 8)]}) if subject.n_steps else []
    edited = {event.step for event in subject.events if event.kind == "edit"}
    for step in chosen:
        before = max(kept_step for kept_step in kept if kept_step <= step)
        replay = subject.replay(step, data)
        same = replay.backward.loss == subject.losses[step]
        if step + 1 in kept and step + 1 not in edited and before <= step:
            theta = subject.checkpoints.get(step + 1).theta
            same = same and np.array_equal(theta, replay.update.new.parameters.flat)
        if not same:
            wrong.append(step)
    return len(chosen), wrong
