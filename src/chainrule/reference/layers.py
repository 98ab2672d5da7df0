"""One layer, forward beside backward. A layer sees a_in, W, b; it does not know its own index."""

from __future__ import annotations

from chainrule.reference.activations import ACTIVATIONS, Array


def dense_forward(a_in: Array, W: Array, b: Array, activation: str, mask: Array | None = None) -> tuple[Array, Array]:
    """The pre-activation and the activation of a dense layer, dropout applied where a mask is given.

    Formula   z = a_in @ W + b;   a = g(z), or g(z) ⊙ mask
    Args      a_in (n, n_in); W (n_in, n_out); b (n_out,); activation: a name in ACTIVATIONS;
              mask (n, n_out): 0 where dropout drops a unit, 1/(1 − p) where it keeps one
    Returns   z (n, n_out), a (n, n_out)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.3; Srivastava et al. (2014), inverted
    """
    z = a_in @ W + b
    a = ACTIVATIONS[activation].g(z)
    return z, a if mask is None else a * mask


def dense_delta(z: Array, a: Array, da: Array, activation: str, mask: Array | None = None) -> Array:
    """∂J/∂z of a layer from ∂J/∂a of the same layer (BP2, second half).

    Formula   delta = pullback(z, g(z), da ⊙ mask)
    Args      z, a, da (n, n_out): as dense_forward returned them, and ∂J/∂a; mask as there
    Returns   delta (n, n_out)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.4, line 3
    """
    g, pullback = ACTIVATIONS[activation].g, ACTIVATIONS[activation].pullback
    if mask is None:
        return pullback(z, a, da)
    return pullback(z, g(z), da * mask)  # a holds g(z) ⊙ mask, and the pullback wants g(z)


def dense_backward(a_in: Array, W: Array, delta: Array) -> tuple[Array, Array, Array]:
    """The gradients of a dense layer from its delta (BP4, BP3, and the first half of BP2 for the layer below).

    Formula   dW = a_in.T @ delta;   db = Σ_i delta_i;   da_in = delta @ W.T
    Args      a_in (n, n_in); W (n_in, n_out); delta (n, n_out), carrying w_i / Σw
    Returns   dW (n_in, n_out), db (n_out,), da_in (n, n_in)
    Source    Goodfellow, Bengio, Courville (2016), algorithm 6.4, lines 4 to 5
    """
    return a_in.T @ delta, delta.sum(axis=0), delta @ W.T
