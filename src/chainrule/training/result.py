"""What a training came to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chainrule.errors import DivergedError
from chainrule.network.parameters import Parameters
from chainrule.training.checkpoints import Progress
from chainrule.training.events import Event
from chainrule.visible import short_repr


@dataclass(kw_only=True)
class Result:
    """What a training came to: the best parameters and why it stopped."""

    parameters: Parameters
    history: dict[str, list[float]]
    losses: npt.NDArray[np.float64]
    events: list[Event]
    progress: Progress
    stopped: str = "epochs"
    diverged: DivergedError | None = None
    seconds: float = 0.0
    step_seconds: float = 0.0
    """Time of one step without validation, callbacks and files: what replaying a step costs."""
    __repr__ = short_repr
