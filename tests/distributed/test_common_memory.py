"""Memory that workers of one machine share: seen by all, gone with them; messages where it cannot be had."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.distributed.common_memory import common_memory
from chainrule.distributed.exchange import Ownership
from thread_workers import ThreadComm, Threads


class Agreeing(ThreadComm):
    """Workers that agree where all of them say yes."""

    def all_agree(self, yes: bool) -> bool:
        self.all.here[self.rank] = yes
        self.meet()
        agreed = all(self.all.here[rank] for rank in range(self.size))
        self.meet()
        return agreed


def shared_by_two() -> list[Any]:
    all_, found = Threads(2), [None, None]

    def work(rank: int) -> None:
        layout = Ownership(rank=rank, size=2, V=8, bounds=[0, 30, 60], of_norm=[0, 1, 2], dtype=np.dtype(np.float32))
        found[rank] = common_memory(Agreeing(all_, rank), layout)  # type: ignore[call-overload]

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="ends on Linux, which has files without names")
def test_what_one_writes_the_other_reads() -> None:
    """Both map the same parts, and no file descriptor or name is left."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    first, second = shared_by_two()
    assert first[1].ctypes.data != second[1].ctypes.data
    first[1][3] = 7
    assert second[1][3] == 7 and second[0].sum() == 0
    del first, second
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("lacks", ["memfd_create", "posix_fallocate", "open"])
def test_messages_where_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch, lacks: str) -> None:
    """No such files, no room, or a worker that does not see the file: none for anybody."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no room")

    if lacks == "memfd_create":
        monkeypatch.delattr(os, lacks, raising=False)
    elif lacks == "posix_fallocate":
        monkeypatch.setattr(os, lacks, refuse)
    else:
        monkeypatch.setattr("chainrule.distributed.common_memory._mapped", lambda path, size: None)
    assert shared_by_two() == [None, None]
