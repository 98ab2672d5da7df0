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
from chainrule.diagnose.doctor.suspects import BARELY
from chainrule.diagnose.doctor.symptom_rules import symptom_rules
from chainrule.diagnose.doctor.wiring_rules import wiring_rules

MISLEADING = ("duplicate-rows", "target-leak", "overfitting")
"""Faults that mislead but keep no network from fitting its rows: a cause of that stands before them."""
EXPLAINS_ALL = (
    "non-finite-data", "constant-inputs", "label-noise", "input-scale", "wrong-gradient", "symmetric-weights",
    "weights-too-large", "weights-too-small", "dead-units", "saturated-units",
)  # fmt: skip
"""Causes after which the speed of the way down is not asked for: it is as they make it."""


def diagnose(case: RunView) -> Diagnosis:
    """Every finding, first cause first."""
    if case.n_steps == 0:
        return Diagnosis((), {"steps": 0}, ("steps",))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        causes = [*data_rules(case)]
        if not _explained(causes):
            causes += wiring_rules(case)
        if not _explained(causes):
            causes += start_rules(case)
        if not _explained(causes):
            causes += speed_rules(case)
        causes += outcome_rules(case)
        symptoms = list(symptom_rules(case))
        hopeless = case.learned < BARELY or case.diverged is not None
    return Diagnosis(tuple(arranged(causes, symptoms, hopeless)), _summary(case), tuple(dict.fromkeys(case.unjudged)))


def _explained(causes: Iterable[Finding]) -> bool:
    return any(finding.severity == FAULT and finding.id in EXPLAINS_ALL for finding in causes)


def arranged(causes: Sequence[Finding], symptoms: Sequence[Finding], hopeless: bool = True) -> list[Finding]:
    """Faults in the order of causes, those that only mislead last, symptoms under the first cause; then the notes."""
    faults = sorted((finding for finding in causes if finding.severity == FAULT), key=lambda finding: finding.rank)
    notes = [finding for finding in (*causes, *symptoms) if finding.severity != FAULT]
    failing = [finding for finding in faults if finding.id not in MISLEADING]
    misleading = [finding for finding in faults if finding.id in MISLEADING]
    ill = [finding for finding in symptoms if finding.severity == FAULT]
    if not failing and not hopeless:  # the run learned, and nothing that was tried would have helped it
        notes += [replace(finding, severity=NOTE) for finding in ill]
        ill = []
    if failing:
        known = {finding.id for finding in failing}
        first = failing[0].because([finding for finding in ill if finding.id not in known])
        return [first, *failing[1:], *misleading, *notes]
    if ill:  # no cause was found: the earliest symptom stands for it
        ill.sort(key=lambda finding: (finding.step if finding.step is not None else -1, finding.rank))
        return [ill[0].because(ill[1:]), *misleading, *notes]
    return [*misleading, *notes]


def _summary(case: RunView) -> dict[str, float | int]:
    return {
        "steps": case.n_steps,
        "loss_at_start": case.loss_at_start,
        "loss_at_end": case.loss_at_end,
        "chance": case.chance,
        "rows": len(case.sample),
    }
