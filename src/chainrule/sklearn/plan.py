"""What one call of fit is asked for, how its epochs are told, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from chainrule.errors import DivergedError, DivergenceWarning
from chainrule.network.parameters import Parameters

Array = npt.NDArray[Any]


class DivergedFit(DivergenceWarning, ConvergenceWarning):
    """A fit that diverged; for whoever filters scikit-learn's warnings, one that did not converge."""


@dataclass(kw_only=True)
class Plan:
    """What fit asks for, beside task and data."""

    max_epochs: int
    learning_rate: str
    learning_rate_init: float
    power_t: float
    early_stopping: bool
    verbose: bool
    time_limit: float | None
    one_pass: bool
    """partial_fit: a single epoch, no warning that it was not enough."""


@dataclass
class Judge:
    """How an epoch is told: the scale of J, the part of the loss that y alone decides, scores on held-out rows."""

    scale: float = 1.0
    constant: Callable[[int], float] = lambda epoch: 0.0
    constant_loss: float = float("inf")
    """About the J of a constant output; far above it the loss has exploded."""
    validate: Callable[[Parameters], tuple[float, float]] | None = None
    """(loss, score) on the held-out rows."""


@dataclass(kw_only=True)
class Progress:
    """What fit has to show; lists may go on from an earlier fit."""

    loss_curve: list[float]
    validation_scores: list[float] | None
    validation_losses: list[float] | None
    samples_seen: int = 0
    n_epochs: int = 0
    loss: float = float("nan")
    best: Array | None = None
    stopped: str = "epochs"
    diverged: DivergedError | None = None
    exploded: bool = False
    losses: list[Array] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    penalties: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
