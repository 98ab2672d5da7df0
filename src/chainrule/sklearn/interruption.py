"""Ctrl-C during fit: the estimator remains fitted up to that point, and a warning informs the caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.errors import InterruptedWarning, warn
from chainrule.training.interrupt import Listening


@contextmanager
def interruptible() -> Iterator[Listening]:
    """The code inside is notified of the first Ctrl-C; the warning comes once the estimator is complete."""
    with Listening() as interrupted:
        yield interrupted
    if interrupted():
        warn_interrupted()


def warn_interrupted() -> None:
    """The warning, in the words of scikit-learn, at the line that called fit."""
    warn("Training interrupted by user.", InterruptedWarning)
