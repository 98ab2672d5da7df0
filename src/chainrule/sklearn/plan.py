"""The request of one call of fit, how its epochs are reported, and its progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.engine.protocol import StepSettings, Task
from chainrule.errors import DivergedError, DivergenceWarning
from chainrule.network.parameters import Parameters
from chainrule.training.measure import Losses
from chainrule.training.stopping import EpochEnd

Array = npt.NDArray[Any]


class DivergedFit(DivergenceWarning, ConvergenceWarning):
    """A fit that diverged; also a ConvergenceWarning, for code that filters scikit-learn's warnings."""


@dataclass(kw_only=True)
class FitPlan:
    """What fit asks for, beside task and data."""

    max_epochs: int
    learning_rate: str
    learning_rate_init: float
    power_t: float
    early_stopping: bool
    verbose: bool
    one_pass: bool
    """partial_fit: a single epoch, no warning that it was not enough."""


class FitMeasure:
    """How an epoch is reported: the scale of J, the part of the loss that depends on y only, scores on held-out rows.

    Means are over the rows, each batch by its number, as scikit-learn takes them, whatever the rows weigh.
    """

    penalties = True

    def __init__(self, task: Task, scale: float) -> None:
        self.scale, self._architecture = scale, task.architecture
        self.constant: Callable[[int], float] = lambda epoch: 0.0
        self.constant_loss = float("inf")
        """About the J of a constant output; far above it the loss has exploded."""
        self.validate: Callable[[Parameters], tuple[float, float]] | None = None
        """(loss, score) on the held-out rows."""
        n, starts = task.n_samples, np.arange(0, task.n_samples, task.batch_size)
        self._shares = np.minimum(task.batch_size, n - starts) / n

    @property
    def every_epoch(self) -> bool:
        """Whether there are rows to judge by."""
        return self.validate is not None

    def means(self, epoch: int, losses: Losses, penalties: Losses | None) -> list[tuple[float, float]]:
        """The means of J and penalty; whatever n is, an epoch is added up in the same order."""
        assert penalties is not None
        J, extra = (np.add.reduce(values * self._shares, axis=1).tolist() for values in (losses, penalties))
        return list(zip(J, extra, strict=True))

    def line(
        self, epoch: int, means: tuple[float, float], theta: Array | None, settings: StepSettings
    ) -> tuple[float, dict[str, float]]:
        """The reported loss, and the line of the history."""
        mean, penalty = means
        result = self.scale * mean + penalty + self.constant(epoch)
        line = {"loss": result - penalty, "penalty": penalty}
        if self.validate is not None and theta is not None:
            line["validation_loss"], line["score"] = self.validate(Parameters(self._architecture, theta))
        return result, line


@dataclass(kw_only=True)
class FitProgress:
    """What fit has to show; lists may go on from an earlier fit."""

    loss_curve: list[float]
    validation_scores: list[float] | None
    validation_losses: list[float] | None
    samples_seen: int
    n_epochs: int = 0
    loss: float = float("nan")
    stopped: str = "epochs"
    diverged: DivergedError | None = None
    exploded: bool = False

    def add(self, loss: float, validation_loss: float, score: float) -> None:
        """One more epoch; what it has on held-out rows counts where there are such."""
        self.n_epochs += 1
        self.loss = loss
        self.loss_curve.append(loss)
        if self.validation_scores is not None and self.validation_losses is not None:
            self.validation_scores.append(score)
            self.validation_losses.append(validation_loss)

    def not_finite(self) -> None:
        """One more epoch, that a number which is not finite ended."""
        self.add(float("nan"), float("nan"), float("nan"))


class Account:
    """Takes every epoch into what fit has to show, and prints it where that is wanted; it decides nothing."""

    needs_parameters = False

    def __init__(self, plan: FitPlan, progress: FitProgress, n_samples: int) -> None:
        self._verbose, self._progress, self._n_samples = plan.verbose, progress, n_samples

    def least_epochs(self) -> float:
        """It never acts."""
        return np.inf

    def epoch_ended(self, end: EpochEnd) -> None:
        """Before all other rules, so that their messages come after it."""
        progress, line = self._progress, end.line
        nan = float("nan")
        progress.add(end.objective, line.get("validation_loss", nan), line.get("score", nan))
        progress.samples_seen += self._n_samples
        if self._verbose:
            print(f"Iteration {progress.n_epochs}, loss = {progress.loss:.8f}")
            if "score" in line:
                print(f"Validation score: {line['score']:f}")
