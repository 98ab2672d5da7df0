"""What the laboratory found, in numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.visible import short_repr

Array = npt.NDArray[Any]
LEAST_PROGRESS = 1e-3
"""Share of the loss at the start that a run must gain to have made progress at all."""
AGREE = 3.0
"""Witnesses agree where the largest of their learning rates is at most this many times the smallest."""


@dataclass(frozen=True)
class Curve:
    """Losses over learning rates.

    Attributes
    ----------
    etas, losses : ndarray of shape (n,)
        Learning rates, and the J of each.
    """

    etas: Array
    losses: Array
    __repr__ = short_repr


@dataclass(frozen=True, kw_only=True)
class SuggestionNumbers:
    """The numbers of a Suggestion, which says what they mean."""

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
        """Return the mean J at the end of a short run.

        Parameters
        ----------
        eta : float
            The learning rate of the run, a key of `runs`.
        n_steps : int, optional
            Where the end is; the run's own end by default.

        Returns
        -------
        float
            The mean over the last quarter of the steps.
        """
        losses = self.runs[eta][:n_steps]
        return float(losses[-max(1, self.n_steps // 4) :].mean())

    @property
    def made_progress(self) -> bool:
        """Whether the best short run ended lower than it began by more than rounding and the noise of batches."""
        last = self.runs[self.suggested][-max(1, self.n_steps // 4) :]
        noise = 2 * float(last.std()) / len(last) ** 0.5 if np.isfinite(last).all() else 0.0
        gained = self.start - min(float(self.race.losses.min()), float(last.mean()))
        return gained > max(LEAST_PROGRESS * abs(self.start), noise)

    @property
    def above(self) -> float | None:
        """The smallest learning rate above the interval that was run, and did worse."""
        tried = np.concatenate([self.race.etas, self.given_up.etas])
        return min((float(eta) for eta in tried if eta > self.interval[1]), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values.

        Returns
        -------
        dict
            Non-finite values are None.
        """
        result: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        for name, value in result.items():
            if isinstance(value, Curve):
                result[name] = {"learning_rate": value.etas, "loss": value.losses}
        result["runs"] = [{"learning_rate": eta, "loss": losses} for eta, losses in self.runs.items()]
        return {name: _plain(value) for name, value in result.items()}


@dataclass(frozen=True, kw_only=True)
class LearningRateNumbers(SuggestionNumbers):
    """The numbers of a LearningRate, which says what they mean."""

    n_rows: int
    curvature: float
    curvature_residual: float
    later_curvature: float | None
    slice: Curve
    range_test: Curve
    breaks_at: float | None
    sampled: bool = False

    @property
    def slice_minimum(self) -> float:
        """The learning rate at which one step along the whole gradient ends lowest."""
        return float(self.slice.etas[int(np.argmin(self.slice.losses))])

    @property
    def estimates(self) -> dict[str, float]:
        """The learning rates that curvature, the slice and the race would each take."""
        return {"curvature": self.proposal, "slice": self.slice_minimum, "runs": self.suggested}

    @property
    def agree(self) -> bool:
        """Whether they lie within a factor of 3."""
        values = list(self.estimates.values())
        return max(values) <= AGREE * min(values)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON values.

        Returns
        -------
        dict
            Non-finite values are None.
        """
        return super().to_dict() | {
            "witnesses": self.estimates, "agree": self.agree, "slice_minimum": self.slice_minimum
        }  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(entry) for entry in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
