"""The stream of events: at most ten messages a second, each made and serialised once for all pages that listen.

A stream ends after STREAM_S and is taken up again by the page, so that the one rule of connections cuts whoever reads
too slowly. A page that falls behind is let go: it comes back and asks for the whole state.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from chainrule import json_text
from chainrule.studio.curve import points, size_for
from chainrule.studio.shelf import Shelf, Shown

TICK_S, STREAM_S, BEAT_S = 0.1, 20.0, 5.0
MOST_BEHIND, MOST_LISTENERS = 8, 200
BYE = b"event: bye\ndata: {}\n\n"


class Feed:
    """Tells every listener what changed in the trainings of this process."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._sent: dict[str, tuple[dict[str, Any], int]] = {}
        """What was said last of each training: its status, and how many of its losses."""
        self.n = 0
        """Of the last message."""
        self.n_serialised = 0
        self._task: asyncio.Task[None] | None = None
        self.is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen."""
        return len(self._listeners) >= MOST_LISTENERS

    async def listen(self, send: Callable[[bytes], Any]) -> None:
        """Send what is said to one page, until its stream ends."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_BEHIND)
        self._listeners.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._tell())
        loop = asyncio.get_running_loop()
        end = loop.time() + STREAM_S
        try:
            await send(b"retry: 200\n\n" + self._message("hello", {"n": self.n}))
            while not self.is_closed and loop.time() < end:
                try:
                    message = await asyncio.wait_for(queue.get(), min(BEAT_S, max(0.0, end - loop.time())))
                except TimeoutError:
                    message = b": still here\n\n"
                if message is None:
                    break
                await send(message)
            if self.is_closed:
                await send(BYE)
        finally:
            self._listeners.discard(queue)

    async def _tell(self) -> None:
        while self._listeners and not self.is_closed:
            changed = [one for one in map(self._news, self._shelf.led()) if one is not None]
            if changed:
                self.n += 1
                message = self._message("news", {"n": self.n, "runs": changed})
                for queue in list(self._listeners):
                    try:
                        queue.put_nowait(message)
                    except asyncio.QueueFull:
                        self._let_go(queue)
            await asyncio.sleep(TICK_S)

    def _let_go(self, queue: asyncio.Queue[bytes | None]) -> None:
        self._listeners.discard(queue)
        with contextlib.suppress(asyncio.QueueEmpty):
            queue.get_nowait()
        queue.put_nowait(None)

    def _news(self, one: Shown) -> dict[str, Any] | None:
        """What changed in a training since the last message; None where nothing did."""
        assert one.lead is not None
        status, losses = one.lead.status(), one.lead.losses
        before, n_said = self._sent.get(one.id, ({}, 0))
        if status == before and len(losses) == n_said:
            return None
        self._sent[one.id] = status, len(losses)
        size = size_for(max(status["n_steps"], len(losses)))
        return {"id": one.id, "name": one.name, **status, "losses": points(losses, size, n_said // size)}

    def _message(self, kind: str, values: dict[str, Any]) -> bytes:
        self.n_serialised += 1
        text = json_text.text(json_text.plain(values, None))
        return f"event: {kind}\nid: {self.n}\ndata: {text}\n\n".encode()

    def close(self) -> None:
        """End every stream."""
        self.is_closed = True
        for queue in list(self._listeners):
            self._let_go(queue)
