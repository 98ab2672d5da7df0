"""Rules about the outcome: a network that learned its rows by heart.

With held-out rows a run keeps the weights of its best epoch: a loss of these rows that rises afterwards costs nothing
but time. It is a fault where the weights that were kept are no good either: where a forest of trees, which has seen
the same rows, does better on new ones, or where hundreds of weights for every row left a wide gap at every epoch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from chainrule.diagnose.doctor.finding import FAULT, NOTE, Finding
from chainrule.diagnose.doctor.run_view import RunView

RISEN, ABOVE = 0.25, 1.25
"""The loss of held-out rows has risen from its lowest by this share of what had been gained there, and to this
multiple of the lowest: a quarter of both is more than epochs differ by chance."""
GAP = 0.5
BEATEN, UNKNOWN = 2.0, 400
"""Standard errors by which a forest must do better on unseen rows than the weights that were kept, where losses of rows
spread by about the constant's loss; and held-out rows where their number is not known."""
BY_HEART, OPEN = 0.02, 0.15
"""The loss of the training rows beside that of held-out rows at their best, and the share of the constant's loss that
is left there: rows that are known to the last, and new ones that are not."""
WEIGHTS, WEIGHTS_ALONE = 10, 100
"""Weights for every row, from which such a gap is put down to them; and without a forest that does better."""


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
    evidence |= {"weights": case.start.flat.size, "rows": case.task.n_samples}
    if gained <= 0:
        if case.learned > GAP:
            yield Finding(id="overfitting", variant="nothing", evidence=evidence)
        return
    step = min((best + 1) * case.task.steps_per_epoch, case.n_steps - 1)
    n_held = UNKNOWN if case.held_out is None else len(case.held_out)
    beaten = case.learnable is None or case.learnable - gained / case.reach > BEATEN / np.sqrt(n_held)
    rose = risen > RISEN and held[-1] - case.least > ABOVE * (held[best] - case.least) and beaten
    falling = own[-1] < own[best] and case.loss_at_end < held[-1]
    if not rose and _by_heart(case, float(own[-1]), float(held[best]), beaten):
        yield Finding(id="overfitting", variant="heart", step=step, evidence=evidence)
    elif risen > RISEN / 4 and falling:
        yield Finding(id="overfitting", step=step, evidence=evidence, severity=FAULT if rose else NOTE)


def _by_heart(case: RunView, own: float, held: float, beaten: bool) -> bool:
    """Whether every row was learned, by far more weights than rows, and held-out rows were never told as well."""
    weights = case.start.flat.size / case.task.n_samples
    many = weights >= WEIGHTS_ALONE or (weights >= WEIGHTS and beaten)
    left, open_ = max(own, case.loss_at_end) - case.least, held - case.least
    return many and left <= BY_HEART * open_ and open_ >= OPEN * case.reach
