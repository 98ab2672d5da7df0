"""chainrule check: gradients against differences, replay against training. Exit code 1 if one fails."""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from chainrule.api.run import Run
from chainrule.cli.subject import open_run, rows_of
from chainrule.engine.numpy import NumpyEngine
from chainrule.glass.proof.gradients import check_gradients

ROWS = 32
"""Rows of the gradient check: a few tell a wrong formula as well as many, and kinks stay rare."""


PARITY = {"float32": 1e-4, "float64": 1e-11}
"""Engines sum in different orders: rounding of sums of up to some 10,000 products, through a few layers."""
TEXT = {
    "en": {
        "parity": "Engines: gradients, {engine} against NumPy, {gap:.2e} apart at most: {verdict}.",
        "within": "rounding",
        "beyond": "TOO LARGE (limit {limit:g})",
        "replay": "Replay: steps recomputed against the run's own records: {n}, {verdict}.",
        "same": "the same to the bit",
        "differ": "DIFFERENT at steps {steps}",
    },
    "ko": {
        "parity": "엔진 비교 ({engine} · NumPy): 기울기의 가장 큰 차이 {gap:.2e}: {verdict}.",
        "within": "반올림 오차 이내",
        "beyond": "너무 큼 (한계 {limit:g})",
        "replay": "재생: 다시 계산한 단계와 기록의 비교: {n}, {verdict}.",
        "same": "비트까지 같음",
        "differ": "다른 단계 {steps}",
    },
}


def run(options: argparse.Namespace) -> int:
    """Check, print, and say by the exit code whether all is well."""
    subject = open_run(options.run_directory)
    rows, data = rows_of(subject, options.run_directory)
    weight = None if rows.weight is None else rows.weight[:ROWS]
    few = (rows.X[:ROWS], rows.targets[:ROWS], weight)
    gradients = check_gradients(NumpyEngine(), subject.network.parameters, *few)
    gap, limit = parity(subject, *few), PARITY[subject.network.architecture.dtype]
    compared, wrong = replayed(subject, data)
    passed = bool(gradients.passed) and gap <= limit and not wrong
    if options.json:
        told = {
            "passed": passed,
            "gradients_passed": bool(gradients.passed),
            "max_relative_error": float(gradients.max_relative_error),
            "engine": subject.engine.name,
            "parity_passed": gap <= limit,
            "parity_difference": gap,
            "replayed_steps": compared,
            "replay_differs_at": wrong,
        }
        print(json.dumps(told))
        return 0 if passed else 1
    text = TEXT[options.language]
    print(gradients.text(options.language), end="\n\n")
    verdict = text["within" if gap <= limit else "beyond"].format(limit=limit)
    print(text["parity"].format(engine=subject.engine.name, gap=gap, verdict=verdict))
    verdict = text["differ"].format(steps=wrong) if wrong else text["same"]
    print(text["replay"].format(n=compared, verdict=verdict))
    return 0 if passed else 1


def parity(subject: Run, X: Any, targets: Any, weight: Any) -> float:
    """The largest max|a − n| / max(1, max|n|) over all gradients: a of the run's engine, n of the NumPy engine."""
    parameters = subject.network.parameters
    a = subject.engine.backward(parameters, X, targets, weight)
    n = NumpyEngine().backward(parameters, X, targets, weight)
    pairs = [
        (x, y)
        for name in ("dW", "db", "dgain", "dshift")
        for x, y in zip(getattr(a, name), getattr(n, name), strict=True)
        if y is not None
    ]
    return float(max(np.abs(x - y).max() / max(1.0, np.abs(y).max()) for x, y in pairs))


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
