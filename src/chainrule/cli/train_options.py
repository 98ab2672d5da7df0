"""From options to what train takes: network, optimizer, settings. Every value is checked by its declaration."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from chainrule.api.network import Network
from chainrule.api.rehearsal import Recipe
from chainrule.cli.train_parser import AUTO
from chainrule.errors import SettingsError, unknown_name
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.planning.presets import Preset
from chainrule.planning.task import Task
from chainrule.reference.losses import LOSSES, loss_named
from chainrule.training.settings import (
    OPTIMIZER_SETTINGS,
    SETTINGS,
    Optimizer,
    Setting,
    optimizer_class,
    optimizer_from,
)

PASSED = (
    "batch_size", "epochs", "l2", "l1", "dropout", "clip_norm", "schedule", "warm_up", "decay_factor", "decay_every",
    "early_stopping", "seed", "shuffle", "threads", "time_limit",
)  # fmt: skip
"""Settings that train takes under their own name."""
OUTPUTS = {
    "classes": ("softmax", "sigmoid"),
    "labels": ("sigmoid",),
    "values": ("identity", "exponential", "softplus"),
}
"""Output activations by preference; the first that the loss has a meaning on is taken."""


def recipes(
    options: argparse.Namespace,
    preset: Preset,
    pipeline: Callable[[int], TablePipeline],
    task: Task,
    n_targets: int,
    output: str,
    loss: str,
) -> tuple[Recipe, ...]:
    """The training that the options and the preset ask for, behind the simpler ones that are rehearsed before it.

    None is rehearsed where epochs are stated; the one without hidden layers is left out where they are described.

    Args      pipeline: the one with so many bins of a number
    """
    described = (options.network, options.activation, options.residual or None, options.normalization)
    plain = all(given in (None, "none") for given in described)
    rungs = (*(() if options.epochs is not None else preset.simpler), preset)
    rungs = tuple(rung for rung in rungs if rung.hidden_sizes or plain or rung is preset)
    pipelines = {n_bins: pipeline(n_bins) for n_bins in {rung.n_bins for rung in rungs}}

    def recipe(rung: Preset) -> Recipe:
        inputs = pipelines[rung.n_bins]
        rung = rung.for_inputs(len(inputs.names))
        made = network(options, rung, len(inputs.names), task, n_targets, output, loss)
        return Recipe(inputs, made, optimizer(options, rung), settings(options, rung))

    return tuple(map(recipe, rungs))


def settings(options: argparse.Namespace, preset: Preset) -> dict[str, Any]:
    """The keyword arguments of train that are settings: as given, else by the preset, else the default.

    Where epochs are given, early stopping of the preset keeps its share of them.
    """
    chosen = {name: value(options, SETTINGS[name], preset.settings.get(name)) for name in PASSED}
    chosen["metric"] = preset.settings.get("metric", "auto") if options.metric == "auto" else options.metric
    if options.early_stopping is None and options.epochs is not None and chosen["early_stopping"] is not None:
        share = chosen["early_stopping"] / preset.settings["epochs"]
        chosen["early_stopping"] = max(1, min(round(share * chosen["epochs"]), chosen["early_stopping"]))
    return chosen


def value(options: argparse.Namespace, setting: Setting, otherwise: Any = None) -> Any:
    """An option's value in the setting's kind and range; where it was not given `otherwise`, else the default."""
    given = getattr(options, setting.name)
    if given is None:
        return setting.default if otherwise is None else otherwise
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


def optimizer(options: argparse.Namespace, preset: Preset) -> Optimizer:
    """The update rule with its hyper-parameters, the preset's where none is named; one of another rule is refused."""
    name = SETTINGS["optimizer"].check(options.optimizer or preset.optimizer["name"])
    legal = [item.name for item in fields(optimizer_class(name))]
    values: dict[str, Any] = dict(preset.optimizer) if name == preset.optimizer["name"] else {"name": name}
    if name in ADAPTIVE:
        values["learning_rate"] = preset.optimizer["learning_rate"]
    for key, setting in {"learning_rate": SETTINGS["learning_rate"], **OPTIMIZER_SETTINGS}.items():
        if getattr(options, key, None) is not None and (key, getattr(options, key)) != ("learning_rate", AUTO):
            if key not in legal:
                flag = f"--{key.replace('_', '-')}"
                raise SettingsError(f"{flag} is no setting of optimizer {name!r}; its settings: {', '.join(legal)}.")
            values[key] = value(options, setting)
    return optimizer_from(values)


ADAPTIVE = ("adam", "adamw", "rmsprop")
"""Update rules whose steps have about the same length at the same learning rate."""


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


def whole_number(given: str | None, name: str, otherwise: int) -> int:
    """A count ≥ 0, or `otherwise` where it was not given."""
    if given is None:
        return otherwise
    if not str(given).isdigit():
        raise SettingsError(f"--{name} {given} is not possible; expected a whole number ≥ 0.")
    return int(given)


def output_and_loss(options: argparse.Namespace, task: Task) -> tuple[str, str]:
    """The output activation and the loss: those asked for, else what fits the task and each other."""
    legal, values = OUTPUTS[task.kind], task.kind == "values"
    loss = options.loss if options.loss != "auto" else "squared_error" if values else "cross_entropy"
    if ":" not in loss and loss not in LOSSES:
        raise unknown_name("loss", loss, ["auto", *LOSSES])
    pairs = loss_named(loss).pairs
    if options.output != "auto":
        if not values and options.output not in legal:
            raise SettingsError(
                f"--output {options.output} gives no probabilities; task '{task.name}' expects {' or '.join(legal)}."
            )
        if values and options.output == "softmax":
            raise SettingsError("--output softmax gives probabilities; task 'regression' expects identity.")
        return options.output, loss
    if task.kind == "classes" and len(task.words[0]) == 2 and loss == "cross_entropy":
        return "sigmoid", loss
    for name in legal:
        if name in pairs:
            return name, loss
    raise SettingsError(
        f"--loss {loss} does not fit task {task.name!r}; its legal output activations: "
        f"{', '.join(pairs)}. Take another loss, or --task {'classification' if values else 'regression'}."
    )


def network(
    options: argparse.Namespace, preset: Preset, n_inputs: int, task: Task, n_targets: int, output: str, loss: str
) -> Network:
    """The network between the inputs and the classes, labels or values."""
    n_outputs = len(task.words[0]) if task.kind == "classes" else n_targets
    if task.kind == "classes" and n_outputs == 2 and output == "sigmoid" and loss == "cross_entropy":
        n_outputs = 1
    hidden = list(preset.hidden_sizes) if options.network is None else hidden_sizes(options.network)
    initializer = preset.initializer if options.initializer == "auto" and not hidden else options.initializer
    normalization: Any = _one_or_each(options.normalization)
    if isinstance(normalization, list):
        normalization = [None if name == "none" else name for name in normalization]
    return Network(
        [n_inputs, *hidden, n_outputs], _one_or_each(options.activation or preset.activation), output, loss,
        initializer, options.dtype or preset.dtype, value(options, SETTINGS["seed"]),
        None if normalization == "none" else normalization, options.residual,
    )  # fmt: skip


def _one_or_each(given: str) -> str | list[str]:
    """One name for all hidden layers, or a list with one for each."""
    names = [name.strip() for name in given.split(",")]
    return names[0] if len(names) == 1 else names
