"""The BLAS that multiplies for NumPy: which one it is, and holding it to one thread."""

from __future__ import annotations

import contextlib
import functools
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


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """One BLAS thread: with more, the order of a sum, and so its last bit, may depend on their number."""
    limit: contextlib.AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limit
