"""The clock of a training with a time limit: what a part of it may take, and what there is no time for."""

from __future__ import annotations

import time


class Clock:
    """A time limit in seconds, shared by model selection and training; None for no limit."""

    def __init__(self, limit: float | None) -> None:
        self._limit, self._began = limit, time.perf_counter()
        self.left_out: list[str] = []
        """Parts of model selection that there was no time for."""

    @property
    def left(self) -> float:
        """Seconds that are left; infinite without a limit."""
        return float("inf") if self._limit is None else self._limit - (time.perf_counter() - self._began)

    def share(self, parts: int) -> dict[str, float]:
        """The time limit of a training that takes one of so many parts of what is left; there is always a moment."""
        return {} if self._limit is None else {"time_limit": max(self.left, 1e-3) / parts}

    def has(self, seconds: float, what: str) -> bool:
        """Whether something that cannot be broken off would leave half of the time that is left; else it is left out.

        Arguments: seconds: that it may take.
        """
        if not seconds or seconds <= self.left / 2:
            return True
        self.left_out.append(what)
        return False
