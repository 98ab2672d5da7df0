"""What the laboratory found, in numbers: LearningRate and its parts."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class LearningRate:
    """What learning rate is too large, too small and right, and what says so.

    curvature: λ, the algebraically largest eigenvalue of the Hessian of J over `n_rows` rows at the start;
    curvature_residual: an eigenvalue lies that near to it; batch_curvature: the median of those of single
    batches, penalty included, in the coordinates of the update rule (see stability); later_curvature: the
    same after 20 steps with the suggestion; stable_below: above it the rule is unstable at the start;
    suggested; interval: did about as well in short runs; agree: whether the witnesses do, within a factor 3.
    """

    optimizer: str
    hyper: dict[str, float]
    approximate: bool
    network: str
    batch_size: int
    n_rows: int
    curvature: float
    curvature_residual: float
    batch_curvature: float
    later_curvature: float | None
    stable_below: float
    proposal: float
    suggested: float
    interval: tuple[float, float]
    start: float
    n_steps: int
    race: Curve
    slice: Curve
    range_test: Curve
    breaks_at: float | None
    runs: dict[float, Array]
    """J of every batch of three real runs: a tenth of the suggestion, the suggestion, ten times it."""
    n_products: int
    n_run_steps: int
    elapsed_s: float

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

    def end(self, eta: float) -> float:
        """Mean J over the last quarter of one of the three runs."""
        losses = self.runs[eta]
        return float(losses[-max(1, len(losses) // 4) :].mean())

    def text(self, language: str = "en") -> str:
        """The finding in words and numbers, in English or Korean ("ko")."""
        from chainrule.glass.rate.words import tell

        return tell(self, language)

    def svg(self, language: str = "en") -> str:
        """The finding as a picture: slice, range test and short runs, the three curves."""
        from chainrule.glass.rate.plot import draw

        return draw(self, language)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values; what is not finite is None."""
        told = {
            name: getattr(self, name)
            for name in (
                "optimizer", "hyper", "approximate", "network", "batch_size", "n_rows", "curvature",
                "curvature_residual", "batch_curvature", "later_curvature", "stable_below", "proposal",
                "suggested", "interval", "start", "n_steps", "breaks_at", "n_products", "n_run_steps", "elapsed_s",
                "witnesses", "agree", "slice_minimum",
            )
        }  # fmt: skip
        curves = {"race": self.race, "slice": self.slice, "range_test": self.range_test}
        told |= {name: {"learning_rate": c.etas, "loss": c.losses} for name, c in curves.items()}
        told["runs"] = [{"learning_rate": eta, "loss": losses} for eta, losses in self.runs.items()]
        return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
