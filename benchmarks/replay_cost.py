"""The cost of keeping every step replayable: training with it compared with training without, epoch by epoch.

    python benchmarks/replay_cost.py [--sizes S,N,M] [--seconds 20] [--threads 1] [--folder DIR]

Two trainings with the same settings, and so the same bits, run at once, but take turns: one does an epoch, then the
other. Variations in the speed of the machine affect both equally, unlike two trainings run one after the other.
  without   no checkpoint but that of the start, nothing on disk
  with      a directory: rows, checkpoints, history, losses, model and report.html are written
Columns: the epochs of the one without, in seconds of processor time (user and system, all threads; what the system
writes back later is not in it); the sum of the others' over it, less 1, of processor time and of wall time, with the
interval that holds 95 % of 2,000 samples drawn with replacement from the pairs; the median over the pairs, which
leaves out the few epochs with a checkpoint; and what comes around the epochs, from calls of its own.
The folder should lie on the disk where runs will lie.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api import run_writer
from chainrule.training import loop
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.loop import Trainer

SIZES = {"S": ([20, 64, 64, 10], 64), "N": ([784, 100, 10], 10), "M": ([784, 512, 512, 10], 128)}
N_ROWS, CALLS = 8192, 9
HERE = threading.local()


def now() -> np.ndarray:
    """Processor time of the process so far and the wall clock, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([used.ru_utime + used.ru_stime, time.perf_counter()])


class Turns:
    """Lets two threads work in turns and notes what each turn took."""

    def __init__(self) -> None:
        self._free = [threading.Semaphore(0), threading.Semaphore(0)]
        self.took: list[list[np.ndarray]] = [[], []]
        self._began = now()
        self._over = False

    def begin(self, mine: int) -> None:
        if mine == 1:
            self._free[1].acquire()
        self._began = now()

    def pass_on(self, mine: int, *, last: bool = False) -> None:
        self.took[mine].append(now() - self._began)
        self._free[1 - mine].release()
        if not last:
            self._free[mine].acquire()
        self._began = now()


class InTurns(Trainer):
    """A loop that passes the turn on after every epoch."""

    def run(self, *args: Any, **options: Any) -> Any:
        turns, began = getattr(HERE, "turns", None), now()
        if turns is None:
            result = super().run(*args, **options)
            HERE.loop = now() - began
            return result
        self.observers = [*self.observers, self]  # type: ignore[list-item]
        turns.begin(HERE.mine)
        result = super().run(*args, **options)
        turns.pass_on(HERE.mine, last=True)
        return result

    def epoch_ended(self, epoch: int, line: dict[str, float]) -> None:
        waited = time.perf_counter()
        HERE.turns.pass_on(HERE.mine)
        self._began += time.perf_counter() - waited  # the turn of the other training does not count

    def stretch_done(self, step: int, loss: float) -> None: ...

    def event_happened(self, event: Any) -> None: ...

    def before_checkpoint(self, losses: Any) -> None: ...


def store(n_steps: int) -> CheckpointStore:
    """Checkpoints in memory: the one of the start alone where a thread does without."""
    return CheckpointStore(n_steps, spacing=n_steps + 1 if HERE.without else None)


def trained(size: str, rows: tuple[np.ndarray, np.ndarray], epochs: int, threads: int, parent: Path | None) -> cr.Run:
    """One training with Adam, without or with a directory in `parent`."""
    layers, batch = SIZES[size]
    HERE.without = parent is None
    folder = None if parent is None else Path(tempfile.mkdtemp(dir=parent)) / "run"
    run = cr.train(
        cr.Network(layers, seed=0), *rows, optimizer=cr.Adam(0.001), batch_size=batch, epochs=epochs, threads=threads,
        progress=False, directory=folder,
    )  # fmt: skip
    HERE.reach, HERE.n_checkpoints = run.reach["seconds"], len(run.checkpoints.sizes)
    if folder is not None:
        shutil.rmtree(folder.parent)
    return run


def in_turns(size: str, rows: Any, epochs: int, threads: int, parent: Path) -> tuple[np.ndarray, Any]:
    """(pairs, without or with, processor or wall), and how far the run that was kept is from any of its steps."""
    turns, runs = Turns(), {}

    def side(mine: int) -> None:
        HERE.turns, HERE.mine = turns, mine
        runs[mine] = trained(size, rows, epochs, threads, parent if mine else None), HERE.reach, HERE.n_checkpoints

    both = [threading.Thread(target=side, args=(mine,)) for mine in (0, 1)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert runs[0][0].result["sha256"] == runs[1][0].result["sha256"]
    return np.stack([np.array(took[:epochs]) for took in turns.took], axis=1), runs[1][1:]


def around(size: str, rows: Any, epochs: int, threads: int, parent: Path) -> np.ndarray:
    """What a call with a directory takes around its epochs, less the same without: median, (processor, wall)."""
    differences = []
    for _ in range(CALLS):
        parts = []
        for folder in (None, parent):
            began = now()
            trained(size, rows, epochs, threads, folder)
            parts.append(now() - began - HERE.loop)
        differences.append(parts[1] - parts[0])
    return np.median(differences, axis=0)


def share(pairs: np.ndarray) -> str:
    """Σ with / Σ without − 1, and the interval of it when the pairs are drawn again."""
    drawn = np.random.default_rng(0).integers(0, len(pairs), (2000, len(pairs)))
    sums = pairs[drawn].sum(axis=1)
    low, high = np.quantile(sums[:, 1] / sums[:, 0] - 1, [0.025, 0.975])
    return f"{pairs[:, 1].sum() / pairs[:, 0].sum() - 1:+.1%} ({low:+.1%} … {high:+.1%})"


def measure(size: str, seconds: float, threads: int, parent: Path) -> str:
    """A row of the table for one network."""
    width = SIZES[size][0][0]
    rng = np.random.default_rng(0)
    X = (rng.random((N_ROWS, width)) * (rng.random((N_ROWS, width)) < 0.2)).astype(np.float32)
    rows = X, rng.integers(0, 10, N_ROWS)
    trained(size, rows, 1, threads, parent)
    trained(size, rows, 3, threads, None)
    epochs = max(4, round(3 * seconds / 2 / HERE.loop[0]))
    pairs, (reach, n_checkpoints) = in_turns(size, rows, epochs, threads, parent)
    processor, wall = pairs[:, :, 0], pairs[:, :, 1]
    beside = 1e3 * around(size, rows, max(2, epochs // 20), threads, parent)
    return (
        f"| {'-'.join(map(str, SIZES[size][0]))} | {processor[:, 0].sum():.1f} | {len(pairs)} | {share(processor)} "
        f"| {share(wall)} | {np.median(processor[:, 1] / processor[:, 0]) - 1:+.1%} "
        f"| {beside[0]:.0f} / {beside[1]:.0f} | {n_checkpoints} | {reach:.2f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="S,N,M")
    parser.add_argument("--seconds", type=float, default=20.0, help="of both trainings of a network together")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("."))
    options = parser.parse_args()
    loop.AHEAD_BYTES = 0  # a turn is one epoch: no stretch takes in several
    import_module("chainrule.api.train").Trainer = InTurns  # type: ignore[attr-defined]
    run_writer.CheckpointStore = store  # type: ignore[assignment,misc]
    print("| network | epochs, s | pairs | processor | wall | median pair "
          "| around, ms, processor / wall | checkpoints | longest way, s |\n" + 9 * "|---" + "|")  # fmt: skip
    for size in options.sizes.split(","):
        print(measure(size, options.seconds, options.threads, options.folder), flush=True)


if __name__ == "__main__":
    main()
