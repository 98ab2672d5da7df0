"""Rules about the way down: update rule, learning rate, penalties, vanishing gradients, number of steps.

Each suspect is tried: the first steps again with only that changed. They stand in the order of causes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.diagnose.doctor.data_rules import input_scale
from chainrule.diagnose.doctor.finding import Finding
from chainrule.diagnose.doctor.improvements import first_improvement
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.start_rules import biases, usual_size, usual_spread, weights_scale
from chainrule.diagnose.doctor.suspects import Suspect, first_of, trial_evidence
from chainrule.diagnose.doctor.trials import Change, Outcome, n_trial_steps, rescues, trial
from chainrule.diagnose.vitals.sharpness import sharpness
from chainrule.diagnose.vitals.step_signs import StepSigns, of_record
from chainrule.diagnose.vitals.steps import chosen_steps
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.training.parts import at_start, changes_of

LOWER, HIGHER = (0.1, 0.01, 0.001), (10.0, 100.0, 1000.0)
SLIGHTLY_LOWER = 0.3
"""Tried where a run diverged: twice the largest rate that is stable is enough for that."""
STILL_LOWER = tuple(10.0**-k for k in range(4, 10))
"""Tried only where the loss rose in the run and nothing else was found: such trials often end soon."""
STILL_HIGHER = tuple(10.0**k for k in range(4, 9))
"""Tried only where a run learned nothing and nothing else was found."""
SLUGGISH = {"momentum": 0.98, "beta1": 0.98, "beta2": 0.99999}
"""Running means that forget this slowly still push where the gradient pointed 50 steps ago (1 / (1 − 0.98))."""
HASTY = {"beta2": 0.5, "rho": 0.5}
COARSE_EPSILON = 1e-3
"""An epsilon above the usual root of v takes Adam's division away: what is left is a small learning rate."""
VANISHED, EXPLODED = 0.003, 30.0
"""What arrives of the output's error signal in layer 1, by entry: layer 1 learns that many times as fast. Four layers
of sigmoid leave 0.01 (Nielsen, chapter 5) and learn."""
SHRINKING = 2.0
"""A step multiplies every weight by 1 − η·l2: beyond η·l2 = 2 weights grow at every step whatever the data say."""
JUMPED, FADED = 3.0, 0.05
AHEAD = 0.75
"""Share of what further steps leave of the loss, from which a higher rate without them was what the run needed."""


def speed_rules(case: RunView) -> Iterator[Finding]:
    """Notes about scales, and the first cause of a run that did not go down; nothing more where it went down."""
    suspects: list[Suspect] = []
    for rule in (input_scale, weights_scale):
        found = rule(case)
        if isinstance(found, Suspect):
            suspects.append(found)
        elif found is not None:
            yield found
    searched = case.failed and not (case.is_noisy and not case.is_hopeless)  # how far wrong labels let it go is unknown
    if suspects and not searched:
        yield from filter(None, [suspects[0].finding()])
        return
    unstable = _unstable_penalty(case) if searched else None
    if unstable is not None:
        yield unstable
        return
    for each in (biases, _events, _optimizer, _clip, _flow):
        suspect = each(case)
        suspects += [suspect] if suspect is not None else []
    suspects += _rates(case)
    first = first_of(case, [one for one in suspects if one.rescues]) or _far_off(case) if searched else None
    first = first or first_improvement(case, suspects)
    if first is not None:
        yield first


# the update rule --------------------------------------------------------------------------------------------


def _events(case: RunView) -> Suspect | None:
    """A learning rate that was raised on the way, and a run that goes well without."""
    eta, at = at_start(case.settings, case.events).optimizer.learning_rate, None
    for step, name, value in changes_of(case.events):
        if name == "learning_rate":
            if float(value) > JUMPED * eta and at is None:
                at = (step, eta, float(value))
            eta = float(value)
    if at is None or at[0] >= case.n_steps:
        return None
    without = trial(case, Change(without_events=True), n_trial_steps(case))
    evidence = {"before": at[1], "learning_rate": at[2], "better": at[1]} | trial_evidence(case, without)
    return Suspect(
        outcome=without,
        finding=lambda: Finding(id="learning-rate-too-large", variant="jump", step=at[0], evidence=evidence),
    )


