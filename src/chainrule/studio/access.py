"""Who may ask the studio: the page that was opened with its token, and no page of another address.

The token of the address is turned into a cookie at once, whose name has the port in it, for browsers share cookies
among the ports of a machine. Every change needs a second token in a header, which only the page knows.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from chainrule.web.origin import check_loopback, is_same
from chainrule.web.refusal import RequestError

JSON = "application/json"
HEADER = "x-chainrule-token"


def _secret() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, kw_only=True)
class Access:
    """The secrets of one server: 256 bits each."""

    port: int
    token: str = field(default_factory=_secret, repr=False)
    cookie: str = field(default_factory=_secret, repr=False)
    change: str = field(default_factory=_secret, repr=False)

    @property
    def cookie_name(self) -> str:
        """Of this server's own cookie."""
        return f"chainrule-{self.port}"

    def cookie_header(self) -> str:
        """The header that hands it out."""
        return f"{self.cookie_name}={self.cookie}; HttpOnly; SameSite=Strict; Path=/"

    def is_token(self, given: str) -> bool:
        """Whether this is the token of the address that was printed."""
        return is_same(given, self.token)

    def check(self, headers: Mapping[str, str], method: str) -> None:
        """RequestError for a request that may not be answered."""
        self.check_origin(headers)
        if not is_same(_cookie(headers.get("cookie", ""), self.cookie_name), self.cookie):
            raise RequestError(401, "needs the token: open the address that chainrule studio printed.")
        if method in ("GET", "HEAD"):
            return
        if not is_same(headers.get(HEADER, ""), self.change):
            raise RequestError(403, "a change needs the token of the page in a header. Load the page again.")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise RequestError(415, f"Content-Type must be {JSON}.")

    def check_origin(self, headers: Mapping[str, str]) -> None:
        """RequestError for a Host or a page of another address; http alone is served."""
        check_loopback(headers, self.port)
        origin = headers.get("origin")
        if origin is not None and not origin.lower().startswith("http://"):
            raise RequestError(403, "comes from a page of another address, which may not ask.")


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value
