"""The targets a training learns: those it was given, smoothed where that is asked for."""

from __future__ import annotations

import numpy as np

from chainrule.engine.protocol import Targets, dense_targets
from chainrule.errors import SettingsError
from chainrule.network.architecture import Architecture
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import loss_named
from chainrule.reference.smoothing import smoothed


def learned_targets(targets: Targets, architecture: Architecture, label_smoothing: float) -> Targets:
    """Targets as the passes of a training take them; without smoothing they are what they were.

    Arguments: targets: as engines take them; label_smoothing: the share that is spread over the classes. Returns them
    dense where it is not 0. Raises SettingsError where the loss compares no probabilities with classes.
    """
    if not label_smoothing:
        return targets
    if not loss_named(architecture.loss).of_classes:
        raise SettingsError(
            f"label_smoothing={label_smoothing:g}: must be 0 with loss {architecture.loss!r} "
            f"(got {label_smoothing:g}). Leave it out, or use loss='cross_entropy'."
        )
    n_classes = 2 if ACTIVATIONS[architecture.output].elementwise else architecture.n_outputs
    y = dense_targets(targets, architecture).astype(np.float64)
    return np.ascontiguousarray(smoothed(y, label_smoothing, n_classes), dtype=architecture.dtype)
