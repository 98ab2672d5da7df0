"""Sharpness λ: the largest eigenvalue of the Hessian of the objective, on some hundred training rows.

Plain gradient descent with a constant η on a quadratic is stable where η·λ < 2. λ rises while a network
learns until η·λ ≈ 2 and hovers there with the loss still falling, so about 2 is no alarm.

Source    LeCun, Simard, Pearlmutter (1993); Cohen et al. (2021), "Gradient descent on neural networks
          typically occurs at the edge of stability"
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.numpy import NumpyEngine
from chainrule.engine.protocol import Task
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters

ROWS, PRODUCTS = 256, 20


def sharpness(parameters: Parameters, task: Task, l2: float = 0.0) -> float | None:
    """λ at these parameters; None where a number is not finite.

    Cost      PRODUCTS products of the Hessian with a vector on ROWS rows, each about two gradients
    """
    n = task.n_samples
    rows = np.arange(n) if n <= ROWS else np.linspace(0, n - 1, ROWS).astype(np.int64)
    weight = None if task.weight is None else task.weight[rows]
    matrix = Differences(parameters, task.X[rows], task.targets[rows], weight, l2)
    v = np.cos(np.arange(1.0, parameters.flat.size + 1) ** 2)
    value = np.nan
    with np.errstate(all="ignore"):
        for _ in range(PRODUCTS):
            v = v / np.linalg.norm(v)
            product = matrix @ v
            value, v = float(v @ product), product
            if not np.isfinite(product).all() or not product.any():
                return None if not np.isfinite(product).all() else 0.0
    return value


class Differences:
    """H·v by central differences of gradients, in float64."""

    def __init__(self, parameters: Parameters, X: npt.NDArray[Any], targets: Any, weight: Any, l2: float) -> None:
        wide = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
        self.parameters = Parameters(wide, parameters.flat.astype(np.float64))
        self.size = self.parameters.flat.size
        self.rows = (X.astype(np.float64), targets.astype(np.float64) if targets.dtype.kind == "f" else targets, weight)
        self.l2, self.engine = l2, NumpyEngine()

    def __matmul__(self, v: npt.NDArray[Any]) -> npt.NDArray[Any]:
        h = 1e-4
        up, down = (self._gradient(self.parameters.flat + sign * h * v) for sign in (1, -1))
        return (up - down) / (2 * h)

    def _gradient(self, flat: npt.NDArray[Any]) -> npt.NDArray[Any]:
        p = self.parameters.like(flat)
        g = self.engine.backward(p, *self.rows)
        told = p.like(np.zeros(self.size))
        for name, array in told.named():
            kind, l = name.rstrip("0123456789"), int(name.lstrip("Wbgainshft"))
            array[...] = getattr(g, f"d{kind}")[l]
            if kind == "W":
                array += self.l2 * getattr(p, kind)[l]
        return told.flat
