"""Rules about the way down: update rule, learning rate, penalties, vanishing gradients, number of steps.

Each suspect is tried: the first steps again with only that changed. Of the suspects whose removal rescues the
run the one is the first cause that stands earliest in the order below; where two rates or penalties rescue,
the one that does so better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.glass.doctor.case import Case, row_losses
from chainrule.glass.doctor.finding import FAULT, Finding
from chainrule.glass.doctor.start_rules import usual_size, usual_spread
from chainrule.glass.doctor.trials import (
    SHORTFALL,
    SIGNIFICANT,
    Change,
    Outcome,
    n_trial_steps,
    paired_t,
    rescues,
    shortfall,
    trial,
)
from chainrule.glass.vitals.sharpness import sharpness
from chainrule.glass.vitals.step_signs import StepSigns, of_record
from chainrule.glass.vitals.steps import chosen_steps
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.seeding import permutation

LEARNED = 0.75
"""A run that took away this share of the loss of a constant output is not searched for what slowed it down."""
LOWER, HIGHER = (0.1, 0.01), (10.0, 100.0, 1000.0)
SLUGGISH = {"momentum": 0.98, "beta1": 0.98, "beta2": 0.99999}
"""Running means that forget this slowly still push where the gradient pointed 50 steps ago (1 / (1 − 0.98))."""
COARSE_EPSILON = 1e-3
CLIPPED = 0.5
VANISHED = 0.03
"""What is left of the error signal of the output in layer 1, by entry: at 0.03 layer 1 learns 30 times more slowly."""
EXPLODED = 30.0


def speed_rules(case: Case) -> Iterator[Finding]:
    """What kept the run from going down, the first cause first; nothing where it went down."""
    if case.learned >= LEARNED and case.diverged is None:
        return
    for rule in (_optimizer, _flow, _rate_and_penalty, _steps):
        found = rule(case)
        if found is not None:
            yield found
            if found.severity == FAULT:
                return


def told_by(case: Case, outcome: Outcome) -> dict[str, Any]:
    """What every finding of a trial tells."""
    return {"loss": case.loss_at_end, "loss_trial": outcome.loss, "steps": outcome.n_steps, "chance": case.chance}


# the update rule --------------------------------------------------------------------------------------------


def _optimizer(case: Case) -> Finding | None:
    """A hyper-parameter of the optimizer or a clipping far from the usual, and a run that does well without."""
    hyper, usual = case.settings.optimizer.hyper, OPTIMIZERS[case.task.optimizer].hyper
    odd = [name for name, limit in SLUGGISH.items() if hyper.get(name, 0.0) >= limit]
    if hyper.get("beta2", 1.0) < 0.5 or hyper.get("rho", 1.0) < 0.5:
        odd.append("beta2" if "beta2" in hyper else "rho")
    if hyper.get("epsilon", 0.0) >= COARSE_EPSILON:
        odd.append("epsilon")
    if odd:
        better = {name: 0.9 if name == "momentum" else float(usual[name]) for name in odd}
        reset = trial(case, Change(hyper=better), n_trial_steps(case))
        if rescues(reset):
            told = {"names": odd, "values": [float(hyper[name]) for name in odd], "usual": list(better.values())}
            return Finding("wrong-optimizer-settings", step=case.first, evidence=told | told_by(case, reset))
    clip = case.settings.clip_norm
    if clip is not None:
        free = trial(case, Change(settings={"clip_norm": None}), n_trial_steps(case))
        if rescues(free):
            told = {"names": ["clip_norm"], "values": [float(clip)], "usual": ["None"]}
            return Finding("wrong-optimizer-settings", "clip", step=case.first, evidence=told | told_by(case, free))
    return None


# gradients that vanish or explode on their way down ----------------------------------------------------------


def _flow(case: Case) -> Finding | None:
    """An error signal that does not reach layer 1, or swells on the way, at the start."""
    layers = case.task.architecture.layers
    if len(layers) < 3:
        return None
    factors = [(s.by_weights or 0.0, s.by_slope or 0.0) for s in case.signs_at_start[:-1]]
    by_weights, by_slope = (float(np.prod([f[i] for f in factors])) for i in (0, 1))
    left = by_weights * by_slope
    if not np.isfinite(left) or VANISHED < left < EXPLODED:
        return None
    layer = int(np.argmin([w * s for w, s in factors]) if left < 1 else np.argmax([w * s for w, s in factors])) + 1
    told = {"left": left, "by_weights": by_weights, "by_slope": by_slope, "n": len(factors)}
    if left >= EXPLODED:
        ratios = np.array([_rms(case.start.W[l]) / usual_spread(layer) for l, layer in enumerate(layers, start=1)])
        outcome = trial(case, Change(theta=lambda p: usual_size(p, ratios)), n_trial_steps(case))
        id_, variant = "exploding-gradient", ""
    else:
        outcome = trial(
            case, Change(theta=_for_rectifiers, architecture=rectified(case.task.architecture)), n_trial_steps(case)
        )
        id_, variant = "vanishing-gradient", "slope" if by_slope < by_weights else "weights"
    if not rescues(outcome):
        return None
    return Finding(id_, variant, step=case.first, layer=layer, evidence=told | told_by(case, outcome))


def rectified(architecture: Architecture) -> Architecture:
    """The same layers with rectifiers as hidden activations."""
    hidden = tuple(replace(layer, activation="relu") for layer in architecture.layers[:-1])
    return replace(architecture, layers=(*hidden, architecture.layers[-1]))


def _for_rectifiers(parameters: Parameters) -> Parameters:
    """The same draws at the spread that suits rectifiers, biases 0."""
    ratios = np.array(
        [_rms(parameters.W[l]) / usual_spread(layer) for l, layer in enumerate(parameters.architecture.layers, start=1)]
    )
    return usual_size(parameters, ratios)


def _rms(array: npt.NDArray[Any]) -> float:
    return float(np.sqrt((array.astype(np.float64) ** 2).mean()))


# learning rate and penalties ---------------------------------------------------------------------------------


def _rate_and_penalty(case: Case) -> Finding | None:
    """Lower and higher learning rates, and none of the penalties; the rescue that goes lowest names the cause."""
    n = n_trial_steps(case)
    tried: dict[str, tuple[Outcome, float]] = {}
    for name, factors in (("too-large", LOWER), ("too-small", HIGHER)):
        outcomes = [(trial(case, Change(learning_rate=factor), n), factor) for factor in factors]
        rescued = [(outcome, factor) for outcome, factor in outcomes if rescues(outcome)]
        if rescued:
            tried[name] = min(rescued, key=lambda pair: pair[0].loss)
    penalised = penalties_of(case)
    if penalised:
        hyper = {"weight_decay": 0.0} if "weight_decay" in penalised else {}
        free = trial(case, Change(settings={"l2": 0.0, "l1": 0.0, "dropout": 0.0, "alpha": 0.0}, hyper=hyper), n)
        if rescues(free):
            tried["penalty"] = (free, 1.0)
    if not tried:
        return None
    which = min(tried, key=lambda name: tried[name][0].loss)
    outcome, factor = tried[which]
    if which == "penalty":
        return _penalty(case, penalised, outcome)
    return _too_large(case, outcome, factor) if which == "too-large" else _too_small(case, outcome, factor)


def penalties_of(case: Case) -> dict[str, float]:
    """The penalties that were on, by name."""
    s = case.settings
    told = {
        "l2": s.l2 + s.alpha,
        "l1": s.l1,
        "dropout": s.dropout,
        "weight_decay": s.optimizer.hyper.get("weight_decay", 0.0),
    }
    return {name: float(value) for name, value in told.items() if value > 0}


def _penalty(case: Case, penalised: dict[str, float], outcome: Outcome) -> Finding | None:
    change = Change(settings=outcome.change.settings, hyper=outcome.change.hyper)
    if not holds_on_unseen(case, change):
        return None
    names = list(penalised)
    told = {
        "names": names,
        "values": [penalised[name] for name in names],
        "weight_at_start": _size(case.start),
        "weight_at_end": _size(case.end),
    }
    return Finding("too-strong-regularization", step=case.first, evidence=told | told_by(case, outcome))


def _size(parameters: Parameters) -> float:
    return float(np.sqrt(sum((w.astype(np.float64) ** 2).sum() for w in parameters.W[1:])))


def _too_large(case: Case, outcome: Outcome, factor: float) -> Finding | None:
    incident = first_overshoot(case)
    eta = case.learning_rate(case.first)
    curvature = sharpness(case.start, case.task, case.settings.l2)
    told: dict[str, Any] = {"learning_rate": eta, "better": eta * factor, "factor": factor}
    told |= told_by(case, outcome)
    if curvature is not None:
        told |= {"curvature": curvature, "eta_lambda": eta * curvature}
    variant, step, layer = "", case.first, None
    if incident is not None:
        variant, step = "incident", incident.step
        layer = int(np.argmax(np.nan_to_num(incident.ratios, posinf=np.inf))) + 1
        told |= {
            "before": incident.loss,
            "after": incident.loss_after,
            "overshoot": incident.overshoot,
            "ratio": incident.ratios[layer - 1],
        }
    return Finding("learning-rate-too-large", variant, step=step, layer=layer, evidence=told)


def first_overshoot(case: Case) -> StepSigns | None:
    """The first step looked at whose own update left its own batch worse off, past the lowest point by the slope."""
    for step in chosen_steps(case.n_steps, case.checkpoints.sizes, early=24):
        if step < case.first:
            continue
        seen = of_record(case.record(step), case.engine, case.task)
        if not np.isfinite(seen.loss_after) or (seen.loss_after > seen.loss and not seen.overshoot < 0):
            return seen
    return None


def _too_small(case: Case, outcome: Outcome, factor: float) -> Finding | None:
    if case.diverged is not None or not holds_on_unseen(case, outcome.change):
        return None
    eta = case.learning_rate(case.first)
    signs = of_record(case.record(case.n_steps - 1), case.engine, case.task)
    curvature = sharpness(case.start, case.task, case.settings.l2)
    told = {
        "learning_rate": eta,
        "better": eta * factor,
        "factor": factor,
        "overshoot": signs.overshoot,
        "ratio": max(signs.ratios),
    }
    if curvature is not None:
        told |= {"curvature": curvature, "eta_lambda": eta * curvature}
    faded = case.learning_rate(case.n_steps - 1) < 0.01 * eta
    return Finding(
        "learning-rate-too-small", "", step=case.first, evidence=told | {"faded": faded} | told_by(case, outcome)
    )


# steps -----------------------------------------------------------------------------------------------------------


def _steps(case: Case) -> Finding | None:
    """The same training going on: as many steps again, and more."""
    if case.diverged is not None:
        return None
    more = n_trial_steps(case, max(4 * case.n_steps, 500))
    went_on = trial(case, Change(), more, start=case.n_steps)
    if not rescues(went_on):
        return None
    told = told_by(case, went_on) | {"n_steps": case.n_steps, "epochs": case.n_steps / case.task.steps_per_epoch}
    return Finding("too-few-steps", step=case.n_steps - 1, evidence=told)


# unseen rows -----------------------------------------------------------------------------------------------------


def holds_on_unseen(case: Case, change: Change) -> bool:
    """Whether the change also helps on rows that neither training saw: else it only fits the rows it was given.

    Both trainings, the run's own and the changed one, are done again on four fifths of the rows.
    """
    n = case.task.n_samples
    if n < 50:
        return True
    order = permutation(case.settings.seed, 0, n)
    held, rest = np.sort(order[: n // 5])[:2048], np.sort(order[n // 5 :])
    steps = n_trial_steps(case)
    own, changed = trial(case, Change(), steps, rows=rest), trial(case, change, steps, rows=rest)
    if changed.stopped:
        return False
    worse, better = (
        row_losses(case.engine, replace(case.task, X=_seen_by(case, o)), o.parameters, held) for o in (own, changed)
    )
    weight = None if case.task.weight is None else case.task.weight[held]
    if own.stopped:
        return True
    gap = shortfall(float(np.average(worse, weights=weight)), float(np.average(better, weights=weight)), case.chance)
    return gap > SHORTFALL / 2 and paired_t(worse, better, weight) > SIGNIFICANT / 2


def _seen_by(case: Case, outcome: Outcome) -> npt.NDArray[Any]:
    """All rows as the trial saw them."""
    return case.task.X if outcome.change.X is None else outcome.change.X(case.task.X)
