"""The callbacks of a training: when each is called, and what it asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import UnwrittenWarning
from chainrule.training.events import Control

MOMENTS = ("on_epoch_end", "on_step_end", "on_stretch")
"""The methods of a callback that is no function."""


class Callbacks:
    """Functions called after every epoch, and objects with any of MOMENTS."""

    def __init__(self, callbacks: Sequence[Any], control: Control) -> None:
        self._callbacks, self.control = callbacks, control
        self.every_step = any(hasattr(callback, "on_step_end") for callback in callbacks)
        self.every_epoch = any(_of_moment(callback, "on_epoch_end") or self.every_step for callback in callbacks)

    def of(self, moment: str) -> list[Callable[[Control], object]]:
        """What is called at a moment."""
        return [method for callback in self._callbacks if (method := _of_moment(callback, moment)) is not None]

    def call(self, method: Callable[[Control], object], keep: Callable[[], None] | None) -> None:
        """Call one. Its errors end the training, unless it is already over; then they become a warning.

        Arguments: keep: keeps the state up to here, so that the training can be resumed; None where it is over.
        """
        try:
            method(self.control)
        except Exception as error:
            if keep is not None:
                keep()
                raise
            message = (
                f"a callback failed after the last step ({type(error).__name__}: {error}); the training is complete."
            )
            warnings.warn(message, UnwrittenWarning, stacklevel=2)


def _of_moment(callback: Any, moment: str) -> Any:
    method = getattr(callback, moment, None)
    if method is None and moment == "on_epoch_end" and not any(hasattr(callback, other) for other in MOMENTS):
        return callback
    return method
