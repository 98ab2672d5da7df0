"""Losses of PyTorch, and what each is here: J = factor · theirs, as theirs is a mean over outputs too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chainrule.errors import SettingsError, unknown_name
from chainrule.interchange.layers import default_output
from chainrule.interchange.torch_spelling import is_spelt
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, loss_named


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """What a loss of PyTorch is here."""

    loss: str
    applies: str | None = None
    """The output activation that it applies itself, to the z that a module ends with."""
    takes: str | None = None
    """The module whose output it takes, in PyTorch's spelling; None: any."""
    by_outputs: bool = True
    """Whether it is a mean over the outputs of a row, J their sum."""
    half: bool = False
    """Whether J has a ½ that it lacks."""

    def factor(self, n_outputs: int) -> float:
        """J of a batch divided by theirs."""
        return (n_outputs if self.by_outputs else 1) * (0.5 if self.half else 1.0)


LOG_SOFTMAX = "LogSoftmax(dim=1)"
CRITERIA = {
    "CrossEntropyLoss()": Criterion(loss="cross_entropy", applies="softmax", by_outputs=False),
    "NLLLoss()": Criterion(loss="cross_entropy", takes=LOG_SOFTMAX, by_outputs=False),
    "BCEWithLogitsLoss()": Criterion(loss="cross_entropy", applies="sigmoid"),
    "BCELoss()": Criterion(loss="cross_entropy", takes="Sigmoid()"),
    "MSELoss()": Criterion(loss="squared_error", half=True),
    "L1Loss()": Criterion(loss="absolute_error"),
    "HuberLoss()": Criterion(loss="huber"),
    "SmoothL1Loss()": Criterion(loss="huber"),
    "PoissonNLLLoss()": Criterion(loss="poisson", applies="exponential"),
}
"""Losses by their constructor; with other arguments they are other losses, and refused."""


@dataclass(frozen=True, kw_only=True)
class ModuleEnd:
    """How a module ends: the text of its last activation, None for a Linear, and what that is here."""

    module: str | None
    activation: str | None
    n_outputs: int


def criterion_of(loss: Any, nn: Any) -> Criterion:
    """What a loss of PyTorch is here.

    Raises SettingsError for another loss, or other arguments than the defaults.
    """
    for text, criterion in CRITERIA.items():
        if is_spelt(loss, text, nn):
            return criterion
    raise SettingsError(
        f"loss={loss!r}: must be the name of a loss, or one of {', '.join(CRITERIA)} with its default arguments."
    )


def output_and_loss(
    ends: ModuleEnd, output: str | None, loss: str | None, criterion: Criterion | None
) -> tuple[str, str]:
    """The output activation and the loss of a network.

    Raises SettingsError where they contradict each other, or are not stated.
    """
    if output is not None and output not in ACTIVATIONS:
        raise unknown_name("output", output, ACTIVATIONS)
    own = ends.activation
    if own is not None and output not in (None, own):
        raise SettingsError(f"output={output!r}: must be left out, as the module ends with {ends.module}.")
    if criterion is not None:
        own = _own_of(criterion, ends, output or own)
    stated = output or own
    name = loss if criterion is None else criterion.loss
    if name is None:
        if stated is None or not ACTIVATIONS[stated].probability:
            end = ends.module or "Linear"
            raise SettingsError(
                f"loss=None: must be stated for a module that ends with {end}. Try loss='cross_entropy' where it is "
                "trained with CrossEntropyLoss or BCEWithLogitsLoss, loss='squared_error' for numbers."
            )
        name = next(name for name, entry in LOSSES.items() if entry.log_loss and stated in entry.pairs)
    return stated or default_output(name, ends.n_outputs), loss_named(name).name


def _own_of(criterion: Criterion, ends: ModuleEnd, stated: str | None) -> str | None:
    """The output activation under a loss of PyTorch."""
    if criterion.takes is not None:
        if ends.module != criterion.takes:
            raise SettingsError(
                f"loss takes the output of {criterion.takes}, but the module ends with {ends.module or 'Linear'}. "
                "Give the loss that it is trained with."
            )
        return stated
    if criterion.applies is None:
        return stated
    if ends.module is not None:
        raise SettingsError(
            f"loss applies {criterion.applies} itself, but the module ends with {ends.module}: must end with a Linear. "
            f"Leave {ends.module} out, or choose another loss."
        )
    if stated not in (None, criterion.applies):
        raise SettingsError(f"output={stated!r}: must be {criterion.applies!r}, which the loss applies, or left out.")
    return criterion.applies
