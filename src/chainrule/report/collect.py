"""The data of the page: facts as plain values, steps as packed arrays within a budget of bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._version import __version__
from chainrule.engine.protocol import StepSettings, dense_targets
from chainrule.engine.select import reference
from chainrule.explain.step.diagram import diagram
from chainrule.explain.step.update import rule_of
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.network.records import Backward
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.kinds.layer_norm import LAYER_NORM
from chainrule.reference.kinds.member_scale import NAME as MEMBER_SCALE
from chainrule.reference.losses import loss_named
from chainrule.report import choose, curves, health
from chainrule.report.pack import Pack, PackedEntry
from chainrule.report.report_input import ReplayedStep, ReportInput
from chainrule.status import counted_off
from chainrule.verify.gradients import check_gradients
from chainrule.words import LANGUAGES

Array = npt.NDArray[Any]
SAFETY = 1.1
"""Steps differ slightly in how well they compress; a plan based on the size of one should still fit."""
DEFAULT_BUDGET = int(7e6 * 3 / 4)
COMFORTABLE, FEW_STEPS = 900_000, 4
"""By default a page stays below about 1.5 MB, unless four steps alone take more."""
FEW_ENTRIES, LEAST_CHECK_S = 4, 0.2
PASSES_PER_ENTRY = 8
"""Forward passes by which the gradient check judges an entry, each about as long as one float32 step of four rows."""
RAW_ARRAYS, PACKED_BYTES_PER_S = 6, 50e6
"""Arrays of the size of the parameters that a step holds, and how fast they are packed: what a step will take."""
LARGEST_FIRST = 4
"""If a single step exceeds the budget, it is still included up to this multiple of the budget."""


@dataclass(frozen=True)
class Collected:
    """The values of the page's data, and its bytes as base64."""

    values: dict[str, Any]
    numbers: str


def collect(given: ReportInput, *, budget_bytes: int, seconds: float) -> Collected:
    """Collect the data of the page.

    Arguments: budget_bytes: of packed steps; seconds: about how long all this may take: fewer steps are shown and
    fewer entries checked where more would take longer, judged by the speed of training and of step 0.
    """
    pack = Pack()
    steps, result, reason = _steps(given, pack, budget_bytes, seconds)
    places, numbers = packed_text(steps, pack)
    values = about(given) | {
        "losses": curves.of_losses(given.losses),
        "health": result,
        "steps": steps,
        "missing": reason,
        "places": places,
        "check": gradient_check(given, seconds / 4),
        "results": given.results,
    }
    return Collected(values, numbers)


def health_over(given: ReportInput, n: int, allowed: int) -> dict[str, Any]:
    """The health of every layer at n steps at most over the run.

    Arguments: allowed: a run of fewer steps is looked at evenly, a longer one at its checkpoints.
    """
    if given.again is None or given.n_steps == 0:
        return {"steps": [], "layers": []}
    wanted = choose.for_health(given, n, allowed)
    measured = {seen.record.step: health.of_step(seen.record, given.architecture) for seen in given.again(wanted)}
    return _by_layer(measured, len(given.architecture.layers))


def _by_layer(measured: Mapping[int, Mapping[str, Any]], n_layers: int) -> dict[str, Any]:
    steps = sorted(measured)
    layers = [{name: [measured[t][name][l] for t in steps] for name in health.MEASURES} for l in range(n_layers)]
    return {"steps": steps, "layers": layers}


def packed_text(steps: list[dict[str, Any]], pack: Pack) -> tuple[dict[str, list[int]], str]:
    """Where each array of packed steps lies, and their bytes as base64."""
    return pack.text([entry for step in steps for entry in _entries(step["arrays"])])


def about(given: ReportInput) -> dict[str, Any]:
    """What the page says of a run without any of its steps."""
    a = given.architecture
    return {
        "version": __version__,
        "architecture": _as_shown(a, given.facts.get("side_by_side") is not None),
        "settings": given.settings.to_dict(),
        "facts": dict(given.facts),
        "result": dict(given.result),
        "events": list(given.events),
        "names": _names(given),
        "layers": [
            {"kind": layer.kind.call if layer.kind else None, "elementwise": ACTIVATIONS[layer.activation].elementwise}
            for layer in a.layers
        ],
        "fused": loss_named(a.loss).pairs[a.layers[-1].activation].fused,
        "n_steps": given.n_steps,
        "steps_per_epoch": given.steps_per_epoch,
        "history": {name: curves.plain(column) for name, column in given.history.items()},
        "rate": given.rate,
    }


