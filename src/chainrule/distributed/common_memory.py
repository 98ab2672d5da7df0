"""Memory that all workers of one machine see: a file in memory without a name, which disappears with its last user."""

from __future__ import annotations

import contextlib
import mmap
import os

import numpy as np
import numpy.typing as npt

from chainrule.distributed.comm import Comm
from chainrule.distributed.exchange import CommonMemory, Ownership


def common_memory(comm: Comm, layout: Ownership) -> list[npt.NDArray[np.uint8]] | None:
    """A part for every worker, mapped by all of them; None where there is no room for it, or not all see it.

    Worker 0 makes one file of all parts, which is reserved at once: a page that cannot be had would end the process.
    The others open it where Linux shows the files that a process has open.
    """
    sizes = [-(-CommonMemory.n_bytes(layout, rank) // mmap.PAGESIZE) * mmap.PAGESIZE for rank in range(layout.size)]
    number = _reserved(sum(sizes)) if comm.rank == 0 else None
    if comm.rank == 0:
        path = "" if number is None else f"/proc/{os.getpid()}/fd/{number}"
        comm.tell({"do": "map", "path": path}, [])
    else:
        path = comm.hear()[0]["path"]
    room = _mapped(path, sum(sizes)) if path else None
    agreed = comm.all_agree(room is not None)
    if number is not None:
        os.close(number)
    if not agreed or room is None:
        return None
    at = np.cumsum([0, *sizes]).tolist()
    return [room[at[rank] : at[rank + 1]] for rank in range(layout.size)]


def _reserved(n_bytes: int) -> int | None:
    """The number of a new file in memory; None where it cannot be had."""
    if not hasattr(os, "memfd_create"):
        return None
    number = None
    try:
        number = os.memfd_create("chainrule", os.MFD_CLOEXEC)
        os.posix_fallocate(number, 0, n_bytes)
    except OSError:
        if number is not None:
            os.close(number)
        return None
    return number


def _mapped(path: str, n_bytes: int) -> npt.NDArray[np.uint8] | None:
    with contextlib.suppress(OSError, ValueError), open(path, "r+b") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), n_bytes), np.uint8)
    return None
