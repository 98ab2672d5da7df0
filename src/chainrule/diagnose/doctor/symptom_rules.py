"""Symptoms: what can be seen to be wrong in the course of a run. Where a cause is known they are its consequences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.run_view import BARELY, RunView
from chainrule.diagnose.search.find import find
from chainrule.diagnose.search.history import History
from chainrule.diagnose.vitals.deaths import Death, deaths
from chainrule.diagnose.vitals.measure import silences
from chainrule.diagnose.vitals.steps import chosen_steps
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named

MANY = 0.5
"""Share of silent or saturated units in a layer from which it is told; up to 40 % dead rectifiers are seen in
networks that do well (CS231n)."""
FADED = 1e-3
STILL = 0.05
"""Share by which the recorded loss may differ between the last two quarters of the steps, and stand still."""


def symptom_rules(case: RunView) -> Iterator[Finding]:
    """Non-finite numbers, dead and saturated units, gradients that vanish, a loss that stands still."""
    failed = case.failed
    yield from _non_finite(case)
    yield from _dead(case, failed)
    yield from _saturated(case, failed)
    yield from _vanished(case, failed)
    yield from _stalled(case)


def _non_finite(case: RunView) -> Iterator[Finding]:
    if case.diverged is None:
        return
    if not np.isfinite(case.losses).all() or case.diverged.quantity != "loss":
        history = History(
            record=case.record,
            task=case.task,
            engine=case.engine,
            losses=case.losses,
            events=case.events,
            index=case.index,
        )
        found = find(history, "non-finite", range(case.first, case.n_steps))
        if found is not None:
            named = {name: str(found.evidence.get(name, "")) for name in ("quantity", "value")}
            yield Finding(id="non-finite", step=found.step, layer=found.layer, evidence=named)
            return
    evidence = {"quantity": case.diverged.quantity, "loss": float(case.losses[-1]), "chance": case.chance}
    yield Finding(id="exploding-loss", step=case.diverged.step, layer=case.diverged.layer, evidence=evidence)


def _dead(case: RunView, failed: bool) -> Iterator[Finding]:
    """The layer whose units fell silent first, with the step at which half of them had."""
    if not np.isfinite(case.end.flat).all():
        return
    X = np.ascontiguousarray(case.task.X[case.sample])
    now = silences(case.engine, case.end, X)
    flat = [ACTIVATIONS[layer.activation].saturated is not None for layer in case.task.architecture.layers]
    shares = [0.0 if units is None or flat[i] else float(units.mean()) for i, units in enumerate(now)]
    if max(shares, default=0.0) < MANY:
        return
    steps = [step for step in chosen_steps(case.n_steps, case.checkpoints.sizes) if step >= case.first]
    found = deaths(lambda step: silences(case.engine, case.state(step), X), [*steps, case.n_steps])
    sizes = [layer.n_out for layer in case.task.architecture.layers]
    ill = [l for l, share in enumerate(shares, start=1) if share >= MANY]
    layer = min(ill, key=lambda l: _half(found, l, sizes[l - 1]))
    of = sizes[layer - 1]
    step = _half(found, layer, of)
    evidence = {
        "n": round(shares[layer - 1] * of),
        "of": of,
        "share": shares[layer - 1],
        "activation": case.task.architecture.layers[layer - 1].activation,
    }
    yield Finding(
        id="dead-units", variant="", step=step, layer=layer, evidence=evidence, severity=FAULT if failed else NOTE
    )


def _half(found: list[Death], layer: int, of: int) -> int:
    """The step by which half of a layer's units had fallen silent."""
    n = 0
    for death in found:
        if death.layer == layer:
            n += len(death.units)
            if 2 * n >= of:
                return death.step
    return max((death.step for death in found if death.layer == layer), default=0)


