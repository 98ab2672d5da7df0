"""The settings of a step as the native engine takes them: numbers, and places in its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import SCHEDULABLE, Scheduled, StepSettings, Task
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import tensors
from chainrule.reference.optimizers import OPTIMIZERS

RULES = (
    "sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "sgd_sutskever", "sutskever_nesterov",
    "adam_epsilon_hat",
)  # fmt: skip
"""The order of enum Optimizer in native/kernels.hpp."""


def step_settings(task: Task, settings: StepSettings) -> dict[str, Any]:
    """The arguments of its StepSettings."""
    hyper = {**OPTIMIZERS[task.optimizer].hyper, **settings.optimizer}
    name = task.optimizer
    if name == "sgd" and hyper["momentum"] > 0:
        name = "nesterov" if hyper["nesterov"] else "momentum"
    if name == "sgd_sutskever" and hyper["nesterov"]:
        name = "sutskever_nesterov"
    hyper.pop("nesterov", None)
    return {
        "optimizer": RULES.index(name), "l2": settings.l2, "l1": settings.l1, "dropout": settings.dropout,
        "clip_norm": settings.clip_norm or 0.0, "alpha": settings.alpha,
        "rate_factors": _rate_factors(task, settings), **{key: float(value) for key, value in hyper.items()},
    }  # fmt: skip


def _rate_factors(task: Task, settings: StepSettings) -> list[float]:
    """The factor on the learning rate of every tensor, in their order; none where all are 1."""
    if not settings.learning_rate_factors:
        return []
    a = task.architecture
    factors = [[settings.rate_factor(name, l)] * _n_of(a, name, l) for l, x in a.numbered for name, _ in tensors(x)]
    return [factor for of_tensor in factors for factor in of_tensor]


def _n_of(architecture: Architecture, name: str, l: int) -> int:
    """How many tensors of the engine a tensor of layer l is: K where members have their own."""
    inputs = architecture.inputs
    if l:
        return architecture.layers[l - 1].members
    return architecture.members if inputs is not None and name in inputs.kinds[-1].shapes(1) else 1


def step_factors(scheduled: Scheduled | None, n: int) -> npt.NDArray[np.float64] | None:
    """Factors of the scheduled settings, (4, n), in the order of Scheduled in native/rule.hpp."""
    if not scheduled:
        return None
    return np.stack([scheduled.get(name, np.ones(n)) for name in SCHEDULABLE])
