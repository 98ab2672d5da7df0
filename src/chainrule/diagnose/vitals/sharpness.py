"""Sharpness λ: the algebraically largest eigenvalue of the Hessian of the objective, on some hundred training rows.

Plain gradient descent with a constant η on a quadratic is stable where η·λ < 2. λ rises while a network
learns until η·λ ≈ 2 and hovers there with the loss still falling, so a value of about 2 is not a warning sign.

Source: LeCun, Simard, Pearlmutter (1993); Cohen et al. (2021), "Gradient descent on neural networks typically occurs
at the edge of stability".
"""

from __future__ import annotations

import numpy as np

from chainrule.engine.protocol import Task
from chainrule.errors import DataError
from chainrule.network.parameters import Parameters
from chainrule.tune.eigenvalues import largest_eigenvalue
from chainrule.tune.hessian import Hessian

ROWS, TOLERANCE, PRODUCTS, NUMBERS = 256, 0.01, 30, 20_000_000
"""Training rows; residual as a share of λ; products of the Hessian at most, fewer where the basis would be larger
than NUMBERS numbers."""


def sharpness(parameters: Parameters, task: Task, l2: float = 0.0) -> float | None:
    """λ at these parameters; None where a number is not finite.

    Cost      at most PRODUCTS products of the Hessian with a vector on ROWS rows, each about two gradients
    """
    n = task.n_samples
    rows = np.arange(n) if n <= ROWS else np.linspace(0, n - 1, ROWS).astype(np.int64)
    weight = None if task.weight is None else task.weight[rows]
    most = int(np.clip(NUMBERS // max(parameters.flat.size, 1), 5, PRODUCTS))
    with np.errstate(all="ignore"):
        try:
            matrix = Hessian(parameters, task.X[rows], task.targets[rows], weight, l2=l2)
            return float(largest_eigenvalue(matrix, TOLERANCE, most).value)
        except DataError:
            return None