def _saturated(case: RunView, failed: bool) -> Iterator[Finding]:
    """Layers of sigmoid or tanh most of whose entries lie on the flat ends, hidden or on the output of a distance."""
    if not np.isfinite(case.end.flat).all():
        return
    for signs in case.signs_at_end:
        hidden = signs.layer < len(case.signs_at_end)
        by_distance = not loss_named(case.task.architecture.loss).of_classes
        output_by_distance = not hidden and by_distance and failed
        if (signs.saturated or 0.0) < MANY or not (hidden or output_by_distance):
            continue
        began = _saturated_since(case, signs.layer)
        evidence = {
            "share": signs.saturated,
            "spread": signs.spread,
            "at_start": case.signs_at_start[signs.layer - 1].saturated,
        }
        yield Finding(
            id="saturated-units",
            variant="",
            step=began,
            layer=signs.layer,
            evidence=evidence,
            severity=FAULT if failed else NOTE,
        )
        return


def _saturated_since(case: RunView, layer: int) -> int:
    """The first step looked at from which on most entries of the layer were on the flat ends."""
    began = case.n_steps
    for step in reversed([s for s in chosen_steps(case.n_steps, case.checkpoints.sizes) if s >= case.first]):
        if (case.signs(case.state(step))[layer - 1].saturated or 0.0) < MANY:
            break
        began = step
    return began


def _vanished(case: RunView, failed: bool) -> Iterator[Finding]:
    """An error signal that has all but gone on its way to layer 1, at the end of a run that failed."""
    if not failed or len(case.signs_at_end) < 3 or not np.isfinite(case.end.flat).all():
        return
    factors = [((s.by_weights or 0.0), (s.by_slope or 0.0)) for s in case.signs_at_end[:-1]]
    left = float(np.prod([w * s for w, s in factors]))
    if np.isfinite(left) and left < FADED:
        layer = int(np.argmin([w * s for w, s in factors])) + 1
        by_weights, by_slope = (float(np.prod([f[i] for f in factors])) for i in (0, 1))
        evidence = {"left": left, "by_weights": by_weights, "by_slope": by_slope, "n": len(factors)}
        variant = "slope" if by_slope < by_weights else "weights"
        at_start = np.prod([(s.by_weights or 0.0) * (s.by_slope or 0.0) for s in case.signs_at_start[:-1]]) < FADED
        step = case.first if at_start else case.n_steps - 1
        yield Finding(id="vanishing-gradient", variant=variant, step=step, layer=layer, evidence=evidence)


def _stalled(case: RunView) -> Iterator[Finding]:
    """A run that ended no better than the best constant output."""
    if case.diverged is not None or case.learned > BARELY or not np.isfinite(case.loss_at_end):
        return
    gradient = float(np.sqrt(sum(s.gradient**2 for s in case.signs_at_end)))
    evidence = {"loss": case.loss_at_end, "chance": case.chance, "gradient": gradient, "learnable": case.learnable}
    since = _stands_still(case)
    before, last = (float(part.mean()) for part in np.array_split(case.losses[-max(2, case.n_steps // 2) :], 2))
    still = abs(last - before) <= STILL * abs(last)
    nothing_there = case.learnable is not None and case.learnable < max(2 * BARELY, case.learned + BARELY)
    yield Finding(
        id="stalled", variant="little" if nothing_there else "" if still else "moving", evidence=evidence,
        step=since if still and not nothing_there else None, severity=NOTE if nothing_there else FAULT,
    )  # fmt: skip


def _stands_still(case: RunView) -> int:
    """The first step from which on the recorded loss, by means of 32 steps, kept within 5 % of its last mean."""
    width = max(1, min(32, case.n_steps // 4))
    n = case.n_steps // width
    means = case.losses[: n * width].reshape(n, width).mean(axis=1)
    with np.errstate(all="ignore"):
        off = np.abs(means - means[-1]) > STILL * abs(means[-1])
    return int((np.flatnonzero(off)[-1] + 1) * width) if off.any() else 0
