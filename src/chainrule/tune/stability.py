"""Up to which learning rate an update rule is stable where the loss bends with curvature λ.

On a quadratic J = ½·λ·θ² every rule here is a linear recurrence of θ and its velocity. It converges while all
its characteristic roots lie inside the unit circle; the bound is where one of them reaches −1:

    gradient descent   θ ← (1 − η·λ)·θ                            root −1 at η = 2/λ
    momentum μ         r² − (1 + μ − η·λ)·r + μ = 0               η = 2·(1 + μ)/λ
    Nesterov μ         r² − (1 + μ)·(1 − η·λ)·r + μ·(1 − η·λ) = 0 with the step seen from the point looked
                       ahead to                                   η = 2·(1 + μ)/((1 + 2·μ)·λ)

Rules that divide by √v + ε move in coordinates scaled by it, where the Hessian is P^−½·H·P^−½ with
P = diag(√v + ε) and eigenvalue λ_P. There RMSProp and Adagrad are gradient descent and Adam is momentum whose
gradient counts 1 − β₁: η = 2·(1 + β₁)/((1 − β₁)·λ_P). v changes from step to step, so this is approximate.

Source: Polyak (1964); Cohen, Kaur, Li, Kolter, Talwalkar (2021), appendix B, for momentum and Nesterov; Cohen et al.
(2022), "Adaptive gradient methods at the edge of stability", for Adam.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.tune.eigenvalues import Matrix

Array = npt.NDArray[Any]


def stable_factor(optimizer: str, hyper: Mapping[str, float]) -> float:
    """The product η·λ (of an adaptive rule η·λ_P) at which the rule becomes unstable; plain descent's if not known.

    Arguments: optimizer: a name in reference.optimizers.OPTIMIZERS; hyper: its hyper-parameters.

    Examples
    --------
    >>> stable_factor("sgd", {}), stable_factor("sgd", {"momentum": 0.9})
    (2.0, 3.8)
    """
    entry = OPTIMIZERS[optimizer]
    return 2.0 if entry.stable_factor is None else entry.stable_factor({**entry.hyper, **hyper})


def scales(optimizer: str, hyper: Mapping[str, float], gradients: Array) -> Array | None:
    """√v + ε of an adaptive rule, v as the first batches make it; None for the others.

    Arguments: gradients (n_batches, size): of the first batches, all at the start. Returns (size,).
    """
    entry = OPTIMIZERS[optimizer]
    return None if entry.scale is None else entry.scale({**entry.hyper, **hyper}, gradients)


class Preconditioned:
    """P^−½·H·P^−½ by its products: the Hessian in the coordinates an adaptive rule moves in."""

    def __init__(self, matrix: Matrix, scale: Array) -> None:
        self.matrix, self.size = matrix, matrix.size
        self._root = 1 / np.sqrt(scale)

    def __matmul__(self, v: Array) -> Array:
        """The product with v, (size,)."""
        return self._root * (self.matrix @ (self._root * v))
