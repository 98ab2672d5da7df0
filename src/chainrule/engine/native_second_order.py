"""The Hessian of J as the native engine knows it: by its products with vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.data.arrays import plain
from chainrule.engine.protocol import Array


class NativeSecondOrder:
    """Both passes at given parameters, done once; each product is one more of both by the R-operator.

    Arguments: products: of the C++ side; gradient (size,): of J, which they left
    Has       loss: J; gradient
    """

    def __init__(self, products: Any, gradient: Array) -> None:
        self._products, self.gradient = products, gradient
        self.loss = float(products.loss)

    def product(self, v: Array) -> Array:
        """H·v, (size,)."""
        found = np.empty_like(self.gradient)
        self._products.product(plain(v, found.dtype), found)
        return found
