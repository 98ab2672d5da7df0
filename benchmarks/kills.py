"""Workers killed and frozen at random moments: how many trainings end with the bits of the undisturbed one.

python benchmarks/kills.py [KILLS [FREEZES [LEADERS]]] [--file FILE] [--seconds S]: so many SIGKILLs of any worker,
SIGSTOPs of any worker, and SIGKILLs of worker 0, each in a training of its own by two or three workers: a third of them
in the first 1.5 s after the launch, the others at any moment from when the workers have joined to the end. Prints a
line for each and a summary. With a file, what is in it already is not done again, and after S seconds no further one
is begun: the same command goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.distributed import beats, processes, team
from chainrule.distributed.launcher import supervise
from chainrule.distributed.mpiexec import JOB

EPOCHS, LONGEST_S = 40, 30.0


def train(directory: str) -> None:
    """What worker 0 does: some seconds of steps, evaluations and checkpoints."""
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(400, 6)), rng.integers(0, 3, 400)
    net = cr.Network([6, 20, 3], seed=2)
    cr.train(
        net, X, y, validation=0.2, epochs=EPOCHS, batch_size=50, leaves=8, dropout=0.1, directory=directory,
        resume=True, progress=False, report=False, callbacks=[lambda control: time.sleep(0.03)],
    )  # fmt: skip


def work(directory: str) -> int:
    """One worker."""
    own = team.join()
    if not own.leads:
        return own.follow()
    train(directory)
    return own.end(0)


@dataclass
class Outcome:
    """What a signal did."""

    kind: str
    number: int
    rank: int
    n_workers: int
    moment: str = "after the end"
    step: int = -1
    back_s: float = 0.0
    """Seconds from the signal to a step that was not done before it, or to the end."""
    end_s: float = 0.0
    same: bool = False
    left: int = 0
    said: list[str] = field(default_factory=list)


class Disturber(threading.Thread):
    """Sends a signal to a worker some seconds after the launch, or after all have joined; sees when steps go on."""

    def __init__(self, job: Path, outcome: Outcome, number: int, delay: float, at_start: bool) -> None:
        super().__init__(daemon=True)
        self._job, self._outcome, self._number, self._delay = job, outcome, number, delay
        self._from: float | None = time.monotonic() if at_start else None
        self.pids: set[int] = set()
        self.sent_at: float | None = None
        self.back_at: float | None = None

    def run(self) -> None:
        while True:
            time.sleep(0.005)
            table = self._table()
            self.pids |= {int(pid) for pid in table[:, beats.PID] if pid}
            if self._from is None and len(table) and table[:, beats.JOINED].all():
                self._from = time.monotonic()
            if self.sent_at is None and self._from is not None and time.monotonic() > self._from + self._delay:
                self._send(table)
            elif self.sent_at is not None and self.back_at is None and self._goes_on(table):
                self.back_at = time.monotonic()

    def _goes_on(self, table: np.ndarray) -> bool:
        return len(table) > 0 and bool(table[0, beats.STEPS]) and table[0, beats.STEP] > self._outcome.step

    def _table(self) -> np.ndarray:
        with contextlib.suppress(OSError, ValueError):
            return np.fromfile(self._job / beats.NAME).reshape(-1, beats.N_COLUMNS)
        return np.zeros((0, beats.N_COLUMNS))

    def _send(self, table: np.ndarray) -> None:
        rank = self._outcome.rank
        row = table[rank] if len(table) else np.zeros(beats.N_COLUMNS)
        pid = int(row[beats.PID]) or self._starting(rank)
        if not pid or processes.state(pid) in ("", processes.ZOMBIE):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, self._number)
            self.sent_at, self.pids = time.monotonic(), self.pids | {pid}
            self._outcome.step = int(table[0, beats.STEP]) if len(table) and table[0, beats.STEPS] else -1
            self._outcome.moment = (
                "start" if not row[beats.JOINED] else "end" if table[0, beats.CODE] else
                "exchange" if row[beats.WAITS] else "step, evaluation or checkpoint"
            )  # fmt: skip

    def _starting(self, rank: int) -> int:
        """A worker that has not said yet that it is there."""
        for pid in processes.started_with(f"{JOB}={self._job}"):
            with contextlib.suppress(OSError):
                if f"PMIX_RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    return pid
        return 0


def disturbed(outcome: Outcome, number: int, delay: float, at_start: bool, expected: bytes) -> None:
    """One training, and what became of it."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job"
        job.mkdir()
        thread = Disturber(job, outcome, number, delay, at_start)
        thread.start()
        command = [sys.executable, __file__, "--work", f"{folder}/run"]
        supervise(lambda again: command, outcome.n_workers, outcome.said.append, job)
        ended = time.monotonic()
        if thread.sent_at is not None:
            outcome.end_s = ended - thread.sent_at
            outcome.back_s = (thread.back_at or ended) - thread.sent_at
        time.sleep(0.2)
        outcome.same = cr.load(f"{folder}/run").network.parameters.flat.tobytes() == expected
        alive = {pid for pid in thread.pids if processes.state(pid) not in ("", processes.ZOMBIE)}
        outcome.left = len(alive | processes.started_with(f"{JOB}={job}"))


