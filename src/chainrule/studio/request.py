"""A request of the page as the routes see it: its query and its body, read within limits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from chainrule.visible import cut
from chainrule.web.refusal import RequestError

BODY_BYTES = 1 << 20
MOST_QUERY = 2_000


@dataclass(frozen=True)
class Query:
    """What the address asks for, behind the question mark."""

    given: dict[str, str]

    @classmethod
    def of(cls, raw: bytes) -> Query:
        """RequestError for one that is too long or names a thing twice."""
        if len(raw) > MOST_QUERY:
            raise RequestError(414, f"the address has more than {MOST_QUERY} characters behind its question mark.")
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="strict")
        except ValueError:
            raise RequestError(422, "the address cannot be read behind its question mark.") from None
        if len(dict(pairs)) < len(pairs):
            raise RequestError(422, "the address names a thing twice.")
        return cls(dict(pairs))

    def text(self, name: str, otherwise: str | None = None) -> str:
        """A text; RequestError where it is missing."""
        found = self.given.get(name, otherwise)
        if found is None:
            raise RequestError(422, f"the address lacks {name}.")
        return found

    def whole(self, name: str, otherwise: int | None = None) -> int:
        """A whole number, negative ones included."""
        found = self.text(name, None if otherwise is None else str(otherwise))
        if not found.removeprefix("-").isdecimal() or len(found) > 12:
            raise RequestError(422, f"{name}={cut(found)}: must be a whole number.")
        return int(found)


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object of a body. RequestError for a larger one, and for anything else."""
    size = request.headers.get("content-length", "0")
    if not size.isdecimal() or int(size) > BODY_BYTES:
        raise RequestError(413, f"the body has more than {BODY_BYTES >> 20} MB.")
    parts, n_bytes = [], 0
    async for part in request.stream():
        n_bytes += len(part)
        if n_bytes > BODY_BYTES:
            raise RequestError(413, f"the body has more than {BODY_BYTES >> 20} MB.")
        parts.append(part)
    try:
        found = json.loads(b"".join(parts).decode("utf-8") or "{}")
    except (ValueError, RecursionError):
        raise RequestError(422, "the body is no JSON.") from None
    if not isinstance(found, dict):
        raise RequestError(422, "the body must be a JSON object.")
    return found
