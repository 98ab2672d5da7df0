"""The Hessian of the objective at given parameters over given rows, known by its products with vectors."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.engine.numpy import NumpyEngine, dense_targets, one_thread
from chainrule.engine.protocol import Targets
from chainrule.engine.select import select
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters, tensors
from chainrule.reference import penalties, propagate, second_order

Array: TypeAlias = npt.NDArray[Any]


class Hessian:
    """H = ∂²(J + penalty)/∂θ² as the products H·v, in float64 whatever the dtype of the network.

    Both passes at θ are done once; each product is one more forward and one more backward pass of the
    R-operator, about the cost of two gradients. Memory: z, a, delta of all rows, so give a few hundred. The
    native engine does them where it can, with the same bits everywhere; with masks, NumPy does.

    Args      parameters: where; X (n, n_inputs), targets, weight: the rows, as an engine takes them;
              masks: of dropout, numbered like the layers, or None; l2: of the penalty (l1 has no curvature);
              engine: "auto", "native" or "numpy"
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
        chosen, _ = select(engine if masks is None else "numpy", wide, threads=1)
        if isinstance(chosen, NumpyEngine):
            self._by: Any = _Passes(p, rows, targets, weight, masks)
        else:
            self._by = chosen.second_order(p, rows, targets, weight)  # type: ignore[attr-defined]
        self.loss, self.gradient = self._by.loss, self._by.gradient
        found = p.like(self.gradient)
        for l in range(1, len(p.W) if l2 else 0):
            found.W[l][:] += penalties.penalty_gradient(p.W[l], l2, 0.0)

    def __matmul__(self, v: Array) -> Array:
        """H·v, (size,)."""
        v = np.ascontiguousarray(v, dtype=np.float64)
        product: Array = self._by.product(v)
        if self.l2:
            bent, d = self.parameters.like(product), self.parameters.like(v)
            for l in range(1, len(d.W)):
                bent.W[l][:] += penalties.penalty_bend(d.W[l], self.l2)
        return product

    def dense(self) -> Array:
        """H itself, (size, size), one product for each column: for small networks."""
        return np.stack([self @ unit for unit in np.eye(self.size)], axis=1)


class _Passes:
    """The formulas of reference/ on one set of rows; the native engine has the like."""

    def __init__(self, p: Parameters, X: Array, targets: Targets, weight: Array | None, masks: Any) -> None:
        self._p, wide = p, p.architecture
        self._masks = None if masks is None else [None if m is None else m.astype(np.float64) for m in masks]
        self._scale = propagate.row_scales(weight, len(X), np.dtype(np.float64))
        self._y = dense_targets(targets, wide)
        with one_thread(), np.errstate(all="ignore"):
            self._passed = propagate.forward(
                X, p.W, p.b, wide.activations, self._masks, p.gain, p.shift, wide.residuals
            )
            z, _, a = self._passed
            self.loss, delta = propagate.batch_loss(z[-1], a[-1], self._y, self._scale, wide.loss, wide.output)
            self._g = propagate.backward(
                self._passed, p.W, delta, wide.activations, self._masks, p.gain, wide.residuals
            )
        self.gradient = self._flat(self._g)

    def product(self, v: Array) -> Array:
        p, wide = self._p, self._p.architecture
        options = (wide.activations, self._masks, p.gain, wide.residuals)
        d = p.like(v)
        direction = second_order.Direction(d.W, d.b, d.gain, d.shift)
        z, _, a = self._passed
        with one_thread(), np.errstate(all="ignore"):
            changes = second_order.R_forward(self._passed, direction, p.W, *options)
            Rdelta = second_order.R_batch_loss(
                z[-1], a[-1], self._y, self._scale, changes.z[-1], wide.loss, wide.output
            )
            return self._flat(second_order.R_backward(self._passed, changes, self._g, direction, p.W, Rdelta, *options))

    def _flat(self, found: propagate.Gradients | second_order.Products) -> Array:
        gathered = Parameters(self._p.architecture)
        for l, layer in enumerate(self._p.architecture.layers, start=1):
            for name, _ in tensors(layer):
                getattr(gathered, name)[l][:] = getattr(found, f"d{name}")[l]
        return gathered.flat