def _optimizer(case: RunView) -> Suspect | None:
    """A hyper-parameter of the optimizer far from the usual, and a run that does well with the usual."""
    hyper, usual = case.settings.optimizer.hyper, OPTIMIZERS[case.task.optimizer].hyper
    odd = [name for name, limit in SLUGGISH.items() if hyper.get(name, 0.0) >= limit]
    odd += [name for name, limit in HASTY.items() if hyper.get(name, 1.0) < limit]
    odd += ["epsilon"] if hyper.get("epsilon", 0.0) >= COARSE_EPSILON else []
    if not odd:
        return None
    better = {name: 0.9 if name == "momentum" else float(usual[name]) for name in odd}
    reset = trial(case, Change(hyper=better), n_trial_steps(case))
    evidence = {"names": odd, "values": [float(hyper[name]) for name in odd], "usual": list(better.values())}
    evidence |= trial_evidence(case, reset)
    return Suspect(
        outcome=reset, finding=lambda: Finding(id="wrong-optimizer-settings", step=case.first, evidence=evidence)
    )


def _clip(case: RunView) -> Suspect | None:
    """A gradient cut short in every step, and a run that does well with the whole of it."""
    clip = case.settings.clip_norm
    if clip is None:
        return None
    free = trial(case, Change(settings={"clip_norm": None}), n_trial_steps(case))
    evidence = {"names": ["clip_norm"], "values": [float(clip)], "usual": ["None"]} | trial_evidence(case, free)
    return Suspect(
        outcome=free,
        finding=lambda: Finding(id="wrong-optimizer-settings", variant="clip", step=case.first, evidence=evidence),
    )


# gradients that vanish or explode on their way down ----------------------------------------------------------


def _flow(case: RunView) -> Suspect | None:
    """An error signal that does not reach layer 1, or swells on the way, at the start."""
    layers = case.task.architecture.layers
    if len(layers) < 3:
        return None
    factors = [(s.by_weights or 0.0, s.by_slope or 0.0) for s in case.signs_at_start[:-1]]
    by_weights, by_slope = (float(np.prod([f[i] for f in factors])) for i in (0, 1))
    left = by_weights * by_slope
    if not np.isfinite(left) or VANISHED < left < EXPLODED:
        return None
    products = [w * s for w, s in factors]
    if left >= EXPLODED:
        outcome = trial(case, Change(theta=_of_usual_size), n_trial_steps(case))
        id_, variant, layer = "exploding-gradient", "", int(np.argmax(products)) + 1
    else:
        swapped = rectified(case.task.architecture)
        outcome = min(
            (
                trial(case, Change(learning_rate=rate, theta=_of_usual_size, architecture=swapped), n_trial_steps(case))
                for rate in (1.0, 0.1)  # rectifiers pass on more: the same rate may be too large for them
            ),
            key=lambda one: one.loss,
        )
        id_, variant, layer = (
            "vanishing-gradient",
            "slope" if by_slope < by_weights else "weights",
            int(np.argmin(products)) + 1,
        )
    evidence = {"left": left, "by_weights": by_weights, "by_slope": by_slope, "n": len(factors)} | trial_evidence(
        case, outcome
    )
    finding = Finding(id=id_, variant=variant, step=case.first, layer=layer, evidence=evidence)
    return Suspect(outcome=outcome, finding=lambda: finding, patient=True)


def rectified(architecture: Architecture) -> Architecture:
    """The same layers with rectifiers as hidden activations."""
    hidden = tuple(replace(layer, activation="relu") for layer in architecture.layers[:-1])
    return replace(architecture, layers=(*hidden, architecture.layers[-1]))


def _of_usual_size(parameters: Parameters) -> Parameters:
    """The same draws at the spread that suits the activations, biases 0."""
    layers = enumerate(parameters.architecture.layers, start=1)
    return usual_size(parameters, np.array([_rms(parameters.W[l]) / usual_spread(layer) for l, layer in layers]))


