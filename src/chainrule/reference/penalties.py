"""What is added to the gradient of J before the update: the penalties, the clip; and the dropout mask.

Penalties act on weights W, never on biases: the objective is J + ½·l2·Σ‖W‖² + l1·Σ|W|. Each is one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.reference.activations import Array
from chainrule.reference.setting import Setting

Strengths: TypeAlias = Mapping[str, float]
"""How strong each penalty is, by its name."""


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """One penalty: strength · value(W) is added to J, strength · slope(W) to its gradient."""

    setting: Setting
    """Its strength, as a hyper-parameter of its name."""
    symbols: str
    """What it adds to the gradient."""
    value: Callable[[Array, float], float]
    """Of W in float64 and the strength: what it adds to J."""
    slope: Callable[[Array], Array]
    """∂value/∂W, a number for each weight."""
    bend: Callable[[Array], Array] | None = None
    """The change of the slope as W moves along RW; None where a corner is all there is."""


L2 = Penalty(
    setting=Setting(
        name="l2",
        kind=float,
        default=0.0,
        meaning="adds ½·l2·Σ‖W‖² to the objective; biases are free",
        low=0.0,
        source="Krogh, Hertz (1992)",
    ),
    symbols="l2·W",
    value=lambda W, l2: 0.5 * l2 * float((W * W).sum()),
    slope=lambda W: W,
    bend=lambda RW: RW,
)
L1 = Penalty(
    setting=Setting(
        name="l1",
        kind=float,
        default=0.0,
        meaning="adds l1·Σ|W| to the objective; biases are free",
        low=0.0,
        source="Tibshirani (1996)",
    ),
    symbols="l1·sign(W)",
    value=lambda W, l1: l1 * float(np.abs(W).sum()),
    slope=np.sign,  # sign(0) = 0
)
PENALTIES: dict[str, Penalty] = {entry.setting.name: entry for entry in (L2, L1)}


def penalty(weights: Iterable[Array], strengths: Strengths) -> float:
    """½·l2·Σ‖W‖² + l1·Σ|W| over the given weight matrices, a float."""
    total = 0.0
    for W in weights:
        wide = W.astype(np.float64, copy=False)
        total += reduce(add, (entry.value(wide, strengths[name]) for name, entry in PENALTIES.items()))
    return total


def penalty_gradient(W: Array, strengths: Strengths) -> Array:
    """l2·W + l1·sign(W), shape of W; sign(0) = 0.

    Source: Goodfellow, Bengio, Courville (2016), sections 7.1.1 and 7.1.2.
    """
    return reduce(add, (strengths[name] * entry.slope(W) for name, entry in PENALTIES.items()))


def penalty_bend(RW: Array, strengths: Strengths) -> Array:
    """How penalty_gradient changes as W moves along RW: l2·RW. The corner of |W| has no second derivative."""
    bends = (strengths[name] * entry.bend(RW) for name, entry in PENALTIES.items() if entry.bend is not None)
    return reduce(add, bends)


def clip(g: Array, clip_norm: float) -> Array:
    """g shortened to the length clip_norm where it is longer, its direction kept.

        g · min(1, clip_norm / ‖g‖₂), ‖·‖ over all parameters at once, summed in float64; NaN throughout where
        that is not finite: nothing can be shortened by it

    Source: Pascanu, Mikolov, Bengio (2013), algorithm 1.
    """
    wide = g.astype(np.float64, copy=False)
    norm = float(np.sqrt((wide * wide).sum()))
    if not np.isfinite(norm):
        return np.full_like(g, np.nan)
    return g * g.dtype.type(clip_norm / norm) if norm > clip_norm else g


def dropout_mask(words: npt.NDArray[np.uint32], p: float, dtype: np.dtype) -> Array:
    """0 with probability p and 1/(1 − p) otherwise, from one 32-bit random word for each unit.

        kept where word ≥ ⌊p·2³²⌋

    Arguments: words: any shape; p in [0, 1): the share of units to drop.

    Source: Srivastava et al. (2014), inverted: prediction needs no rescaling.
    """
    kept = words >= np.uint32(int(p * 4294967296.0))
    return np.where(kept, dtype.type(1.0 / (1.0 - p)), dtype.type(0))
