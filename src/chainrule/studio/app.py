"""The studio as an ASGI application: who may ask, what each address answers, the headers of every answer."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from chainrule.errors import ChainruleError
from chainrule.studio import files
from chainrule.studio.access import JSON, Access
from chainrule.studio.feed import Feed
from chainrule.studio.jobs import Jobs, as_json
from chainrule.studio.request import Query, body_of
from chainrule.studio.routes import CHANGES, FIXED, LOOKS, Asked
from chainrule.studio.shelf import Shelf, Shown
from chainrule.studio.trainings import Trainings
from chainrule.visible import cut
from chainrule.web.origin import single_headers
from chainrule.web.refusal import RequestError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
        "cache-control": "no-store", "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin", "x-frame-options": "DENY",
    }.items()
)  # fmt: skip
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_OF_RUN = re.compile(r"/api/runs/([a-z0-9]{1,20})/([a-z_]{1,20})")
READ = ("GET", "HEAD")


class Application:
    """What every address of the studio answers."""

    def __init__(self, shelf: Shelf, trainings: Trainings, access: Access, feed: Feed) -> None:
        self.shelf, self.trainings, self.access, self.feed, self.jobs = shelf, trainings, access, feed, Jobs()

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        response = await self._answer(Request(scope, receive))
        response.raw_headers.extend(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._routed(request)
        except RequestError as refused:
            if refused.status == 401 and request.scope["path"] == "/":
                return Response(files.lost(), 401, media_type=HTML)
            return Response(as_json({"error": refused.message}), refused.status, dict(refused.headers), JSON)
        except ChainruleError as error:
            return Response(as_json({"error": str(error)}), 409, media_type=JSON)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Exception:
            traceback.print_exc()
            return Response(as_json({"error": "a fault of the studio; its output says more."}), 500, media_type=JSON)

    async def _routed(self, request: Request) -> Response:
        scope = request.scope
        path, method, headers = scope["path"], scope["method"], single_headers(scope)
        self.access.check_origin(headers)
        query = Query.of(scope["query_string"])
        if path == "/" and method in READ and "token" in query.given:
            if not self.access.is_token(query.text("token")):
                raise RequestError(401, "the token is not that of this studio.")
            return Response(status_code=303, headers={"location": "/", "set-cookie": self.access.cookie_header()})
        self.access.check(headers, method)
        of_run = _OF_RUN.fullmatch(path)
        if method in READ:
            return await self._look(path, query, of_run)
        if method != "POST" or of_run is None or of_run[2] not in CHANGES:
            raise _unknown(path, method)
        given = await body_of(request)
        asked = Asked(self.shelf, self.trainings, self.shelf.get(of_run[1]), query)
        values = await asyncio.to_thread(CHANGES[of_run[2]], asked, given)
        return Response(as_json(values), media_type=JSON)

    async def _look(self, path: str, query: Query, of_run: re.Match[str] | None) -> Response:
        if of_run is not None and of_run[2] in LOOKS:
            return await self._of_run(self.shelf.get(of_run[1]), of_run[2], query)
        if path == "/":
            return Response(files.page(self.access.change), media_type=HTML)
        if path in files.listed():
            kind, content = files.listed()[path]
            return Response(content, media_type=kind)
        if path == "/words":
            return Response(files.words(), media_type=TEXT)
        if path == "/favicon.ico":
            return Response(status_code=204)
        if path == "/api/runs":
            await asyncio.to_thread(self.shelf.look_again)
            return Response(as_json({"runs": self.shelf.listed(), "n": self.feed.n}), media_type=JSON)
        if path == "/events":
            if self.feed.is_full:
                raise RequestError(503, "too many pages are open.", {"retry-after": "5"})
            return StreamingResponse(_stream(self.feed), media_type="text/event-stream")
        raise _unknown(path, "GET")

    async def _of_run(self, shown: Shown, name: str, query: Query) -> Response:
        status = None if shown.lead is None else shown.lead.status()
        version = () if status is None or name in FIXED else (status["step"], status["state"], status["n_events"])
        key = (shown.id, name, *sorted(query.given.items()), *version)
        asked = Asked(self.shelf, self.trainings, shown, query)
        found = await self.jobs.answer(key, lambda: LOOKS[name](asked))
        if found is None:
            return Response(as_json({"pending": True}), 202, media_type=JSON)
        return Response(found, media_type=JSON)


async def _stream(feed: Feed) -> Any:
    """What is said to one page, as it is said."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(1)

    async def listen() -> None:
        try:
            await feed.listen(queue.put)
        finally:
            await queue.put(None)

    task = asyncio.get_running_loop().create_task(listen())
    try:
        while (part := await queue.get()) is not None:
            yield part
    finally:
        task.cancel()


def _unknown(path: str, method: str) -> RequestError:
    return RequestError(404, f"{method} {cut(path)!r}: no such route.")
