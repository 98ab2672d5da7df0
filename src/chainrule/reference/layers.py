"""The operations of a layer, forward beside backward. None of them knows the index of its layer.

A layer is z = a_in @ W + b; u = z or z normalised; h = g(u) ⊙ mask; a = h, or a_in + h.
"""

from __future__ import annotations

import numpy as np

from chainrule.reference.activations import ACTIVATIONS, Array

NORMALIZATIONS = ("layer",)
"""What may stand between z and the activation: layer_norm_forward and layer_norm_backward."""

EPSILON = 1e-5
"""Added to the variance, so that a row of equal numbers has a quotient; PyTorch's LayerNorm has the same."""


def dense_forward(a_in: Array, W: Array, b: Array, activation: str, mask: Array | None = None) -> tuple[Array, Array]:
    """The pre-activation and the activation of a dense layer, dropout applied where a mask is given.

    Formula   z = a_in @ W + b;   a = g(z), or g(z) ⊙ mask
    Args      a_in (n, n_in); W (n_in, n_out); b (n_out,); activation: a name in ACTIVATIONS;
              mask (n, n_out): 0 where dropout drops a unit, 1/(1 − p) where it keeps one
    Returns   z (n, n_out), a (n, n_out)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.3; Srivastava et al. (2014), inverted
    """
    z = a_in @ W + b
    return z, activate(z, activation, mask)


def activate(u: Array, activation: str, mask: Array | None = None) -> Array:
    """g(u), dropout applied where a mask is given: g(u) ⊙ mask."""
    g = ACTIVATIONS[activation].g(u)
    return g if mask is None else g * mask


def dense_delta(
    z: Array, a: Array, da: Array, activation: str, mask: Array | None = None, residual: bool = False
) -> Array:
    """∂J/∂z of a layer from ∂J/∂a of the same layer (BP2, second half); of a normalised layer ∂J/∂u from u.

    Formula   delta = pullback(z, g(z), da ⊙ mask)
    Args      z, a, da (n, n_out): as dense_forward returned them, and ∂J/∂a; mask as there; residual:
              whether a holds a sum
    Returns   delta (n, n_out)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.4, line 3
    """
    g, pullback = ACTIVATIONS[activation].g, ACTIVATIONS[activation].pullback
    if mask is None and not residual:
        return pullback(z, a, da)
    return pullback(z, g(z), da if mask is None else da * mask)  # a holds more than g(z), which the pullback wants


def dense_backward(a_in: Array, W: Array, delta: Array) -> tuple[Array, Array, Array]:
    """The gradients of a dense layer from its delta (BP4, BP3, and the first half of BP2 for the layer below).

    Formula   dW = a_in.T @ delta;   db = Σ_i delta_i;   da_in = delta @ W.T
    Args      a_in (n, n_in); W (n_in, n_out); delta (n, n_out), carrying w_i / Σw
    Returns   dW (n_in, n_out), db (n_out,), da_in (n, n_in)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.4, lines 4 to 5
    """
    return a_in.T @ delta, delta.sum(axis=0), delta @ W.T


def normalised(z: Array) -> tuple[Array, Array]:
    """Rows of mean 0 and variance 1, and what they were divided by.

    Formula   x̂ = (z − mean) / √(var + ε), mean and var over the units of a row
    Returns   x̂ (n, n_out), √(var + ε) (n, 1)
    """
    centred = z - z.mean(axis=1, keepdims=True)
    centred -= centred.mean(axis=1, keepdims=True)  # the rounding of a large mean is all that equal numbers leave
    deviation = np.sqrt((centred * centred).mean(axis=1, keepdims=True) + z.dtype.type(EPSILON))
    return centred / deviation, deviation


def layer_norm_forward(z: Array, gain: Array, shift: Array) -> Array:
    """Every row of z brought to mean 0 and variance 1 over its units, then scaled and shifted unit by unit.

    Formula   u = gain ⊙ x̂ + shift,   x̂ = (z − mean) / √(var + ε),   ε = 1e-5;
              mean = Σ_j z_j / n_out and var = Σ_j (z_j − mean)² / n_out of each row
    Args      z (n, n_out); gain, shift (n_out,)
    Returns   u (n, n_out)
    Source    Ba, Kiros, Hinton (2016), equations 3 and 4; variance and ε as in PyTorch's LayerNorm
    Example   >>> layer_norm_forward(np.array([[1.0, 3.0, 5.0, 7.0]]), np.full(4, 2.0), np.ones(4)).round(3)
              array([[-1.683,  0.106,  1.894,  3.683]])
    """
    x_hat, _ = normalised(z)
    return gain * x_hat + shift


def layer_norm_backward(z: Array, gain: Array, du: Array) -> tuple[Array, Array, Array]:
    """The gradients of a layer normalisation from ∂J/∂u. Its mean and variance depend on every unit of the row.

    Formula   dx̂ = du ⊙ gain;   dgain = Σ_i du_i ⊙ x̂_i;   dshift = Σ_i du_i;
              delta = (dx̂ − mean(dx̂) − x̂ ⊙ mean(dx̂ ⊙ x̂)) / √(var + ε),   means over the units of a row
    Args      z (n, n_out): as layer_norm_forward was given it; gain (n_out,); du (n, n_out)
    Returns   delta (n, n_out) = ∂J/∂z, dgain (n_out,), dshift (n_out,)
    Source    Ba, Kiros, Hinton (2016); Ioffe, Szegedy (2015), section 3, for the derivative of the quotient
    """
    x_hat, deviation = normalised(z)
    dx_hat = du * gain
    along = (dx_hat * x_hat).mean(axis=1, keepdims=True)
    delta = (dx_hat - dx_hat.mean(axis=1, keepdims=True) - x_hat * along) / deviation
    return delta, (du * x_hat).sum(axis=0), du.sum(axis=0)


def residual_forward(a_in: Array, h: Array) -> Array:
    """The input of a layer added to what the layer makes of it: the layer learns the difference.

    Formula   a = a_in + h
    Args      a_in, h (n, n_out): a layer with a residual connection has n_in = n_out
    Returns   a (n, n_out)
    Source    He, Zhang, Ren, Sun (2016), equation 1; without an activation after the sum, as in their
              "Identity Mappings in Deep Residual Networks", section 2
    Example   >>> residual_forward(np.array([[1.0, 2.0]]), np.array([[0.5, -2.0]])).tolist()
              [[1.5, 0.0]]
    """
    return a_in + h


def residual_backward(da: Array, da_through_layer: Array) -> Array:
    """∂J/∂a_in of a layer with a residual connection: the error comes down both ways, one of them unchanged.

    Formula   dh = da;   da_in = da_through_layer + da
    Args      da (n, n_out) = ∂J/∂a of the layer; da_through_layer (n, n_in): delta @ W.T
    Returns   da_in (n, n_in)
    """
    return da_through_layer + da
