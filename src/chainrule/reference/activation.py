"""What is true of one activation: its mathematics, its facts and its texts, in one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

SILENT = 1e-4
"""A unit is silent where its slope is at most this on every row: what passes through it is lost beside the rounding
of float32 sums. max(z, 0) has a slope of exactly 0 there, which is its own limit."""
FLAT = 0.05
"""A unit with two flat ends is saturated on a row where its slope is below this share of the steepest."""


@dataclass(frozen=True, kw_only=True)
class Activation:
    """One activation. What has a default may be left out: the entry then says that it is not known.

    Parameters
    ----------
    name : str
    g : a = g(z) for z of shape (n, n_out).
    pullback : (z, a, da) -> ∂J/∂z, given a = g(z) and da = ∂J/∂a.
    bend : (z, a, da, Rz) -> the change of that as z moves along Rz: da ⊙ g″(z) ⊙ Rz.
    formula : "a = …".
    low, high : what an output can say: the ends of the range of g.
    silent : the slope up to which a unit is silent; None where g is flat on no side.
    steepest : the largest slope of a g that is flat on both sides (such units saturate); None for others.
    straight : whether g bends nowhere, so that layers of it are one matrix.
    rectifies : whether g is max(z, 0), which is drawn as that gate and told by its largest z where it is silent.
    probability : whether the outputs are probabilities.
    elementwise : whether g acts on each unit alone.
    kinks : where g′ jumps; bends : where g′ is continuous and g″ jumps.
    initializer : the rule for weights that keeps the variance of a through a layer of it.
    numpy : NumPy text of g at z[j]; numpy_pullback : of the pullback of `value` at z; None: told as a number.
    numpy_imports : what the texts need besides numpy.
    """

    name: str
    g: Callable[[Array], Array]
    pullback: Callable[[Array, Array, Array], Array]
    bend: Callable[[Array, Array, Array, Array], Array]
    formula: str
    low: float = -np.inf
    high: float = np.inf
    silent: float | None = None
    steepest: float | None = None
    straight: bool = False
    rectifies: bool = False
    probability: bool = False
    elementwise: bool = True
    kinks: tuple[float, ...] = ()
    bends: tuple[float, ...] = ()
    initializer: str = "glorot_uniform"
    numpy: str | None = None
    numpy_pullback: str | None = None
    numpy_imports: tuple[str, ...] = field(default=())

    @property
    def saturated(self) -> float | None:
        """The slope below which a unit is saturated on a row; None where g has not two flat ends."""
        return None if self.steepest is None else FLAT * self.steepest

    def slope(self, z: Array) -> Array:
        """g′(z) in the precision of z; of an activation that acts on each unit alone."""
        return self.pullback(z, self.g(z), np.ones_like(z))

    def side(self, z: Array) -> npt.NDArray[np.intp]:
        """On which side of the corners and bends of g every entry lies: how many of them it has passed."""
        return np.digitize(z, sorted({*self.kinks, *self.bends}), right=True)

    def is_silent(self, slope: Array) -> npt.NDArray[np.bool_]:
        """Which units are silent, given their slopes on some rows (n, n_out): a slope that is no number is not."""
        if self.silent is None:
            return np.zeros(slope.shape[1:], dtype=bool)
        return np.asarray((np.abs(slope) <= self.silent).all(axis=0))

    def is_saturated(self, slope: Array) -> npt.NDArray[np.bool_]:
        """Which units are saturated on which rows, (n, n_out), given their slopes."""
        limit = self.saturated
        return np.zeros(slope.shape, dtype=bool) if limit is None else np.asarray(np.abs(slope) < limit)
