"""Connections: the socket that listens, and the rule that cuts whoever sends or reads too slowly."""

from __future__ import annotations

import os
import socket
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from chainrule.errors import SettingsError


class Connection(H11Protocol):
    """A connection that is cut where its client sends, or reads, too slowly: nobody may hold one for long."""

    seconds = 30.0
    """Within which a request has been sent, answered and received."""
    _deadline: Any = None

    def connection_made(self, transport: Any) -> None:
        """Wait for a request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        if self._deadline is None:
            self._wait()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """The answer is on its way; the next request has its own time."""
        self._stop()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def cut_after(seconds: float) -> type[Connection]:
    """Connections that are cut after so many seconds."""
    return type("Connection", (Connection,), {"seconds": seconds})


def listening(host: str, port: int) -> socket.socket:
    """The socket. Raises SettingsError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle's wait on
    try:
        if os.name == "posix":  # on Windows it would let another process listen too
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(2048)
    except OSError as error:
        found.close()
        raise SettingsError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}. Try another --port."
        ) from None
    found.setblocking(False)
    return found
