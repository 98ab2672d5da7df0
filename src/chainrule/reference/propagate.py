"""Both passes through the whole network. The only file of the mathematics that knows layer indices.

Lists are numbered as in the textbook: layers 1 … L, a[0] is X, and position 0 of z, delta, W, b, dW,
db and masks holds None. `activations[l]` names g of layer l; the last one is the output activation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.reference.activations import Array
from chainrule.reference.layers import dense_backward, dense_delta, dense_forward
from chainrule.reference.losses import value_and_delta

Numbered: TypeAlias = Sequence[Any]
"""Arrays numbered by layer; None stands where a layer has no such array."""


def forward(
    X: Array, W: Numbered, b: Numbered, activations: Sequence[Any], masks: Numbered | None = None
) -> tuple[list[Any], list[Array]]:
    """Forward propagation: z and a of every layer.

    Formula   a[0] = X;   z[l] = a[l-1] @ W[l] + b[l];   a[l] = g_l(z[l])      for l = 1 … L
    Args      X (n, n_0); W[l] (n_{l-1}, n_l); b[l] (n_l,); masks[l] (n, n_l) or None: dropout
    Returns   z, a: lists over 0 … L, each entry (n, n_l), z[0] = None
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.3
    """
    z: list[Any] = [None]
    a: list[Array] = [X]
    for l in range(1, len(W)):
        mask = masks[l] if masks is not None else None
        z_l, a_l = dense_forward(a[l - 1], W[l], b[l], activations[l], mask)
        z.append(z_l)
        a.append(a_l)
    return z, a


def row_scales(weight: Array | None, n: int, dtype: np.dtype) -> Array:
    """w_i / Σw of every row of a batch, shape (n,); all 0 when the batch has no weight."""
    if weight is None:
        return np.full(n, 1.0 / n, dtype=dtype)
    total = float(weight.sum(dtype=np.float64))
    return np.zeros(n, dtype=dtype) if total == 0 else (weight / total).astype(dtype)


def batch_loss(z: Array, a: Array, y: Array, scale: Array, loss: str, output: str) -> tuple[float, Array]:
    """J of a batch and delta of the output layer, scaled by w_i / Σw.

    Formula   J = Σ_i scale_i·loss_i;   delta[L]_i = scale_i·∂loss_i/∂z_i (BP1)
    Args      z, a, y (n, n_L); scale (n,) from row_scales; loss, output: names of the pair
    Returns   J (a float), delta[L] (n, n_L)
    """
    value, delta = value_and_delta(loss, output, z, a, y)
    # A row of weight 0 says nothing, even where its loss is infinite (0·inf would be NaN).
    counts = scale > 0
    J = float(np.dot(np.where(counts, value, 0).astype(np.float64), scale.astype(np.float64)))
    return J, np.where(counts[:, None], delta, 0) * scale[:, None]


def backward(
    z: Numbered,
    a: Sequence[Array],
    W: Numbered,
    delta_L: Array,
    activations: Sequence[Any],
    masks: Numbered | None = None,
) -> tuple[list[Any], list[Any], list[Any], Array]:
    """Backward propagation: delta, dW, db of every layer, from delta of the output layer down.

    Formula   dW[l] = a[l-1].T @ delta[l];   db[l] = Σ_i delta[l]_i;   da[l-1] = delta[l] @ W[l].T;
              delta[l-1] = pullback_{l-1}(z[l-1], a[l-1], da[l-1])      for l = L … 1
    Args      z, a from forward; W[l]; delta_L (n, n_L) from batch_loss; masks as in forward
    Returns   delta, dW, db: lists over 0 … L with None at 0; dX (n, n_0) = ∂J/∂X
    Source    Rumelhart, Hinton, Williams (1986); Goodfellow et al. (2016), algorithm 6.4
    """
    L = len(W) - 1
    delta: list[Any] = [None] * (L + 1)
    dW: list[Any] = [None] * (L + 1)
    db: list[Any] = [None] * (L + 1)
    delta[L] = delta_L
    for l in range(L, 0, -1):
        dW[l], db[l], da = dense_backward(a[l - 1], W[l], delta[l])
        if l > 1:
            mask = masks[l - 1] if masks is not None else None
            delta[l - 1] = dense_delta(z[l - 1], a[l - 1], da, activations[l - 1], mask)
    return delta, dW, db, da
