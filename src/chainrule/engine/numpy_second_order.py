"""The Hessian by the formulas of reference/, on one set of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.blas import one_thread
from chainrule.engine.protocol import Array, Targets, dense_targets
from chainrule.network.parameters import Parameters, tensors
from chainrule.reference import propagate, second_order
from chainrule.reference.members import for_members


class NumpySecondOrder:
    """Both passes at given parameters, done once; each product is one more of both by the R-operator."""

    def __init__(self, p: Parameters, X: Array, targets: Targets, weight: Array | None, masks: Any) -> None:
        self._p, architecture = p, p.architecture
        dtype = np.dtype(architecture.dtype)
        self._masks = None if masks is None else [None if m is None else m.astype(dtype) for m in masks]
        K = architecture.members
        self._scale = for_members(propagate.row_scales(weight, len(X), dtype) / dtype.type(K), K)
        self._y = for_members(dense_targets(targets, architecture), K)
        with one_thread(), np.errstate(all="ignore"):
            self._passed = propagate.forward(
                X, p.W, p.b, architecture.activations, self._masks, p.kinds, architecture.residuals, architecture.small
            )
            z, _, a = self._passed
            self.loss, delta = propagate.batch_loss(
                z[-1], a[-1], self._y, self._scale, architecture.loss, architecture.output, architecture.small
            )
            self._g = propagate.backward(
                self._passed,
                p.W,
                delta,
                architecture.activations,
                self._masks,
                p.kinds,
                architecture.residuals,
                architecture.small,
            )
        self.gradient = self._flat(self._g)

    def product(self, v: Array) -> Array:
        """H·v, (size,)."""
        p, architecture = self._p, self._p.architecture
        options = (architecture.activations, self._masks, p.kinds, architecture.residuals)
        d = p.like(v)
        direction = second_order.Direction(d.W, d.b, [None if k is None else k.tensors for k in d.kinds])
        z, _, a = self._passed
        with one_thread(), np.errstate(all="ignore"):
            changes = second_order.R_forward(self._passed, direction, p.W, *options)
            Rdelta = second_order.R_batch_loss(
                z[-1], a[-1], self._y, self._scale, changes.z[-1], architecture.loss, architecture.output
            )
            return self._flat(second_order.R_backward(self._passed, changes, self._g, direction, p.W, Rdelta, *options))

    def _flat(self, found: propagate.Gradients | second_order.Products) -> Array:
        gathered = Parameters(self._p.architecture)
        for l, layer in self._p.architecture.numbered:
            for name, _ in tensors(layer):
                of_layer = {"W": found.dW[l], "b": found.db[l]} | (found.tensors[l] or {})
                getattr(gathered, name)[l][...] = of_layer[name]
        return gathered.flat
