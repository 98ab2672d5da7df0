"""The way from a checkpoint to a later step: the same steps again, so the same bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chainrule.engine.protocol import Session
from chainrule.network.records import StepRecord
from chainrule.training import schedules
from chainrule.training.checkpoints import Checkpoint
from chainrule.training.events import Event, settings_at
from chainrule.training.settings import Settings


def replay(
    session: Session,
    checkpoint: Checkpoint,
    step: int,
    settings: Settings,
    events: Sequence[Event],
    plateau_factor: Callable[[int], float],
    steps_per_epoch: int,
) -> StepRecord:
    """The record of a step, recomputed from a checkpoint at or before it; events are applied on the way.

    Args      plateau_factor: the factor the plateau schedule had in an epoch
    """
    session.load(checkpoint.theta, checkpoint.optimizer)
    at = checkpoint.step
    changes = sorted({event.step for event in events if event.kind == "set"})
    while True:
        epoch = at // steps_per_epoch
        ends = [(epoch + 1) * steps_per_epoch, *(change for change in changes if change > at)]
        last = min(step, *ends) if at < step else step + 1
        eta, step_settings = settings_at(at, settings, events)
        etas = eta * plateau_factor(epoch) * schedules.factors(settings, at, last, steps_per_epoch)
        if at == step:
            return session.record(step, float(etas[0]), step_settings)
        session.advance(at, etas, step_settings)
        at = last
