"""What is added to the gradient of J before the update: L2, L1, the clip; and the dropout mask.

Penalties act on weights W, never on biases: the objective is J + ½·l2·Σ‖W‖² + l1·Σ|W|.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from chainrule.reference.activations import Array


def penalty(weights: Iterable[Array], l2: float, l1: float) -> float:
    """½·l2·Σ‖W‖² + l1·Σ|W| over the given weight matrices, a float."""
    total = 0.0
    for W in weights:
        wide = W.astype(np.float64, copy=False)
        total += 0.5 * l2 * float((wide * wide).sum()) + l1 * float(np.abs(wide).sum())
    return total


def penalty_gradient(W: Array, l2: float, l1: float) -> Array:
    """l2·W + l1·sign(W), shape of W; sign(0) = 0.

    Source    Goodfellow, Bengio, Courville (2016), sections 7.1.1 and 7.1.2
    """
    return l2 * W + l1 * np.sign(W)


def penalty_bend(RW: Array, l2: float) -> Array:
    """How penalty_gradient changes as W moves along RW: l2·RW. The corner of |W| has no second derivative."""
    return l2 * RW


def clip(g: Array, clip_norm: float) -> Array:
    """g shortened to the length clip_norm where it is longer, its direction kept.

    Formula   g · min(1, clip_norm / ‖g‖₂), ‖·‖ over all parameters at once, summed in float64; NaN throughout where
              that is not finite: nothing can be shortened by it
    Source    Pascanu, Mikolov, Bengio (2013), algorithm 1
    """
    wide = g.astype(np.float64, copy=False)
    norm = float(np.sqrt((wide * wide).sum()))
    if not np.isfinite(norm):
        return np.full_like(g, np.nan)
    return g * g.dtype.type(clip_norm / norm) if norm > clip_norm else g


def dropout_mask(words: npt.NDArray[np.uint32], p: float, dtype: np.dtype) -> Array:
    """0 with probability p and 1/(1 − p) otherwise, from one 32-bit random word for each unit.

    Formula   kept where word ≥ ⌊p·2³²⌋
    Args      words: any shape; p in [0, 1): the share of units to drop
    Source    Srivastava et al. (2014), inverted: prediction needs no rescaling
    """
    kept = words >= np.uint32(int(p * 4294967296.0))
    return np.where(kept, dtype.type(1.0 / (1.0 - p)), dtype.type(0))
