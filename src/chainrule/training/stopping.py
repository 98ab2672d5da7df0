"""Rules that see the end of every epoch: plain data in, a decision out.

A rule says whether training ends there, whether the epoch was the best so far, and whether the learning rate changes.
The loop asks every rule in turn and carries out what they decide; a changed learning rate becomes an event, so that
replay knows it. Limits are asked between stretches of steps: they end a training in the middle of an epoch too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Array
from chainrule.errors import DivergedError
from chainrule.training import divergence
from chainrule.training.checkpoints import Progress
from chainrule.training.metrics import Metric
from chainrule.training.settings import SETTINGS


class EpochEnd(NamedTuple):
    """An epoch that ended."""

    epoch: int
    step: int
    """Steps done by its end, of all epochs together."""
    losses: npt.NDArray[np.float64]
    """J of its steps."""
    mean: float
    """Their mean over the rows."""
    objective: float
    """The loss as reported to the caller, including the penalty."""
    learning_rate: float
    """η of its last step."""
    line: dict[str, float]
    """Its entry in the history."""
    first_loss: float
    """J of the first step of the training."""
    theta: Array | None
    """The parameters behind it, where some rule or measure asks for them."""


class RuleDecision(NamedTuple):
    """What a rule wants done behind an epoch."""

    stop: str | None = None
    """The reason to end the training with this epoch."""
    learning_rate: float | None = None
    """η from the next step on, before its schedule."""
    is_best: bool = False
    """Whether the parameters behind this epoch are the best so far."""
    diverged: DivergedError | None = None
    counts: bool = True
    """Whether the epoch is part of the history."""


class Rule(Protocol):
    """One that decides at the end of an epoch."""

    needs_parameters: bool

    def least_epochs(self) -> float:
        """Epochs that pass before it can act, the last of them included: so many are done in one go."""

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """Take in an epoch; None where nothing is to be done."""


class Limit(Protocol):
    """One that may end a training between any two steps."""

    def reached(self, elapsed_s: float) -> str | None:
        """The reason to end the training after this many seconds; None if there is none."""


class TimeLimit:
    """Ends a training after so many seconds; None: never."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def reached(self, elapsed_s: float) -> str | None:
        """Whether the time is over."""
        return "time_limit" if self._seconds is not None and elapsed_s > self._seconds else None


class Interruption:
    """Ends a training that was asked to end, by Ctrl-C or a signal."""

    def __init__(self, interrupted: Callable[[], bool]) -> None:
        self._interrupted = interrupted

    def reached(self, elapsed_s: float) -> str | None:
        """Whether it was requested."""
        return "interrupted" if self._interrupted() else None


class Divergence:
    """Ends a training whose loss ran away, or whose line in the history holds a number that is not finite.

    Arguments: constant_loss: about the J of a constant output; None: the loss may run as far as it likes; factor: how
    many times that, and the loss of the first step, it may reach; None: as far as it is finite; counts: whether the
    epoch is reported anyway.
    """

    needs_parameters = False

    def __init__(
        self, constant_loss: float | None, *, factor: float | None = SETTINGS["divergence_factor"].default,
        counts: bool = False,
    ) -> None:  # fmt: skip
        self._constant_loss, self._counts = constant_loss, counts
        self._factor = np.inf if factor is None else factor
        self.found: DivergedError | None = None

    def least_epochs(self) -> float:
        """It ends the training for good: any number of later epochs may already have been computed."""
        return np.inf

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """The loss of the epoch, followed by everything reported about it."""
        eta, last = end.learning_rate, end.step - 1
        if self._constant_loss is not None:
            scale = max(end.first_loss, self._constant_loss)
            first = end.step - len(end.losses)
            most = self._factor, scale
            self.found = divergence.exploded(end.losses, end.mean, most, first, end.epoch, eta)
        if self.found is None:
            self.found = divergence.non_finite_at_end(end.line, end.epoch, last, eta)
        return None if self.found is None else RuleDecision(diverged=self.found, counts=self._counts)


