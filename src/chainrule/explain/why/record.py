"""What an answer consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainrule.text.terms import Origin
from chainrule.visible import short_repr


@dataclass(frozen=True)
class Twin:
    """The same number from finite differences of J in float64.

    Attributes
    ----------
    of : str
        The derivative that is compared.
    numeric : float
        (J(x + h) − J(x − h)) / 2h.
    h : float
        Half the distance of the two points.
    doubt : float
        How far rounding of J alone may move it.
    kink : bool
        Whether a corner lies between the two points.
    """

    of: str
    numeric: float
    h: float
    doubt: float
    kink: bool = False
    __repr__ = short_repr


@dataclass(frozen=True)
class Path:
    """One way from a weight up to the loss.

    Attributes
    ----------
    units : tuple of int
        The unit it passes in each layer.
    factors : tuple of float
        The derivatives along it.
    value : float
        Their product.
    past : tuple of int
        Layers it does not go through: their residual connection carries what a unit of the layer below has.
    names : tuple of str
        What each factor is, such as "g′(z1[6,4])·W2[4,1]".
    """

    units: tuple[int, ...]
    factors: tuple[float, ...]
    value: float
    past: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    __repr__ = short_repr


@dataclass(frozen=True)
class Paths:
    """The ways from a weight to the loss.

    Attributes
    ----------
    top : tuple of Path
        The most important.
    n_paths : int
        How many there are.
    total : float
        The sum over all.
    row : int or None
        The row of the batch they belong to; None for the whole batch.
    every : bool
        Whether all were walked.
    """

    top: tuple[Path, ...]
    n_paths: int
    total: float
    row: int | None
    every: bool
    __repr__ = short_repr


@dataclass(frozen=True)
class Prediction:
    """What the update was to do to J by the gradient alone, and what it did, both on the batch of the step.

    Attributes
    ----------
    before, predicted, after : float
        J before the update, the predicted change of J, J after the update.
    by_layer : mapping of str to float
        The predicted change by layer.
    """

    before: float
    predicted: float
    after: float
    by_layer: Mapping[str, float] = field(default_factory=dict)
    __repr__ = short_repr

    @property
    def actual(self) -> float:
        """The change of J."""
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Everything known about one number of a step."""

    name: str
    value: float
    dtype: str
    engine: str
    step: int
    exact_sums: bool
    """Whether the engine adds up in a chain that can be redone to the bit."""
    origin: Origin
    twin: Twin | None = None
    paths: Paths | None = None
    prediction: Prediction | None = None
    updated: bool = False
    """Whether it is a parameter after the step."""
    missing: bool = False
    """Whether it is the error signal of an output whose target is missing."""
    small: float = 0.0
    """What it had to reach to count, where it was set to 0 because it did not; else 0."""
    __repr__ = short_repr

    @property
    def rounding(self) -> float:
        """What the engine's roundings made of the exact result: value − origin.last."""
        return 0.0 if self.value == self.origin.last else self.value - self.origin.last

    @property
    def shares(self) -> list[float]:
        """|term| / Σ|terms| of every term."""
        sizes = [abs(term.value) for term in self.origin.terms]
        whole = sum(sizes)
        return [size / whole if whole else 0.0 for size in sizes]
