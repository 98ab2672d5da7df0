"""What a preset consists of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

SPREAD = 0.35
"""Members that begin more alike than those of the paper learn more from few rows and in few steps."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a pipeline, a network and a training are made with."""

    hidden_sizes: tuple[int, ...]
    activation: str
    scaling: str
    n_bins: int
    optimizer: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    simpler: tuple[Preset, ...] = ()
    """Shorter trainings with the same inputs, the simplest first, that are tried before this one is begun."""
    full_rate_inputs: float = float("inf")
    """Inputs, the bias being one, beyond which the learning rate falls: with more of them a step moves z further."""
    dtype: str = "float32"
    codes: bool = True
    """Whether whole numbers are tried as names too."""
    members: int = 1
    """Networks side by side that share the hidden layers."""
    member_spread: float | None = SPREAD
    """How far from 1 the factors of their inputs start; None: as in the paper."""
    embedding: dict[str, Any] | None = None
    """The embedding of the inputs that hold numbers: its name as "kind" and its options, n_bins among them."""
    weights: str = "auto"
    """The initializer of a network with hidden layers."""

    @property
    def initializer(self) -> str:
        """A linear model starts from nothing: what is drawn at random where no row says anything would stay."""
        return self.weights if self.hidden_sizes else "zeros"

    def for_inputs(self, n_inputs: int) -> Preset:
        """The preset, and its simpler ones, with the learning rate for so many inputs."""
        optimizer = dict(self.optimizer)
        optimizer["learning_rate"] *= min(1.0, self.full_rate_inputs / (n_inputs + 1))
        return replace(self, optimizer=optimizer, simpler=tuple(preset.for_inputs(n_inputs) for preset in self.simpler))
