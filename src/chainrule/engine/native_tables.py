"""What the native engine can compute, and how a network is described to it: enumerations by place in a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.native_settings import RULES
from chainrule.network.architecture import Architecture, Dense
from chainrule.reference.input_kinds import width
from chainrule.reference.losses import loss_named

ACTIVATIONS = (
    "identity", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh",
    "exponential", "softmax",
)  # fmt: skip
"""The order of enum Activation in native/kernels.hpp; LOSSES, NORMALIZATIONS and INPUT_KINDS likewise. After the
normalisations comes the parametric kind of any activation."""
LOSSES = (
    "squared_error", "cross_entropy", "absolute_error", "huber", "poisson", "quantile", "focal",
    "gaussian", "intervals",
)  # fmt: skip
NORMALIZATIONS = (None, "layer")
INPUT_KINDS = ("scale", "pbld", "plr", "piecewise_linear", "category", "member_scale")
WIDEST = 256
"""Bytes of a panel: what an embedding makes of one column lies in one."""


def unable(architecture: Architecture, optimizer: str | None = None) -> str | None:
    """Why this engine cannot compute the architecture, or train it by this rule, in a few words; None where it can."""
    a = architecture
    if optimizer is not None and optimizer not in RULES:
        return f"the native engine has no optimizer {optimizer!r}"
    for l, layer in enumerate(architecture.layers, start=1):
        if layer.activation not in ACTIVATIONS:
            return f"the native engine has no activation {layer.activation!r}"
        if layer.activation == "softmax" and l < len(architecture.layers):
            return "the native engine supports softmax in the output layer only"
        if layer.kind is not None and layer.kind.of_activation:
            if layer.kind.of_activation not in ACTIVATIONS or layer.activation != "identity":
                return f"the native engine has no layer kind {layer.normalization!r} before {layer.activation!r}"
        elif layer.normalization not in NORMALIZATIONS:
            return f"the native engine has no layer kind {layer.normalization!r}"
    for kind in a.inputs.kinds if a.inputs is not None else ():
        if kind.name not in INPUT_KINDS:
            return f"the native engine has no input kind {kind.name!r}"
        known = kind.native or {}
        if "d" in known and max(known["d"], known["k"]) > WIDEST // np.dtype(a.dtype).itemsize:
            return f"the native engine embeds in up to {WIDEST // np.dtype(a.dtype).itemsize} numbers or frequencies"
    able = loss_named(architecture.loss).families <= set(LOSSES)
    return None if able else f"the native engine has no loss {architecture.loss!r}"


def activation_of(layer: Dense) -> tuple[int, int]:
    """The activation, and the kind before it; of a kind that holds an activation that one."""
    if layer.kind is not None and layer.kind.of_activation:
        return ACTIVATIONS.index(layer.kind.of_activation), len(NORMALIZATIONS)
    return ACTIVATIONS.index(layer.activation), NORMALIZATIONS.index(layer.normalization)


def is_plain(architecture: Architecture) -> bool:
    """Whether nothing stands before layer 1 and no kind holds an activation."""
    kinds = (layer.kind for layer in architecture.layers)
    return architecture.inputs is None and not any(kind is not None and kind.of_activation for kind in kinds)


def input_steps(architecture: Architecture) -> list[dict[str, Any]]:
    """The steps of the input layer, as arguments of _native.InputStep."""
    steps, inputs = [], architecture.inputs
    n = architecture.n_inputs
    for kind in inputs.kinds if inputs is not None else ():
        n_out = width(kind, n)
        steps.append({"kind": INPUT_KINDS.index(kind.name), "n_in": n, "n_out": n_out, **(kind.native or {})})
        n = n_out
    return steps
