"""The refusal of a request: a status and one line that says why and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class RequestError(Exception):
    """A request that is refused: the status of HTTP and one line that says why and what to do."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message
