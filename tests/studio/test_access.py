"""Who may ask the studio, over all of its routes: its own page, and nobody else."""

from __future__ import annotations

import json
import logging
import os
import socket
from typing import Any

import pytest

from chainrule.studio.access import Access
from chainrule.studio.files import listed
from chainrule.studio.routes import CHANGES, LOOKS
from studio_client import until

BAD_HOSTS = [
    "evil.com", "127.0.0.1.nip.io:PORT", "localhost.evil.com:PORT", "localhost", "localhost:1", "127.0.0.2:PORT",
    "0.0.0.0:PORT", "localhost:PORT@evil.com", "[::2]:PORT", "2130706433:PORT", "",
]  # fmt: skip
OTHERS = [
    {"Origin": "http://evil.com"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": ""},
    {"Origin": "https://127.0.0.1:PORT"}, {"Origin": "http://127.0.0.1:PORT.evil.com"},
    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"},
]  # fmt: skip


def routes(run: str) -> list[tuple[str, Any]]:
    """Every kind of address there is, with a body where it is one of changes."""
    files = ["/", "/words", "/api/runs", "/events", "/favicon.ico", *list(listed())[::20]]
    return [
        *((path, None) for path in files),
        *((f"/api/runs/{run}/{name}?t=3", None) for name in LOOKS),
        *((f"/api/runs/{run}/{name}", {}) for name in CHANGES),
        ("/api/nothing", None),
        ("/api/runs/none/pause", {}),
    ]


def stored(studio: Any) -> str:
    return str(next(one["id"] for one in studio.client.get("/api/runs")["runs"] if one["name"] == "plain"))


def test_no_route_answers_another_host_or_page(studio: Any) -> None:
    """403, whatever else is right; with the headers that every answer has, and never one that lets others read."""
    port = str(studio.server.port)
    for path, body in routes(stored(studio)):
        for host in BAD_HOSTS:
            status, headers, _ = studio.client.ask(path, body, Host=host.replace("PORT", port))
            assert status == 403, (path, host)
        for other in OTHERS:
            status, headers, _ = studio.client.ask(path, body, **{k: v.replace("PORT", port) for k, v in other.items()})
            assert status == 403, (path, other)
            assert "access-control-allow-origin" not in headers


def test_no_route_answers_without_the_cookie(studio: Any) -> None:
    """401: the cookie of another port, or a wrong one, is none."""
    access = studio.server.access
    for path, body in routes(stored(studio)):
        assert studio.client.ask(path, body, without=("Cookie",))[0] == 401, path
        for cookie in (
            f"{access.cookie_name}=wrong",
            f"chainrule-1={access.cookie}",
            f"{access.cookie_name}=\xe9",
            ";",
        ):
            assert studio.client.ask(path, body, Cookie=cookie)[0] == 401, (path, cookie)


def test_nothing_changes_without_the_token_in_a_header(studio: Any) -> None:
    """A form, an image, a preflight, text that looks like JSON: none is a change."""
    one = studio.begin()
    for name in CHANGES:
        path = f"/api/runs/{one.id}/{name}"
        assert studio.client.ask(path, {}, without=("X-Chainrule-Token",))[0] == 403
        assert studio.client.ask(path, {}, X_Chainrule_Token=studio.server.access.cookie)[0] == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            assert studio.client.ask(path, {}, Content_Type=kind)[0] == 415
        for method in ("GET", "HEAD"):
            assert studio.client.ask(path, method=method)[0] == 404
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, _ = studio.client.ask(path, method=method)
            assert status == 404 and not any(key.startswith("access-control") for key in headers)
    assert one.lead.status()["step"] == 0


def test_the_token_becomes_a_cookie(studio: Any) -> None:
    """Once, by 303 to a clean address; a wrong token is none, and says nothing of the right one."""
    access = studio.server.access
    status, headers, body = studio.client.ask(f"/?token={access.token}", without=("Cookie",))
    assert (status, headers["location"], body) == (303, "/", b"")
    name, _, rest = headers["set-cookie"].partition("=")
    assert name == f"chainrule-{studio.server.port}"
    assert rest == f"{access.cookie}; HttpOnly; SameSite=Strict; Path=/"
    for token in ("", "x", access.token[:-1], access.cookie, access.change):
        status, headers, body = studio.client.ask(f"/?token={token}", without=("Cookie",))
        assert status == 401 and "set-cookie" not in headers and access.token.encode() not in body
    assert len({access.token, access.cookie, access.change, Access(port=1).token}) == 4
    assert all(len(secret) >= 43 for secret in (access.token, access.cookie, access.change))  # 256 bits in base64
    assert access.token not in repr(access) and access.change not in repr(access)


def test_every_answer_has_the_headers(studio: Any) -> None:
    """A policy without inline code, no framing, no referrer, no guessing of types."""
    for path, body in routes(stored(studio)):
        if path == "/events":
            continue
        _, headers, _ = studio.client.ask(path, body)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


PAYLOADS = [
    "..", "%2e%2e", "..%5c", "%252e%252e", "....//", "%00", "/etc/passwd", "etc/passwd", "../" * 8 + "etc/passwd",
    "%2e%2e/" * 8 + "etc/passwd", "..\\..\\windows", "/proc/self/environ", "/dev/zero", "app.js/..", "app.js.",
    "APP.JS", "app.js%00.css", "page.html", "../page.py", "%2fetc%2fpasswd", "..;/", "file:///etc/passwd", "con",
    "~root", "*", ".",
]  # fmt: skip


def test_no_path_leads_out_of_the_list(studio: Any) -> None:
    """Files are those of a fixed list; a run is an id; a link to a run is no run."""
    folders = ("/report/static/", "/studio/static/", "/api/runs/", "/")
    for path in [folder + payload for folder in folders for payload in PAYLOADS]:
        status, _, body = studio.client.ask(path.replace(" ", "%20"))
        assert status in (200, 404), path
        assert status == 404 or path in ("/", "/."), path
        assert b"root:" not in body and b"chainrule-change" not in body
    names = {one["name"] for one in studio.client.get("/api/runs")["runs"]}
    assert names == {"plain", "branched"}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"x" * (1 << 20) + b"y", 413), (b"{", 422), (b"[]", 422), (b"[" * 100_000, 422), (b'"x"', 422), (b"\xff", 422)],
)
def test_bodies_are_read_within_limits(studio: Any, body: bytes, status: int) -> None:
    """Too large, no JSON, no object; before anything is done with it."""
    one = studio.begin()
    assert studio.client.ask(f"/api/runs/{one.id}/set", body)[0] == status
    assert studio.client.ask("/api/runs?" + "x" * 3000)[0] == 414
    assert studio.client.ask("/api/runs?a=1&a=2")[0] == 422


