"""A step done as a record: every number of it, and the same bits as when it is done without."""

from __future__ import annotations

import numpy as np

from chainrule.engine.protocol import Advance, Session, StepSettings
from chainrule.network.records import StepRecord


def advance_recorded(session: Session, step: int, eta: float, settings: StepSettings) -> tuple[Advance, StepRecord]:
    """Do one step; what `advance` would say of it, and its record."""
    record = session.record(step, eta, settings)
    losses, after = np.array([record.backward.loss]), record.update.new
    if not np.isfinite(losses[0]):
        return Advance(losses, "loss"), record
    flat = [after.parameters.flat, *(part.flat for part in after.optimizer.values())]
    is_whole = all(np.isfinite(array).all() for array in flat)
    return Advance(losses, None if is_whole else "weights"), record
