"""What the laboratory found, in numbers: LearningRate and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
AGREE = 3.0
"""Witnesses agree where the largest of their learning rates is at most this many times the smallest."""


@dataclass(frozen=True)
class Curve:
    """Numbers over learning rates, or the losses of one run over its steps."""

    etas: Array
    losses: Array


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What learning rate to take, by the curvature of a few batches and short real runs.

    batch_curvature: the median largest eigenvalue of the Hessian of single batches at the start, penalty
    included, in the coordinates of the update rule (see stability); stable_below: above it the rule is
    unstable at the start; proposal: half of that bound; suggested; interval: did about as well in short runs.
    """

    optimizer: str
    hyper: dict[str, float]
    approximate: bool
    network: str
    batch_size: int
    batch_curvature: float
    stable_below: float
    proposal: float
    suggested: float
    interval: tuple[float, float]
    start: float
    n_steps: int
    race: Curve
    """J at the end of the short runs, by learning rate."""
    given_up: Curve
    """J half way of those that lagged far behind there."""
    runs: dict[float, Array]
    """J of every batch of up to three real runs, ascending: one smaller, the suggestion, one larger."""
    n_products: int
    n_run_steps: int
    elapsed_s: float

    def end(self, eta: float, n_steps: int | None = None) -> float:
        """Mean J of a run over a quarter of the steps, the last ones up to step n_steps, its own end else."""
        losses = self.runs[eta][:n_steps]
        return float(losses[-max(1, self.n_steps // 4) :].mean())

    @property
    def above(self) -> float | None:
        """The smallest learning rate above the interval that was run, and did worse."""
        tried = np.concatenate([self.race.etas, self.given_up.etas])
        return min((float(eta) for eta in tried if eta > self.interval[1]), default=None)

    def text(self, language: str = "en") -> str:
        """The finding in words and numbers, in English or Korean ("ko")."""
        from chainrule.tune.words import tell

        return tell(self, language)

    def svg(self, language: str = "en") -> str:
        """The finding as a picture in SVG: slice, tests and real runs, as far as they were done."""
        from chainrule.tune.figure import figure
        from chainrule.tune.svg import svg

        return svg(figure(self), language)

    def png(self, language: str = "en") -> bytes:
        """The same picture in PNG.

        Errors    SettingsError without matplotlib, or where no font has the letters of the language
        """
        from chainrule.tune.figure import figure
        from chainrule.tune.png import png

        return png(figure(self), language)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what is not finite is None."""
        told: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in told.items():
            if isinstance(value, Curve):
                told[name] = {"learning_rate": value.etas, "loss": value.losses}
        told["runs"] = [{"learning_rate": eta, "loss": losses} for eta, losses in self.runs.items()]
        return {name: _plain(value) for name, value in told.items()}


@dataclass(frozen=True, kw_only=True)
class LearningRate(Suggestion):
    """What learning rate is too large, too small and right, and what says so.

    curvature: λ, the algebraically largest eigenvalue of the Hessian of J over `n_rows` rows at the start;
    curvature_residual: an eigenvalue lies that near to it; later_curvature: that of batches after 20 steps
    with the suggestion; runs: a tenth of the suggestion, the suggestion, ten times it; agree: whether the
    witnesses do, within a factor 3.
    """

    n_rows: int
    curvature: float
    curvature_residual: float
    later_curvature: float | None
    slice: Curve
    range_test: Curve
    breaks_at: float | None

    @property
    def slice_minimum(self) -> float:
        """The learning rate at which one step along the whole gradient ends lowest."""
        return float(self.slice.etas[int(np.argmin(self.slice.losses))])

    @property
    def witnesses(self) -> dict[str, float]:
        """The learning rates that curvature, the slice and the race would each take."""
        return {"curvature": self.proposal, "slice": self.slice_minimum, "runs": self.suggested}

    @property
    def agree(self) -> bool:
        """Whether they lie within a factor of 3."""
        values = list(self.witnesses.values())
        return max(values) <= AGREE * min(values)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what is not finite is None."""
        return super().to_dict() | {
            "witnesses": self.witnesses, "agree": self.agree, "slice_minimum": self.slice_minimum
        }  # fmt: skip


def from_dict(told: Mapping[str, Any]) -> Suggestion:
    """The inverse of to_dict; what it wrote as None is inf again, but for what may be None."""
    kind = LearningRate if "curvature" in told else Suggestion
    values = {item.name: told[item.name] for item in fields(kind)}
    for name in ("race", "given_up", "slice", "range_test"):
        if name in values:
            values[name] = Curve(*(_numbers(values[name][axis]) for axis in ("learning_rate", "loss")))
    values["runs"] = {float(run["learning_rate"]): _numbers(run["loss"]) for run in told["runs"]}
    low, high = told["interval"]
    values |= {"interval": (float(low), float(high)), "hyper": dict(told["hyper"])}
    values["stable_below"] = np.inf if told["stable_below"] is None else float(told["stable_below"])
    return kind(**values)


def _numbers(column: Sequence[float | None]) -> Array:
    return np.array([np.inf if value is None else value for value in column], dtype=np.float64)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