def tell(outcomes: list[Outcome], alone_s: float) -> None:
    """The summary."""
    met = [one for one in outcomes if one.moment != "after the end"]
    n = len(outcomes)
    print(
        f"{sum(one.same for one in outcomes)} of {n} with the bits of the undisturbed training; {len(met)} signals met"
    )
    print(f"a running worker: {dict(Counter(one.moment for one in met))}")
    for kind in dict.fromkeys(one.kind for one in met):
        back = sorted(one.back_s for one in met if one.kind == kind)
        over = sum(seconds > LONGEST_S for seconds in back)
        print(
            f"{kind}: {len(back)}, from the signal to further steps {np.median(back):.1f} s (median), {back[-1]:.1f} s "
            f"(longest), {over} over {LONGEST_S:.0f} s"
        )
    print(f"{sum(one.left for one in outcomes)} processes left over; undisturbed training alone {alone_s:.1f} s")


def main(counts: dict[str, int], file: Path | None, seconds: float) -> None:
    """All of them, and the summary."""
    lines = file.read_text().splitlines() if file is not None and file.exists() else []
    outcomes, began = [Outcome(**json.loads(line)) for line in lines], time.monotonic()
    done = {(one.kind, one.number) for one in outcomes}
    with tempfile.TemporaryDirectory() as folder:
        train(f"{folder}/alone")
        alone_s = time.monotonic() - began
        expected = cr.load(f"{folder}/alone").network.parameters.flat.tobytes()
    signals = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "kill of worker 0": signal.SIGKILL}
    for kind, k in [(kind, k) for kind, n in counts.items() for k in range(n)]:
        if (kind, k) in done or time.monotonic() - began > seconds:
            continue
        chance = random.Random(f"{kind} {k}")
        n_workers = chance.choice((2, 3))
        outcome = Outcome(kind, k, 0 if kind.endswith("0") else chance.randrange(n_workers), n_workers)
        at_start = k % 3 == 0
        disturbed(outcome, signals[kind], chance.uniform(0, 1.5 if at_start else alone_s), at_start, expected)
        outcomes.append(outcome)
        if file is not None:
            with file.open("a") as to:
                to.write(json.dumps(asdict(outcome)) + "\n")
        print(
            f"{kind:17}{k:4} worker {outcome.rank} of {n_workers}  back after {outcome.back_s:5.1f} s, end after "
            f"{outcome.end_s:5.1f} s  {'same bits' if outcome.same else 'OTHER BITS'}  {outcome.moment}; "
            f"{'; '.join(outcome.said)}", flush=True,
        )  # fmt: skip
    tell(outcomes, alone_s)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        sys.exit(work(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 10), ("freezes", 2), ("leaders", 2)):
        parser.add_argument(name, type=int, nargs="?", default=default)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--seconds", type=float, default=np.inf)
    options = parser.parse_args()
    of_kind = {"kill": options.kills, "stop": options.freezes, "kill of worker 0": options.leaders}
    main(of_kind, options.file, options.seconds)
