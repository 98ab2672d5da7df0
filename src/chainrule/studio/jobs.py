"""Answers that take long: made once in a thread, kept as they are sent, asked for again while they are under way."""

from __future__ import annotations

import asyncio
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chainrule import json_text
from chainrule.errors import ChainruleError
from chainrule.web.refusal import RequestError

PATIENCE_S = 1.5
"""A request waits so long; then the page asks again."""
MOST_KEPT, MOST_THREADS, MOST_WAITING = 64, 2, 32


def as_json(values: Any) -> bytes:
    """Values as JSON: a gap for a number that is not finite where it is drawn, words elsewhere are the sender's."""
    return json_text.text(json_text.plain(values, None)).encode()


class Jobs:
    """What threads work at for the pages."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST_THREADS, "studio")
        self._kept: OrderedDict[Hashable, asyncio.Future[bytes]] = OrderedDict()

    async def answer(self, key: Hashable, make: Callable[[], Any]) -> bytes | None:
        """The JSON of what `make` gives; None where that is still under way.

        RequestError with the words of a ChainruleError, which is not kept.
        """
        task = self._kept.get(key)
        if task is None:
            if sum(not one.done() for one in self._kept.values()) >= MOST_WAITING:
                raise RequestError(429, "too much is being computed; try again in a moment.", {"retry-after": "2"})
            loop = asyncio.get_running_loop()
            task = self._kept[key] = loop.run_in_executor(self._threads, lambda: as_json(make()))
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        try:
            return await asyncio.wait_for(asyncio.shield(task), PATIENCE_S)
        except TimeoutError:
            if not task.done():
                return None
            raise
        except RequestError:
            self._kept.pop(key, None)
            raise
        except ChainruleError as error:
            self._kept.pop(key, None)
            raise RequestError(409, str(error)) from None
        except Exception:
            self._kept.pop(key, None)
            traceback.print_exc()
            raise RequestError(500, "a fault of the studio; its output says more.") from None

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
