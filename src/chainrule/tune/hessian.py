"""The Hessian of the objective at given parameters over given rows, known by its products with vectors."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Targets
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.reference import penalties

Array: TypeAlias = npt.NDArray[Any]


class Hessian:
    """H = ∂²(J + penalty)/∂θ² as the products H·v, in float64 whatever the dtype of the network.

    Both passes at θ are done once; each product is one more forward and one more backward pass of the
    R-operator, about the cost of two gradients. Memory: z, a, delta of all rows, so give a few hundred. The
    native engine does them where it can, with the same bits everywhere; with masks, NumPy does.

    Arguments: parameters: where; X (n, n_inputs), targets, weight: the rows, as an engine takes them; masks: of
    dropout, numbered like the layers, or None; l2: of the penalty (l1 has no curvature); engine: "auto", "native" or
    "numpy".

    Has       size: parameters together; loss: J; gradient (size,): of J + ½·l2·Σ‖W‖²
    """

    def __init__(
        self,
        parameters: Parameters,
        X: npt.NDArray[Any],
        targets: Targets,
        weight: npt.NDArray[Any] | None = None,
        masks: list[Any] | None = None,
        l2: float = 0.0,
        engine: str = "auto",
    ) -> None:
        wide = Architecture.from_dict({**parameters.architecture.to_dict(), "dtype": "float64"})
        self.parameters = p = Parameters(wide, parameters.flat.astype(np.float64))
        self.size, self.l2 = p.flat.size, l2
        rows = np.asarray(X, dtype=np.float64)
        self._by = select(engine, wide, threads=1)[0].second_order(p, rows, targets, weight, masks)
        self.loss, self.gradient = self._by.loss, self._by.gradient
        found = p.like(self.gradient)
        for l in range(1, len(p.W) if l2 else 0):
            found.W[l][:] += penalties.penalty_gradient(p.W[l], {"l2": l2, "l1": 0.0})

    def __matmul__(self, v: Array) -> Array:
        """H·v, (size,)."""
        v = np.ascontiguousarray(v, dtype=np.float64)
        product: Array = self._by.product(v)
        if self.l2:
            bent, d = self.parameters.like(product), self.parameters.like(v)
            for l in range(1, len(d.W)):
                bent.W[l][:] += penalties.penalty_bend(d.W[l], {"l2": self.l2, "l1": 0.0})
        return product

    def dense(self) -> Array:
        """H itself, (size, size), one product for each column: for small networks."""
        return np.stack([self @ unit for unit in np.eye(self.size)], axis=1)
