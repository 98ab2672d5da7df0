"""A client of the studio's server, and small trainings to lead; for tests/studio."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def small(epochs: int = 20, **how: Any) -> cr.Run:
    """A training of a small network; 15 steps an epoch."""
    how = {"batch_size": 8, "progress": False} | how
    return cr.train(cr.Network([4, 6, 5, 2], "relu", seed=1), X, Y, epochs=epochs, **how)


def until(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until something is true, and what it is then."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)
    return found


@dataclass
class Client:
    """Asks a studio as its page would."""

    server: Any
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        access = self.server.access
        self.headers = {
            "Host": f"127.0.0.1:{self.server.port}", "Cookie": f"{access.cookie_name}={access.cookie}",
            "X-Chainrule-Token": access.change, "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin",
        } | self.headers  # fmt: skip

    def ask(
        self, path: str, body: Any = None, *, method: str | None = None, without: tuple[str, ...] = (), **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer; `headers` with _ for -, None of those `without`."""
        sent = {name: value for name, value in self.headers.items() if name not in without}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.putrequest(method or ("GET" if data is None else "POST"), path, skip_host=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON of an answer, asked for again while it is being made."""
        while True:
            status, _, body = self.ask(path)
            assert status in (200, 202), body
            if status == 200:
                return json.loads(body)
            time.sleep(0.05)

    def post(self, path: str, **body: Any) -> Any:
        """Change something."""
        status, _, answer = self.ask(path, body)
        assert status == 200, answer
        return json.loads(answer)