def _steps(
    given: ReportInput, pack: Pack, budget: int, seconds: float
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any] | None]:
    """The kept steps in their order, the health of layers over the run, and why a step is missing."""
    if given.again is None or given.n_steps == 0:
        return [], {"steps": [], "layers": []}, {"why": given.missing or "none"}
    n, size, reason, step_s = _room(given, pack, budget, seconds)
    speed = max(float(given.result.get("seconds") or 0.0) / given.n_steps, 1e-7)
    allowed = int(seconds / 4 / speed)
    wanted = choose.to_keep(given, n, allowed)
    n_watched = int(np.clip(seconds / 4 / step_s, FEW_STEPS, choose.HEALTH_STEPS))
    watched = set(choose.for_health(given, n_watched, allowed)) | set(wanted)
    kept: dict[int, dict[str, Any]] = {}
    measured: dict[int, dict[str, list[float | None]]] = {}
    for seen in counted_off(given.again(sorted(watched)), "replaying step", len(watched)):
        t = seen.record.step
        measured[t] = health.of_step(seen.record, given.architecture)
        if t in wanted:
            kept[t] = packed(seen, given.architecture, pack)
            kept[t]["rule"] = rule_of(given.settings.optimizer.to_dict(), seen.settings)
    kept = _within(kept, wanted, pack, max(budget, size))
    return [kept[t] for t in sorted(kept)], _by_layer(measured, len(given.architecture.layers)), reason


