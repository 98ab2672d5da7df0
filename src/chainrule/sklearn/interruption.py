"""Ctrl-C during fit: the estimator is fitted as far as it came, and a warning tells the loop around it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from chainrule.errors import InterruptedWarning
from chainrule.training.interrupt import Listening

PASSED_OVER = ("chainrule", "sklearn", "contextlib")
"""Packages whose lines are not the caller's."""


@contextmanager
def interruptible() -> Iterator[Listening]:
    """What is done within is told of a first Ctrl-C; the warning comes at the end, when the estimator is whole."""
    with Listening() as interrupted:
        yield interrupted
    if interrupted():
        tell()


def tell() -> None:
    """The warning, in the words of scikit-learn, at the line that called fit."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in PASSED_OVER:
        frame, level = frame.f_back, level + 1
    warnings.warn("Training interrupted by user.", InterruptedWarning, stacklevel=level)
