"""One temperature of the probabilities of classes, found on held-out rows after the training.

    p = softmax(z / T);  of one sigmoid σ(z / T);  T minimises Σ w·(−log p_y) / Σ w over rows that were not trained on

A network that is sure beyond its hits has T > 1, one that is too cautious T < 1. The order of the classes, and so the
predicted class, does not depend on T. With β = 1/T the loss is convex: its derivative Σ w·(Σ_c p_c·z_c − z_y) grows
with β and is 0 at the minimum, which bisection finds.

Source: Guo, Pleiss, Sun, Weinberger (2017), On calibration of modern neural networks, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LEAST_ROWS = 300
"""Of fewer held-out rows a temperature says as much about chance as about the network."""
WORTHWHILE = 0.995
"""The cross-fitted log-loss must fall to so much of it, …"""
SIGNIFICANT = 2.0
"""… and by so many standard errors of the mean difference of a row."""
SMALLEST, LARGEST = 0.05, 20.0


def temperature(network: Any, X: Array, y: Array, weight: Array | None) -> float | None:
    """The temperature of a network for classes; None where it would not help on rows it was not found on.

    Arguments: X, y, weight: inputs, class indices or one-hot rows and weights of rows that were not trained on.
    """
    output = network.architecture.output
    if network.architecture.members > 1:  # a mean of probabilities is no probability of z / T
        return None
    if len(X) < LEAST_ROWS or output not in ("softmax", "sigmoid"):
        return None
    if output == "sigmoid" and network.architecture.n_outputs > 1:
        return None
    known = y if y.ndim == 1 else y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0]
    if y.ndim == 2 and not np.isin(y, (0, 1)).all():  # shares of classes, not classes
        return None
    z = np.asarray(network.logits(X), np.float64)
    z = np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z
    if not np.isfinite(z).all():
        return None
    w = np.ones(len(z)) if weight is None else np.asarray(weight, np.float64)
    found = found_on(z, known.astype(np.int64), w)
    return found if helps(z, known.astype(np.int64), w) else None


def helps(z: Array, y: Array, w: Array) -> bool:
    """Whether the temperature of every other row lowers the log-loss of the rows between, clearly and by enough.

    Arguments: z (n, n_classes): log p up to a number for each row; y (n,): classes; w (n,): weights.
    """
    before, after = costs(z, y, 1.0), np.empty(len(z))
    for half in (0, 1):
        own, other = slice(half, None, 2), slice(1 - half, None, 2)
        after[own] = costs(z[own], y[own], found_on(z[other], y[other], w[other]))
    total = w.sum()
    if not total > 0:
        return False
    gain, loss = before - after, float(w @ before) / total
    mean = float(w @ gain) / total
    error = float(np.sqrt(w**2 @ (gain - mean) ** 2)) / total
    return mean > (1 - WORTHWHILE) * loss and mean > SIGNIFICANT * error


def costs(z: Array, y: Array, T: float) -> Array:
    """−log of the probability of the class of each row at a temperature, (n,)."""
    shifted = (z - z.max(axis=1, keepdims=True)) / T
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), y])


def found_on(z: Array, y: Array, w: Array) -> float:
    """The temperature with the smallest log-loss on these rows, to four digits, within 0.05 and 20.

    Examples
    --------
    >>> z, y = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]]), np.array([1, 1, 1, 0])
    >>> found_on(z, y, np.ones(4))  # σ(2 / T) = ¾
    1.82
    """
    low, high = 1 / LARGEST, 1 / SMALLEST
    z = z - z.max(axis=1, keepdims=True)
    own = z[np.arange(len(z)), y]
    for _ in range(40):
        beta = float(np.sqrt(low * high))
        p = np.exp(beta * z)
        slope = float(w @ ((p * z).sum(axis=1) / p.sum(axis=1) - own))
        low, high = (low, beta) if slope > 0 else (beta, high)
    return float(f"{1 / np.sqrt(low * high):.4g}")
