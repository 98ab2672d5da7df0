"""Signs of life: every worker writes into one row of a small file that the process which started them reads.

The file is mapped into memory by all of them. A thread of each worker notes the time twice a second; it ends its
process where the one that started them is gone.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BEAT_S = 0.5
PID, ALIVE_AT, STEP, SECONDS_OF_EXCHANGE, STEPS, ROWS, STEPS_PER_EPOCH, BEGAN_AT, CODE = range(9)
"""Columns. CODE: 1 + the exit code of worker 0, once it is known."""
N_COLUMNS = 16
NAME = "beats"


def create(folder: Path, n_workers: int) -> npt.NDArray[np.float64]:
    """An empty table of signs of life."""
    table = np.memmap(folder / NAME, np.float64, "w+", shape=(n_workers, N_COLUMNS))
    table.flush()
    return table


def is_there(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Beat:
    """The signs of life of one worker; without a folder they are kept to itself."""

    def __init__(self, folder: Path | None = None, rank: int = 0, parent: int | None = None) -> None:
        self.done, self.n_rows, self.steps_per_epoch = 0, 0, 1
        self._row: Any = np.zeros(N_COLUMNS)
        if folder is not None:
            self._row = np.memmap(folder / NAME, np.float64, "r+").reshape(-1, N_COLUMNS)[rank]
            self._row[PID], self._row[ALIVE_AT] = os.getpid(), time.monotonic()
            threading.Thread(target=self._live, args=(parent,), name="signs of life", daemon=True).start()

    def exchanged(self, step: int, seconds: float) -> None:
        """A step's exchange is done."""
        row = self._row
        if not row[STEPS]:
            row[BEGAN_AT] = time.monotonic()
        row[STEP], row[STEPS_PER_EPOCH] = step, self.steps_per_epoch
        row[SECONDS_OF_EXCHANGE] += seconds
        row[STEPS] += 1
        row[ROWS] += self.n_rows

    def ended(self, code: int) -> None:
        """Worker 0 is about to leave with this exit code."""
        self._row[CODE] = 1 + code

    @property
    def facts(self) -> dict[str, float]:
        """Rows a second, and the share of the time that the exchange took."""
        elapsed = time.monotonic() - float(self._row[BEGAN_AT]) if self._row[STEPS] else 0.0
        if elapsed <= 0:
            return {}
        return facts_of(self._row, elapsed)

    def _live(self, parent: int | None) -> None:
        while parent is None or is_there(parent):
            self._row[ALIVE_AT] = time.monotonic()
            time.sleep(BEAT_S)
        os._exit(1)


def facts_of(row: Any, elapsed: float) -> dict[str, float]:
    """Rows a second, and the share of the time that the exchange took."""
    return {"rows_per_second": float(row[ROWS]) / elapsed, "exchange": float(row[SECONDS_OF_EXCHANGE]) / elapsed}