class Plateau:
    """Lowers the factor of the plateau schedule after `every` epochs without a better score."""

    needs_parameters = False

    def __init__(self, metric: Metric, progress: Progress, factor: float, every: int) -> None:
        self._metric, self._progress, self._factor, self._every = metric, progress, factor, every

    def least_epochs(self) -> float:
        """The factor is in the history of every epoch."""
        return 1

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """Count the epoch, before Patience takes it in."""
        progress = self._progress
        improved = self._metric.improves(end.line[self._metric.name], progress.best_score)
        progress.plateau_epochs = 0 if improved else progress.plateau_epochs + 1
        if progress.plateau_epochs >= self._every:
            progress.plateau_factor *= self._factor
            progress.plateau_epochs = 0
        return None


class Patience:
    """Marks the best epoch by a metric, and ends the training after `patience` epochs without a better one."""

    needs_parameters = True

    def __init__(self, metric: Metric, progress: Progress, patience: int | None) -> None:
        self._metric, self._progress, self._patience = metric, progress, patience

    def least_epochs(self) -> float:
        """Those that are left of the patience."""
        return np.inf if self._patience is None else max(1, self._patience - self._progress.epochs_without_better)

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """Of equal scores the last is the best, but no improvement."""
        progress, score = self._progress, end.line[self._metric.name]
        improved = self._metric.improves(score, progress.best_score)
        is_best = self._metric.better(score, progress.best_score)
        if is_best:
            progress.best_score, progress.best_epoch = score, end.epoch
        progress.epochs_without_better = 0 if improved else progress.epochs_without_better + 1
        over = self._patience is not None and progress.epochs_without_better >= self._patience
        return RuleDecision("early_stopping" if over else None, is_best=is_best) if over or is_best else None


class NoImprovement:
    """Acts when more than `patience` epochs in a row did not improve by at least tol: scikit-learn's tol.

    Watched is the objective, or, to stop early, the score on held-out rows. It ends the training; where it is adaptive
    it divides η by 5 instead, as long as η > 1e-6.

    Arguments: patience: n_iter_no_change, infinity included; count, best_loss, best_score: where an earlier fit left
    off learning_rate: η to divide, or None where it is not adaptive; say: receives what is done and why.
    """

    SMALLEST_RATE = 1e-6
    DIVISOR = 5.0

    def __init__(
        self, tol: float, patience: float, *, by_score: bool, count: int = 0, best_loss: float | None = None,
        best_score: float | None = None, learning_rate: float | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:  # fmt: skip
        self.tol, self.patience, self.by_score = tol, patience, by_score
        self.count, self.best_loss, self.best_score = count, best_loss, best_score
        self.learning_rate, self._say = learning_rate, say
        self.needs_parameters = by_score

    def least_epochs(self) -> float:
        """Those that are left of the patience."""
        return max(1, self.patience - self.count + 1)

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        """Count the epoch; act where there were too many."""
        score = end.line.get("score")
        if not self.by_score and score is not None:
            self.best_score = max(score, -np.inf if self.best_score is None else self.best_score)
        is_best = self._take_score(score) if self.by_score and score is not None else self._take_loss(end.objective)
        decision = self._give_up() if self.count > self.patience else None
        if is_best:
            return RuleDecision(is_best=True) if decision is None else decision._replace(is_best=True)
        return decision

    def _take_loss(self, value: float) -> bool:
        best = np.inf if self.best_loss is None else self.best_loss
        self.count = self.count + 1 if value > best - self.tol else 0
        self.best_loss = min(best, value)
        return False

    def _take_score(self, value: float) -> bool:
        best = -np.inf if self.best_score is None else self.best_score
        self.count = self.count + 1 if value < best + self.tol else 0
        is_best = value > best
        self.best_score = value if is_best else best
        return is_best

    def _give_up(self) -> RuleDecision:
        what = "Validation score" if self.by_score else "Training loss"
        message = f"{what} did not improve by more than tol={self.tol:g} for {self.patience} epochs in a row."
        if self.learning_rate is not None:
            if self.learning_rate > self.SMALLEST_RATE:
                self.learning_rate /= self.DIVISOR
                self.count = 0
                self._say(f"{message} Learning rate is {self.learning_rate:g}.")
                return RuleDecision(learning_rate=self.learning_rate)
            message += " Learning rate too small."
        self._say(f"{message} Stopping.")
        return RuleDecision("converged")
