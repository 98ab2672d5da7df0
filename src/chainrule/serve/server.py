"""The processes of the server: one socket and its workers, ended by Ctrl-C or SIGTERM after what they answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from chainrule.serve.app import application
from chainrule.serve.limits import Limits
from chainrule.serve.metrics import Metrics
from chainrule.serve.model import Served
from chainrule.web.connection import cut_after

END_S = 10.0
"""Within which a worker answers what it has begun; then it is killed."""
MOST_DEATHS, DEATHS_S = 5, 10.0
"""So many workers that end by themselves in so many seconds end the server: it would only start them again."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the server listens, and how it is encrypted."""

    host: str = "127.0.0.1"
    port: int = 8000
    certfile: str | None = None
    keyfile: str | None = None

    @property
    def url(self) -> str:
        """Of the first page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certfile else 'http'}://{host}:{self.port}"


def serve(model: Served, address: Address, *, token: str | None, n_workers: int, listener: socket.socket) -> int:
    """Answer until SIGTERM or Ctrl-C; the exit code."""
    metrics, port = Metrics(n_workers), listener.getsockname()[1]
    app = application(model, metrics, token=token, port=port)
    if n_workers == 1:
        _Worker(_config(app, address, model.limits), None).run([listener])
        return 0
    return _Supervisor(app, address, model.limits, metrics, listener, n_workers).run()


def _config(app: Any, address: Address, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=cut_after(limits.request_s), ws="none", loop="asyncio", lifespan="off", log_config=None,
        log_level="error", access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=5, timeout_graceful_shutdown=int(END_S) - 2,
        limit_concurrency=limits.connections, ssl_certfile=address.certfile, ssl_keyfile=address.keyfile,
    )  # fmt: skip


class _Worker(uvicorn.Server):
    """A server that also ends when the pipe to its supervisor does."""

    def __init__(self, config: uvicorn.Config, supervisor: int | None) -> None:
        super().__init__(config)
        self._supervisor = supervisor

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and watch the supervisor."""
        await super().startup(sockets)
        if self._supervisor is not None:
            asyncio.get_running_loop().add_reader(self._supervisor, self._end)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal ends the server and nothing else: it is not raised again."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def _end(self) -> None:
        self.should_exit = True
        if self._supervisor is not None:
            asyncio.get_running_loop().remove_reader(self._supervisor)


class _Supervisor:
    """Starts the workers, starts one again that died, and ends them all."""

    def __init__(
        self, app: Any, address: Address, limits: Limits, metrics: Metrics, listener: socket.socket, n_workers: int
    ) -> None:
        self._app, self._address, self._limits, self._metrics = app, address, limits, metrics
        self._listener, self._places = listener, dict[int, int]()
        self._n_workers, self._ending, self._deaths = n_workers, False, list[float]()
        self._alive = os.pipe()

    def run(self) -> int:
        """Until a signal, or until workers keep dying."""
        for number in (signal.SIGINT, signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())):
            signal.signal(number, self._signal)
        for place in range(self._n_workers):
            self._start(place)
        while self._places and not self._ending:
            with contextlib.suppress(InterruptedError, ChildProcessError):
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid in self._places and not self._ending:
                    if not self._again(self._places.pop(pid), status):
                        break
                    continue
            time.sleep(0.05)
        failed = not self._ending
        self._end()
        return 1 if failed else 0

    def _signal(self, number: int, frame: Any) -> None:
        self._ending = True

    def _again(self, place: int, status: int) -> bool:
        now = time.monotonic()
        self._deaths = [*(at for at in self._deaths if now - at < DEATHS_S), now]
        if len(self._deaths) > MOST_DEATHS:
            print(f"{len(self._deaths)} workers ended within {DEATHS_S:g} s; the server ends.", file=sys.stderr)
            return False
        print(f"a worker ended (status {os.waitstatus_to_exitcode(status)}); another one starts.", file=sys.stderr)
        self._start(place)
        return True

    def _start(self, place: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of this process hold nothing a worker needs
            pid = os.fork()
        if pid:
            self._places[pid] = place
            return
        code = 1
        try:
            os.close(self._alive[1])
            self._metrics.use(place)
            _Worker(_config(self._app, self._address, self._limits), self._alive[0]).run([self._listener])
            code = 0
        finally:
            os._exit(code)

    def _end(self) -> None:
        """Every worker is asked to end, then killed."""
        until = time.monotonic() + END_S
        for pid in self._places:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while self._places:
            for pid in list(self._places):
                with contextlib.suppress(ChildProcessError):
                    if os.waitpid(pid, os.WNOHANG)[0] == 0:
                        if time.monotonic() > until:
                            os.kill(pid, signal.SIGKILL)
                        continue
                del self._places[pid]
            time.sleep(0.02)
        for end in self._alive:
            os.close(end)
