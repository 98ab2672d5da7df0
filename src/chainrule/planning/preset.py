"""What a preset consists of."""

from __future__ import annotations

import math
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
    flat_share: float = 0.0
    """The training ends where so large a share of its epochs, if they are not stated, brought nothing; 0: never."""
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
    output_weights: str | None = None
    """That of its output layer, where it is another."""
    input_scale: bool = False
    """Whether a scale layer comes first."""
    by_fan_in: bool = False
    """Whether the rate of W[l] is divided by √n of its inputs: what dividing a @ W[l] by it does to steps of Adam."""

    @property
    def initializer(self) -> str:
        """A linear model starts from nothing: what is drawn at random where no row says anything would stay."""
        return self.weights if self.hidden_sizes else "zeros"

    def initializers(self, n_layers: int) -> str | tuple[str, ...]:
        """The initializer, or one for each of so many layers."""
        if self.output_weights is None or not self.hidden_sizes:
            return self.initializer
        return (*(self.weights,) * (n_layers - 1), self.output_weights)

    def for_sizes(self, sizes: tuple[int, ...]) -> Preset:
        """The preset with the factors on the rates of W, where these follow the sizes and the preset has any."""
        factors = self.settings.get("learning_rate_factors")
        if not self.by_fan_in or factors is None:
            return self
        by_layer = {f"W{l}": 1 / math.sqrt(n) for l, n in enumerate(sizes[:-1], start=1)}
        return replace(self, settings=self.settings | {"learning_rate_factors": factors | by_layer})

    def for_inputs(self, n_inputs: int) -> Preset:
        """The preset, and its simpler ones, with the learning rate for so many inputs."""
        optimizer = dict(self.optimizer)
        optimizer["learning_rate"] *= min(1.0, self.full_rate_inputs / (n_inputs + 1))
        return replace(self, optimizer=optimizer, simpler=tuple(preset.for_inputs(n_inputs) for preset in self.simpler))