def _rms(array: npt.NDArray[Any]) -> float:
    return float(np.sqrt((array.astype(np.float64) ** 2).mean()))


# learning rate, penalties, steps -----------------------------------------------------------------------------


def _rates(case: RunView) -> list[Suspect]:
    """Lower rates or no penalties, whichever does better first; then a constant rate, more steps, higher rates."""
    n = n_trial_steps(case)
    tried = LOWER if case.diverged is None else (SLIGHTLY_LOWER, *LOWER)
    lower, higher = (
        sorted(
            (
                Suspect(outcome=outcome, finding=partial(named, case, outcome, factor), hastens=factor > 1)
                for factor in (factors if case.failed else factors[:1])
                if (outcome := trial(case, Change(learning_rate=factor), n))
            ),
            key=lambda suspect: (not suspect.rescues, suspect.outcome.loss),
        )
        for named, factors in ((_too_large, tried), (_too_small, HIGHER if case.diverged is None else ()))
    )
    suspects = sorted([*lower[:1], *_penalties(case, n)], key=lambda suspect: suspect.outcome.loss)
    suspects += _schedule(case, n)
    if case.diverged is None and case.failed:
        n_more = n_trial_steps(case, max(4 * case.n_steps, 500), whole=True)
        more = trial(case, Change(), n_more, start=case.n_steps)
        if not any(_replaces(suspect.outcome, more) for suspect in higher):
            suspects.append(Suspect(outcome=more, finding=partial(_steps, case, more), longer=True))
    return suspects + higher


def _replaces(faster: Outcome, more: Outcome) -> bool:
    """Whether ten times the rate leaves clearly less in the steps there were than going on does."""
    least = more.case.least
    return faster.change.learning_rate <= HIGHER[0] and faster.loss - least <= AHEAD * (more.loss - least)


def _far_off(case: RunView) -> Finding | None:
    """A rate far more than a thousand times too large where the loss rose, or too small where nothing was learned."""
    if not case.is_hopeless:
        return None
    rose = case.diverged is not None or case.loss_at_end > case.loss_at_start
    named = _too_large if rose else _too_small
    for factor in STILL_LOWER if rose else STILL_HIGHER:
        outcome = trial(case, Change(learning_rate=factor), n_trial_steps(case))
        found = (
            first_of(case, [Suspect(outcome=outcome, finding=partial(named, case, outcome, factor))])
            if rescues(outcome)
            else None
        )
        if found is not None:
            return found
    return None


def penalties_of(case: RunView) -> dict[str, float]:
    """The penalties that were on, by name."""
    s, decay = case.settings, case.settings.optimizer.hyper.get("weight_decay", 0.0)
    evidence = {"l2": s.l2 + s.alpha, "l1": s.l1, "dropout": s.dropout, "weight_decay": decay}
    return {name: float(value) for name, value in evidence.items() if value > 0}


def _unstable_penalty(case: RunView) -> Finding | None:
    """A penalty whose own step makes weights grow."""
    eta, penalised = case.learning_rate(case.first), penalties_of(case)
    if OPTIMIZERS[case.task.optimizer].scale is not None or eta * penalised.get("l2", 0.0) <= SHRINKING:
        return None
    evidence = {"names": ["l2"], "values": [penalised["l2"]], "learning_rate": eta, "factor": 1 - eta * penalised["l2"]}
    return Finding(id="too-strong-regularization", variant="unstable", step=case.first, evidence=evidence)


def _penalties(case: RunView, n: int) -> list[Suspect]:
    penalised = penalties_of(case)
    if not penalised:
        return []
    hyper = {"weight_decay": 0.0} if "weight_decay" in penalised else {}
    free = trial(case, Change(settings={"l2": 0.0, "l1": 0.0, "dropout": 0.0, "alpha": 0.0}, hyper=hyper), n)
    evidence: dict[str, Any] = {
        "names": list(penalised), "values": list(penalised.values()),
        "weight_at_start": _size(case.start), "weight_at_end": _size(case.end),
    }  # fmt: skip
    evidence |= trial_evidence(case, free)
    return [
        Suspect(
            outcome=free,
            finding=lambda: Finding(id="too-strong-regularization", step=case.first, evidence=evidence),
            must_hold=True,
        )
    ]