def _room(given: ReportInput, pack: Pack, budget: int, seconds: float) -> tuple[int, int, dict[str, Any] | None, float]:
    """How many steps fit the limits of size and time, bytes of one, the reason if none do, seconds per step."""
    assert given.again is not None
    began = time.perf_counter()
    seen = next(iter(given.again([0])))
    health.of_step(seen.record, given.architecture)
    step_s = time.perf_counter() - began
    if not given.shows_rows:
        return 0, 0, {"why": "private"}, step_s
    if RAW_ARRAYS * given.parameters.flat.nbytes > PACKED_BYTES_PER_S * seconds / 2:
        return 0, 0, {"why": "time"}, step_s
    began = time.perf_counter()
    size = pack.size(_entries(packed(seen, given.architecture, pack)["arrays"]))
    quick = int(seconds / 4 / max(time.perf_counter() - began, 1e-6))
    fitting = int(min(choose.MOST_STEPS, budget // max(int(SAFETY * size), 1)))
    n = min(fitting, max(FEW_STEPS, COMFORTABLE // max(size, 1))) if budget == DEFAULT_BUDGET else fitting
    if n == 0 and size <= LARGEST_FIRST * budget:
        n = 1
    reason = {"why": "size", "bytes": size, "budget": budget} if n == 0 else None
    return min(n, max(quick, 2)), size, reason, step_s


def _within(
    kept: dict[int, dict[str, Any]], wanted: Sequence[int], pack: Pack, budget: int
) -> dict[int, dict[str, Any]]:
    """The kept steps without the least important ones, as far as the budget asks."""
    order = [t for t in wanted if t in kept]
    while len(order) > 1 and pack.size([e for t in order for e in _entries(kept[t]["arrays"])]) > budget:
        order.pop()
    return {t: kept[t] for t in order}


def packed(seen: ReplayedStep, architecture: Architecture, pack: Pack) -> dict[str, Any]:
    """One step: its numbers as packed arrays, the rest as plain values."""
    r, s = seen.record, seen.settings
    weight = float(len(seen.rows)) if seen.weight is None else float(seen.weight.sum(dtype=np.float64))
    y = dense_targets(seen.targets, architecture)
    skipped = 0 if architecture.inputs is None else architecture.inputs.n_parameters
    arrays: dict[str, Any] = {
        "scalars": np.array([r.update.learning_rate, r.backward.loss, r.penalty], np.float64),
        "X": r.forward.a[0],  # what the first layer reads: the page begins there
        "y": y,
        "weight": seen.weight,
        "theta": r.update.old.parameters.flat[skipped:],
        "state": {name: part.flat[skipped:] for name, part in r.update.old.optimizer.items()},
        "masks": list(r.forward.masks) if r.forward.masks is not None else None,
        "z": [None, *r.forward.z[1:]],
        "a": [None, *r.forward.a[1:]],
        "u": [None, *r.forward.u[1:]],
        "delta": list(r.backward.delta),
        "du": [None, *r.backward.du[1:]],
        "dtheta": _flat(r.backward, architecture)[skipped:],
        "gradient": r.update.gradient.flat[skipped:],
        "theta_new": r.update.new.parameters.flat[skipped:],
    }
    return {
        "step": r.step,
        "epoch": r.epoch,
        "rows": seen.rows.tolist(),
        "settings": {
            "optimizer": {name: float(value) for name, value in s.optimizer.items()},
            "l2": s.l2_of(weight), "l1": s.l1, "dropout": s.dropout, "clip_norm": s.clip_norm,
            **_rate_factors(s, architecture),
        },
        "diagram": None
        if _is_plain(architecture)
        else {language: diagram(r, architecture, language=language) for language in LANGUAGES},
        "arrays": _put(arrays, pack),
    }  # fmt: skip


def _rate_factors(settings: StepSettings, architecture: Architecture) -> dict[str, Any]:
    """How many numbers each tensor has, and its factor on the learning rate; nothing where all are 1."""
    if not settings.learning_rate_factors:
        return {}
    layers = enumerate(architecture.layers, start=1)
    pairs = [[prod(shape), settings.rate_factor(name, l)] for l, layer in layers for name, shape in tensors(layer)]
    return {"rate_factors": pairs}


def _flat(backward: Backward, architecture: Architecture) -> Array:
    """The gradient of J in the order of the flat parameters."""
    gradient = Parameters(architecture)
    for l, layer in architecture.numbered:
        for name, _ in tensors(layer):
            getattr(gradient, name)[l][...] = backward.of_tensor(name)[l]
    return gradient.flat


def _as_shown(a: Architecture, is_member: bool) -> dict[str, Any]:
    """The architecture from a[0] on: the page has no equations of the input layer, nor of networks side by side."""
    values = a.to_dict() | {"n_parameters": a.n_parameters} | _learned(a)
    if values.pop("inputs", None) is not None:
        values |= {"sizes": [a.layers[0].n_in, *a.sizes[1:]], "n_inputs": a.n_inputs}
    return values | {"members": MEMBER_SCALE} if is_member else values


def _learned(architecture: Architecture) -> dict[str, Any]:
    """How many numbers each layer learns besides W and b, where some layer has a kind the page has no equations for."""
    kinds = [layer.kind for layer in architecture.layers]
    if all(kind is None or kind is LAYER_NORM for kind in kinds):
        return {}
    return {"n_learned": [layer.n_parameters - (layer.n_in + 1) * layer.n_out for layer in architecture.layers]}


def _is_plain(architecture: Architecture) -> bool:
    """Whether the page draws the diagram itself, for any row: it knows neither kinds of layers nor residuals."""
    return not any(layer.kind or layer.residual for layer in architecture.layers)


def _put(value: Any, pack: Pack) -> Any:
    """Every array in nested lists and dicts replaced by its entry."""
    if isinstance(value, dict):
        return {name: _put(part, pack) for name, part in value.items()}
    if isinstance(value, list):
        return [_put(part, pack) for part in value]
    return None if value is None else pack.put(value)


def _entries(value: Any) -> list[PackedEntry]:
    """All entries in nested lists and dicts."""
    if isinstance(value, dict):
        return [value] if "key" in value else [e for part in value.values() for e in _entries(part)]
    return [e for part in value for e in _entries(part)] if isinstance(value, list) else []


def _names(given: ReportInput) -> dict[str, Any]:
    inputs = given.architecture.inputs
    names, n = given.names, -1 if inputs is not None else given.architecture.n_inputs  # those of a[0] have no names

    def numbers(array: Array | None) -> list[float] | None:
        return None if array is None or len(array) != n else [float(x) for x in array]

    return {
        "inputs": [str(x) for x in names.inputs] if names.inputs is not None and len(names.inputs) == n else None,
        "outputs": None if names.outputs is None else [str(x) for x in names.outputs],
        "target": names.target,
        "mean": numbers(names.mean),
        "scale": numbers(names.scale),
    }


def gradient_check(given: ReportInput, seconds: float) -> Mapping[str, Any] | None:
    """The gradient check of the trained network on a few rows, of as many entries as the time allows.

    None without rows or finite weights, or where even a few entries would take longer than a fifth of a second
    and than the time allows; `check` does it at leisure.
    """
    if given.sample is None or not np.isfinite(given.parameters.flat).all():
        return None
    s = given.sample
    engine, began = reference(), time.perf_counter()
    engine.backward(given.parameters, s.X, s.targets, s.weight)
    n_tensors = 2 * len(given.architecture.layers) + 1
    one_entry_each = max(time.perf_counter() - began, 1e-6) * n_tensors * PASSES_PER_ENTRY
    if FEW_ENTRIES * one_entry_each > max(seconds, LEAST_CHECK_S):
        return None
    entries = int(np.clip(min(seconds / one_entry_each, 4e6 / given.architecture.n_parameters), FEW_ENTRIES, 24))
    found = check_gradients(engine, given.parameters, s.X, s.targets, s.weight, max_entries=entries)
    return {
        "passed": found.passed,
        "error": found.max_relative_error,
        "threshold": found.threshold,
        "n_rows": len(s.X),
        "tensors": [
            {"name": t.name, "shape": list(t.shape), "compared": t.n_checked, "kinks": t.n_kinks, "error": t.error}
            for t in found.tensors.values()
        ],
    }
