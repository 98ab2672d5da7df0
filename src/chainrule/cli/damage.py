"""Reports of damaged files of a run, of members that are missing and of rows left out: one line each, once; the command
continues without them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.errors import DamagedFileWarning, InterruptedWarning, MeasureWarning

REPORTED = (DamagedFileWarning, InterruptedWarning, MeasureWarning)


@contextmanager
def report_damage() -> Iterator[None]:
    """A warning about files of a run or about measures is one line on stderr; others go the way they went."""
    reported: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, REPORTED):
                usual(message, category, *where, **more)
            elif str(message) not in reported:
                reported.add(str(message))
                print(f"chainrule: {' '.join(str(message).split())}", file=sys.stderr)

        for category in REPORTED:
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        yield
