"""Rules about the outcome: a network that learned its rows by heart."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.run_view import RunView

RISEN, ABOVE = 0.25, 1.25
"""The loss of held-out rows has risen from its lowest by this share of what had been gained there, and to this
multiple of the lowest: a quarter of both is more than epochs differ by chance."""
GAP = 0.5


def outcome_rules(case: RunView) -> Iterator[Finding]:
    """Overfitting, by the losses of held-out rows epoch by epoch."""
    held = np.array(case.history.get("validation_loss", []), dtype=np.float64)
    if not len(held):
        case.unjudged.append("overfitting")
        return
    if len(held) < 3 or not np.isfinite(held).all() or case.learned <= 0:
        return
    own = np.array(case.history["loss"], dtype=np.float64)
    best = int(np.argmin(held))
    gained = case.chance - held[best]
    risen = float((held[-1] - held[best]) / max(gained, 1e-12))
    evidence = {
        "epoch": best, "best": float(held[best]), "last": float(held[-1]), "own_best": float(own[best]),
        "own_last": float(own[-1]), "risen": risen, "chance": case.chance, "end": case.loss_at_end,
    }  # fmt: skip
    if gained <= 0:
        if case.learned > GAP:
            yield Finding(id="overfitting", variant="nothing", evidence=evidence)
        return
    if risen > RISEN / 4 and own[-1] < own[best] and case.loss_at_end < held[-1]:
        step = (best + 1) * case.task.steps_per_epoch
        severity = FAULT if risen > RISEN and held[-1] > ABOVE * held[best] else NOTE
        yield Finding(
            id="overfitting", variant="", step=min(step, case.n_steps - 1), evidence=evidence, severity=severity
        )
