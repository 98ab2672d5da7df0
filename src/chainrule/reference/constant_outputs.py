"""What a constant output costs: the yardstick of a training, and of a loss that exploded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.reference import focal
from chainrule.reference.activations import Array
from chainrule.reference.loss import filled

# the best constant output: the loss of every entry of y about it ----------------------------------------------


def is_one_hot(y: Array) -> bool:
    """Whether rows of y are shares of several classes."""
    return y.shape[1] > 1 and bool(np.allclose(y.sum(axis=1), 1))


def constant_cross_entropy(y: Array, known: Array, mean: Array) -> Array:
    """The best constants are the means."""
    one_hot = is_one_hot(y)
    value: Array = -y * np.log(np.clip(mean, 1e-12, 1))
    return value if one_hot else value - (1 - y) * np.log(np.clip(1 - mean, 1e-12, 1))


def constant_poisson(y: Array, known: Array, mean: Array) -> Array:
    """The best constants are the means."""
    return mean - y * np.log(np.maximum(mean, 1e-12))


def least_poisson(y: Array, known: Array, mean: Array) -> Array:
    """Every count predicted as it is: y − y·log y, below 0 from y = e on."""
    return y - y * np.log(np.maximum(y, 1e-300))


def constant_squared_error(y: Array, known: Array, mean: Array) -> Array:
    """The best constants are the means."""
    return 0.5 * (y - mean) ** 2


def constant_absolute_error(y: Array, known: Array, mean: Array) -> Array:
    """The best constants are the medians."""
    return np.abs(y - np.nanmedian(np.where(known, y, np.nan), axis=0))


def constant_huber(y: Array, known: Array, mean: Array) -> Array:
    """About the medians."""
    size = constant_absolute_error(y, known, mean)
    near = np.minimum(size, 1.0)
    return near * (size - 0.5 * near)


# about J of a constant output: what a loss that exploded is measured by ---------------------------------------


def scale_of_cross_entropy(targets: npt.NDArray[Any], n_outputs: int) -> float:
    """Every class alike: log K, or log 2 for each label."""
    return float(np.log(n_outputs)) if targets.ndim == 1 and n_outputs > 1 else n_outputs * float(np.log(2.0))


def scale_of_squared_error(targets: npt.NDArray[Any], n_outputs: int) -> float:
    """Half the variance; ½ of class indices."""
    return 0.5 if targets.ndim == 1 else 0.5 * float(filled(targets)[0].var(axis=0).sum())


def scale_of_poisson(targets: npt.NDArray[Any], n_outputs: int) -> float:
    """|mean − mean·log mean| + 1."""
    if targets.ndim == 1:
        return 0.5
    _, mean = filled(targets)
    return float(np.abs(mean - mean * np.log(np.maximum(mean, 1e-300))).sum()) + 1.0


def constant_focal(gamma: float) -> Callable[[Array, Array, Array], Array]:
    """The loss of every entry of y for the best constant output, which is not the mean of y."""

    def constant(y: Array, known: Array, mean: Array) -> Array:
        one_hot = is_one_hot(y)
        share = mean.astype(np.float64) if one_hot else np.stack([mean, 1 - mean], axis=-1, dtype=np.float64)
        found = focal.best_constant(gamma, share)
        best = np.clip(found if one_hot else found[:, 0], 1e-12, 1 - 1e-12)
        value: Array = -y * (1 - best) ** gamma * np.log(best)
        return value if one_hot else value - (1 - y) * best**gamma * np.log(1 - best)

    return constant


def scale_of_focal(gamma: float) -> Callable[[npt.NDArray[Any], int], float]:
    """J of an output that has every class alike."""

    def scale(targets: npt.NDArray[Any], n_outputs: int) -> float:
        share = 1 / n_outputs if targets.ndim == 1 and n_outputs > 1 else 0.5
        return scale_of_cross_entropy(targets, n_outputs) * (1 - share) ** gamma

    return scale
