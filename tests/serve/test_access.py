"""Who may ask: by the token, or on loopback by Host and Origin."""

from __future__ import annotations

from pathlib import Path

import pytest

import chainrule as cr
from chainrule.serve.access import check, token_for
from chainrule.web.origin import is_loopback
from chainrule.web.refusal import RequestError

PORT = 8000
GOOD_HOSTS = ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:8000"]
BAD_HOSTS = [
    "", "evil.com", "evil.com:8000", "127.0.0.1.nip.io:8000", "localhost.evil.com:8000", "localhost", "localhost:8001",
    "127.0.0.2:8000", "0.0.0.0:8000", "localhost:8000@evil.com", "localhost:8000, evil.com", "2130706433:8000",
]  # fmt: skip


@pytest.mark.parametrize("host", GOOD_HOSTS)
def test_loopback_names_are_answered(host: str) -> None:
    """From a client, and from the server's own page."""
    check({"host": host}, "/predict", None, PORT)
    check({"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"}, "/predict", None, PORT)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_other_hosts_are_not(host: str) -> None:
    """A name that somebody lets point to this machine."""
    with pytest.raises(RequestError, match="Host must be localhost:8000") as found:
        check({"host": host} if host else {}, "/predict", None, PORT)
    assert found.value.status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.com"}, {"origin": "null"}, {"origin": "http://localhost:8001"}, {"origin": ""},
        {"origin": "http://localhost:8000.evil.com"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
    ],
)  # fmt: skip
def test_pages_of_other_addresses_are_not(headers: dict[str, str]) -> None:
    """Whatever a browser says of where the request comes from."""
    with pytest.raises(RequestError, match="page of another address"):
        check({"host": "localhost:8000"} | headers, "/predict", None, PORT)


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic secret-of-16-chars", "secret-of-16-chars", "Bearer é"]
)
def test_without_the_token_nobody_is_answered(given: str) -> None:
    """But for /health; with it anybody, whatever the Host."""
    token = "secret-of-16-chars"
    with pytest.raises(RequestError, match="needs the token") as found:
        check({"host": "localhost:8000", "authorization": given}, "/metrics", token, PORT)
    assert found.value.status == 401 and token not in str(found.value)
    check({}, "/health", token, PORT)
    check({"host": "models.example", "authorization": f"bearer {token}"}, "/predict", token, PORT)


def test_tokens(tmp_path: Path) -> None:
    """None on loopback, a new one elsewhere, or that of a file."""
    assert token_for("127.0.0.1", None) == (None, False) and is_loopback("::1") and not is_loopback("0.0.0.0")
    first, second = token_for("0.0.0.0", None), token_for("0.0.0.0", None)
    assert first[1] and first[0] != second[0] and len(first[0] or "") >= 40
    path = tmp_path / "token"
    path.write_text("  secret-of-16-chars\n")
    assert token_for("0.0.0.0", str(path)) == token_for("127.0.0.1", str(path)) == ("secret-of-16-chars", False)
    for text in ("", "short", "two words of a token here", "é" * 20):
        path.write_text(text)
        with pytest.raises(cr.SettingsError, match="--token-file"):
            token_for("0.0.0.0", str(path))
    with pytest.raises(cr.SettingsError, match="No such file"):
        token_for("0.0.0.0", str(tmp_path / "none"))
