"""Poisson, up to terms in y alone: outputs that are positive rates, exponential or softplus."""

from __future__ import annotations

import numpy as np

from chainrule.reference.activations import ACTIVATIONS, Array
from chainrule.reference.loss import Pair


def _exponential(z: Array, a: Array, y: Array) -> Array:
    return (a - y * z).sum(axis=1)  # log a = z


def _da(a: Array, y: Array) -> Array:
    return 1 - y / a


# Below this z, softplus(z) = e^z = σ(z) in every digit of float64; further down both become 0 and say nothing.
_VANISHING_RATE = -37


def _softplus(z: Array, a: Array, y: Array) -> Array:
    near = np.maximum(z, _VANISHING_RATE)
    return (a - y * (np.log(ACTIVATIONS["softplus"].g(near)) + (z - near))).sum(axis=1)


def _softplus_delta(z: Array, a: Array, y: Array) -> Array:
    # σ(z)·(1 − y/a), with σ(z)/a → 1 as the rate vanishes.
    near, sigmoid = np.maximum(z, _VANISHING_RATE), ACTIVATIONS["sigmoid"].g
    return sigmoid(z) - y * (sigmoid(near) / ACTIVATIONS["softplus"].g(near))


def _softplus_bend(z: Array, a: Array, y: Array) -> Array:
    # With q = σ(z)/softplus(z): σ′ − y·q′, and q′ = q·(1 − σ − q), which goes to 0 as the rate vanishes.
    s = ACTIVATIONS["sigmoid"].g(z)
    near = np.maximum(z, _VANISHING_RATE)
    s_near = ACTIVATIONS["sigmoid"].g(near)
    q = s_near / ACTIVATIONS["softplus"].g(near)
    return s * (1 - s) - y * (q * (1 - s_near - q))


OF_EXPONENTIAL = Pair(value=_exponential, da=_da, fused=True)
OF_SOFTPLUS = Pair(value=_softplus, da=_da, delta=_softplus_delta, bend=_softplus_bend)
