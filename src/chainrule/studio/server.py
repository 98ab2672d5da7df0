"""The studio's server: a thread with an event loop, on this machine alone, at a port the system chooses."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import uvicorn

from chainrule.errors import SettingsError
from chainrule.studio.access import Access
from chainrule.studio.app import Application
from chainrule.studio.feed import Feed
from chainrule.studio.shelf import Shelf
from chainrule.studio.trainings import Trainings
from chainrule.web.connection import cut_after, listening

HOST = "127.0.0.1"
REQUEST_S, MOST_CONNECTIONS = 30.0, 1_000
BEGIN_S, END_S = 10.0, 5.0


class StudioServer:
    """Serves a shelf until it is closed."""

    def __init__(self, shelf: Shelf, trainings: Trainings, port: int = 0, request_s: float = REQUEST_S) -> None:
        self._listener = listening(HOST, port)
        self.access = Access(port=self._listener.getsockname()[1])
        self.feed = Feed(shelf)
        self.app = Application(shelf, trainings, self.access, self.feed)
        self._server = _Quiet(_config(self.app, request_s))
        self._thread = threading.Thread(target=self._run, name="studio", daemon=True)
        self._thread.start()
        if not self._server.begun.wait(BEGIN_S):
            raise SettingsError("the studio's server did not begin.")

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.access.port

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        return f"http://{HOST}:{self.port}/?token={self.access.token}"

    @property
    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End streams first, then connections, then the thread."""
        if self._server.loop is not None and self._thread.is_alive():
            self._server.loop.call_soon_threadsafe(self.feed.close)
        self._server.should_exit = True
        self._thread.join(END_S)
        self.app.jobs.close()
        self._listener.close()

    def _run(self) -> None:
        self._server.run([self._listener])


class _Quiet(uvicorn.Server):
    """A server whose thread says that it listens; signals are the main thread's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun, self.loop = threading.Event(), None  # type: tuple[threading.Event, Any]

    async def startup(self, sockets: Any = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.loop = asyncio.get_running_loop()
        self.begun.set()


def _config(app: Any, request_s: float) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=cut_after(request_s), ws="none", loop="asyncio", lifespan="off", log_config=None,
        log_level="critical", access_log=False, server_header=False, proxy_headers=False, timeout_keep_alive=5,
        timeout_graceful_shutdown=1, limit_concurrency=MOST_CONNECTIONS,
    )  # fmt: skip
