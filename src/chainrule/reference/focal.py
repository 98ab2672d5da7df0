"""The focal loss: cross-entropy, with a factor that takes away the weight of outputs that are right already.

    loss = −Σ_j y_j·(1 − a_j)^γ·log a_j                                                      on softmax
    loss = −Σ_j y_j·(1 − a_j)^γ·log a_j + (1 − y_j)·a_j^γ·log(1 − a_j)                       on sigmoids

Both are linear in y, so a target between 0 and 1 is the mean over the classes that it may be. With γ = 0 the factor
is 1. Everything is computed from z: neither log a nor 1 − a is formed of an a that has become 0 or 1.

Source: Lin, Goyal, Girshick, He, Dollár (2017), "Focal loss for dense object detection", equation 4 and appendix A.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.loss import Pair

GAMMA = 2.0
"""The γ of the paper."""
MOST_GAMMA = 100.0
BISECTIONS = 60

# labels: p = σ(z), m = 1 − p = σ(−z), s = softplus(z) = −log m, t = softplus(−z) = −log p ---------------------------


def _shares(z: Array) -> tuple[Array, Array, Array, Array]:
    sigmoid, softplus = ACTIVATIONS["sigmoid"].g, ACTIVATIONS["softplus"].g
    return sigmoid(z), sigmoid(-z), softplus(z), softplus(-z)


def of_labels(gamma: float) -> Pair:
    """The pair on sigmoids; delta and its derivative by z are those of y = 1, and by z → −z those of y = 0."""

    def value(z: Array, a: Array, y: Array) -> Array:
        _, _, s, t = _shares(z)
        return (y * (np.exp(-gamma * s) * t) + (1 - y) * (np.exp(-gamma * t) * s)).sum(axis=1)

    def delta(z: Array, a: Array, y: Array) -> Array:
        p, m, s, t = _shares(z)
        return (1 - y) * (np.exp(-gamma * t) * (p + gamma * m * s)) - y * (np.exp(-gamma * s) * (m + gamma * p * t))

    def bend(z: Array, a: Array, y: Array) -> Array:
        p, m, s, t = _shares(z)
        of_one = np.exp(-gamma * s) * p * ((1 + 2 * gamma) * m + gamma * t * (gamma * p - m))
        of_zero = np.exp(-gamma * t) * m * ((1 + 2 * gamma) * p + gamma * s * (gamma * m - p))
        return y * of_one + (1 - y) * of_zero

    def da(a: Array, y: Array) -> Array:
        return y * _slope(gamma, a) - (1 - y) * _slope(gamma, 1 - a)

    return Pair(value=value, da=da, delta=delta, bend=bend)


def _slope(gamma: float, a: Array) -> Array:
    """The derivative of −(1 − a)^γ·log a by a: (1 − a)^γ·(γ·log a/(1 − a) − 1/a), log a/(1 − a) → −1 at a = 1."""
    rest = 1 - a
    ratio = np.divide(np.log(a), rest, out=np.full_like(a, -1.0), where=rest > 0)
    return rest**gamma * (gamma * ratio - 1 / a)


# one class among several: l = log a = z − log Σ e^z, 1 − a = −(e^l − 1) ----------------------------------------------


def _logarithms(z: Array) -> tuple[Array, Array, Array]:
    """l, 1 − a and a·l/(1 − a), which is −1 at a = 1."""
    shifted = z - z.max(axis=1, keepdims=True)
    l = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rest = -np.expm1(l)
    return l, rest, np.divide(np.exp(l) * l, rest, out=np.full_like(l, -1.0), where=rest > 0)


def of_classes(gamma: float) -> Pair:
    """The pair on softmax: with c_j = y_j·a_j·∂/∂a_j of −(1 − a_j)^γ·log a_j, delta_j = c_j − a_j·Σ_k c_k."""

    def value(z: Array, a: Array, y: Array) -> Array:
        l, rest, _ = _logarithms(z)
        return -(y * (rest**gamma * l)).sum(axis=1)

    def parts(z: Array, y: Array) -> Array:
        _, rest, ratio = _logarithms(z)
        return y * (rest**gamma * (gamma * ratio - 1))

    def delta(z: Array, a: Array, y: Array) -> Array:
        c = parts(z, y)
        return c - a * c.sum(axis=1, keepdims=True)

    def change(z: Array, a: Array, y: Array, Rz: Array) -> Array:
        # Rl = Rz − Σ a·Rz, Ra = a·Rl; Rc = y·h′(l)·Rl with h = (1 − a)^γ·(γ·r − 1), r = a·l/(1 − a):
        # h′ = γ·(1 − a)^(γ − 1)·a·(2 + l + (1 − γ)·r), and at a = 1, where Rl is 0 too, nothing.
        l, rest, ratio = _logarithms(z)
        c, Rl = parts(z, y), Rz - (a * Rz).sum(axis=1, keepdims=True)
        h = np.where(rest > 0, rest**gamma, 0) / np.where(rest > 0, rest, 1)
        Rc = y * (gamma * h * np.exp(l) * (2 + l + (1 - gamma) * ratio)) * Rl
        return Rc - a * Rl * c.sum(axis=1, keepdims=True) - a * Rc.sum(axis=1, keepdims=True)

    def da(a: Array, y: Array) -> Array:
        return y * _slope(gamma, a)

    return Pair(value=value, da=da, delta=delta, change=change)


# the best constant output ---------------------------------------------------------------------------------------------


def best_constant(gamma: float, share: Array) -> Array:
    """The probabilities, (…, K), with the smallest mean loss where classes have these shares, (…, K).

    Where γ > 0 they are not the shares themselves, but nearer to each other. The loss is convex in each a_j, so they
    are where all share_j·∂/∂a_j (1 − a_j)^γ·log a_j are the same number; both are found by bisection.
    """

    def probabilities(level: Array) -> Array:
        return _bisected(lambda a: -share * _slope(gamma, a) > level[..., None], np.zeros_like(share), 1.0)

    start = np.full(share.shape[:-1], -700.0)
    return probabilities(np.exp(_bisected(lambda e: probabilities(np.exp(e)).sum(axis=-1) > 1, start, 700.0)))


def _bisected(is_below: Callable[[Array], npt.NDArray[np.bool_]], low: Array, top: float) -> Array:
    """Where is_below, true at low, becomes false."""
    high = np.full_like(low, top)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        below = is_below(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    found: Array = 0.5 * (low + high)
    return found
