"""Vectors that begin at a cache line, as sessions compute in."""

from __future__ import annotations

from typing import Any

import numpy as np

LINE = 64
"""Bytes of a cache line."""


def aligned(size: int, dtype: Any) -> Any:
    """A vector of zeros that begins at a cache line."""
    room = np.zeros(size * np.dtype(dtype).itemsize + LINE, np.uint8)
    first = -room.ctypes.data % LINE
    return room[first : first + size * np.dtype(dtype).itemsize].view(dtype)
