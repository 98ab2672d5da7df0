"""Whether a longer training than any that was tried is worth a trial, and whether it is taken.

A longer training helps where the loss still falls at the end of the one before it, and harms where that learns its rows
by heart. Where trials are trainings on the rows of the training to come, it is tried: if it is taken, nothing is done
twice. What would be trained is its best epoch, so best epochs are compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.planning.trials import Trial

AHEAD = 0.975
"""The freest candidate's loss is below this share of those of the others, …"""
STILL_FALLS = 1.01
"""… and its last loss at most so many times its lowest."""
OVERTAKING = 0.8
"""How far below the expected loss with neighbours that without them must be."""
TAKEN_BELOW = 0.985
"""The longer training's lowest loss must be below this share of the freest one's."""


def is_worth_a_trial(freest: Trial, others: Sequence[Trial]) -> bool:
    """Whether the freest candidate leads the others, and its loss still falls at its end.

    Arguments: freest, others: trials with the same inputs.
    """
    if freest.best is None or not math.isfinite(freest.loss):
        return False
    least = min((trial.loss for trial in others), default=math.inf)
    return _is_below(freest.loss, least, AHEAD) and not _is_below(freest.best, freest.loss, 1 / STILL_FALLS)


def overtakes(plain: Sequence[Trial], near: Sequence[Trial]) -> bool:
    """Whether networks without neighbours fall so fast from one training to the next, four times as long, that the
    longest is expected to overtake the one with them.

    Formula   ℓ_3 · (ℓ_3 / ℓ_2) < OVERTAKING · the same with neighbours, ℓ the loss of candidate 2 and 3
    Arguments: plain, near: the trials of the last two candidates with hidden layers, the freest last.
    """
    losses = [trial.loss for trial in (*plain, *near)]
    if len(losses) != 4 or not all(0 < loss < math.inf for loss in losses):
        return False
    return losses[1] ** 2 / losses[0] < OVERTAKING * losses[3] ** 2 / losses[2]


def is_taken(longer: Trial, freest: Trial) -> bool:
    """Whether the best epoch of the longer training is better by enough."""
    if longer.best is None or freest.best is None:
        return False
    return _is_below(longer.best, freest.best, TAKEN_BELOW)


def _is_below(loss: float, other: float, share: float) -> bool:
    """Whether a loss, which may be negative, is below another by more than what remains of that above a share."""
    return loss < other - (1 - share) * abs(other)
