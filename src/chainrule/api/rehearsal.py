"""Rehearsals: short trainings that say how simple a training may stay.

A long training of a large network learns the noise of a table by heart, a short one of a small network does not
learn its pattern. Which of the two a table needs is seen by trying: the simplest training first, then freer ones,
each to the end of its schedule, judged on rows held out.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from typing import Any

from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.train import train

LONGER_BELOW = 0.9
"""The longest training is worth its time where the freest rehearsal beats the simpler ones by a tenth of their loss."""


class Clock:
    """A time limit, in seconds, that rehearsals and the training share; None is no limit."""

    def __init__(self, limit: float | None) -> None:
        self._limit, self._began = limit, time.perf_counter()

    def share(self, parts: int) -> dict[str, float]:
        """The time limit of a training that takes one of so many parts of what is left; there is always a moment."""
        if self._limit is None:
            return {}
        return {"time_limit": max(self._limit - (time.perf_counter() - self._began), 1e-3) / parts}


def climb(n_rungs: int, loss_of: Callable[[int], float]) -> tuple[int, tuple[float, ...]]:
    """Which of several trainings, the simplest first, is to be done, and the losses of those that were rehearsed.

    The last and longest one is never rehearsed: it is done where the one below it was better than the others by far.

    Args      loss_of: the validation loss of a training; inf where it failed
    Example   >>> climb(4, [0.44, 0.42, 0.43].__getitem__)
              (1, (0.44, 0.42, 0.43))
              >>> climb(4, [0.44, 0.42, 0.41].__getitem__)
              (2, (0.44, 0.42, 0.41))
              >>> climb(4, [0.44, 0.42, 0.31].__getitem__)
              (3, (0.44, 0.42, 0.31))
    """
    losses = tuple(loss_of(rung) for rung in range(n_rungs - 1))
    best = min(range(len(losses)), key=losses.__getitem__, default=0)
    others = min(losses[:-1], default=math.inf)
    is_freest = bool(losses) and best == len(losses) - 1
    longer = is_freest and losses[best] < others - (1 - LONGER_BELOW) * abs(others)
    return best + 1 if longer else best, losses


def rehearse(network: Network, X: Any, y: object, *, seed: int, validation: Any, **how: Any) -> float:
    """The validation loss at the end of a training; inf where it diverged.

    The loss at the end says how far a training learns by heart; that of its best epoch hides it, and the more epochs
    there are to choose from, the better it looks by chance. Where validation is a share of few rows, it is the mean
    over N_SPLITS ways to hold them out, with seeds from `seed` on.

    Args      how: what train takes besides
    """
    several = isinstance(validation, float) and len(X) < FEW_ROWS
    losses = []
    for split in range(N_SPLITS if several else 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = train(network, X, y, validation=validation, seed=(seed + split) % 2**64, progress=False, **how)
        losses.append(_finite(run, (run.history.get("validation_loss") or [math.inf])[-1]))
    return sum(losses) / len(losses)


def loss_after(network: Network, X: Any, y: object, held_out: tuple[Any, ...], *, seed: int, **how: Any) -> float:
    """The loss of the held-out rows (X, y[, weight]) after a training that does not see them; inf where it diverged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = train(network, X, y, seed=seed, progress=False, **how)
    return _finite(run, run.network.backward(*held_out).loss)


def _finite(run: Run, loss: float) -> float:
    if run.result["stopped"] == "interrupted":
        raise KeyboardInterrupt
    return math.inf if run.diverged or not math.isfinite(loss) else float(loss)


N_SPLITS = 3
FEW_ROWS = 1_500
