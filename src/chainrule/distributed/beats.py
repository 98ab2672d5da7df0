"""Signs of life: a row of numbers for every worker, which the process that started them reads.

On one machine the rows are a small file that all of them map into memory; from other machines they come by
`datagrams`. A thread of each worker gives a sign twice a second; it ends its process where the one that started them
is gone. The reader takes a row that changes for a sign, so clocks are not compared.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.distributed import datagrams
from chainrule.distributed.processes import is_there

BEAT_S = 0.5
PID, ALIVE_AT, STEP, SECONDS_OF_EXCHANGE, STEPS, ROWS, STEPS_PER_EPOCH, BEGAN_AT, CODE, WAITS, JOINED = range(11)
"""Columns. CODE: 1 + the exit code of worker 0, once it is known; WAITS: 1 while a worker waits for others;
JOINED: 1 once it can reach them."""
N_COLUMNS = datagrams.N_NUMBERS
NAME = "beats"
PARENT = "parent"


def create(folder: Path, n_workers: int) -> npt.NDArray[np.float64]:
    """An empty table of signs of life."""
    table = np.memmap(folder / NAME, np.float64, "w+", shape=(n_workers, N_COLUMNS))
    table.flush()
    return table


class Beat:
    """The signs of life of one worker: written where whoever started it reads them, or kept to itself."""

    def __init__(self) -> None:
        self.done, self.n_rows, self.steps_per_epoch = 0, 0, 1
        self._row: Any = np.zeros(N_COLUMNS)
        self._sender: datagrams.Sender | None = None

    @classmethod
    def in_file(cls, folder: Path, rank: int) -> Beat:
        """Of a worker on the machine of its supervisor."""
        beat, parent = cls(), int((folder / PARENT).read_text())
        beat._row = np.memmap(folder / NAME, np.float64, "r+").reshape(-1, N_COLUMNS)[rank]
        return beat._begun(lambda: is_there(parent))

    @classmethod
    def by_datagrams(cls, where: str, rank: int) -> Beat:
        """Of a worker that may be on another machine; where: as `datagrams.Receiver.address`."""
        beat = cls()
        beat._sender = datagrams.Sender(where, rank, beat._row)
        return beat._begun(beat._sender.send)

    def exchanged(self, step: int, seconds: float) -> None:
        """A step's exchange is done."""
        row = self._row
        if not row[STEPS]:
            row[BEGAN_AT] = time.monotonic()
        row[STEP], row[STEPS_PER_EPOCH] = step, self.steps_per_epoch
        row[SECONDS_OF_EXCHANGE] += seconds
        row[STEPS] += 1
        row[ROWS] += self.n_rows

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within it, others are waited for."""
        self._row[WAITS] = 1
        try:
            yield
        finally:
            self._row[WAITS] = 0

    def joined(self) -> None:
        """The workers reach each other."""
        self._row[JOINED] = 1

    def ended(self, code: int) -> None:
        """Worker 0 is about to leave with this exit code."""
        self._row[CODE] = 1 + code
        if self._sender is not None:
            self._sender.last()

    @property
    def facts(self) -> dict[str, float]:
        """Rows a second, and the share of the time that the exchange took."""
        elapsed = time.monotonic() - float(self._row[BEGAN_AT]) if self._row[STEPS] else 0.0
        if elapsed <= 0:
            return {}
        return facts_of(self._row, elapsed)

    def _begun(self, is_parent_there: Callable[[], bool]) -> Beat:
        self._row[PID], self._row[ALIVE_AT] = os.getpid(), time.monotonic()
        threading.Thread(target=self._live, args=(is_parent_there,), name="signs of life", daemon=True).start()
        return self

    def _live(self, is_parent_there: Callable[[], bool]) -> None:
        while is_parent_there():
            self._row[ALIVE_AT] = time.monotonic()
            time.sleep(BEAT_S)
        os._exit(1)


def facts_of(row: Any, elapsed: float) -> dict[str, float]:
    """Rows a second, and the share of the time that the exchange took."""
    return {"rows_per_second": float(row[ROWS]) / elapsed, "exchange": float(row[SECONDS_OF_EXCHANGE]) / elapsed}
