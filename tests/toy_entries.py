"""A toy activation, loss, optimizer and layer kind, written as a user would write them: from outside the package."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.entries import Activation, LayerKind, Loss, Optimizer, Pair, Setting, Tensor


def _bent_identity(z: Any) -> Any:
    return (np.sqrt(z * z + 1) - 1) / 2 + z


BENT_IDENTITY = Activation(
    name="bent_identity",
    g=_bent_identity,
    pullback=lambda z, a, da: da * (z / (2 * np.sqrt(z * z + 1)) + 1),
    bend=lambda z, a, da, Rz: da * Rz / (2 * (z * z + 1) ** 1.5),
    formula="a = (√(z² + 1) − 1)/2 + z",
)
"""Everything that may be left out is left out."""

HARD_TANH = Activation(
    name="hard_tanh",
    g=lambda z: np.clip(z, -1, 1),
    pullback=lambda z, a, da: np.where(np.abs(z) < 1, da, da * 0),
    bend=lambda z, a, da, Rz: da * Rz * 0,
    formula="a = min(max(z, −1), 1)",
    low=-1.0,
    high=1.0,
    silent=0.0,
    steepest=1.0,
    kinks=(-1.0, 1.0),
    numpy="min(max(z[j], -1.0), 1.0)",
    numpy_pullback="value if abs(z) < 1 else value * 0",
)

LOG_COSH = Loss(
    name="log_cosh",
    formula="Σ_j log cosh(a_j − y_j)",
    anywhere=Pair(
        value=lambda z, a, y: (np.logaddexp(a - y, y - a) - np.log(2)).sum(axis=1),
        da=lambda a, y: np.tanh(a - y),
        dda=lambda a, y: 1 - np.tanh(a - y) ** 2,
    ),
    distance=True,
)


def _lion(g: Any, state: Any, theta: Any, t: int, eta: float, *, mix: float, keep: float) -> Any:
    m = state["m"]
    return theta - eta * np.sign(mix * m + (1 - mix) * g), {"m": keep * m + (1 - keep) * g}


LION = Optimizer(
    name="lion",
    rule=_lion,
    formula="θ ← θ − η·sign(mix·m + (1 − mix)·g)",
    settings=(
        Setting(
            name="mix",
            kind=float,
            default=0.9,
            meaning="share of the memory in a step",
            low=0.0,
            high=1.0,
            open_high=True,
        ),
        Setting(
            name="keep", kind=float, default=0.99, meaning="decay of the memory", low=0.0, high=1.0, open_high=True
        ),
    ),
    learning_rate=0.003,
    state=lambda hyper: ("m",),
)


def _scale_backward(z: Any, tensors: Any, du: Any) -> Any:
    return du * tensors["scale"], {"scale": (du * z).sum(axis=0)}


SCALE = LayerKind(
    name="scale",
    label="scaling",
    tensors=(Tensor(name="scale", start=1.0),),
    forward=lambda z, tensors: z * tensors["scale"],
    backward=_scale_backward,
    mixes=False,
)


def _centre_backward(z: Any, tensors: Any, du: Any) -> Any:
    return du - du.mean(axis=1, keepdims=True), {"offset": du.sum(axis=0).sum(keepdims=True)}


CENTRE = LayerKind(
    name="centre",
    tensors=(Tensor(name="offset", shape=lambda n: (1,)),),
    forward=lambda z, tensors: z - z.mean(axis=1, keepdims=True) + tensors["offset"],
    backward=_centre_backward,
)
"""Units of a row depend on each other, and the layer learns one number."""
