"""Reports of damaged files of a run: one line each, once; the command continues without them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.errors import DamagedFileWarning


@contextmanager
def report_damage() -> Iterator[None]:
    """A DamagedFileWarning is one line on stderr; other warnings go the way they went."""
    reported: set[str] = set()
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, DamagedFileWarning):
                usual(message, category, *where, **more)
            elif str(message) not in reported:
                reported.add(str(message))
                print(f"chainrule: {' '.join(str(message).split())}", file=sys.stderr)

        warnings.simplefilter("always", DamagedFileWarning)
        warnings.showwarning = show
        yield
