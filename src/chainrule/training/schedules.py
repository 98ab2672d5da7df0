"""Schedules: the factor on the learning rate at every step, a pure function of the step's number.

Only `plateau` looks at the training: its factor changes at the end of an epoch and is kept in the
history and the checkpoints. No function of the C library is used, so every machine takes the same η.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from chainrule.elementary import cosine_of_half_turns, power
from chainrule.training.settings import Settings

_ONE_CYCLE_RISE = 0.3
_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 250_000


def _cosine(share: float, high: float, low: float) -> float:
    """From high at share 0 to low at share 1 along half a cosine."""
    return low + (high - low) * 0.5 * (1.0 + cosine_of_half_turns(share))


def _step(settings: Settings, epoch: int, share: float) -> float:
    return power(settings.decay_factor, epoch // settings.decay_every)


def _exponential(settings: Settings, epoch: int, share: float) -> float:
    # decay_factor is reached after decay_every epochs, in equal ratios: factor^(epoch / every).
    whole, rest = divmod(epoch, settings.decay_every)
    return power(settings.decay_factor, whole) * power(_root(settings.decay_factor, settings.decay_every), rest)


def _root(x: float, n: int) -> float:
    """x^(1/n) for 0 < x < 1 by bisection on exactly rounded powers."""
    low, high = x, 1.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if power(middle, n) < x else (low, middle)
    return high


def _one_cycle(settings: Settings, epoch: int, share: float) -> float:
    # Smith, Topin (2018): up from 1/25 over the first 30 % of the steps, then down to almost nothing.
    if share < _ONE_CYCLE_RISE:
        return _cosine(share / _ONE_CYCLE_RISE, _ONE_CYCLE_START, 1.0)
    return _cosine((share - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE), 1.0, _ONE_CYCLE_END)


SCHEDULES: dict[str, Callable[[Settings, int, float], float]] = {
    "constant": lambda settings, epoch, share: 1.0,
    "step": _step,
    "exponential": _exponential,
    "cosine": lambda settings, epoch, share: _cosine(share, 1.0, 0.0),
    "one_cycle": _one_cycle,
    "plateau": lambda settings, epoch, share: 1.0,
}
_CHANGES_WITHIN_AN_EPOCH = ("cosine", "one_cycle")


def is_level(settings: Settings) -> bool:
    """Whether the factor of every step is 1."""
    return settings.schedule in ("constant", "plateau") and not settings.warm_up


def factors(settings: Settings, first: int, last: int, steps_per_epoch: int) -> npt.NDArray[np.float64]:
    """The factor on η of steps first … last − 1, warm-up included, without that of plateau, (last − first,)."""
    total = settings.epochs * steps_per_epoch
    rule = SCHEDULES[settings.schedule]
    result = np.ones(last - first)
    if settings.schedule in _CHANGES_WITHIN_AN_EPOCH:
        result[:] = [rule(settings, t // steps_per_epoch, t / total) for t in range(first, last)]
    elif settings.schedule in ("step", "exponential"):
        for epoch in range(first // steps_per_epoch, -(-last // steps_per_epoch)):
            start, stop = epoch * steps_per_epoch - first, (epoch + 1) * steps_per_epoch - first
            result[max(start, 0) : max(stop, 0)] = rule(settings, epoch, 0.0)
    n_warm = int(settings.warm_up * total)
    if first < n_warm:
        t = np.arange(first, min(last, n_warm))
        result[: len(t)] *= (t + 1) / n_warm
    return result
