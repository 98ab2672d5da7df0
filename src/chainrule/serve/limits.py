"""What a request may cost, and the refusal of one that costs more."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.web.refusal import RequestError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Sizes and times beyond which a request is refused."""

    body_bytes: int = 16 << 20
    """Of a body, before and after it is decompressed."""
    rows: int = 100_000
    explained_rows: int = 100
    explained_rows_per_second: float = 50.0
    """Of one process; as many as explained_rows may come at once."""
    request_s: float = 30.0
    """Within which a request has been sent, answered and received; else its connection is cut."""
    connections: int = 1_000


def check_count(n_rows: int, limits: Limits) -> None:
    """RequestError for no rows, or too many."""
    if not n_rows:
        raise RequestError(422, "the body holds no rows: must hold at least one.")
    if n_rows > limits.rows:
        raise RequestError(413, f"the body holds {n_rows:,} rows: must hold at most {limits.rows:,}.")
