"""Schedules: the factor on the learning rate at every step, a pure function of the step's number.

Only `plateau` depends on the training: its factor changes at the end of an epoch and is kept in the
history and the checkpoints. No function of the C library is used, so every machine takes the same η.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import Scheduled
from chainrule.training.parts import RunPart
from chainrule.training.schedule import SCHEDULES
from chainrule.training.settings import Settings


def is_level(settings: Settings) -> bool:
    """Whether the factor of every step is 1."""
    return SCHEDULES[settings.schedule].changes == "never" and not settings.warm_up


def of_part(part: RunPart, first: int, last: int, steps_per_epoch: int) -> npt.NDArray[np.float64]:
    """The factor on η of steps first … last − 1 of one part of a run."""
    return factors(part.settings, first, last, steps_per_epoch, part.schedule_from, part.schedule_steps)


def scheduled(part: RunPart, first: int, last: int, steps_per_epoch: int) -> Scheduled:
    """The factors on settings besides η of steps first … last − 1, of those that have a schedule."""
    counted = (first, last, steps_per_epoch, part.schedule_from, part.schedule_steps)
    own = ((name, replace(part.settings, schedule=s, warm_up=0.0)) for name, s in part.settings.schedules.items())
    return {name: factors(settings, *counted) for name, settings in own}


def factors(
    settings: Settings, first: int, last: int, steps_per_epoch: int, begin: int = 0, total: int | None = None
) -> npt.NDArray[np.float64]:
    """The factor on η of steps first … last − 1, warm-up included, without that of plateau, (last − first,).

    Arguments: begin: the step from which the schedule counts; total: its steps, those of all epochs if None.
    """
    total = settings.epochs * steps_per_epoch if total is None else total
    schedule, first_epoch = SCHEDULES[settings.schedule], begin // steps_per_epoch
    result = np.ones(last - first)
    if schedule.changes == "step":
        result[:] = [
            schedule.factor(settings, t // steps_per_epoch - first_epoch, (t - begin) / total)
            for t in range(first, last)
        ]
    elif schedule.changes == "epoch":
        for epoch in range(first // steps_per_epoch, -(-last // steps_per_epoch)):
            start, stop = epoch * steps_per_epoch - first, (epoch + 1) * steps_per_epoch - first
            result[max(start, 0) : max(stop, 0)] = schedule.factor(settings, epoch - first_epoch, 0.0)
    n_warm = int(settings.warm_up * total)
    if first - begin < n_warm:
        t = np.arange(first - begin, min(last - begin, n_warm))
        result[: len(t)] *= (t + 1) / n_warm
    return result
