"""Ctrl-C during fit: the estimator is fitted as far as it came, and a warning tells the loop around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.errors import InterruptedWarning, warn
from chainrule.training.interrupt import Listening


@contextmanager
def interruptible() -> Iterator[Listening]:
    """What is done within is told of a first Ctrl-C; the warning comes at the end, when the estimator is whole."""
    with Listening() as interrupted:
        yield interrupted
    if interrupted():
        tell()


def tell() -> None:
    """The warning, in the words of scikit-learn, at the line that called fit."""
    warn("Training interrupted by user.", InterruptedWarning)
