"""The routes of the server, as an ASGI application: POST /predict, and what supervisors and clients read."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from chainrule import json_text
from chainrule.serve import access
from chainrule.serve.answers import CONTENT_TYPES, format_wanted, written
from chainrule.serve.batching import Batches
from chainrule.serve.bodies import JSON, decompressed, format_of, rows_of, too_large
from chainrule.serve.limits import Limits
from chainrule.serve.metrics import Metrics
from chainrule.serve.model import Served
from chainrule.serve.openapi import column_kinds, description
from chainrule.visible import cut
from chainrule.web.origin import single_headers
from chainrule.web.refusal import RequestError

SMALL_BODY = 1 << 16
"""Bytes of a body that is parsed at once; a larger one is parsed in a thread, so that others need not wait."""
READ = ("GET", "HEAD")
THERE = "The routes are POST /predict, /, /health, /metrics and /openapi.json."
HEADERS = (
    (b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)  # fmt: skip


class Allowance:
    """Explained rows of this process: so many a second, and as many at once as were not used before."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._left, self._at = limits, float(limits.explained_rows), time.monotonic()

    def take(self, n_rows: int) -> None:
        """Use it up. RequestError with the seconds to wait where there is not enough."""
        now, rate = time.monotonic(), self._limits.explained_rows_per_second
        self._left = min(float(self._limits.explained_rows), self._left + (now - self._at) * rate)
        self._at = now
        if n_rows > self._left:
            wait = int((n_rows - self._left) / rate) + 1
            raise RequestError(429, f"too many explanations; try again in {wait} s.", {"retry-after": str(wait)})
        self._left -= n_rows


class Routes:
    """What each route answers."""

    def __init__(self, model: Served, metrics: Metrics, *, has_token: bool) -> None:
        self._model, self._metrics, self._limits = model, metrics, model.limits
        self._batches, self._allowance = Batches(model, metrics), Allowance(model.limits)
        self._description = json_text.text(description(model, has_token=has_token))

    async def predict(self, request: Request) -> Response:
        """The predictions of the rows in the body."""
        kind = format_of(request.headers.get("content-type"))
        explains = _flag(request, "explain")
        wanted = JSON if explains else format_wanted(request.headers.get("accept"), kind)
        body = await self._body(request)
        rows = await _parsed(rows_of, body, kind, self._model.columns, self._limits)
        columns = await self._batches.predict(rows)
        n_rows = len(next(iter(columns.values())))
        self._metrics.add("rows", n_rows)
        if not explains:
            return Response(written(columns, wanted), media_type=CONTENT_TYPES[wanted])
        self._allowance.take(n_rows)
        found = await self._batches.explain(rows)
        self._metrics.add("explained_rows", n_rows)
        text = json_text.text(found)
        return Response(
            written(columns, JSON).rstrip(b"}\n") + f',\n"explanations": {text}}}\n'.encode(), media_type=JSON
        )

    async def _body(self, request: Request) -> bytes:
        size = request.headers.get("content-length", "0")
        if not size.isdigit() or int(size) > self._limits.body_bytes:
            raise too_large(self._limits)
        parts, n_bytes = [], 0
        async for part in request.stream():
            n_bytes += len(part)
            if n_bytes > self._limits.body_bytes:
                raise too_large(self._limits)
            parts.append(part)
        request.state.n_bytes = n_bytes
        return await _parsed(decompressed, b"".join(parts), request.headers.get("content-encoding"), self._limits)

    async def about(self, request: Request) -> Response:
        """The model: its columns, its target, where it comes from."""
        model = self._model
        return _json(
            {
                "model": model.name, **model.facts, "columns": column_kinds(model.pipeline),
                "targets": list(model.pipeline.target.columns), "answers": model.answers,
                "predict": "POST /predict", "description": "/openapi.json",
            }
        )  # fmt: skip

    async def health(self, request: Request) -> Response:
        """That the server answers."""
        return _json({"status": "ok"})

    async def metrics(self, request: Request) -> Response:
        """The counters of all processes."""
        return PlainTextResponse(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """The description of the routes."""
        return Response(self._description, media_type=JSON)


async def _parsed(function: Callable[..., Any], body: bytes, *rest: Any) -> Any:
    return function(body, *rest) if len(body) <= SMALL_BODY else await asyncio.to_thread(function, body, *rest)


def _flag(request: Request, name: str) -> bool:
    given = request.query_params.getlist(name)
    if len(given) > 1 or given not in ([], ["0"], ["1"]):
        raise RequestError(422, f"{name} must be 0 or 1.")
    return given == ["1"]


def _json(values: Any, status: int = 200) -> Response:
    return Response(json_text.text(values) + "\n", status, media_type=JSON)


def application(model: Served, metrics: Metrics, *, token: str | None, port: int) -> Any:
    """The whole server as an ASGI application."""
    return _Server(Routes(model, metrics, has_token=token is not None), metrics, token, port)


class _Server:
    """Around every route: who may ask, the headers of every answer, the counters, and faults as one line."""

    def __init__(self, routes: Routes, metrics: Metrics, token: str | None, port: int) -> None:
        self._metrics, self._token, self._port = metrics, token, port
        self._routes = {
            "/predict": (("POST",), routes.predict), "/": (READ, routes.about), "/health": (READ, routes.health),
            "/metrics": (READ, routes.metrics), "/openapi.json": (READ, routes.openapi),
        }  # fmt: skip

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            return
        began, request = time.perf_counter(), Request(scope, receive)
        response = Response(status_code=500)
        try:
            response = await self._answer(request)
            response.raw_headers.extend(HEADERS)
            await response(scope, receive, send)
        finally:
            n_bytes = scope.get("state", {}).get("n_bytes", 0)
            self._metrics.answered(scope["path"], response.status_code, time.perf_counter() - began, n_bytes)

    async def _answer(self, request: Request) -> Response:
        try:
            path = request.scope["path"]
            access.check(single_headers(request.scope), path, self._token, self._port)
            if path not in self._routes:
                raise RequestError(404, f"{cut(path)!r}: no such route. {THERE}")
            methods, route = self._routes[path]
            if request.method not in methods:
                raise RequestError(
                    405, f"{request.method} {path}: must be {methods[0]}. {THERE}", {"allow": methods[0]}
                )
            return await route(request)
        except RequestError as refused:
            return JSONResponse({"error": refused.message}, refused.status, dict(refused.headers))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:
            traceback.print_exc()
            return JSONResponse({"error": "a fault of the server; its output says more."}, 500)
