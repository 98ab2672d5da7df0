"""Who may ask: with a token whoever knows it; without one, which only loopback allows, no page of another address."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from chainrule.errors import SettingsError
from chainrule.web.origin import check_loopback, is_loopback, is_same
from chainrule.web.refusal import RequestError

SHORTEST_TOKEN = 16
FREE_ROUTES = ("/health",)
"""Answered without the token: a supervisor has none."""


def token_for(host: str, token_file: str | None) -> tuple[str | None, bool]:
    """The token that requests need, None on loopback without a file, and whether it was made here.

    Raises SettingsError for a file that holds none.
    """
    if token_file is None:
        return (None, False) if is_loopback(host) else (secrets.token_urlsafe(32), True)
    try:
        token = Path(token_file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no ASCII text"
        raise SettingsError(f"--token-file {token_file}: cannot be read ({reason}).") from None
    if len(token) < SHORTEST_TOKEN or any(not char.isprintable() or char == " " for char in token):
        raise SettingsError(
            f"--token-file {token_file}: must hold one token of at least {SHORTEST_TOKEN} characters without spaces "
            f'(got {len(token)}). Try python -c "import secrets; print(secrets.token_urlsafe(32))".'
        )
    return token, False


def check(headers: Mapping[str, str], path: str, token: str | None, port: int) -> None:
    """RequestError for a request that may not be answered."""
    if path in FREE_ROUTES:
        return
    if token is not None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_same(given.strip(), token):
            raise RequestError(
                401, "needs the token: send Authorization: Bearer TOKEN.", {"www-authenticate": "Bearer"}
            )
        return
    check_loopback(headers, port, "--token-file")