def test_no_token_is_logged(studio: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither of the address nor of headers, even where a request is refused."""
    caplog.set_level(logging.DEBUG)
    access = studio.server.access
    for path in (f"/?token={access.token}", f"/nothing?token={access.token}", "/"):
        studio.client.ask(path, Host="evil.com")
        studio.client.ask(path)
    out, err = capfd.readouterr()
    said = caplog.text + out + err
    assert not any(secret in said for secret in (access.token, access.cookie, access.change))


def test_only_this_machine_is_listened_to(studio: Any) -> None:
    """127.0.0.1 alone."""
    assert studio.server._listener.getsockname()[0] == "127.0.0.1"
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", studio.server.port)) != 0


def test_names_are_text(studio: Any) -> None:
    """A run whose name is markup is listed as it is, in JSON that no browser takes for a page."""
    studio.shelf.begin("<img src=x onerror=alert(1)>\u202e", studio.begin().lead)
    _, headers, body = studio.client.ask("/api/runs")
    assert headers["content-type"] == "application/json"
    assert any(one["name"].startswith("<img") for one in json.loads(body)["runs"])


def test_connections_and_threads_go(studio: Any) -> None:
    """Nothing is left of many requests, half of which leave before their answer."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        pytest.skip("needs a system that lists open files")
    studio.client.get("/api/runs")
    before = len(os.listdir(folder))
    for i in range(200):
        with socket.create_connection(("127.0.0.1", studio.server.port)) as one:
            cookie = f"Cookie: {studio.server.access.cookie_name}={studio.server.access.cookie}\r\n"
            one.sendall(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{studio.server.port}\r\n{cookie}\r\n".encode())
            if i % 2:
                one.recv(100)
    until(lambda: len(os.listdir(folder)) <= before + 2)
    until(lambda: not studio.server.feed._listeners)
