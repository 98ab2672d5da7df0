"""What is measured at the end of an epoch: its mean loss, its penalty, loss and metric on held-out rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chainrule.data.arrays import moderate, surely_finite
from chainrule.engine.probabilities import output_loss
from chainrule.engine.protocol import Array, Engine, StepSettings, Targets, Task
from chainrule.network.parameters import Parameters
from chainrule.network.targets import points
from chainrule.training.metrics import Metric

OF_TRAINING = "training_"
"""Before the name of a metric that is of the training rows."""
Losses = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Held-out rows, ready for the engine."""

    X: Array
    targets: Targets
    weight: Array | None
    dense: Array
    """The targets as the metric wants them: class indices (n,) or an array (n, n_outputs)."""


class Measure(Protocol):
    """One that measures epochs."""

    penalties: bool
    """Whether it asks for the penalty before every step."""

    @property
    def every_epoch(self) -> bool:
        """Whether it needs the parameters after every epoch."""

    def means(self, epoch: int, losses: Losses, penalties: Losses | None) -> list[tuple[float, float]]:
        """The means of J and of the penalty over the rows, of n epochs from `epoch` on.

        Arguments: losses, penalties (n, steps per epoch).
        """

    def line(
        self, epoch: int, means: tuple[float, float], theta: Array | None, settings: StepSettings
    ) -> tuple[float, dict[str, float]]:
        """The loss as reported to the caller, including the penalty, and the values for the history.

        Arguments: theta: the parameters after the epoch, if needed.
        """


class LossMeasure:
    """The mean of J over the rows of an epoch, weighted as the rows are, and nothing else: no parameters are needed."""

    penalties = False

    def __init__(self, task: Task) -> None:
        self._task = task
        self._even: tuple[npt.NDArray[np.float64], float] | None = None

    @property
    def every_epoch(self) -> bool:
        """Nothing is measured but what the steps say."""
        return False

    def means(self, epoch: int, losses: Losses, penalties: Losses | None) -> list[tuple[float, float]]:
        """Each batch counts by the weight of its rows; of the penalty none is taken."""
        means = []
        for n, of_epoch in enumerate(losses):
            weights, total = self._batch_weights(epoch + n)
            means.append((float(np.add.reduce(of_epoch * weights) / total), 0.0))
        return means

    def line(
        self, epoch: int, means: tuple[float, float], theta: Array | None, settings: StepSettings
    ) -> tuple[float, dict[str, float]]:
        """The mean alone."""
        return means[0], {"loss": means[0]}

    def _batch_weights(self, epoch: int) -> tuple[npt.NDArray[np.float64], float]:
        """The weight of every batch of an epoch, and of all."""
        n, size = self._task.n_samples, self._task.batch_size
        if self._even is not None:
            return self._even
        starts = np.arange(0, n, size)
        if self._task.weight is None:
            self._even = np.minimum(size, n - starts).astype(np.float64), float(n)
            return self._even
        weights = np.add.reduceat(self._task.weight[self._task.order(epoch)].astype(np.float64), starts)
        weights = np.asarray(moderate(weights), np.float64) if weights.any() else np.ones_like(weights)
        return weights, weights.sum()


class EpochMeasure(LossMeasure):
    """The mean weighted as the rows are; the penalty of the parameters behind the epoch; held-out rows, if any."""

    def __init__(
        self,
        task: Task,
        engine: Engine,
        metric: Metric,
        validation: Validation | None,
        learned: Validation | None = None,
    ) -> None:
        super().__init__(task)
        self._engine, self._metric, self._validation, self._learned = engine, metric, validation, learned
        self._parameters: Parameters | None = None

    @property
    def every_epoch(self) -> bool:
        """Whether there are rows to measure, held out or learned."""
        return self._validation is not None or self._learned is not None

    def line(
        self, epoch: int, means: tuple[float, float], theta: Array | None, settings: StepSettings
    ) -> tuple[float, dict[str, float]]:
        """The numbers of an epoch, in the order of the history."""
        assert theta is not None
        penalty = 0.0
        if settings.l2 or settings.l1:
            parameters = Parameters(self._task.architecture, theta)
            penalty = self._engine.penalty(parameters, settings.l2, settings.l1)
        line = {"loss": means[0]} | self._held_out(theta) | self._of_learned(theta) | {"penalty": penalty}
        return means[0] + penalty, line

    def _held_out(self, theta: Array) -> dict[str, float]:
        if self._validation is None:
            return {}
        loss, score = self._judged(self._validation, theta)
        if score is None:
            return {"validation_loss": loss if not math.isfinite(loss) else float("nan")}
        return {"validation_loss": loss, self._shown.name: score}

    def _of_learned(self, theta: Array) -> dict[str, float]:
        if self._learned is None:
            return {}
        _, score = self._judged(self._learned, theta)
        return {OF_TRAINING + self._shown.name: float("nan") if score is None else score}

    @property
    def _shown(self) -> Metric:
        """The metric beside the loss."""
        return self._metric.beside or self._metric

    def _judged(self, rows: Validation, theta: Array) -> tuple[float, float | None]:
        """Loss and metric of rows; None where a number is not finite, which no metric is asked about."""
        loss, output = output_loss(self._engine, self._parameters_of(theta), rows.X, rows.targets, rows.weight)
        if not math.isfinite(loss) or not (surely_finite(output) or np.isfinite(output).all()):
            return loss, None
        if self._shown.is_loss:
            return loss, loss
        name = self._task.architecture.loss
        return loss, self._shown.score(points(rows.dense, name), points(output, name), rows.weight)

    def _parameters_of(self, theta: Array) -> Parameters:
        """The parameters by layer: the same views for every epoch, for making them takes longer than a copy."""
        if self._parameters is None:
            self._parameters = Parameters(self._task.architecture, theta.copy())
        self._parameters.flat[:] = theta
        return self._parameters
