"""The operations of a layer, forward next to backward. None of them depends on the index of its layer.

A layer is z = a_in @ W + b; u = z, or kind(z) (kinds/); h = g(u) ⊙ mask; a = h, or a_in + h.
"""

from __future__ import annotations

from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.members import members_backward, members_forward
from chainrule.reference.small_numbers import without_small


def dense_forward(
    a_in: Array, W: Array, b: Array, activation: str, mask: Array | None = None, small: float = 0.0
) -> tuple[Array, Array]:
    """The pre-activation and the activation of a dense layer, dropout applied where a mask is given.

        z = a_in @ W + b;   a = g(z), or g(z) ⊙ mask

    Arguments: a_in (n, n_in); W (n_in, n_out), or (K, n_in, n_out) where members have their own (members.py); b
    (n_out,) or (K, n_out); activation: a name in ACTIVATIONS; mask (n, n_out): 0 where dropout drops a unit, 1/(1 − p)
    where it keeps one; small: entries of z and g(z) below it are 0 (small_numbers). Returns z (n, n_out), a (n, n_out).

    Source: Goodfellow, Bengio, Courville (2016), algorithm 6.3; Srivastava et al. (2014), inverted.
    """
    z = without_small(a_in @ W + b if W.ndim == 2 else members_forward(a_in, W, b), small)
    return z, activate(z, activation, mask, small)


def activate(u: Array, activation: str, mask: Array | None = None, small: float = 0.0) -> Array:
    """g(u), dropout applied where a mask is given: g(u) ⊙ mask; entries of g(u) below `small` are 0."""
    g = without_small(ACTIVATIONS[activation].g(u), small)
    return g if mask is None else g * mask


def dense_delta(
    z: Array,
    a: Array,
    da: Array,
    activation: str,
    mask: Array | None = None,
    residual: bool = False,
    small: float = 0.0,
) -> Array:
    """∂J/∂z of a layer from ∂J/∂a of the same layer (BP2, second half); of a normalised layer ∂J/∂u from u.

        delta = pullback(z, g(z), da ⊙ mask)

    Arguments: z, a, da (n, n_out): as dense_forward returned them, and ∂J/∂a; mask as there; residual: whether a
    holds a sum; small: entries of g(z) and delta below it are 0. Returns delta (n, n_out).

    Source: Goodfellow, Bengio, Courville (2016), algorithm 6.4, line 3.
    """
    pullback = ACTIVATIONS[activation].pullback
    if mask is not None or residual:  # a holds more than g(z), which the pullback wants
        a, da = activate(z, activation, None, small), da if mask is None else da * mask
    return without_small(pullback(z, a, da), small)


def dense_backward(a_in: Array, W: Array, delta: Array) -> tuple[Array, Array, Array]:
    """The gradients of a dense layer from its delta (BP4, BP3, and the first half of BP2 for the layer below).

        dW = a_in.T @ delta;   db = Σ_i delta_i;   da_in = delta @ W.T

    Arguments: a_in (n, n_in); W (n_in, n_out); delta (n, n_out), carrying w_i / Σw. Returns dW (n_in, n_out), db
    (n_out,), da_in (n, n_in).

    Source: Goodfellow, Bengio, Courville (2016), algorithm 6.4, lines 4 to 5.
    """
    return members_backward(a_in, W, delta) if W.ndim == 3 else (a_in.T @ delta, delta.sum(axis=0), delta @ W.T)


def residual_forward(a_in: Array, h: Array) -> Array:
    """The input of a layer added to its output: the layer learns the difference.

        a = a_in + h

    Arguments: a_in, h (n, n_out): a layer with a residual connection has n_in = n_out. Returns a (n, n_out).

    Source: He, Zhang, Ren, Sun (2016), equation 1; without an activation after the sum, as in their "Identity
    Mappings in Deep Residual Networks", section 2.

    Examples
    --------
    >>> residual_forward(np.array([[1.0, 2.0]]), np.array([[0.5, -2.0]])).tolist()
    [[1.5, 0.0]]
    """
    return a_in + h


def residual_backward(da: Array, da_through_layer: Array) -> Array:
    """∂J/∂a_in of a layer with a residual connection: the error comes down both ways, one of them unchanged.

        dh = da;   da_in = da_through_layer + da

    Arguments: da (n, n_out) = ∂J/∂a of the layer; da_through_layer (n, n_in): delta @ W.T. Returns da_in (n, n_in).
    """
    return da_through_layer + da
