"""The schedules, one entry each: the factor on the learning rate, and when it changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chainrule.elementary import cosine_of_half_turns, log2, power

PLATEAU = "plateau"
PLATEAU_NAME = "learning_rate_factor"
"""The factor of the schedule plateau, in the history and where a run goes on."""


class Decay(Protocol):
    """What a schedule depends on besides time."""

    @property
    def decay_factor(self) -> float:
        """The factor of a decay."""

    @property
    def decay_every(self) -> int:
        """Epochs between decays."""


@dataclass(frozen=True)
class Schedule:
    """One schedule: its factor at an epoch, or at a share of all steps, and when that changes.

    changes: "never" by itself, by "epoch", or by "step".
    """

    name: str
    factor: Callable[[Decay, int, float], float]
    changes: str = "never"


_ONE_CYCLE_RISE = 0.3
_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 250_000


def _cosine(share: float, high: float, low: float) -> float:
    """From high at share 0 to low at share 1 along half a cosine."""
    return low + (high - low) * 0.5 * (1.0 + cosine_of_half_turns(share))


def _step(settings: Decay, epoch: int, share: float) -> float:
    return power(settings.decay_factor, epoch // settings.decay_every)


def _exponential(settings: Decay, epoch: int, share: float) -> float:
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


def _one_cycle(settings: Decay, epoch: int, share: float) -> float:
    # Smith, Topin (2018): up from 1/25 over the first 30 % of the steps, then down to almost nothing.
    if share < _ONE_CYCLE_RISE:
        return _cosine(share / _ONE_CYCLE_RISE, _ONE_CYCLE_START, 1.0)
    return _cosine((share - _ONE_CYCLE_RISE) / (1 - _ONE_CYCLE_RISE), 1.0, _ONE_CYCLE_END)


def _one(settings: Decay, epoch: int, share: float) -> float:
    return 1.0


def _half_cosine(settings: Decay, epoch: int, share: float) -> float:
    return _cosine(share, 1.0, 0.0)


def _flat_cosine(settings: Decay, epoch: int, share: float) -> float:
    return 1.0 if share < 0.5 else _cosine(2.0 * share - 1.0, 1.0, 0.0)


def _coslog4(settings: Decay, epoch: int, share: float) -> float:
    # Holzmüller, Grinsztajn, Steinwart (2024): four waves from 0 to 1 and back, each about twice as long as the one
    # before: ½(1 − cos(2π·log2(1 + 15·share))).
    return 0.5 * (1.0 - cosine_of_half_turns(2.0 * log2(1.0 + 15.0 * share)))


SCHEDULES: dict[str, Schedule] = {
    entry.name: entry
    for entry in (
        Schedule("constant", _one),
        Schedule("step", _step, "epoch"),
        Schedule("exponential", _exponential, "epoch"),
        Schedule("cosine", _half_cosine, "step"),
        Schedule("flat_cosine", _flat_cosine, "step"),
        Schedule("coslog4", _coslog4, "step"),
        Schedule("one_cycle", _one_cycle, "step"),
        Schedule(PLATEAU, _one),  # its factor changes at the end of an epoch, by what the training found
    )
}
