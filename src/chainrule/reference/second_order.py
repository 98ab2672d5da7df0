"""The derivative of both passes along a direction: the product of the Hessian of J with a vector.

R{x} is the derivative of x as the parameters move from θ along a direction v, written Rx: R{W[l]} = RW[l]
is the part of v that belongs to W[l]. Applied to every line of the forward pass, then to every line of the
backward pass, the rules of the product and the chain turn gradients into their change,

    R{∇J} = d/dε ∇J(θ + ε·v) at ε = 0 = H·v,      H = ∂²J/∂θ²,

exactly, without forming H and without a difference quotient. The cost is that of about two gradients.

Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian"; Bishop (2006), section 5.4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.layers import activate
from chainrule.reference.losses import bend_of_delta
from chainrule.reference.members import members_backward, members_below, members_forward
from chainrule.reference.propagate import Activations, Gradients, Numbered


class Direction(NamedTuple):
    """A direction in the space of parameters, numbered like them; tensors[l]: those of the layer's kind, or None."""

    W: Numbered
    b: Numbered
    tensors: Numbered


class Changes(NamedTuple):
    """R{·} of the forward pass: lists over 0 … L, each entry (n, n_l); None where there is no such array."""

    z: list[Any]
    u: list[Any]
    a: list[Any]


class Products(NamedTuple):
    """R{·} of the gradients, H·v by tensor: lists over 0 … L with None where there is none."""

    dW: list[Any]
    db: list[Any]
    tensors: list[Any]
    """By name, or None where a layer has no kind."""


# one layer -------------------------------------------------------------------------------------------------


def R_dense_forward(a_in: Array, Ra_in: Array | None, W: Array, RW: Array, Rb: Array) -> Array:
    """The change of z of a dense layer: Rz = Ra_in @ W + a_in @ RW + Rb, (n, n_out); X does not move (None)."""
    if W.ndim == 3:
        Rz = members_forward(a_in, RW, Rb)
        return Rz if Ra_in is None else Rz + members_forward(Ra_in, W, np.zeros_like(Rb))
    Rz = a_in @ RW + Rb
    return Rz if Ra_in is None else Rz + Ra_in @ W


def R_dense_backward(a_in: Array, Ra_in: Array | None, W: Array, delta: Array, Rdelta: Array) -> tuple[Array, Array]:
    """The changes of the gradients of a dense layer.

        RdW = Ra_in.T @ delta + a_in.T @ Rdelta;   Rdb = Σ_i Rdelta_i

    Arguments: a_in, Ra_in (n, n_in), Ra_in None for X; W (n_in, n_out), whose numbers are not needed; delta, Rdelta
    (n, n_out). Returns RdW (n_in, n_out), Rdb (n_out,).
    """
    if W.ndim == 3:
        RdW, Rdb, _ = members_backward(a_in, W, Rdelta)
        return RdW if Ra_in is None else RdW + members_backward(Ra_in, W, delta)[0], Rdb
    RdW = a_in.T @ Rdelta
    return RdW if Ra_in is None else RdW + Ra_in.T @ delta, Rdelta.sum(axis=0)


def R_dense_below(W: Array, RW: Array, delta: Array, Rdelta: Array) -> tuple[Array, Array]:
    """∂J/∂a_in of a dense layer and its change: da_in = delta @ W.T, Rda_in = Rdelta @ W.T + delta @ RW.T."""
    if W.ndim == 3:
        return members_below(W, delta), members_below(W, Rdelta) + members_below(RW, delta)
    return delta @ W.T, Rdelta @ W.T + delta @ RW.T


# the whole network -----------------------------------------------------------------------------------------


