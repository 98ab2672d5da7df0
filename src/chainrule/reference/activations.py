"""Activations a = g(z), each beside its pullback: how a gradient with respect to a becomes one with respect to z.

    pullback(z, a, da) -> delta        delta = ∂J/∂z, given a = g(z) and da = ∂J/∂a; all (n, n_out)

For a g that acts on each unit alone this is delta = da ⊙ g′(z); softmax mixes the units of a row and
has a full Jacobian. One signature serves both, and as every Jacobian here is symmetric, the pullback also
tells how a change of z changes a: Ra = pullback(z, a, Rz). Beside it stands what the second derivative adds:

    bend(z, a, da, Rz) -> (n, n_out)   the change of delta as z moves along Rz and da stays: da ⊙ g″(z) ⊙ Rz

A straight line has none, and neither has a corner (the second derivative of a rectifier is 0 everywhere, by
convention at the corner too). Every g is safe at |z| = 1e4 in float32 and lets NaN
through: a rectifier that hides a NaN hides the first cause of a failed training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.floating[Any]]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAK = 0.01


@dataclass(frozen=True)
class Activation:
    """One activation: its name, g, the pullback, how it bends, the formula, and where g′ jumps."""

    name: str
    g: Callable[[Array], Array]
    pullback: Callable[[Array, Array, Array], Array]
    bend: Callable[[Array, Array, Array, Array], Array]
    formula: str
    kinks: tuple[float, ...] = ()
    elementwise: bool = True


# identity ---------------------------------------------------------------------------------------


def _identity(z: Array) -> Array:
    return z.copy()


def _identity_pullback(z: Array, a: Array, da: Array) -> Array:
    return da.copy()


def _straight_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * 0  # g″ = 0; a NaN stays one


# rectifiers: straight lines with a corner at 0 (g′(0) is taken from the left) ---------------------


def _relu(z: Array) -> Array:
    return np.maximum(z, 0)


def _relu_pullback(z: Array, a: Array, da: Array) -> Array:
    return np.where(z > 0, da, da * 0)


def _leaky_relu(z: Array) -> Array:
    return np.where(z > 0, z, LEAK * z)


def _leaky_relu_pullback(z: Array, a: Array, da: Array) -> Array:
    return np.where(z > 0, da, LEAK * da)


# exponential rectifiers ----------------------------------------------------------------------------


def _elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _elu_pullback(z: Array, a: Array, da: Array) -> Array:
    return np.where(z > 0, da, da * (a + 1))  # g′(z) = e^z = a + 1 on the left


def _elu_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * np.where(z > 0, 0, a + 1)


def _selu(z: Array) -> Array:
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0)))


def _selu_pullback(z: Array, a: Array, da: Array) -> Array:
    return np.where(z > 0, SELU_SCALE * da, da * (a + SELU_SCALE * SELU_ALPHA))


def _selu_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * np.where(z > 0, 0, a + SELU_SCALE * SELU_ALPHA)


# squashing functions ---------------------------------------------------------------------------------


def _sigmoid(z: Array) -> Array:
    # e^-|z| never overflows; both branches are exact rewritings of 1/(1 + e^-z).
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _sigmoid_pullback(z: Array, a: Array, da: Array) -> Array:
    return da * (a * (1 - a))


def _sigmoid_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * (a * (1 - a) * (1 - 2 * a))


def _tanh(z: Array) -> Array:
    return np.tanh(z)


def _tanh_pullback(z: Array, a: Array, da: Array) -> Array:
    return da * (1 - a * a)


def _tanh_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * (-2 * a * (1 - a * a))


def _softplus(z: Array) -> Array:
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which cannot overflow.
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _softplus_pullback(z: Array, a: Array, da: Array) -> Array:
    return da * _sigmoid(z)


def _softplus_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    s = _sigmoid(z)
    return da * Rz * (s * (1 - s))


# smooth rectifiers: z times something between 0 and 1 ---------------------------------------------------


def _silu(z: Array) -> Array:
    return z * _sigmoid(z)


def _silu_pullback(z: Array, a: Array, da: Array) -> Array:
    s = _sigmoid(z)
    return da * (s + a * (1 - s))


def _silu_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    s = _sigmoid(z)
    return da * Rz * (s * (1 - s) * (2 + z * (1 - 2 * s)))


def _mish(z: Array) -> Array:
    return z * np.tanh(_softplus(z))


def _mish_pullback(z: Array, a: Array, da: Array) -> Array:
    t = np.tanh(_softplus(z))
    return da * (t + z * (1 - t * t) * _sigmoid(z))


def _mish_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    # With t = tanh(softplus(z)): t′ = (1 − t²)·σ, t″ = (1 − t²)·(σ·(1 − σ) − 2·t·σ²), and g″ = 2·t′ + z·t″.
    t, s = np.tanh(_softplus(z)), _sigmoid(z)
    return da * Rz * ((1 - t * t) * s * (2 + z * (1 - s - 2 * t * s)))


def _normal_distribution(z: Array) -> Array:
    from scipy.special import erfc

    # ½·erfc(−z/√2) keeps its digits in the left tail, where ½·(1 + erf(z/√2)) cancels.
    result: Array = 0.5 * erfc(z * -0.7071067811865476)
    return result


def _gelu(z: Array) -> Array:
    return z * _normal_distribution(z)


def _gelu_pullback(z: Array, a: Array, da: Array) -> Array:
    near = np.clip(z, -40, 40)  # the density is 0 beyond, and z² must not overflow
    density = 0.3989422804014327 * np.exp(-0.5 * near * near)
    return da * (_normal_distribution(z) + near * density)


def _gelu_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    near = np.clip(z, -40, 40)
    return da * Rz * (0.3989422804014327 * np.exp(-0.5 * near * near) * (2 - near * near))


# outputs ---------------------------------------------------------------------------------------------------


def _exponential(z: Array) -> Array:
    # Above the largest finite e^z the result would be inf and spoil the row; the cap is finite.
    return np.exp(np.minimum(z, np.log(np.finfo(z.dtype).max) - 1))


def _exponential_pullback(z: Array, a: Array, da: Array) -> Array:
    return da * a


def _exponential_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    return da * Rz * a


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=1, keepdims=True))  # the largest exponent is 0: no overflow
    return e / e.sum(axis=1, keepdims=True)


def _softmax_pullback(z: Array, a: Array, da: Array) -> Array:
    return a * (da - (da * a).sum(axis=1, keepdims=True))


def _softmax_bend(z: Array, a: Array, da: Array, Rz: Array) -> Array:
    Ra = _softmax_pullback(z, a, Rz)
    return Ra * (da - (da * a).sum(axis=1, keepdims=True)) - a * (da * Ra).sum(axis=1, keepdims=True)


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("identity", _identity, _identity_pullback, _straight_bend, "a = z"),
        Activation("relu", _relu, _relu_pullback, _straight_bend, "a = max(z, 0)", kinks=(0.0,)),
        Activation(
            "leaky_relu", _leaky_relu, _leaky_relu_pullback, _straight_bend, "a = z if z > 0 else 0.01·z", kinks=(0.0,)
        ),
        Activation("elu", _elu, _elu_pullback, _elu_bend, "a = z if z > 0 else e^z − 1"),
        Activation(
            "selu", _selu, _selu_pullback, _selu_bend, "a = 1.0507·(z if z > 0 else 1.6733·(e^z − 1))", kinks=(0.0,)
        ),
        Activation("gelu", _gelu, _gelu_pullback, _gelu_bend, "a = z·Φ(z) = z·½·(1 + erf(z/√2))"),
        Activation("silu", _silu, _silu_pullback, _silu_bend, "a = z·σ(z)"),
        Activation("mish", _mish, _mish_pullback, _mish_bend, "a = z·tanh(log(1 + e^z))"),
        Activation("softplus", _softplus, _softplus_pullback, _softplus_bend, "a = log(1 + e^z)"),
        Activation("sigmoid", _sigmoid, _sigmoid_pullback, _sigmoid_bend, "a = σ(z) = 1/(1 + e^−z)"),
        Activation("tanh", _tanh, _tanh_pullback, _tanh_bend, "a = tanh(z)"),
        Activation("exponential", _exponential, _exponential_pullback, _exponential_bend, "a = e^z"),
        Activation("softmax", _softmax, _softmax_pullback, _softmax_bend, "a_j = e^z_j / Σ_k e^z_k", elementwise=False),
    )
}
