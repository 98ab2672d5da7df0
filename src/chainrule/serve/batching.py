"""Requests that wait while another is computed are computed together: no request waits for a later one."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chainrule.serve.bodies import RequestRows
from chainrule.serve.metrics import Metrics
from chainrule.serve.model import Columns, Served
from chainrule.web.refusal import RequestError

MOST_TOGETHER = 64
"""Requests of one computation, so that the first of many is not late."""
FEW_ROWS = 2_000
"""So many are computed in the thread of the event loop, in a few milliseconds: threads of Python that take turns would
cost every answer several times that."""


class Batches:
    """One computation at a time of all requests that have come since the last; of many rows in a thread of its own."""

    def __init__(self, model: Served, metrics: Metrics) -> None:
        self._model, self._metrics = model, metrics
        self._waiting: list[tuple[RequestRows, asyncio.Future[Columns]]] = []
        self._thread = ThreadPoolExecutor(1, "predictions")
        self._running: asyncio.Task[None] | None = None

    async def predict(self, rows: RequestRows) -> Columns:
        """The predictions of the rows of one request."""
        future: asyncio.Future[Columns] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def explain(self, rows: RequestRows) -> list[list[dict[str, Any]]]:
        """The explanations of the rows of one request, after what is computed now."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._model.explain, rows)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            now, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            now = [(rows, future) for rows, future in now if not future.done()]  # its client may have left
            self._metrics.add("batches", 1)
            requests = [rows for rows, _ in now]
            try:
                if sum(rows.most for rows in requests) <= FEW_ROWS:
                    found = self._model.predict_each(requests)
                else:
                    found = await loop.run_in_executor(self._thread, self._model.predict_each, requests)
            except Exception as error:
                for _, future in now:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), one in zip(now, found, strict=True):
                if future.done():
                    continue
                if isinstance(one, RequestError):
                    future.set_exception(one)
                else:
                    future.set_result(one)
            await asyncio.sleep(0)  # the answers go out, and what has come meanwhile is read
        self._running = None
