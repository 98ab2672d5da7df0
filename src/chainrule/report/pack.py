"""Arrays become text: every bit kept, equal arrays kept once.

The bytes of an array are grouped by their place within a number (all first bytes, all second bytes, …),
because exponents resemble each other and then compress; zlib and base64 follow. The page reverses it.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Entry = dict[str, Any]
LEVEL = 1
"""Of zlib: higher ones take longer and gain about one per cent."""


class Pack:
    """Packed arrays under content-derived keys; total bytes are known at any time."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def put(self, array: Array) -> Entry:
        """Keep an array (float32, float64 or int32); the entry says what it is and under which key it lies."""
        plain = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        told = {"type": plain.dtype.str[1:], "shape": list(plain.shape)}
        raw = plain.tobytes()
        key = hashlib.sha256(raw).hexdigest()[:24]
        if key not in self._packed:
            grouped = np.frombuffer(raw, np.uint8).reshape(-1, plain.dtype.itemsize).T.tobytes()
            self._packed[key] = zlib.compress(grouped, LEVEL)
        return {**told, "key": key}

    def size(self, entries: list[Entry]) -> int:
        """Packed bytes of these entries together."""
        return sum(len(self._packed[key]) for key in {entry["key"] for entry in entries})

    def text(self, entries: list[Entry]) -> tuple[dict[str, list[int]], str]:
        """Where each key lies in the bytes (start, length), and the bytes of these entries as base64."""
        places: dict[str, list[int]] = {}
        parts: list[bytes] = []
        at = 0
        for key in dict.fromkeys(entry["key"] for entry in entries):
            places[key] = [at, len(self._packed[key])]
            parts.append(self._packed[key])
            at += len(self._packed[key])
        return places, base64.b64encode(b"".join(parts)).decode("ascii")
