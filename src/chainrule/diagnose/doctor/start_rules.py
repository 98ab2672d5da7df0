"""Rules about the start: initial weights that are all alike, too large or too small, and units dead from birth."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np

from chainrule.diagnose.doctor.finding import NOTE, Finding
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.suspects import Suspect, helps_on_unseen, trial_evidence
from chainrule.diagnose.doctor.trials import Change, n_trial_steps, rescues, trial
from chainrule.diagnose.vitals.signs import LayerSigns
from chainrule.network.architecture import Dense
from chainrule.network.initializers import automatic
from chainrule.network.parameters import Parameters

OFF = 3.0
"""Initial weights are suspected where their rms is this many times the usual one, or less than its inverse."""
MOSTLY = 0.5


def start_rules(case: RunView) -> Iterator[Finding]:
    """Findings about the parameters before the first step that need no trial."""
    yield from _symmetric(case)


def _symmetric(case: RunView) -> Iterator[Finding]:
    """Units of a hidden layer that start with the same weights in and out stay the same for ever."""
    p, layers = case.start, case.task.architecture.layers
    for l in range(1, len(layers)):
        units = np.vstack([p.W[l], p.b[l][None, :], p.W[l + 1].T])
        n_kinds = len(np.unique(units.astype(np.float64), axis=1).T)
        n = layers[l - 1].n_out
        if n > 1 and n_kinds <= max(1, n // 2):
            value = float(p.W[l].flat[0])
            evidence = {"n": n, "kinds": n_kinds, "value": value, "alike_at_end": n - _kinds(case.end, l)}
            zero = not p.W[l].any()
            yield Finding(
                id="symmetric-weights", variant="zero" if zero else "", step=case.first, layer=l, evidence=evidence
            )
            return


def _kinds(parameters: Parameters, l: int) -> int:
    return len(np.unique(parameters.W[l].astype(np.float64), axis=1).T)


def usual_spread(layer: Dense) -> float:
    """Standard deviation of initial weights that keeps the size of the signal.

    Formula   √(2/n_in) for rectifiers, √(1/n_in) for selu, √(2/(n_in + n_out)) else
    Source    He et al. (2015); Klambauer et al. (2017); Glorot, Bengio (2010)
    """
    rule = automatic(layer.activation)
    if rule == "he_normal":
        return sqrt(2 / layer.n_in)
    return sqrt(1 / layer.n_in) if rule == "lecun_normal" else sqrt(2 / (layer.n_in + layer.n_out))


def _ratios(case: RunView) -> list[float]:
    return [
        float(np.sqrt((case.start.W[l].astype(np.float64) ** 2).mean())) / usual_spread(layer)
        for l, layer in enumerate(case.task.architecture.layers, start=1)
    ]


def weights_scale(case: RunView) -> Suspect | Finding | None:
    """Weights of another size than usual: a suspect if the same draws at the usual size would have gone well."""
    ratios = np.array(_ratios(case))
    with np.errstate(divide="ignore"):
        off = np.where(ratios > 1, ratios, 1 / ratios)
    off = np.where(np.isfinite(off), off, 1.0)  # a layer of zeros is another matter
    layer = int(np.argmax(off)) + 1
    if off[layer - 1] < OFF:
        return None
    evidence: dict[str, Any] = {
        "ratio": float(ratios[layer - 1]), "ratios": [float(r) for r in ratios],
        "usual": usual_spread(case.task.architecture.layers[layer - 1]), "loss_at_start": case.loss_at_start,
        "chance": case.chance,
    }  # fmt: skip
    id_ = "weights-too-large" if ratios[layer - 1] > 1 else "weights-too-small"
    change = Change(theta=lambda p: usual_size(p, ratios))
    if case.failed or off[layer - 1] >= 2 * OFF:
        resized = trial(case, change, n_trial_steps(case))
        if (case.failed and rescues(resized)) or helps_on_unseen(case, change):
            evidence |= trial_evidence(case, resized)
            return Suspect(
                outcome=resized,
                finding=lambda: Finding(id=id_, step=case.first, layer=layer, evidence=evidence),
                known=True,
            )
    return Finding(id=id_, variant="harmless", step=case.first, layer=layer, evidence=evidence, severity=NOTE)


def usual_size(parameters: Parameters, ratios: np.ndarray) -> Parameters:
    """The same draws scaled to the usual spread, biases 0."""
    resized = parameters.copy()
    for l, factor in enumerate(ratios, start=1):
        if factor > 0:
            resized.W[l][...] = resized.W[l] / factor
        resized.b[l][...] = 0
    return resized


def biases(case: RunView) -> Suspect | None:
    """Units dead or saturated before the first step: a suspect if biases of 0 would have done well."""
    worst: tuple[LayerSigns, float] | None = None
    for s in case.signs_at_start[:-1]:
        share = max(s.silent or 0.0, s.saturated or 0.0)
        if share > MOSTLY and (worst is None or share > worst[1]):
            worst = (s, share)
    if worst is None or not case.failed or not any(b.any() for b in case.start.b[1:]):
        return None
    change = Change(theta=_without_biases)
    reset = trial(case, change, n_trial_steps(case))
    signs, share = worst
    of = len(case.start.b[signs.layer])
    size = float(np.sqrt((case.start.b[signs.layer].astype(np.float64) ** 2).mean()))
    evidence = {"share": share, "n": round(share * of), "of": of, "bias": size} | trial_evidence(case, reset)
    id_ = "dead-units" if signs.saturated is None else "saturated-units"
    finding = Finding(id=id_, variant="biases", step=case.first, layer=signs.layer, evidence=evidence)
    return Suspect(outcome=reset, finding=lambda: finding, known=not rescues(reset) and helps_on_unseen(case, change))


def _without_biases(parameters: Parameters) -> Parameters:
    reset = parameters.copy()
    for l in range(1, len(reset.b)):
        reset.b[l][...] = 0
    return reset
