"""Callbacks hear of the end of a training, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class TrainingEnd:
    """The run that a training came to; None as long as it came to none."""

    run: Any = None


@contextmanager
def ending(callbacks: Sequence[Any]) -> Iterator[TrainingEnd]:
    """Within, a training; behind it `on_training_end(run)` of every callback that has it, with None after an error."""
    ended = TrainingEnd()
    try:
        yield ended
    finally:
        for callback in callbacks if isinstance(callbacks, Iterable) else ():  # else they are refused within
            tell = getattr(callback, "on_training_end", None)
            if tell is not None:
                tell(ended.run)
