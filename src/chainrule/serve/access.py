"""Who may ask: with a token whoever knows it; without one, which only loopback allows, no page of a browser elsewhere.

Without a token a page from anywhere could reach the server through the browser of a user of this machine, directly or
by a name that it lets point to 127.0.0.1 (DNS rebinding). So the Host must be a name of loopback, and a request that a
browser makes must come from the server's own address.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from pathlib import Path

from chainrule.errors import SettingsError
from chainrule.serve.limits import RequestError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
SHORTEST_TOKEN = 16
FREE_ROUTES = ("/health",)
"""Answered without the token: a supervisor has none."""


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


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
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
            raise RequestError(
                401, "needs the token: send Authorization: Bearer TOKEN.", {"www-authenticate": "Bearer"}
            )
        return
    own = {name + end for name in LOOPBACK_NAMES for end in (f":{port}", *([""] if port in (80, 443) else []))}
    if headers.get("host", "").lower() not in own:
        raise RequestError(403, f"Host must be localhost:{port} or 127.0.0.1:{port}. Behind a proxy use --token-file.")
    origin = headers.get("origin")
    if origin is not None and origin.lower().split("://")[-1] not in own:
        raise RequestError(403, "comes from a page of another address, which may not ask. Use --token-file.")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RequestError(403, "comes from a page of another address, which may not ask. Use --token-file.")
