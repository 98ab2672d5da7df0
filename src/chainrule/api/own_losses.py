"""A registered loss is compared with differences of its value, at the first outputs, before it is trained with."""

from __future__ import annotations

import numpy as np

from chainrule.api.network import Network
from chainrule.engine.protocol import Targets, dense_targets
from chainrule.errors import GradientWarning, SettingsError, warn
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES, value_and_delta
from chainrule.verify.own_loss import ROWS, Array, wrong_delta

BUILT_IN = frozenset(LOSSES)
"""The losses that need no comparison here: tests compare them."""


def check_loss(network: Network, X: Array, targets: Targets) -> None:
    """A warning where delta is not the derivative of the loss by z; SettingsError where either has another shape."""
    loss, output = network.architecture.loss, network.architecture.output
    if loss.partition(":")[0] in BUILT_IN:
        return
    rows = np.unique(np.linspace(0, len(X) - 1, min(len(X), ROWS)).astype(int))
    z = network.forward(X[rows]).z[-1].astype(np.float64)
    y, g = dense_targets(targets[rows], network.architecture).astype(np.float64), ACTIVATIONS[output].g
    with np.errstate(all="ignore"):
        pair = LOSSES[loss].pair(output)
        shape = np.shape(pair.value(z, g(z), y))
    if shape != (len(z),):
        raise SettingsError(
            f"loss {loss!r}: value(z, a, y) has shape {shape}: must be {(len(z),)}, one number for each row. "
            "Try .sum(axis=1) of the terms of the outputs."
        )
    of_z = (
        lambda z, y: value_and_delta(loss, output, z, g(z), y)[0],
        lambda z, y: value_and_delta(loss, output, z, g(z), y)[1],
    )
    wrong = wrong_delta(of_z, z, y)
    if wrong is not None:
        warn(
            f"loss {loss!r}: its derivative by z[{rows[wrong.row]}, {wrong.output}] is {wrong.delta:.6g} at "
            f"z = {wrong.a:.6g}, y = {wrong.y:.6g}: must be that of value(z, a, y), which is {wrong.difference:.6g} by "
            "differences. Training follows the former. Try the derivative of value in da, or in delta.",
            GradientWarning,
        )
