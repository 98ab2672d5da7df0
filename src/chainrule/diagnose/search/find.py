"""Ways to search a run: by bisection where a thing persists, by a scan where it may pass, by recorded losses.

"non-finite"    a non-finite weight remains non-finite, so the first such step is found by bisection
"dead unit"     units can recover, so every step is examined; a unit silent on its batches is tested on all rows
"saturated unit" the same, for units that every row drives to the flat ends of an activation that has two; for both,
                of a long run the checkpoints alone are examined and the steps before the first that shows one
"loss doubles"  the losses of all steps are recorded: nothing is recomputed but the steps around
a predicate     every step is handed to it
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.search.found import Found
from chainrule.diagnose.search.history import History
from chainrule.errors import unknown_name
from chainrule.network.records import StepRecord
from chainrule.reference.activation import Activation
from chainrule.reference.activations import ACTIVATIONS
from chainrule.status import doing
from chainrule.training.divergence import first_non_finite

SMOOTHED = 32
"""Steps of the moving mean that "loss doubles" compares with, or an epoch where that is shorter."""
CONFIRMED = 8
"""Steps whose mean must be twice as high too, from the one that is named on."""
FIRST_TRIAL, DEAD_ROWS = 4, 4096
"""A unit silent on 4 batches in a row is tried on all rows (on 4096 of a larger set); if it is alive there, the
number of batches it must be silent for until the next trial doubles."""

BUDGET_S = 3.0
"""Unless all is asked for, looking at every step may take about so long, or a tenth of the training."""
RECORD_STEPS, RECORD_S = 3, 5e-4
"""What a look takes: so many steps of the training, and so many seconds."""
MOST_STATES = 64
"""Kept states that are examined where not every step is."""


def find(history: History, what: str, steps: range) -> Found | None:
    """The first of the steps at which a named thing happened, or None.

    Raises SettingsError for a name that is not in FINDS.
    """
    if what not in FINDS:
        raise unknown_name("find", what, FINDS)
    if not len(steps):
        return None
    found = FINDS[what](history, steps)
    if found is None:
        return None
    n_looked, n_steps = history.n_looked, len(history.losses)
    return replace(found, n_looked=n_looked, n_steps=n_steps, n_examined=history.n_examined)


def first_that_fits(history: History, steps: Iterable[Any], predicate: Callable[[Any], Any]) -> Found | None:
    """The first step for which the predicate is true; what it returned is the evidence."""
    for step in steps:
        history.n_looked += 1
        doing("steps looked at", history.n_looked)
        answer = predicate(step)
        if answer is not None and bool(np.any(answer)):
            evidence = {} if isinstance(answer, bool | np.bool_) else {"answer": str(answer)}
            return Found(
                what="predicate", step=step.step, epoch=step.epoch, evidence=evidence, n_looked=history.n_looked,
                n_steps=len(history.losses),
            )  # fmt: skip
    return None


# non-finite ----------------------------------------------------------------------------------------------


def _non_finite(history: History, steps: range) -> Found | None:
    def bad(record: StepRecord) -> bool:
        return first_non_finite(record)[0] is not None or not np.isfinite(record.backward.loss)

    low, high = 0, len(steps) - 1
    worst = history.look(steps[high])
    if not bad(worst):
        return None
    while low < high:
        middle = (low + high) // 2
        record = history.look(steps[middle])
        if bad(record):
            high, worst = middle, record
        else:
            low = middle + 1
    return _first_number(history, worst)


def _first_number(history: History, record: StepRecord) -> Found:
    """Layer, unit, row and operands of the first number that is not finite, in the order of computation."""
    layer, quantity = first_non_finite(record)
    evidence: dict[str, Any] = {"quantity": quantity}
    row = unit = None
    f, b = record.forward, record.backward
    of_rows = {"z": f.z, "u": f.u, "a": f.a, "delta": b.delta, "du": b.du}
    name = quantity.rstrip("0123456789")
    if layer is not None and name in of_rows:
        array = of_rows[name][layer]
        places = np.argwhere(~np.isfinite(array))
        row, unit = (int(i) for i in places[0])
        evidence |= {"quantity": f"{quantity}[{row},{unit}]", "value": float(array[row, unit]), "n_bad": len(places)}
        if name == "z":
            with np.errstate(all="ignore"):
                terms = f.a[layer - 1][row].astype(np.float64) * record.update.old.W[layer][:, unit].astype(np.float64)
            k = int(np.argmax(np.where(np.isfinite(terms), np.abs(terms), np.inf)))
            evidence["largest_term"] = f"a{layer - 1}[{row},{k}] · W{layer}[{k},{unit}] = {terms[k]:.6g}"
    elif layer is not None and quantity != "loss":
        new = dict(record.update.new.parameters.named())
        array = getattr(b, name)[layer] if name.startswith("d") else new[quantity]
        places = np.argwhere(~np.isfinite(array))
        unit = int(places[0][-1])
        at = ",".join(str(int(i)) for i in places[0])
        evidence |= {"quantity": f"{quantity}[{at}]", "value": float(array[tuple(places[0])]), "n_bad": len(places)}
    elif quantity == "loss":
        row = int(np.argmax(np.abs(f.a[0]).max(axis=1)))
        evidence["value"] = float(b.loss)
    if row is not None:
        evidence["input_size"] = float(np.abs(f.a[0][row]).max())
    evidence |= _cause(history, record)
    example = None if row is None else history.example(record, row)
    alone = row is None or bool(np.isfinite(np.delete(f.output, row, axis=0)).all())
    if not alone and record.step > 0 and "event" not in evidence:
        # Many rows overflow at once if the weights were corrupted before; the previous step shows by which row.
        before = history.look(record.step - 1)
        row, (_, example, result) = None, _pushed_most(history, before, layer or 1)
        evidence["pushed_by"] = result
    return Found(
        what="non-finite", step=record.step, epoch=record.epoch, layer=layer, unit=unit, row=row, example=example,
        evidence=evidence,
    )  # fmt: skip


def _pushed_most(history: History, record: StepRecord, l: int, unit: int | None = None) -> tuple[int, int, str]:
    """The row that gave most to the gradient of a layer, or of one of its units: row, example, and both in words."""
    delta = record.backward.delta[l].astype(np.float64)
    size = np.abs(delta[:, unit]) if unit is not None else np.linalg.norm(delta, axis=1)
    with np.errstate(all="ignore"):
        size = size * np.linalg.norm(record.forward.a[l - 1].astype(np.float64), axis=1)
    row = int(np.argmax(np.where(np.isfinite(size), size, np.inf)))
    example = history.example(record, row)
    return row, example, f"example {example} (row {row} of step {record.step})"


def _cause(history: History, record: StepRecord) -> dict[str, Any]:
    """The learning rate of the step before, and events right before this step or the last one."""
    evidence: dict[str, Any] = {}
    if record.step > 0:
        evidence["learning_rate"] = float(history.look(record.step - 1).update.learning_rate)
    result = [text for step in (record.step - 1, record.step) if (text := history.events_at(step))]
    if result:
        evidence["event"] = "; ".join(result)
    return evidence


# the loss doubles ------------------------------------------------------------------------------------------


def _loss_doubles(history: History, steps: range) -> Found | None:
    losses, w = history.losses, max(2, min(SMOOTHED, history.task.steps_per_epoch))
    first, end = max(steps[0], w), steps[-1] + 1
    sums = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(losses), losses, np.inf))])
    with np.errstate(invalid="ignore"):
        means = (sums[w:] - sums[:-w]) / w  # means[t] is that of steps t … t + w − 1
    lowest = np.inf
    for t in range(w, len(losses)):
        lowest = min(lowest, float(means[t - w]))
        if t < first - w or float(means[min(t, len(means) - 1)]) < 2 * lowest:
            continue
        for step in range(max(t, first), min(t + w, end)):
            soon = float(losses[step : step + CONFIRMED].mean())
            if not losses[step] < 2 * lowest and not soon < 2 * lowest:  # one noisy batch is not an increase
                return _jump(history, step, lowest)
    return None


def _jump(history: History, step: int, lowest: float) -> Found:
    before, record = history.look(step - 1), history.look(step)
    u = before.update
    with np.errstate(all="ignore"):
        ratios = [
            float(np.linalg.norm(u.change.W[l].astype(np.float64)) / np.linalg.norm(u.old.W[l].astype(np.float64)))
            for l in range(1, len(u.old.W))
        ]
    layer = int(np.argmax(ratios)) + 1
    size = np.abs(record.backward.delta[-1].astype(np.float64)).sum(axis=1)
    row = int(np.argmax(np.where(np.isfinite(size), size, np.inf)))
    evidence: dict[str, Any] = {
        "loss": float(history.losses[step]), "lowest": lowest, "ratio": float(history.losses[step]) / lowest,
        "update_ratio": ratios[layer - 1], "learning_rate": float(u.learning_rate),
    }  # fmt: skip
    if step > 1:
        evidence["learning_rate_before"] = float(history.look(step - 2).update.learning_rate)
    result = [text for s in (step - 1, step) if (text := history.events_at(s))]
    if result:
        evidence["event"] = "; ".join(result)
    return Found(
        what="loss doubles",
        step=step,
        epoch=record.epoch,
        layer=layer,
        unit=None,
        row=row,
        example=history.example(record, row),
        evidence=evidence,
    )


# dead units ------------------------------------------------------------------------------------------------


@dataclass
class _Silence:
    """A unit that let nothing through for some steps."""

    since: int
    trial_at: int


Flat = Callable[[Activation, npt.NDArray[Any]], npt.NDArray[np.bool_]]
"""Which units of a layer are flat on all of some rows, given the entry of their activation and their slopes."""


def _dead_unit(history: History, steps: range) -> Found | None:
    def silent(entry: Activation, slopes: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        return entry.is_silent(slopes)

    return _first_lasting(history, steps, "dead unit", silent)


def _saturated_unit(history: History, steps: range) -> Found | None:
    def saturated(entry: Activation, slopes: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        return np.asarray(entry.is_saturated(slopes).all(axis=0))

    return _first_lasting(history, steps, "saturated unit", saturated)


def _first_lasting(history: History, steps: range, what: str, flat: Flat) -> Found | None:
    """The first unit of a hidden layer that is flat on every training row."""
    limit = "silent" if what == "dead unit" else "saturated"
    entries = [(l, _entry(history, l)) for l in range(1, len(history.task.architecture.layers))]
    watched = [l for l, entry in entries if entry.elementwise and getattr(entry, limit) is not None]
    sample = _sampled(history, steps)
    if watched and sample is not None:
        return _first_of_sample(history, what, watched, flat, sample)
    silences: dict[tuple[int, int], _Silence] = {}
    for step in steps if watched else ():
        record = history.look(step)
        for l in watched:
            quiet = flat(_entry(history, l), _entry(history, l).slope(record.forward.pre_activation(l)))
            for unit in [u for k, u in silences if k == l and not quiet[u]]:
                del silences[l, unit]
            for unit in map(int, np.flatnonzero(quiet)):
                silence = silences.setdefault((l, unit), _Silence(step, step + FIRST_TRIAL - 1))
                if step >= silence.trial_at or step == steps[-1]:
                    if _is_flat(history, record, l, unit, flat):
                        return _death(history, what, l, unit, flat, silence.since, step)
                    silence.trial_at = step + 2 * (step - silence.since + 1)
    return None


def _sampled(history: History, steps: range) -> list[int] | None:
    """The steps to examine where looking at all of them takes long: kept states, evenly, and the last; else None."""
    task = history.task
    seconds = history.engine.step_seconds(6 * task.batch_size * task.architecture.n_parameters)
    look_s = RECORD_STEPS * seconds + RECORD_S
    if history.thorough or len(steps) * look_s <= max(BUDGET_S, len(history.losses) * seconds / 10):
        return None
    kept = sorted(set(history.kept) & set(steps))
    chosen = sorted({*kept[:: -(-len(kept) // MOST_STATES) or 1], steps[0], steps[-1]})
    history.n_examined = len(chosen)
    return chosen


def _first_of_sample(history: History, what: str, watched: list[int], flat: Flat, sample: list[int]) -> Found | None:
    """The first of some steps at which a unit is flat on every row, then by halving the first since the one before."""
    before = sample[0] - 1
    for step in sample:
        record = history.look(step)
        units = [(l, u) for l in watched for u in _all_flat(history, record, l, flat)]
        if units:
            low, high = before + 1, step
            while low < high:
                middle = (low + high) // 2
                record = history.look(middle)
                earlier = [(l, u) for l in watched for u in _all_flat(history, record, l, flat) if (l, u) in units]
                low, high, units = (low, middle, earlier) if earlier else (middle + 1, high, units)
            return _death(history, what, *units[0], flat, low, low)
        before = step
    return None


def _all_flat(history: History, record: StepRecord, l: int, flat: Flat) -> list[int]:
    """The units of a layer that are flat on every training row."""
    entry = _entry(history, l)
    return [int(unit) for unit in np.flatnonzero(flat(entry, entry.slope(_on_all_rows(history, record, l))))]


def _entry(history: History, l: int) -> Activation:
    return ACTIVATIONS[history.task.architecture.layers[l - 1].activation]


def _on_all_rows(history: History, record: StepRecord, l: int) -> npt.NDArray[Any]:
    """What the activation of a layer is applied to on the training rows, with the weights before the step."""
    X = history.task.X
    rows = X if len(X) <= DEAD_ROWS else X[:: -(-len(X) // DEAD_ROWS)]
    forward = history.engine.forward(record.update.old.parameters, np.ascontiguousarray(rows))
    u: npt.NDArray[Any] = forward.pre_activation(l)
    return u


def _at_most(history: History, record: StepRecord, l: int, unit: int) -> tuple[float, float]:
    """The largest z and the steepest slope of a unit over the training rows, with the weights before the step."""
    u = _on_all_rows(history, record, l)
    return float(u[:, unit].max()), float(np.abs(_entry(history, l).slope(u)[:, unit]).max())


def _is_flat(history: History, record: StepRecord, l: int, unit: int, flat: Flat) -> bool:
    entry = _entry(history, l)
    return bool(flat(entry, entry.slope(_on_all_rows(history, record, l)))[unit])


def _death(history: History, what: str, l: int, unit: int, flat: Flat, since: int, step: int) -> Found:
    """The first step of the silence at which the unit was flat on all rows: by halving, for it stayed so."""
    low, high = since, step
    while low < high:
        middle = (low + high) // 2
        if _is_flat(history, history.look(middle), l, unit, flat):
            high = middle
        else:
            low = middle + 1
    record = history.look(low)
    shown, at = ("largest_z", 0) if _entry(history, l).rectifies else ("steepest_slope", 1)
    evidence: dict[str, Any] = {
        shown: _at_most(history, record, l, unit)[at],
        "n_rows": min(len(history.task.X), DEAD_ROWS),
        "bias": float(record.update.old.b[l][unit]),
    }
    example = None
    if low > 0:
        before = history.look(low - 1)
        evidence[f"{shown}_before"] = _at_most(history, before, l, unit)[at]
        edited = any(e.kind == "edit" and e.step == low for e in history.events)
        evidence["killed_by"] = f"edit before step {low}" if edited else f"update of step {low - 1}"
        evidence["learning_rate"] = float(before.update.learning_rate)
        if not edited:
            _, example, evidence["pushed_by"] = _pushed_most(history, before, l, unit)
        result = [text for s in (low - 1, low) if (text := history.events_at(s))]
        if result:
            evidence["event"] = "; ".join(result)
    return Found(
        what=what, step=low, epoch=record.epoch, layer=l, unit=unit, row=None, example=example, evidence=evidence
    )


FINDS: dict[str, Callable[[History, range], Found | None]] = {
    "non-finite": _non_finite, "dead unit": _dead_unit, "saturated unit": _saturated_unit,
    "loss doubles": _loss_doubles,
}  # fmt: skip