def R_forward(
    passed: Activations,
    v: Direction,
    W: Numbered,
    activations: Sequence[Any],
    masks: Numbered | None = None,
    kinds: Numbered | None = None,
    residual: Sequence[bool] | None = None,
) -> Changes:
    """How z, u and a of every layer change as the parameters move along v.

        Ra[0] = 0;   Rz[l] = Ra[l-1] @ W[l] + a[l-1] @ RW[l] + Rb[l];   Ra[l] = g′(z[l]) ⊙ Rz[l] (⊙ mask);
        residual: Ra[l-1] is added to Ra[l]

    Arguments: passed: from propagate.forward at the same parameters; the rest as there. Returns Rz, Ru, Ra: lists
    over 0 … L; Ra[0] is None, for X does not move, but where an input layer makes a[0] of it.
    """
    z, u, a = passed
    Rz, Ru, Ra = Changes([None], [None], [None])
    if kinds is not None and kinds[0] is not None:
        Ra[0] = kinds[0].kind.change_forward(z[0], np.zeros_like(z[0]), kinds[0].tensors, v.tensors[0])
    for l in range(1, len(W)):
        Rz_l = R_dense_forward(a[l - 1], Ra[l - 1], W[l], v.W[l], v.b[l])
        on, Ron, Ru_l = z[l], Rz_l, None
        if kinds is not None and kinds[l] is not None:
            on, Ron = u[l], kinds[l].kind.change_forward(z[l], Rz_l, kinds[l].tensors, v.tensors[l])
            Ru_l = Ron
        Ra_l = ACTIVATIONS[activations[l]].pullback(on, activate(on, activations[l]), Ron)
        if masks is not None and masks[l] is not None:
            Ra_l = Ra_l * masks[l]
        if residual is not None and residual[l] and Ra[l - 1] is not None:
            Ra_l = Ra_l + Ra[l - 1]
        Rz.append(Rz_l)
        Ru.append(Ru_l)
        Ra.append(Ra_l)
    return Changes(Rz, Ru, Ra)


def R_batch_loss(z: Array, a: Array, y: Array, scale: Array, Rz: Array, loss: str, output: str) -> Array:
    """The change of delta of the output layer, scaled by w_i / Σw, (n, n_L); rows of weight 0 say nothing."""
    found = bend_of_delta(loss, output, z, a, y, Rz)
    return np.where((scale > 0)[:, None], found, 0) * scale[:, None]


def R_backward(
    passed: Activations,
    changes: Changes,
    g: Gradients,
    v: Direction,
    W: Numbered,
    Rdelta_L: Array,
    activations: Sequence[Any],
    masks: Numbered | None = None,
    kinds: Numbered | None = None,
    residual: Sequence[bool] | None = None,
) -> Products:
    """How the gradient of J changes as the parameters move along v: the product of its Hessian with v, by tensor.

        RdW[l] = Ra[l-1].T @ delta[l] + a[l-1].T @ Rdelta[l];   Rdb[l] = Σ_i Rdelta[l]_i;
        Rda[l-1] = Rdelta[l] @ W[l].T + delta[l] @ RW[l].T;
        Rdelta[l-1] = g′(z[l-1]) ⊙ Rda[l-1] + g″(z[l-1]) ⊙ Rz[l-1] ⊙ da[l-1]      for l = L … 1

    Arguments: passed, g: from propagate.forward and backward; changes: from R_forward; Rdelta_L (n, n_L) from
    R_batch_loss; the rest as there. Returns RdW, Rdb and those of the kinds' tensors: lists over 0 … L.
    """
    L = len(W) - 1
    RdW, Rdb, Rtensors = Products(*([None] * (L + 1) for _ in range(3)))
    da: Any = None
    Rda: Any = None
    for l in range(L, 0, -1):
        Rdelta = Rdelta_L
        if l < L:
            mask = None if masks is None else masks[l]
            on, Ron = (passed.z[l], changes.z[l]) if passed.u[l] is None else (passed.u[l], changes.u[l])
            Rdelta = _R_delta(on, Ron, da, Rda, activations[l], mask)
            if kinds is not None and kinds[l] is not None:
                kind, tensors = kinds[l]
                Rdelta, Rtensors[l] = kind.change_backward(
                    passed.z[l], changes.z[l], tensors, v.tensors[l], g.du[l], Rdelta
                )
        RdW[l], Rdb[l] = R_dense_backward(passed.a[l - 1], changes.a[l - 1], W[l], g.delta[l], Rdelta)
        if l > 1 or changes.a[0] is not None:  # the change of ∂J/∂X is not needed
            da_in, Rda_in = R_dense_below(W[l], v.W[l], g.delta[l], Rdelta)
            da, Rda = (da_in + da, Rda_in + Rda) if residual is not None and residual[l] else (da_in, Rda_in)
    if kinds is not None and kinds[0] is not None:
        kind, tensors = kinds[0]
        still = np.zeros_like(passed.z[0])
        Rtensors[0] = kind.change_backward(passed.z[0], still, tensors, v.tensors[0], g.du[0], Rda)[1]
    return Products(RdW, Rdb, Rtensors)


def _R_delta(on: Array, Ron: Array, da: Array, Rda: Array, activation: str, mask: Array | None) -> Array:
    """The change of dense_delta: pullback(z, g(z), Rda ⊙ mask) + bend(z, g(z), da ⊙ mask, Rz)."""
    entry, h = ACTIVATIONS[activation], activate(on, activation)
    if mask is not None:
        da, Rda = da * mask, Rda * mask
    return entry.pullback(on, h, Rda) + entry.bend(on, h, da, Ron)
