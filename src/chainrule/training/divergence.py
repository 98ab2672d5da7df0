"""Divergence: naming the first number that went wrong, and telling an exploding loss from a bad one."""

from __future__ import annotations

import math
import string

import numpy as np
import numpy.typing as npt

from chainrule.errors import DivergedError
from chainrule.network.parameters import tensor_names
from chainrule.network.records import StepRecord


def first_non_finite(record: StepRecord) -> tuple[int | None, str]:
    """Layer and quantity of the first non-finite number of a step, in the order of computation."""
    L = len(record.forward.z) - 1
    for l in range(1, L + 1):
        for name, arrays in (("z", record.forward.z), ("u", record.forward.u), ("a", record.forward.a)):
            if arrays[l] is not None and not np.isfinite(arrays[l]).all():
                return l, f"{name}{l}"
    if not np.isfinite(record.backward.loss):
        return L, "loss"
    b = record.backward
    learned = tensor_names(record.update.old.parameters.architecture)[2:]  # after W and b: those of the kinds
    gradients = {
        "du": b.du, **{f"d{name}": b.of_tensor(name) for name in learned}, "delta": b.delta, "dW": b.dW, "db": b.db,
    }  # fmt: skip
    for l in range(L, 0, -1):
        for name, arrays in gradients.items():
            if arrays[l] is not None and not np.isfinite(arrays[l]).all():
                return l, f"{name}{l}"
    return _first_of_update(record)


def _first_of_update(record: StepRecord) -> tuple[int | None, str]:
    """The same of what follows the backward pass: penalty and clip, the optimizer's arrays, the parameters."""
    update, penalty = record.update, record.penalty
    if np.isnan(update.gradient.flat).all():  # the result of clipping with a non-finite norm
        return None, "norm of the gradient"
    named = [("gradient of {} with its penalty", update.gradient)] if not np.isfinite(penalty) or penalty else []
    named += [(f"{letter} of {{}}", arrays) for letter, arrays in update.new.optimizer.items()]
    for words, parameters in [*named, ("{}", update.new.parameters)]:
        for name, array in parameters.named():
            if not np.isfinite(array).all():
                return int(name.lstrip(string.ascii_letters + "_")), words.format(name)
    return None, "loss" if np.isfinite(penalty) else "penalty"


def non_finite(record: StepRecord) -> DivergedError:
    """The error for a step in which some number became NaN or infinite."""
    layer, quantity = first_non_finite(record)
    place = f" (layer {layer})" if layer else ""
    return DivergedError(
        f"training diverged: epoch {record.epoch}, step {record.step}: {quantity}{place} is not finite, "
        f"learning rate {record.update.learning_rate:g}; "
        "all numbers must be finite. Try a smaller learning rate, clip_norm, or scaled inputs.",
        epoch=record.epoch,
        step=record.step,
        layer=layer,
        quantity=quantity,
    )


def exploded(
    losses: npt.NDArray[np.float64], mean: float, most: tuple[float, float], first_step: int, epoch: int, eta: float
) -> DivergedError | None:
    """The error for an epoch whose mean loss is not finite, or factor times above scale, at its first such step.

    None for any other epoch. No shuffling of outliers lifts the mean of a whole epoch that far above the loss of the
    first step and that of a constant output, only weights that ran away.

    Arguments: most: factor and scale; an infinite factor lets every mean pass that is finite.
    """
    factor, scale = most
    if not math.isfinite(mean):
        step = int(np.argmax(losses))
        return DivergedError(
            f"training diverged: epoch {epoch}, step {first_step + step}: loss = {losses[step]:.4g}, so large that the "
            f"mean of the epoch is not finite, learning rate {eta:g}; it must be finite. "
            "Try scaled inputs and targets, or a smaller learning rate.",
            epoch=epoch,
            step=first_step + step,
            layer=None,
            quantity="loss",
        )
    if not (math.isfinite(factor) and mean > factor * scale):
        return None
    step = first_step + int(np.argmax(losses > factor * scale))
    return DivergedError(
        f"training diverged: epoch {epoch}, step {step}: loss = {losses[step - first_step]:.4g}, more than "
        f"{factor:g} times that of a constant output ({scale:.4g}), learning rate {eta:g}; "
        "the loss must decrease. Try a smaller learning rate, clip_norm, or divergence_factor=None.",
        epoch=epoch,
        step=step,
        layer=None,
        quantity="loss",
    )


ALWAYS_FINITE = {
    "validation_loss": "Scale the validation rows like the training rows, or try a smaller learning rate.",
    "rmse": "Scale the targets.",
    "penalty": "Take a smaller l2 or l1.",
}
"""What the history holds that is a number in every sound training, and what helps where it is none. A metric of
another library may be undefined (a class that is missing among the validation rows), which is no divergence."""


def non_finite_at_end(line: dict[str, float], epoch: int, step: int, eta: float) -> DivergedError | None:
    """The error for the end of an epoch, after `step`, whose entry in the history is not finite; else None."""
    for quantity, remedy in ALWAYS_FINITE.items():
        value = line.get(quantity, 0.0)
        if not math.isfinite(value):
            return DivergedError(
                f"training diverged: epoch {epoch}, after step {step}: {quantity} is {value}, learning rate {eta:g}; "
                f"it must be finite. {remedy}",
                epoch=epoch,
                step=step,
                layer=None,
                quantity=quantity,
            )
    return None
