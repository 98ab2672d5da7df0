"""Both passes through the whole network. The only file of the mathematics that uses layer indices.

Lists are numbered as in the textbook: layers 1 … L, a[0] is X, and position 0 of z, delta, W, b, dW,
db and masks holds None. `activations[l]` names g of layer l; the last one is the output activation.
kinds[l] is the kind between z and g of layer l with its tensors, or None; kinds[0] that of the input layer, which makes
a[0] of X: z[0] is X then, u[0] is a[0]. residual[l]: whether a[l-1] is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from chainrule.reference.activations import Array
from chainrule.reference.layers import (
    activate,
    dense_backward,
    dense_delta,
    dense_forward,
    residual_backward,
    residual_forward,
)
from chainrule.reference.losses import value_and_delta
from chainrule.reference.small_numbers import without_small

Numbered: TypeAlias = Sequence[Any]
"""Arrays numbered by layer; None if a layer has no such array."""


class Activations(NamedTuple):
    """What the forward pass computes: lists over 0 … L, each entry (n, n_l); z[0] and u[0] are of the input layer."""

    z: list[Any]
    u: list[Any]
    a: list[Array]


class Gradients(NamedTuple):
    """What the backward pass computes: lists over 0 … L with None at 0; dX (n, n_0) = ∂J/∂X.

    tensors[l]: the gradients of what the kind of layer l learns, by name, or None; at 0, as du[0], of the input layer.
    """

    delta: list[Any]
    du: list[Any]
    dW: list[Any]
    db: list[Any]
    tensors: list[Any]
    dX: Array

    def of_tensor(self, name: str) -> list[Any]:
        """The gradient of a tensor of the layers' kinds by layer; None where a layer has none."""
        return [None if of_layer is None else of_layer.get(name) for of_layer in self.tensors]


def forward(
    X: Array,
    W: Numbered,
    b: Numbered,
    activations: Sequence[Any],
    masks: Numbered | None = None,
    kinds: Numbered | None = None,
    residual: Sequence[bool] | None = None,
    small: float = 0.0,
) -> Activations:
    """Forward propagation: z and a of every layer, and u of the normalised ones.

        a[0] = X;   z[l] = a[l-1] @ W[l] + b[l];   a[l] = g_l(z[l])      for l = 1 … L;
        where the layer has a kind: u[l] = kind(z[l]), a[l] = g_l(u[l]);   residual: a[l-1] is added to a[l]

    Arguments: X (n, n_0); W[l] (n_{l-1}, n_l); b[l] (n_l,); masks[l] (n, n_l) or None: dropout; kinds[l]: a Between
    or None; residual[l] or None: no layer has one; small: what a number must reach to count, in the output layer its
    square (small_numbers). Returns z, u, a: lists over 0 … L, each entry (n, n_l) or None.

    Source: Goodfellow, Bengio, Courville (2016), algorithm 6.3.
    """
    z, u, a = _inputs(without_small(X, small), _at(kinds, 0), small)
    for l in range(1, len(W)):
        mask, u_l = _at(masks, l), None
        least = small if l < len(W) - 1 else small * small
        between = _at(kinds, l)
        if between is not None:
            z_l, _ = dense_forward(a[l - 1], W[l], b[l], "identity", small=least)
            u_l = without_small(between.kind.forward(z_l, between.tensors), least)
            a_l = activate(u_l, activations[l], mask, least)
        else:
            z_l, a_l = dense_forward(a[l - 1], W[l], b[l], activations[l], mask, least)
        if _at(residual, l):
            a_l = residual_forward(a[l - 1], a_l)
        z.append(z_l)
        u.append(u_l)
        a.append(a_l)
    return Activations(z, u, a)


def _inputs(X: Array, between: Any, small: float) -> tuple[list[Any], list[Any], list[Array]]:
    """Position 0 of z, u and a: None, None, X; where there is an input layer X, a[0] and a[0]."""
    if between is None:
        return [None], [None], [X]
    a_0 = without_small(between.kind.forward(X, between.tensors), small)
    return [X], [a_0], [a_0]


def _at(numbered: Sequence[Any] | None, l: int) -> Any:
    return None if numbered is None else numbered[l]


