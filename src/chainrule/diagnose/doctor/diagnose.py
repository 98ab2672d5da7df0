"""The diagnosis: rules in the order of causes, symptoms put under the cause that explains them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from chainrule.diagnose.doctor.data_rules import data_rules
from chainrule.diagnose.doctor.finding import FAULT, NOTE, Diagnosis, Finding
from chainrule.diagnose.doctor.outcome_rules import outcome_rules
from chainrule.diagnose.doctor.run_view import RunView
from chainrule.diagnose.doctor.speed_rules import speed_rules
from chainrule.diagnose.doctor.start_rules import start_rules
from chainrule.diagnose.doctor.symptom_rules import symptom_rules
from chainrule.diagnose.doctor.wiring_rules import wiring_rules
from chainrule.engine.select import one_thread

MISLEADING = ("duplicate-rows", "target-leak", "overfitting", "input-scale:held-out")
"""Faults that mislead but keep no network from fitting its rows: a cause of that stands before them."""
SLOW_ALONE = ("label-noise", "input-scale:code")
"""Faults of the data that a network learns in spite of, if less: a cause that keeps it from learning stands first."""
EXPLAINS_ALL = (
    "non-finite-data", "constant-inputs:all", "wrong-gradient", "symmetric-weights",
    "weights-too-large", "weights-too-small", "dead-units", "saturated-units",
)  # fmt: skip
"""Causes after which the speed of the way down is not asked for: it is as they make it. What has evidence of its own
is asked for beside all others: wrong labels are no reason for a rate that is 10,000 times too large."""
BLOW_UP = (
    "non-finite-data", "input-scale", "wrong-gradient", "wrong-pair", "weights-too-large", "wrong-optimizer-settings",
    "exploding-gradient", "learning-rate-too-large", "too-strong-regularization",
)  # fmt: skip
"""Causes that make numbers grow without end."""
EXCLUDES = {
    "too-few-steps": ("stalled",), "learning-rate-too-small": ("exploding-loss", "non-finite"),
    "exploding-gradient": ("vanishing-gradient",), "overfitting": ("too-few-steps",),
}  # fmt: skip
"""Findings that contradict one that is there: they are not shown beside it."""


SAID = {"wiring_rules": "loss, outputs and gradients", "start_rules": "initial weights", "speed_rules": "the way down"}


def diagnose(case: RunView) -> Diagnosis:
    """Every finding, first cause first."""
    if case.n_steps == 0:
        return Diagnosis((), {"steps": 0}, ("steps",))
    # Products are small: threads of the BLAS would only wait for each other.
    with one_thread(), np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case.says("rows, columns and labels")
        causes = [*data_rules(case)]
        case.is_noisy = "label-noise" in faults(causes)
        for rules in (wiring_rules, start_rules, speed_rules):
            if not _explained(causes):
                case.says(SAID[rules.__name__])
                causes += rules(case)
        case.says("what came of it")
        causes += outcome_rules(case)
        symptoms = list(symptom_rules(case))
        hopeless = case.is_hopeless
    return Diagnosis(tuple(arranged(causes, symptoms, hopeless)), _summary(case), tuple(dict.fromkeys(case.unjudged)))


def faults(findings: Iterable[Finding]) -> list[str]:
    """The ids of those that are faults."""
    return [finding.id for finding in findings if finding.severity == FAULT]


def _explained(causes: Iterable[Finding]) -> bool:
    """Whether one of them makes the way down what it is."""
    return any(
        finding.severity == FAULT and (_named(finding, EXPLAINS_ALL) or finding.evidence.get("heals") is True)
        for finding in causes
    )


def _named(finding: Finding, names: Sequence[str]) -> bool:
    return finding.id in names or f"{finding.id}:{finding.variant}" in names


def arranged(causes: Sequence[Finding], symptoms: Sequence[Finding], hopeless: bool = True) -> list[Finding]:
    """Faults in the order of causes, each with the symptoms that it explains; those that only mislead last; notes."""
    excluded = {name for id_ in faults(causes) for name in EXCLUDES.get(id_, ())}
    causes = [finding for finding in causes if finding.id not in excluded]
    ordered = sorted((finding for finding in causes if finding.severity == FAULT), key=lambda finding: finding.rank)
    failing = [finding for finding in ordered if not _named(finding, MISLEADING)]
    failing.sort(key=lambda finding: _named(finding, SLOW_ALONE) and finding.variant != "all" and not _heals(finding))
    ill = [one for one in symptoms if one.severity == FAULT and one.id not in (*excluded, *faults(failing))]
    notes = [finding for finding in (*causes, *symptoms) if finding.severity != FAULT]
    if not failing and not hopeless:  # the run learned, and nothing that was tried would have helped it
        notes += [replace(finding, severity=NOTE) for finding in ill]
        ill = []
    ill.sort(key=lambda finding: (finding.step if finding.step is not None else -1, finding.rank))
    shown, left = _with_consequences(failing, ill)
    if left:  # no cause of these was found: the earliest one stands for them
        shown.insert(0, left[0].because(left[1:]))
    shown += [finding for finding in ordered if _named(finding, MISLEADING)]
    there = faults([*shown, *(each for finding in shown for each in finding.consequences)])
    return [*shown, *(finding for finding in notes if finding.id not in there)]


def _heals(finding: Finding) -> bool:
    return finding.evidence.get("heals") is True


def _with_consequences(failing: Sequence[Finding], ill: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Every symptom under the first cause that explains it, and the symptoms that no cause explains."""
    shown, left = list(failing), list[Finding]()
    for symptom in ill:
        blows = symptom.id in ("non-finite", "exploding-loss")
        may = [k for k, cause in enumerate(shown) if not blows or cause.id in BLOW_UP]
        if may:
            shown[may[0]] = shown[may[0]].because([symptom])
        else:
            left.append(symptom)
    return shown, left


def _summary(case: RunView) -> dict[str, float | int]:
    cut = {} if case.trial_steps is None else {"trial_steps": case.trial_steps}
    return cut | {
        "steps": case.n_steps,
        "loss_at_start": case.loss_at_start,
        "loss_at_end": case.loss_at_end,
        "chance": case.chance,
        "rows": len(case.sample),
    }
