"""Activations a = g(z), each beside its pullback: how a gradient with respect to a becomes one with respect to z.

    pullback(z, a, da) -> delta        delta = ∂J/∂z, given a = g(z) and da = ∂J/∂a; all (n, n_out)

For a g that acts on each unit alone this is delta = da ⊙ g′(z); softmax mixes the units of a row and
has a full Jacobian. One signature serves both, and as every Jacobian here is symmetric, the pullback also
gives the change of a for a change of z: Ra = pullback(z, a, Rz). The second derivative adds:

    bend(z, a, da, Rz) -> (n, n_out)   the change of delta as z moves along Rz and da stays: da ⊙ g″(z) ⊙ Rz

A straight line has none, and neither has a corner (the second derivative of a rectifier is 0 everywhere, by
convention at the corner too). Every g is safe at |z| = 1e4 in float32 and lets NaN
through: a rectifier that hides a NaN hides the first cause of a failed training.
"""

from __future__ import annotations

import numpy as np

from chainrule.reference.activation import SILENT, Activation
from chainrule.reference.activation import Array as Array

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
LEAK = 0.01


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


def _log(a: Array) -> Array:
    """log a, of the smallest number where a is 0."""
    return np.log(np.maximum(a, np.finfo(a.dtype).tiny))


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation(
            name="identity", g=_identity, pullback=_identity_pullback, bend=_straight_bend, formula="a = z",
            torch="Identity()", straight=True, numpy="z[j]", numpy_pullback="value",
            onnx="z",
            c="z",
        ),
        Activation(
            name="relu", g=_relu, torch="ReLU()", pullback=_relu_pullback, bend=_straight_bend, formula="a = max(z, 0)",
            low=0.0, silent=0.0, rectifies=True, kinks=(0.0,), initializer="he_normal",
            numpy="max(z[j], 0.0)", numpy_pullback="value if z > 0 else value * 0",
            onnx="Relu(z)",
            c="z < 0 ? 0 : z",
        ),
        Activation(
            name="leaky_relu", g=_leaky_relu, torch="LeakyReLU()", pullback=_leaky_relu_pullback, bend=_straight_bend,
            formula="a = z if z > 0 else 0.01·z", kinks=(0.0,), initializer="he_normal",
            numpy="z[j] if z[j] > 0 else 0.01 * z[j]", numpy_pullback="value if z > 0 else type(z)(0.01) * value",
            onnx="Max(z, Mul(z, 0.01))",
            c="z > 0 ? z : (real)0.01 * z",
        ),
        Activation(
            name="elu", g=_elu, pullback=_elu_pullback, bend=_elu_bend, formula="a = z if z > 0 else e^z − 1",
            torch="ELU()", low=-1.0, silent=SILENT, bends=(0.0,), initializer="he_normal",
            numpy="z[j] if z[j] > 0 else np.expm1(z[j])",
            onnx="Where(Greater(z, 0), z, Sub(Exp(Min(z, 0)), 1))",
            c="z > 0 ? z : expm1_of(z)",
        ),
        Activation(
            name="selu", g=_selu, torch="SELU()", pullback=_selu_pullback, bend=_selu_bend,
            formula="a = 1.0507·(z if z > 0 else 1.6733·(e^z − 1))",
            low=-1.7581, silent=SILENT, kinks=(0.0,), initializer="lecun_normal",
            numpy="1.0507009873554805 * (z[j] if z[j] > 0 else 1.6732632423543772 * np.expm1(z[j]))",
            onnx="Mul(1.0507009873554805, Where(Greater(z, 0), z, Mul(1.6732632423543772, Sub(Exp(Min(z, 0)), 1))))",
            c="(real)1.0507009873554805 * (z > 0 ? z : (real)1.6732632423543772 * expm1_of(z))",
        ),
        Activation(
            name="gelu", g=_gelu, torch="GELU()", pullback=_gelu_pullback, bend=_gelu_bend,
            formula="a = z·Φ(z) = z·½·(1 + erf(z/√2))", low=-0.17, silent=SILENT, initializer="he_normal",
            numpy="0.5 * z[j] * math.erfc(-z[j] / math.sqrt(2))", numpy_imports=("math",),
            onnx="Mul(Mul(0.5, z), Add(1, Erf(Mul(z, 0.7071067811865476))))",
            c="z * normal_distribution(z)",
        ),
        Activation(
            name="silu", g=_silu, torch="SiLU()", pullback=_silu_pullback, bend=_silu_bend, formula="a = z·σ(z)",
            low=-0.2785, silent=SILENT, initializer="he_normal", numpy="z[j] / (1 + np.exp(-z[j]))",
            onnx="Mul(z, Sigmoid(z))",
            c="z * sigmoid_of(z)",
        ),
        Activation(
            name="mish", g=_mish, pullback=_mish_pullback, bend=_mish_bend, formula="a = z·tanh(log(1 + e^z))",
            torch="Mish()", low=-0.3088, silent=SILENT, initializer="he_normal",
            numpy="z[j] * np.tanh(np.logaddexp(0, z[j]))",
            onnx="Mul(z, Tanh(Add(Max(z, 0), Log(Add(1, Exp(Neg(Abs(z))))))))",
            c="z * tanh_of(softplus_of(z))",
        ),
        Activation(
            name="softplus", g=_softplus, pullback=_softplus_pullback, bend=_softplus_bend, formula="a = log(1 + e^z)",
            torch="Softplus()", low=0.0, silent=SILENT, initializer="he_normal", numpy="np.logaddexp(0, z[j])",
            onnx="Add(Max(z, 0), Log(Add(1, Exp(Neg(Abs(z))))))",
            c="softplus_of(z)",
        ),
        Activation(
            name="sigmoid", g=_sigmoid, torch="Sigmoid()", pullback=_sigmoid_pullback, bend=_sigmoid_bend,
            inverse=lambda a: _log(a) - _log(1 - a),
            formula="a = σ(z) = 1/(1 + e^−z)", low=0.0, high=1.0, silent=SILENT, steepest=0.25, probability=True,
            numpy="1 / (1 + np.exp(-z[j]))",
            numpy_pullback="value * (lambda a: a * (1 - a))(1 / (1 + np.exp(-z)))",
            onnx="Sigmoid(z)",
            c="sigmoid_of(z)",
        ),
        Activation(
            name="tanh", g=_tanh, torch="Tanh()", pullback=_tanh_pullback, bend=_tanh_bend, formula="a = tanh(z)",
            low=-1.0, high=1.0, silent=SILENT, steepest=1.0,
            numpy="np.tanh(z[j])", numpy_pullback="value * (1 - np.tanh(z) ** 2)",
            onnx="Tanh(z)",
            c="tanh_of(z)",
        ),
        Activation(
            name="exponential", g=_exponential, pullback=_exponential_pullback, bend=_exponential_bend,
            inverse=lambda a: _log(a), formula="a = e^z", low=0.0, silent=SILENT, numpy="np.exp(z[j])",
            torch="z.clamp(max=torch.tensor(torch.finfo(z.dtype).max, dtype=z.dtype).log() - 1).exp()",
            onnx="Exp(Min(z, limit))",
            c="exp_of(at_most(z, TERM_exponential_top))",
        ),
        Activation(
            name="softmax", g=_softmax, torch="Softmax(dim=1)", pullback=_softmax_pullback, bend=_softmax_bend,
            inverse=lambda a: _log(a),
            formula="a_j = e^z_j / Σ_k e^z_k", low=0.0, high=1.0, probability=True, elementwise=False,
            numpy="np.exp(z[j] - z.max()) / np.exp(z - z.max()).sum()",
            onnx="Softmax(z, axis=-1)",
            c="softmax_of(z, n, small)",
        ),
    )
}  # fmt: skip
