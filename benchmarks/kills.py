"""Workers killed and frozen at random moments: how many trainings end with the bits of the undisturbed one.

python benchmarks/kills.py [KILLS [FREEZES [LEADERS]]]: so many SIGKILLs of any worker, SIGSTOPs of any worker, and
SIGKILLs of worker 0, each in a training of its own by two or three workers. Prints one line for each and a summary.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.distributed import beats, team
from chainrule.distributed.launcher import supervise

EPOCHS, LONGEST_S = 40, 30.0


def train(directory: str) -> None:
    """What worker 0 does: some seconds of steps, evaluations and checkpoints."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(400, 6)), rng.integers(0, 3, 400)
    net = cr.Network([6, 20, 3], seed=2)
    cr.train(
        net, X, y, validation=0.2, epochs=EPOCHS, batch_size=50, leaves=8, dropout=0.1, directory=directory,
        resume=True, progress=False, report=False, callbacks=[lambda control: time.sleep(0.05)],
    )  # fmt: skip


def work(directory: str) -> int:
    """One worker."""
    own = team.join()
    if not own.leads:
        return own.follow()
    train(directory)
    return own.end(0)


class Disturber(threading.Thread):
    """Sends a signal to a worker some seconds after it was seen first; collects all pids."""

    def __init__(self, job: Path, rank: int, number: int, delay: float) -> None:
        super().__init__(daemon=True)
        self._job, self._rank, self._number, self._delay = job, rank, number, delay
        self.pids: set[int] = set()
        self.sent_at: float | None = None
        self.step = 0

    def run(self) -> None:
        seen_at = None
        while True:
            time.sleep(0.01)
            with contextlib.suppress(OSError, ValueError):
                table = np.fromfile(self._job / beats.NAME).reshape(-1, beats.N_COLUMNS)
                self.pids |= {int(pid) for pid in table[:, beats.PID] if pid}
                pid = int(table[self._rank, beats.PID])
                if pid and seen_at is None:
                    seen_at = time.monotonic()
                if self.sent_at is None and seen_at is not None and time.monotonic() - seen_at > self._delay:
                    os.kill(pid, self._number)
                    self.sent_at, self.step = time.monotonic(), int(table[0, beats.STEP])


def alive(pids: set[int]) -> set[int]:
    """Those that still run."""
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                found.add(pid)
    return found


def disturbed(rank: int, number: int, delay: float, n_workers: int) -> tuple[bytes, float, int, str]:
    """Parameters at the end, seconds from the signal to the end, processes left, what was said."""
    with tempfile.TemporaryDirectory() as folder:
        job, said = Path(folder) / "job", list[str]()
        job.mkdir()
        thread = Disturber(job, rank, number, delay)
        thread.start()
        command = [sys.executable, __file__, "--work", f"{folder}/run"]
        supervise(lambda again: command, n_workers, said.append, job)
        ended, sent = time.monotonic(), thread.sent_at
        time.sleep(0.2)
        theta = cr.load(f"{folder}/run").network.parameters.flat.tobytes()
        moment = "after the end" if sent is None else f"at step {thread.step}"
        return theta, 0.0 if sent is None else ended - sent, len(alive(thread.pids)), f"{moment}; {'; '.join(said)}"


def main(n_kills: int, n_freezes: int, n_leaders: int) -> None:
    """All of them, and the summary."""
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        train(f"{folder}/alone")
        alone_s = time.monotonic() - began
        expected = cr.load(f"{folder}/alone").network.parameters.flat.tobytes()
    kinds = [("kill", signal.SIGKILL, None)] * n_kills + [("stop", signal.SIGSTOP, None)] * n_freezes
    kinds += [("kill worker 0", signal.SIGKILL, 0)] * n_leaders
    same = left = sent = 0
    longest = 0.0
    for k, (name, number, rank) in enumerate(kinds):
        n_workers = random.choice((2, 3))
        rank = random.randrange(n_workers) if rank is None else rank
        delay = random.uniform(0, alone_s + 2)
        theta, seconds, n_left, said = disturbed(rank, number, delay, n_workers)
        same, left, longest = same + (theta == expected), left + n_left, max(longest, seconds)
        sent += not said.startswith("after")
        print(f"{k + 1:4} {name:14} worker {rank} of {n_workers}  {seconds:5.1f} s to the end  {said}", flush=True)
    n = len(kinds)
    print(f"{same} of {n} with the bits of the undisturbed training; {sent} signals met a running worker;")
    print(f"longest from a signal to the end {longest:.1f} s (undisturbed {alone_s:.1f} s); {left} left over")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        sys.exit(work(sys.argv[2]))
    main(*[*map(int, sys.argv[1:]), *(10, 2, 2)[len(sys.argv) - 1 :]])