def row_scales(weight: Array | None, n: int, dtype: np.dtype) -> Array:
    """w_i / Σw of every row of a batch, shape (n,); all 0 when the batch has no weight."""
    if weight is None:
        return np.full(n, 1.0 / n, dtype=dtype)
    total = float(weight.sum(dtype=np.float64))
    if total > np.finfo(weight.dtype).max:
        weight = weight.astype(np.float64)
    return np.zeros(n, dtype=dtype) if total == 0 else (weight / total).astype(dtype)


def batch_loss(
    z: Array, a: Array, y: Array, scale: Array, loss: str, output: str, small: float = 0.0
) -> tuple[float, Array]:
    """J of a batch and delta of the output layer, scaled by w_i / Σw.

        J = Σ_i scale_i·loss_i;   delta[L]_i = scale_i·∂loss_i/∂z_i (BP1)

    Arguments: z, a, y (n, n_L); scale (n,) from row_scales; loss, output: names of the pair; small: entries of delta
    below it are 0. Returns J (a float), delta[L] (n, n_L).
    """
    return over_batch(*value_and_delta(loss, output, z, a, y), scale, small)


def over_batch(value: Array, delta: Array, scale: Array, small: float = 0.0) -> tuple[float, Array]:
    """J = Σ_i scale_i·value_i and scale_i·delta_i, from the loss (n,) and delta (n, n_L) of every row."""
    # A row of weight 0 does not count, even if its loss is infinite (0·inf would be NaN).
    counts = scale > 0
    J = float(np.dot(np.where(counts, value, 0).astype(np.float64), scale.astype(np.float64)))
    return J, without_small(np.where(counts[:, None], delta, 0) * scale[:, None], small)


def backward(
    passed: Activations,
    W: Numbered,
    delta_L: Array,
    activations: Sequence[Any],
    masks: Numbered | None = None,
    kinds: Numbered | None = None,
    residual: Sequence[bool] | None = None,
    small: float = 0.0,
) -> Gradients:
    """Backward propagation: delta, dW, db of every layer, from delta of the output layer down.

        dW[l] = a[l-1].T @ delta[l];   db[l] = Σ_i delta[l]_i;   da[l-1] = delta[l] @ W[l].T;
        delta[l-1] = pullback_{l-1}(z[l-1], a[l-1], da[l-1])      for l = L … 1;
        residual: da[l-1] = delta[l] @ W[l].T + da[l];   where the layer has a kind: the pullback gives
        du[l], and the kind's backward makes delta[l] and the gradients of its tensors of it

    Arguments: passed: from forward; W[l]; delta_L (n, n_L) from batch_loss; masks, kinds, residual, small as in
    forward.
    Returns delta, du, dW, db, tensors: lists over 0 … L with None where there is none; dX (n, n_0).

    Source: Rumelhart, Hinton, Williams (1986); Goodfellow et al. (2016), algorithm 6.4.
    """
    z, u, a = passed
    L = len(W) - 1
    numbered: list[list[Any]] = [[None] * (L + 1) for _ in range(5)]
    delta, du, dW, db, tensors = numbered
    delta[L] = delta_L
    da: Any = None  # not needed for the output layer: a loss and its output activation are pulled back together
    for l in range(L, 0, -1):
        if l < L:
            on = z[l] if u[l] is None else u[l]
            least = small if l > 1 else 0.0  # of the first of several layers delta is multiplied by X alone
            pulled = dense_delta(on, a[l], da, activations[l], _at(masks, l), bool(_at(residual, l)), least)
            between = _at(kinds, l)
            if between is None:
                delta[l] = pulled
            else:
                du[l] = pulled
                below, tensors[l] = between.kind.backward(z[l], between.tensors, pulled)
                delta[l] = without_small(below, least)
        dW[l], db[l], da_in = dense_backward(a[l - 1], W[l], delta[l])
        da_in = without_small(da_in, small) if l > 2 else da_in
        da = residual_backward(da, da_in) if _at(residual, l) else da_in
    if (between := _at(kinds, 0)) is not None:
        du[0] = da
        da, tensors[0] = between.kind.backward(z[0], between.tensors, da)
    return Gradients(delta, du, dW, db, tensors, da)
