"""Rules about the wiring: does the loss fit outputs and targets, and is the gradient the derivative of the loss?"""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_letters
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.engine.select import reference
from chainrule.network.records import StepRecord
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.verify.gradients import check_gradients
from chainrule.verify.parity import LIMITS

OUT_OF_REACH = 0.05
"""Share of the variance of the targets that lies beyond what the output can say."""
CHECKED_ROWS, CHECKED_ENTRIES, WRONG, LARGE = 16, 24, 1e-2, 20_000
"""Rows, entries of each tensor, and the relative error from which a gradient is wrong (CS231n); inputs
of a thousand bend J so much that a right one is off by 1e-3, rounding in float64 is below 1e-7."""


def wiring_rules(case: RunView) -> Iterator[Finding]:
    """Every finding about loss, outputs and gradients."""
    yield from _gradient(case)
    yield from _reach(case)
    yield from _classes_by_distance(case)
    yield from _linear(case)


def _reach(case: RunView) -> Iterator[Finding]:
    """Targets that the output activation cannot say."""
    output = case.task.architecture.output
    low, high = ACTIVATIONS[output].low, ACTIVATIONS[output].high
    beyond = np.maximum(low - case.y, 0) + np.maximum(case.y - high, 0)
    variance = float(np.nanvar(case.y, axis=0).sum())
    share = float(np.nanmean(beyond**2, axis=0).sum()) / variance if variance > 0 else 0.0
    if share > OUT_OF_REACH:
        evidence = {
            "output": output,
            "low": low,
            "high": high,
            "least": float(np.nanmin(case.y)),
            "most": float(np.nanmax(case.y)),
            "rows": float((np.nan_to_num(beyond) > 0).any(axis=1).mean()),
            "share": share,
        }
        yield Finding(id="wrong-pair", variant="range", layer=len(case.task.architecture.layers), evidence=evidence)


def _classes_by_distance(case: RunView) -> Iterator[Finding]:
    """Classes told by a distance between numbers."""
    a = case.task.architecture
    if not loss_named(a.loss).distance:
        return
    evidence = {"loss": a.loss, "output": a.output, "outputs": a.n_outputs}
    unbounded = not np.isfinite([ACTIVATIONS[a.output].low, ACTIVATIONS[a.output].high]).all()
    if case.classes is not None and len(np.unique(case.classes)) > 1:
        evidence["classes"] = len(np.unique(case.classes))
        severity = FAULT if unbounded else NOTE
        yield Finding(
            id="wrong-pair",
            variant="classes" if unbounded else "squashed",
            layer=len(a.layers),
            evidence=evidence,
            severity=severity,
        )
    elif a.n_outputs == 1 and unbounded:
        values, counts = np.unique(case.y[:, 0], return_counts=True)
        k = len(values)
        numbered = 3 <= k <= 30 and bool((values == np.arange(k) + values[0]).all()) and values[0] in (0, 1)
        if numbered and counts.min() >= 0.5 * len(case.y) / k:
            yield Finding(id="wrong-pair", variant="numbers", layer=len(a.layers), evidence=evidence | {"classes": k})


def _linear(case: RunView) -> Iterator[Finding]:
    """Hidden layers without a bend: together they are one matrix."""
    hidden = case.task.architecture.layers[:-1]
    if hidden and all(ACTIVATIONS[layer.activation].straight and not layer.normalization for layer in hidden):
        yield Finding(id="wrong-pair", variant="linear", layer=1, evidence={"n": len(hidden)})


# the gradient -----------------------------------------------------------------------------------------------


def _gradient(case: RunView) -> Iterator[Finding]:
    """The gradient of the first step against central differences, and the step's own against it."""
    record = case.record(case.first)
    rows = record.rows[:CHECKED_ROWS]
    weight = None if case.task.weight is None else case.task.weight[rows]
    parameters = record.update.old.parameters
    n_entries = CHECKED_ENTRIES if case.thorough or parameters.flat.size < LARGE else CHECKED_ENTRIES // 3
    if not (np.isfinite(parameters.flat).all() and np.isfinite(case.task.X[rows]).all()):
        return
    with np.errstate(all="ignore"):
        check = check_gradients(
            reference(), parameters, case.task.X[rows], case.task.targets[rows], weight, max_entries=n_entries
        )
    worst = max(check.tensors.values(), key=lambda t: t.error if t.resolved else 0.0)
    if worst.resolved and worst.error > WRONG:
        layer = int(worst.name.lstrip(ascii_letters + "_") or 1) if worst.name != "X" else 1
        evidence = {"tensor": worst.name, "analytic": worst.analytic, "numeric": worst.numeric, "error": worst.error}
        yield Finding(id="wrong-gradient", step=record.step, layer=layer, evidence=evidence)
        return
    yield from _of_step(case)


def _of_step(case: RunView) -> Iterator[Finding]:
    """The gradient the training used, against the reference on the same rows, where nothing is dropped."""
    record = case.record(case.first)
    if record.forward.masks is not None and any(mask is not None for mask in record.forward.masks):
        return
    rows = record.rows
    weight = None if case.task.weight is None else case.task.weight[rows]
    with np.errstate(all="ignore"):
        right = reference().backward(record.update.old.parameters, case.task.X[rows], case.task.targets[rows], weight)
    limit = 10 * LIMITS[case.task.architecture.dtype]
    sizes = _sizes(record, case)
    for l in range(len(case.task.architecture.layers), 0, -1):
        used, expected = record.backward.dW[l].astype(np.float64), right.dW[l].astype(np.float64)
        scale = max(float(np.abs(expected).max()), float((np.abs(record.forward.a[l - 1]).T @ sizes[l]).max()))
        gaps = np.abs(used - expected)
        at = np.unravel_index(int(np.argmax(gaps)), gaps.shape)
        if np.isfinite(scale) and scale > 0 and gaps[at] > limit * scale:
            name = f"W{l}[{at[0]},{at[1]}]"
            evidence = {
                "tensor": name,
                "analytic": float(used[at]),
                "numeric": float(expected[at]),
                "error": float(gaps[at] / scale),
            }
            yield Finding(id="wrong-gradient", variant="step", step=record.step, layer=l, evidence=evidence)
            return


def _sizes(record: StepRecord, case: RunView) -> dict[int, npt.NDArray[Any]]:
    """What the rounding of delta is relative to, layer by layer: the terms it is made of, without signs and slopes."""
    L, W = len(case.task.architecture.layers), record.update.old.W
    sizes = {L: np.abs(record.backward.delta[L].astype(np.float64)) + 1 / len(record.rows)}
    for l in range(L - 1, 0, -1):
        sizes[l] = sizes[l + 1] @ np.abs(W[l + 1].astype(np.float64)).T
    return sizes
