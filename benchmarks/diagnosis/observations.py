"""The inputs of threshold rules: numbers of some replayed steps, of the data, and of the ends of epochs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr
from diagnosis.plans import Plan

FIRST, SPREAD, BINS = 20, 40, 50
"""Steps observed: this many at the start, and this many evenly over the run. Bins of the saturation measure."""
BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}


@dataclass(frozen=True)
class Layer:
    """One layer at one step."""

    activation: str
    hidden: bool
    gradient: Any
    """dW of the batch, without penalty, (n_in, n_out)."""
    weight: Any
    change: Any
    z: Any
    a: Any

    @property
    def mean_gradient(self) -> float:
        """Mean |dW|."""
        return float(np.mean(np.abs(self.gradient)))

    @property
    def norm_gradient(self) -> float:
        """‖dW‖."""
        return float(np.linalg.norm(self.gradient))

    @property
    def ratio(self) -> float:
        """‖ΔW‖ / ‖W‖ of the update."""
        return float(np.linalg.norm(self.change) / max(np.linalg.norm(self.weight), 1e-300))

    @property
    def mean_ratio(self) -> float:
        """Mean |ΔW| / mean |W|."""
        return float(np.mean(np.abs(self.change)) / max(np.mean(np.abs(self.weight)), 1e-300))

    @property
    def bounded(self) -> bool:
        """Whether the activation saturates on both sides."""
        return self.hidden and self.activation in BOUNDS

    @property
    def rectified(self) -> bool:
        """Whether the units can be silent."""
        return self.hidden and self.activation == "relu"

    @property
    def rho(self) -> float:
        """How far the activations lie at the ends of their range, 0 … 1.

        Formula   Σ_b |2·(mean of bin b − low)/(high − low) − 1|·n_b / Σ_b n_b over 50 bins of a
        Source    Rakitianskaia, Engelbrecht (2015)
        """
        low, high = BOUNDS[self.activation]
        a = self.a[np.isfinite(self.a)].ravel()
        place = np.clip(((a - low) / (high - low) * BINS).astype(int), 0, BINS - 1)
        n, total = np.bincount(place, minlength=BINS), np.bincount(place, a, minlength=BINS)
        scaled = 2 * (total / np.maximum(n, 1) - low) / (high - low) - 1
        return float(np.sum(np.abs(scaled) * n) / max(n.sum(), 1))


@dataclass(frozen=True)
class Moment:
    """One step: its loss and its layers, the first layer first."""

    step: int
    epoch: int
    loss: float
    layers: list[Layer]
    regularization: float
    """‖gradient of the penalty‖ / ‖gradient of J‖."""

    @property
    def finite(self) -> bool:
        """Whether loss, weights, gradients and activations are."""
        arrays = [array for layer in self.layers for array in (layer.gradient, layer.weight, layer.change, layer.z)]
        return bool(np.isfinite(self.loss) and all(np.isfinite(array).all() for array in arrays))


@dataclass
class Observed:
    """A whole run as a set of rules may see it."""

    plan: Plan
    moments: list[Moment]
    losses: Any
    """J of every step's batch."""
    steps_per_epoch: int
    history: dict[str, list[float]]
    n_steps: int
    hidden: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Any:
        """Rows of each class, or nothing for values."""
        return np.unique(self.plan.data.y, return_counts=True)[1] if self.plan.data.n_classes else np.zeros(0)

    def end_of(self, epoch: int) -> int:
        """The last step of an epoch."""
        return min((epoch + 1) * self.steps_per_epoch, self.n_steps) - 1


def observe(plan: Plan, run: cr.Run) -> Observed:
    """The numbers of FIRST + SPREAD steps, by replay."""
    n = run.n_steps
    steps = sorted({*range(min(FIRST, n)), *np.linspace(0, n - 1, SPREAD).astype(int).tolist()})
    l2, l1 = plan.settings.get("l2", 0.0), plan.settings.get("l1", 0.0)
    with np.errstate(all="ignore"):
        moments = [_moment(step, l2, l1) for step in run.replay(steps)]
    return Observed(plan, moments, run.losses, run.steps_per_epoch, run.history, n)


def _moment(step: Any, l2: float, l1: float) -> Moment:
    L = len(step.forward.z) - 1
    change, old, layers, penalty, data = step.update.change, step.update.old, [], 0.0, 0.0
    for l in range(1, L + 1):
        W, dW = old.W[l], step.backward.dW[l]
        name = step.architecture.activations[l].removeprefix("my_")
        layers.append(Layer(name, l < L, dW, W.copy(), change.W[l], step.forward.z[l], step.forward.a[l]))
        penalty += float(np.sum((l2 * W + l1 * np.sign(W)) ** 2.0))
        data += float(np.sum(np.square(dW, dtype=float)))
    return Moment(step.step, step.epoch, step.backward.loss, layers, (penalty / max(data, 1e-300)) ** 0.5)
