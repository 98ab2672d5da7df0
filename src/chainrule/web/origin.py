"""Where a request comes from: on loopback a page from anywhere could ask through a browser of this machine.

Directly, or by a name that it lets point to 127.0.0.1 (DNS rebinding). So the Host must be a name of loopback, and a
request that a browser makes must come from the server's own address.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Mapping
from typing import Any

from chainrule.web.refusal import RequestError

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_loopback(headers: Mapping[str, str], port: int, remedy: str = "") -> None:
    """RequestError for a Host that is no name of loopback, or a request of another address's page.

    Arguments: remedy: (of a proxy in front, of another page) what to do instead.
    """
    own = {name + end for name in LOOPBACK_NAMES for end in (f":{port}", *([""] if port in (80, 443) else []))}
    if headers.get("host", "").lower() not in own:
        proxy = f" Behind a proxy use {remedy}." if remedy else ""
        raise RequestError(403, f"Host must be localhost:{port} or 127.0.0.1:{port}.{proxy}")
    other = "comes from a page of another address, which may not ask." + (f" Use {remedy}." if remedy else "")
    origin = headers.get("origin")
    if origin is not None and origin.lower().split("://")[-1] not in own:
        raise RequestError(403, other)
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RequestError(403, other)


def is_same(given: str, secret: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell how much of them is."""
    return secrets.compare_digest(given.encode(), secret.encode())


def single_headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request; of one that stands twice an empty text, which nothing accepts."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found
