"""From options to what train takes: settings, optimizer, network. Every value is checked by its declaration."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import fields
from typing import Any

from chainrule.api.network import Network
from chainrule.cli.parser import TRAIN_DEFAULTS
from chainrule.errors import SettingsError, unknown_name
from chainrule.reference.losses import LOSSES
from chainrule.training.settings import (
    OPTIMIZER_CLASSES,
    OPTIMIZER_SETTINGS,
    SETTINGS,
    Optimizer,
    Setting,
    optimizer_from,
)

PASSED = (
    "batch_size", "epochs", "l2", "l1", "dropout", "clip_norm", "schedule", "warm_up", "decay_factor", "decay_every",
    "early_stopping", "seed", "shuffle", "threads", "time_limit",
)  # fmt: skip
"""Settings that train takes under their own name."""
OUTPUTS = {"classification": ("softmax", "sigmoid"), "regression": ("identity", "exponential", "softplus")}
"""Output activations by preference; the first that the loss has a meaning on is taken."""


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of train that are settings."""
    return {name: value(options, SETTINGS[name]) for name in PASSED}


def value(options: argparse.Namespace, setting: Setting) -> Any:
    """An option's value in the setting's kind and range; the default where it was not given."""
    given = getattr(options, setting.name)
    if given is None:
        return TRAIN_DEFAULTS.get(setting.name, setting.default)
    if isinstance(given, str) and setting.kind in (int, float):
        if given.lower() == "none" and setting.optional:
            return None
        with contextlib.suppress(ValueError):
            given = _number(given, setting.kind)
    return setting.check(given)


def _number(text: str, kind: type) -> int | float:
    if kind is int and text.strip().lstrip("+-").isdigit():
        return int(text)  # a seed may be larger than a float holds exactly
    number = float(text)
    return int(number) if kind is int and number.is_integer() else number


def optimizer(options: argparse.Namespace) -> Optimizer:
    """The update rule with its hyper-parameters; one that belongs to another rule is refused."""
    name = SETTINGS["optimizer"].check(options.optimizer or SETTINGS["optimizer"].default)
    legal = [item.name for item in fields(OPTIMIZER_CLASSES[name])]
    values: dict[str, Any] = {"name": name}
    if options.learning_rate is not None:
        values["learning_rate"] = value(options, SETTINGS["learning_rate"])
    elif name in ("adam", "adamw", "rmsprop"):
        values["learning_rate"] = TRAIN_DEFAULTS["learning_rate"]
    for key, setting in OPTIMIZER_SETTINGS.items():
        if getattr(options, key) is not None:
            if key not in legal:
                flag = f"--{key.replace('_', '-')}"
                raise SettingsError(f"{flag} is no setting of optimizer {name!r}; its settings: {', '.join(legal)}.")
            values[key] = value(options, setting)
    return optimizer_from(values)


def hidden_sizes(given: str) -> list[int]:
    """Units of the hidden layers: "64,32", or "0" for none."""
    try:
        sizes = [int(part) for part in given.split(",")]
    except ValueError:
        sizes = [-1]
    if sizes == [0]:
        return []
    if min(sizes) < 1:
        raise SettingsError(f"--network {given} is not possible; expected sizes such as 64,64, or 0 for none.")
    return sizes


def output_and_loss(options: argparse.Namespace, task: str) -> tuple[str, str]:
    """The output activation and the loss: those asked for, else what fits the task and each other."""
    legal = OUTPUTS[task]
    loss = options.loss if options.loss != "auto" else "cross_entropy" if task == "classification" else "squared_error"
    if loss not in LOSSES:
        raise unknown_name("loss", loss, ["auto", *LOSSES])
    if options.output != "auto":
        if task == "classification" and options.output not in legal:
            raise SettingsError(
                f"--output {options.output} gives no probabilities; task 'classification' expects {' or '.join(legal)}."
            )
        if task == "regression" and options.output == "softmax":
            raise SettingsError("--output softmax gives probabilities; task 'regression' expects identity.")
        return options.output, loss
    for name in legal:
        if name in LOSSES[loss].pairs:
            return name, loss
    raise SettingsError(
        f"--loss {loss} does not fit task {task!r}; its legal output activations: {', '.join(LOSSES[loss].pairs)}. "
        f"Take another loss, or --task {'regression' if task == 'classification' else 'classification'}."
    )


def network(
    options: argparse.Namespace, n_columns: int, n_classes: int | None, output: str, loss: str, seed: int
) -> Network:
    """The network between the columns and the classes (or one value)."""
    n_outputs = n_classes or 1
    if n_classes == 2 and output == "sigmoid" and loss == "cross_entropy":
        n_outputs = 1
    sizes = [n_columns, *hidden_sizes(options.network), n_outputs]
    normalization: Any = _one_or_each(options.normalization)
    if isinstance(normalization, list):
        normalization = [None if name == "none" else name for name in normalization]
    return Network(
        sizes, _one_or_each(options.activation), output, loss, options.initializer, options.dtype, seed,
        None if normalization == "none" else normalization, options.residual,
    )  # fmt: skip


def _one_or_each(given: str) -> str | list[str]:
    """One name for all hidden layers, or a list with one for each."""
    names = [name.strip() for name in given.split(",")]
    return names[0] if len(names) == 1 else names
