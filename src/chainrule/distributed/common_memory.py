"""Memory that all workers of one machine see: files in memory, which disappear with whoever mapped them."""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile

import numpy as np
import numpy.typing as npt

from chainrule.distributed.comm import Comm
from chainrule.distributed.exchange import CommonMemory, Ownership

PLACE = "/dev/shm"


def common_memory(comm: Comm, layout: Ownership) -> list[npt.NDArray[np.uint8]] | None:
    """A part for every worker, mapped by all of them; None where there is no room for it, or not for all.

    Worker 0 makes one file of all parts, which is reserved at once: a page that cannot be had would end the process.
    """
    sizes = [-(-CommonMemory.n_bytes(layout, rank) // mmap.PAGESIZE) * mmap.PAGESIZE for rank in range(layout.size)]
    path = ""
    if comm.rank == 0:
        path = _reserved(sum(sizes))
        comm.tell({"do": "map", "path": path}, [])
    else:
        path = comm.hear()[0]["path"]
    room = _mapped(path, sum(sizes)) if path else None
    agreed = comm.all_agree(room is not None)
    if comm.rank == 0 and path:
        os.unlink(path)
    if not agreed or room is None:
        return None
    at = np.cumsum([0, *sizes]).tolist()
    return [room[at[rank] : at[rank + 1]] for rank in range(layout.size)]


def _reserved(n_bytes: int) -> str:
    """A new file in memory, empty text where it cannot be had."""
    path = ""
    with contextlib.suppress(OSError):
        number, path = tempfile.mkstemp(prefix="chainrule-", dir=PLACE)
        try:
            os.posix_fallocate(number, 0, n_bytes)
        except OSError:
            os.unlink(path)
            return ""
        finally:
            os.close(number)
    return path


def _mapped(path: str, n_bytes: int) -> npt.NDArray[np.uint8] | None:
    with contextlib.suppress(OSError, ValueError), open(path, "r+b") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), n_bytes), np.uint8)
    return None
