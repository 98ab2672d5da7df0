"""Label smoothing: targets that are less than sure, so that no output is driven to 0 or 1."""

from __future__ import annotations

from chainrule.reference.activations import Array


def smoothed(y: Array, share: float, n_classes: int) -> Array:
    """Targets of which a share is spread evenly over the classes.

        y′ = (1 − s)·y + s/K

    Arguments: y (n, n_outputs): one of K classes, or labels, each of which is one of K = 2; share: s, 0 to below 1;
    n_classes: K. A missing target, NaN, stays missing.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna (2016), "Rethinking the Inception architecture", section 7; this is
    the meaning of label_smoothing in PyTorch and Keras.

    Examples
    --------
    >>> import numpy as np
    >>> smoothed(np.array([[0.0, 0.0, 1.0, 0.0]]), 0.2, 4).tolist()
    [[0.05, 0.05, 0.8500000000000001, 0.05]]
    """
    return (1 - share) * y + share / n_classes
