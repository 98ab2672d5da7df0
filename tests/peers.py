"""PyTorch's version of what the reference computes; every user of it is skipped where PyTorch is absent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chainrule.reference.activations import LEAK


def torch() -> Any:
    """PyTorch, or a skip that says what would end it."""
    return pytest.importorskip("torch", reason="parity with PyTorch needs it: pip install torch")


def torch_activation(name: str) -> Callable[..., Any]:
    """The activation of this name; softplus without its linear shortcut, which is 2e-9 off."""
    F = torch().nn.functional
    return {
        "identity": lambda z: z * 1,
        "relu": F.relu,
        "leaky_relu": lambda z: F.leaky_relu(z, LEAK),
        "elu": F.elu,
        "selu": F.selu,
        "gelu": F.gelu,
        "silu": F.silu,
        "mish": F.mish,
        "softplus": lambda z: F.softplus(z, threshold=1e9),
        "sigmoid": lambda z: z.sigmoid(),
        "tanh": lambda z: z.tanh(),
        "exponential": lambda z: z.exp(),
        "softmax": lambda z: z.softmax(dim=1),
    }[name]


def torch_layer_norm(z: Any, gain: Any, shift: Any) -> Any:
    """PyTorch's layer normalisation over the units of a row, with its own ε."""
    return torch().nn.functional.layer_norm(z, (z.shape[1],), gain, shift)


def torch_loss(loss: str, output: str) -> Callable[..., Any]:
    """The loss of each row, (n,), as a function of (z, a, y)."""
    F = torch().nn.functional
    entries: dict[Any, Callable[..., Any]] = {
        "squared_error": lambda z, a, y: 0.5 * F.mse_loss(a, y, reduction="none"),
        "absolute_error": lambda z, a, y: F.l1_loss(a, y, reduction="none"),
        "huber": lambda z, a, y: F.huber_loss(a, y, reduction="none"),
        "quantile": lambda z, a, y: 0.5 * F.l1_loss(a, y, reduction="none"),
        "quantile:0.9": lambda z, a, y: 0.5 * F.l1_loss(a, y, reduction="none") - 0.4 * (a - y),
        ("cross_entropy", "softmax"): lambda z, a, y: F.cross_entropy(z, y, reduction="none")[:, None],
        ("cross_entropy", "sigmoid"): lambda z, a, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
        ("poisson", "exponential"): lambda z, a, y: F.poisson_nll_loss(z, y, reduction="none"),
        ("poisson", "softplus"): lambda z, a, y: F.poisson_nll_loss(a, y, log_input=False, eps=0, reduction="none"),
    }
    if loss.startswith("focal"):
        return _torch_focal(output, float(loss.partition(":")[2] or 2))
    entry = entries.get(loss) or entries[loss, output]
    return lambda z, a, y: entry(z, a, y).sum(dim=1)


def _torch_focal(output: str, gamma: float) -> Callable[..., Any]:
    """By the formula of Lin et al. (2017), a soft target being the mean over its classes."""
    F = torch().nn.functional
    if output == "softmax":
        return lambda z, a, y: (-y * (1 - a) ** gamma * F.log_softmax(z, dim=1)).sum(dim=1)
    return lambda z, a, y: (-y * (1 - a) ** gamma * F.logsigmoid(z) - (1 - y) * a**gamma * F.logsigmoid(-z)).sum(dim=1)
