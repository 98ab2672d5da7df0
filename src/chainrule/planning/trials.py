"""Trials: candidates are trained on resamples, and judged by the loss on rows held out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from chainrule.data.folds import N_FOLDS
from chainrule.planning.candidates import Candidate
from chainrule.planning.evaluation import Predictor
from chainrule.planning.executor import Execute, in_turn
from chainrule.planning.plan import Resample, TrainingPlan
from chainrule.planning.target_trials import Misfit, may_be_logarithm, misfit
from chainrule.status import doing
from chainrule.visible import short_repr


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A candidate that was tried: the loss on each resample, and their mean."""

    candidate: int
    name: str
    settings: dict[str, Any]
    """Of the network, the optimizer and the training, as plain values."""
    losses: tuple[float, ...]
    loss: float
    """inf where a training failed."""
    seconds: float
    models: tuple[Predictor | None, ...] = field(default=(), repr=False, compare=False)
    """For a cross-validation, the models trained without each fold; None if they were not informative."""
    has_neighbours: bool = False
    n_columns: int = 0
    on_logarithm: bool = False
    """Whether the target was its logarithm."""
    error: float = math.nan
    """Root mean square of what it missed, in the unit of the target; NaN of other targets than one of numbers."""
    spreading: float = 0.0
    """How the sizes of its residuals grow with the predictions, a rank correlation."""
    best: float | None = None
    """The lowest loss of an epoch, where the only resample is the training to come."""
    network: Predictor | None = field(default=None, repr=False, compare=False)
    """The network of the first resample, where rows held out judge."""
    resample: Resample | None = field(default=None, repr=False, compare=False)
    """What that network was trained on and judged by."""
    __repr__ = short_repr

    @property
    def sizes(self) -> str:
        """Of the layers, as a network is shown."""
        return "-".join(map(str, self.settings["network"]["sizes"]))

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values."""
        known = {name: getattr(self, name) for name in ("candidate", "name", "settings", "loss", "seconds")}
        near: dict[str, Any] = {"has_neighbours": True} if self.has_neighbours else {}
        near |= {"on_logarithm": True, "error": self.error} if self.on_logarithm else {}
        return known | {"losses": list(self.losses), "n_columns": self.n_columns} | near


Made: TypeAlias = Callable[[int], Candidate]
"""A candidate by its place."""
TryEach: TypeAlias = Callable[[Sequence[int], Made], list[Trial]]
"""Tries candidates by their places."""


class Fitted(NamedTuple):
    """A candidate that was trained once."""

    loss: float
    """On the rows that judge, at the end; inf where the training diverged."""
    network: Predictor | None
    best: float | None = None
    """The lowest loss at the end of an epoch, where epochs are measured."""


class Fit(Protocol):
    """Trains a candidate once: the callable that model selection uses, in this process or elsewhere."""

    def __call__(self, candidate: Candidate, resample: Resample) -> Fitted | None:
        """The training; None where the rows to train on cannot be trained on, such as those of one class."""


@dataclass(frozen=True, kw_only=True)
class _Try:
    """One training of a candidate on one resample."""

    index: int
    candidate: Candidate
    resample: Resample
    name: str
    """As it is said."""

    @property
    def weight(self) -> float | None:
        """Of the rows of the fold that judges, where one does."""
        if self.resample.outside is None:
            return None
        _, y, weight = self.resample.outside
        return float(len(y) if weight is None else weight.sum())


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """What it came to."""

    index: int
    fitted: Fitted | None
    """None where the fit tells nothing."""
    weight: float | None
    fold: int
    seconds: float
    misfit: Misfit | None
    resample: Resample


def tried(
    plan: TrainingPlan, indices: Sequence[int], made: Made, limit: Callable[[], dict[str, float]], fit: Fit,
    execute: Execute = in_turn,
) -> list[Trial]:  # fmt: skip
    """Candidates, each on each resample.

    The loss at the end of a training says how far it learns by heart; that of its best epoch hides it, and the more
    epochs there are to choose from, the better it looks by chance. Over folds the mean is by their weight, without
    those that tell nothing; it is inf if none remains.

    Arguments: limit: the time limit of one training that begins now, or nothing.
    """

    def train(one: _Try) -> _Tried:
        doing(one.name)
        began, candidate, resample = time.perf_counter(), one.candidate, one.resample
        settings = candidate.settings | limit() | {"seed": resample.seed}
        sizes = (resample.rows[0].shape[1], *candidate.network.sizes[1:])  # a resample may use other columns
        network = replace(candidate.network, sizes=sizes)
        fitted = fit(replace(candidate, settings=settings, network=network), resample)
        found = None if fitted is None else fitted.network
        missed = misfit(candidate, found, resample) if found is not None and may_be_logarithm(plan) else None
        return _Tried(
            index=one.index, fitted=fitted, weight=one.weight, fold=resample.fold, misfit=missed,
            seconds=time.perf_counter() - began, resample=resample,
        )  # fmt: skip

    candidates = {index: made(index) for index in indices}
    judged = list(execute(train, _tries(plan, candidates)))
    return [_trial(plan, one, [done for done in judged if done.index == k], k) for k, one in candidates.items()]


def _tries(plan: TrainingPlan, candidates: dict[int, Candidate]) -> Iterator[_Try]:
    """Every candidate on every resample, whose rows are made when they are asked for."""
    for index, candidate in candidates.items():
        place = f"candidate {index + 1} of {len(plan.candidates)}"
        for trial, resample in enumerate(plan.resamples(candidate), start=1):
            name = f"choosing a model: {candidate.name}, {place}, trial {trial}, step"
            yield _Try(index=index, candidate=candidate, resample=resample, name=name)


def _trial(plan: TrainingPlan, candidate: Candidate, judged: Sequence[_Tried], index: int) -> Trial:
    """What the resamples say of a candidate together."""
    counted = [(one, one.fitted) for one in judged if one.fitted is not None]
    losses = tuple(fitted.loss for _, fitted in counted)
    weights = [one.weight for one, _ in counted if one.weight is not None]
    models = {one.fold: fitted.network for one, fitted in counted if one.weight is not None}
    mean = float(np.average(losses, weights=weights)) if weights else sum(losses) / len(losses) if losses else math.inf
    first = counted[0] if counted and plan.fold is None else None
    return Trial(
        candidate=index, name=candidate.name, settings=candidate.to_dict(), losses=losses, loss=mean,
        seconds=sum(one.seconds for one in judged), has_neighbours=candidate.n_neighbours > 0,
        network=None if first is None else first[1].network, resample=None if first is None else first[0].resample,
        best=counted[0][1].best if len(counted) == 1 else None,
        n_columns=len(candidate.pipeline.columns),
        models=() if plan.fold is None else tuple(models.get(k) for k in range(N_FOLDS)),
        on_logarithm=candidate.on_logarithm, **_missed([one.misfit for one, _ in counted if one.misfit is not None]),
    )  # fmt: skip


def _missed(misfits: Sequence[Misfit]) -> dict[str, float]:
    """Error and spreading of all resamples together."""
    weight = sum(one.weight for one in misfits)
    if not weight:
        return {}
    spreading = sum(one.weight * one.spreading for one in misfits) / weight
    return {"error": math.sqrt(sum(one.squares for one in misfits) / weight), "spreading": spreading}


class Losses:
    """The losses of candidates by their place: some are tried at once, another one when it is asked for."""

    def __init__(self, try_each: TryEach, first: Sequence[int], made: Made) -> None:
        self._try_each, self._made = try_each, made
        self.known: dict[int, float] = {}
        self._try(first)

    def _try(self, indices: Sequence[int]) -> None:
        for index, trial in zip(indices, self._try_each(indices, self._made), strict=True):
            self.known[index] = trial.loss

    def __call__(self, index: int) -> float:
        """That of one candidate."""
        if index not in self.known:
            self._try([index])
        return self.known[index]
