"""Rehearsals: short trainings that say how simple a training may stay.

A long training of a large network learns the noise of a table by heart, a short one of a small network does not
learn its pattern. Which of the two a table needs is seen by trying: the simplest training first, then freer ones,
each to the end of its schedule, judged on rows held out; of few rows by cross-validation.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.api.train import train
from chainrule.data.folds import N_FOLDS
from chainrule.errors import DataError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.training.settings import Optimizer

LONGER_BELOW = 0.9
"""The longest training is worth its time where the freest rehearsal beats the simpler ones by a tenth of their loss."""
N_SPLITS = 3
SEVERAL_SPLITS_BELOW = 1_500
"""Of fewer rows several ways to hold a share out are tried."""
Rows: TypeAlias = tuple[Any, Any, Any]
"""Inputs, targets, weights or None."""


@dataclass(frozen=True)
class Recipe:
    """One training: of which inputs and network, by which rule, with which settings."""

    pipeline: TablePipeline
    network: Network
    optimizer: Optimizer
    settings: dict[str, Any]
    """Further arguments of train, the seed and the time limit among them."""

    @property
    def named(self) -> str:
        """In a few words."""
        l2 = f", l2 {self.settings['l2']:g}" if self.settings.get("l2") else ""
        return f"{self.network.architecture}{l2}, {self.settings['epochs']} epochs"


@dataclass(frozen=True)
class Choice:
    """The recipe to train by, its place among the others, and the losses of those that were rehearsed."""

    rung: int
    recipe: Recipe
    tried: tuple[float, ...] = ()
    networks: tuple[Network | None, ...] = ()
    """Of a cross-validation, what the recipe made of the rows outside each fold; None where that told nothing."""


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


def compare(n_rungs: int, loss_of: Callable[[int], float]) -> tuple[int, tuple[float, ...]]:
    """The same where every loss is that of the training itself: the lowest; the longest is tried if the one below led.

    Example   >>> compare(3, [0.44, 0.42, 0.43].__getitem__)
              (1, (0.44, 0.42, 0.43))
              >>> compare(3, [0.42, 0.44, 0.1].__getitem__)
              (0, (0.42, 0.44))
    """
    losses = tuple(loss_of(rung) for rung in range(n_rungs - 1))
    if min(range(len(losses)), key=losses.__getitem__, default=0) == len(losses) - 1:
        losses = (*losses, loss_of(n_rungs - 1))
    return min(range(len(losses)), key=losses.__getitem__, default=0), losses


def choose(
    recipes: Sequence[Recipe],
    rows: Callable[[Recipe], Rows],
    *,
    fold: npt.NDArray[np.int64] | None,
    validation: Callable[[Recipe], Any] | None = None,
    **how: Any,
) -> Choice:
    """Which of the recipes, the simplest first, is to be done with the rows. Their time limit covers the whole.

    Args      fold: of every row, to compare by cross-validation; None to compare on the held-out rows; validation:
              the share to hold out of the rows, or rows of their own; how: what train takes besides
    """
    last = len(recipes) - 1
    if last == 0:
        return Choice(0, recipes[0])
    clock = Clock(recipes[last].settings["time_limit"])
    networks: dict[int, tuple[Network | None, ...]] = {}

    def loss_of(rung: int) -> float:
        recipe = recipes[rung]
        settings = recipe.settings | clock.share(2 * N_SPLITS * len(recipes)) | {"optimizer": recipe.optimizer} | how
        if fold is not None:
            loss, networks[rung] = cross_validated(recipe.network, rows(recipe), fold, **settings)
            return loss
        X, y, weight = rows(recipe)
        judges = None if validation is None else validation(recipe)
        return rehearse(recipe.network, X, y, validation=judges, sample_weight=weight, **settings)

    rung, tried = (climb if fold is None else compare)(len(recipes), loss_of)
    recipe = replace(recipes[rung], settings=recipes[rung].settings | clock.share(1))
    return Choice(rung, recipe, tried, networks.get(rung, ()))


def rehearse(network: Network, X: Any, y: object, *, seed: int, validation: Any, **how: Any) -> float:
    """The validation loss at the end of a training; inf where it diverged.

    The loss at the end says how far a training learns by heart; that of its best epoch hides it, and the more epochs
    there are to choose from, the better it looks by chance. Where validation is a share of few rows, it is the mean
    over N_SPLITS ways to hold them out, with seeds from `seed` on.

    Args      how: what train takes besides
    """
    several = isinstance(validation, float) and len(X) < SEVERAL_SPLITS_BELOW
    losses = []
    for split in range(N_SPLITS if several else 1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = train(network, X, y, validation=validation, seed=(seed + split) % 2**64, progress=False, **how)
        losses.append(_finite(run, (run.history.get("validation_loss") or [math.inf])[-1]))
    return sum(losses) / len(losses)


def cross_validated(
    network: Network, rows: Rows, fold: npt.NDArray[np.int64], **how: Any
) -> tuple[float, tuple[Network | None, ...]]:
    """The mean loss over the folds, by their weight, each after a training on the other rows; what was trained.

    Folds that leave one class only, or nothing, are passed over; inf where none is left.
    """
    X, y, weight = rows
    losses: list[float] = []
    sizes: list[float] = []
    networks: list[Network | None] = []
    for k in range(N_FOLDS):
        out = fold == k
        if not 0 < int(out.sum()) < len(out):
            networks.append(None)
            continue
        held_out = (X[out], y[out], *([] if weight is None else [weight[out]]))
        kept_weight = None if weight is None else weight[~out]
        try:
            loss, trained = loss_after(network, X[~out], y[~out], held_out, sample_weight=kept_weight, **how)
        except DataError:
            networks.append(None)
            continue
        losses.append(loss)
        sizes.append(float(out.sum() if weight is None else weight[out].sum()))
        networks.append(trained)
    return float(np.average(losses, weights=sizes)) if losses else math.inf, tuple(networks)


def loss_after(network: Network, X: Any, y: object, held_out: tuple[Any, ...], **how: Any) -> tuple[float, Network]:
    """The loss of the held-out rows (X, y[, weight]) after a training that does not see them, and what it made.

    The loss is inf where the training diverged.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = train(network, X, y, progress=False, **how)
    return _finite(run, run.network.backward(*held_out).loss), run.network


def _finite(run: Run, loss: float) -> float:
    if run.result["stopped"] == "interrupted":
        raise KeyboardInterrupt
    return math.inf if run.diverged or not math.isfinite(loss) else float(loss)
