"""The BLAS that multiplies for NumPy: which one it is, and holding it to one thread."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any


@functools.cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@functools.cache
def blas_name() -> str:
    """The BLAS that multiplies for NumPy: its name, version and kernels."""
    libraries = [library for library in _blas().info() if library["user_api"] == "blas"]
    if not libraries:
        return "unknown"
    own = [library for library in libraries if "numpy" in str(library.get("filepath"))]  # others have theirs beside it
    words = [str((own or libraries)[0].get(key) or "") for key in ("internal_api", "version", "architecture")]
    return " ".join(words).strip()


_guard = threading.Lock()
_limit = contextlib.ExitStack()
_n_asking = 0
"""Threads that want the limit to hold."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One BLAS thread: with more, the order of a sum, and so its last bit, may depend on their number.

    The limit is that of the process. It holds until the last of several threads that ask for it has left.
    """
    global _n_asking
    with _guard:
        if _n_asking == 0:
            _limit.enter_context(_blas().limit(limits=1, user_api="blas"))
        _n_asking += 1
    try:
        yield
    finally:
        with _guard:
            _n_asking -= 1
            if _n_asking == 0:
                _limit.close()