def _size(parameters: Parameters) -> float:
    return float(np.sqrt(sum((w.astype(np.float64) ** 2).sum() for w in parameters.W[1:])))


def _too_large(case: RunView, outcome: Outcome, factor: float) -> Finding:
    incident = first_overshoot(case)
    eta = case.learning_rate(case.first)
    evidence: dict[str, Any] = {"learning_rate": eta, "better": eta * factor, "factor": factor} | trial_evidence(
        case, outcome
    )
    evidence |= _curvature(case, eta)
    if incident is None:
        return Finding(id="learning-rate-too-large", step=case.first, evidence=evidence)
    layer = int(np.argmax(np.nan_to_num(incident.ratios, posinf=np.inf))) + 1
    evidence |= {
        "before": incident.loss, "after": incident.loss_after, "overshoot": incident.overshoot,
        "ratio": incident.ratios[layer - 1],
    }  # fmt: skip
    return Finding(id="learning-rate-too-large", variant="incident", step=incident.step, layer=layer, evidence=evidence)


def _curvature(case: RunView, eta: float) -> dict[str, float]:
    curvature = sharpness(case.start, case.task, case.settings.l2)
    return {} if curvature is None else {"curvature": curvature, "eta_lambda": eta * curvature}


def first_overshoot(case: RunView) -> StepSigns | None:
    """The first step looked at whose own update left its own batch worse off, past the lowest point by the slope."""
    for step in chosen_steps(case.n_steps, case.checkpoints.sizes, early=24):
        if step < case.first:
            continue
        seen = of_record(case.record(step), case.engine, case.task)
        if not np.isfinite(seen.loss_after) or (seen.loss_after > seen.loss and not seen.overshoot < 0):
            return seen
    return None


def _too_small(case: RunView, outcome: Outcome, factor: float) -> Finding:
    eta = case.learning_rate(case.first)
    signs = of_record(case.record(case.n_steps - 1), case.engine, case.task)
    evidence: dict[str, Any] = {"learning_rate": eta, "better": eta * factor, "factor": factor}
    evidence |= (
        {"overshoot": signs.overshoot, "ratio": max(signs.ratios)}
        | _curvature(case, eta)
        | trial_evidence(case, outcome)
    )
    return Finding(id="learning-rate-too-small", step=case.first, evidence=evidence)


def _schedule(case: RunView, n: int) -> list[Suspect]:
    """A rate that faded away while there was much to learn, and a run that does well with a constant one."""
    etas = [
        case.learning_rate(step) for step in chosen_steps(case.n_steps, case.checkpoints.sizes) if step >= case.first
    ]
    if etas[-1] > FADED * max(etas):
        return []
    constant = trial(case, Change(constant_rate=True), n)
    steps = [step for step in chosen_steps(case.n_steps, case.checkpoints.sizes) if step >= case.first]
    faded = next(
        step
        for step, eta in zip(steps, etas, strict=True)
        if eta <= FADED * max(etas) and step >= steps[int(np.argmax(etas))]
    )
    evidence = {"learning_rate": max(etas), "last": etas[-1], "better": max(etas)} | trial_evidence(case, constant)
    finding = Finding(id="learning-rate-too-small", variant="faded", step=faded, evidence=evidence)
    return [Suspect(outcome=constant, finding=lambda: finding, hastens=True)]


def _steps(case: RunView, went_on: Outcome) -> Finding:
    result = trial_evidence(case, went_on) | {
        "n_steps": case.n_steps,
        "epochs": case.n_steps / case.task.steps_per_epoch,
    }
    return Finding(id="too-few-steps", step=case.n_steps - 1, evidence=result)
