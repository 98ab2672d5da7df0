"""What it costs that every step of a run can be replayed: training with it beside training without, in turns.

    python benchmarks/replay_cost.py [--sizes S,N,M] [--seconds 2] [--rounds 12] [--threads 1] [--folder DIR]

Three ways to train, with the same settings and bits, take turns in a changing order:
  bare        no checkpoint but that of the start, nothing on disk: what cannot be replayed but from its start
  in memory   what train does without a directory: checkpoints kept in memory
  on disk     with a directory: rows, checkpoints, history, losses, model and report.html are written
A figure is the median over the rounds of time / time of the bare one in the same round, less 1, with the half width
of the interval in which that median lies with 95 % (from the order of the rounds, so no distribution is assumed).
"Epochs" is the loop over the steps, all checkpoints included; "around" is everything else of the call. Processor
time is that of the process with all its threads, user and system; what the system writes back later is not in it.
The folder should lie on the disk where runs will lie.
"""

from __future__ import annotations

import argparse
import math
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api import keeping
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.loop import Trainer

SIZES = {"S": ([20, 64, 64, 10], 64), "N": ([784, 100, 10], 10), "M": ([784, 512, 512, 10], 128)}
N_ROWS = 8192
WAYS = ("bare", "in memory", "on disk")
ORDERS = ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1), (1, 0, 2))


def now() -> np.ndarray:
    """Wall clock and processor time of the process so far, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])


class Timed(Trainer):
    """A loop that notes what it took."""

    took: np.ndarray

    def run(self, *args: Any, **options: Any) -> Any:
        began = now()
        result = super().run(*args, **options)
        Timed.took = now() - began
        return result


def trained(size: str, rows: tuple[np.ndarray, np.ndarray], epochs: int, threads: int, folder: Path | None) -> cr.Run:
    """One training with Adam."""
    layers, batch = SIZES[size]
    return cr.train(
        cr.Network(layers, seed=0), *rows, optimizer=cr.Adam(0.001), batch_size=batch, epochs=epochs, threads=threads,
        progress=False, directory=folder,
    )  # fmt: skip


def timed(way: str, size: str, rows: tuple, epochs: int, threads: int, parent: Path) -> tuple[np.ndarray, cr.Run]:
    """((epochs, around) of (wall, processor)) and the run."""
    keeping.CheckpointStore = (lambda n: CheckpointStore(n, spacing=n + 1)) if way == "bare" else CheckpointStore
    folder = Path(tempfile.mkdtemp(dir=parent)) / "run" if way == "on disk" else None
    began = now()
    run = trained(size, rows, epochs, threads, folder)
    call = now() - began
    if folder is not None:
        shutil.rmtree(folder.parent)
    return np.array([Timed.took, call - Timed.took]), run


def half_width(values: np.ndarray) -> float:
    """Half of the interval between two order statistics that holds the median with 95 %."""
    n, values = len(values), np.sort(values)
    below, p = 0, 0.0
    while below < n // 2 and 2 * (p + math.comb(n, below) / 2**n) <= 0.05:
        p += math.comb(n, below) / 2**n
        below += 1
    first = max(below - 1, 0)
    return float(values[n - 1 - first] - values[first]) / 2


def share(values: np.ndarray, beside: np.ndarray) -> str:
    """The median of the ratios less 1, and its half width."""
    ratios = values / beside - 1
    return f"{np.median(ratios):+.1%} ± {half_width(ratios):.1%}"


def measure(size: str, seconds: float, rounds: int, threads: int, parent: Path) -> str:
    """Rows of the table for one network."""
    width = SIZES[size][0][0]
    rng = np.random.default_rng(0)
    X = (rng.random((N_ROWS, width)) * (rng.random((N_ROWS, width)) < 0.2)).astype(np.float32)
    rows = X, rng.integers(0, 10, N_ROWS)
    for way in WAYS:
        timed(way, size, rows, 1, threads, parent)
    one = min(timed("bare", size, rows, 2, threads, parent)[0][0, 1] for _ in range(3)) / 2
    epochs = max(1, round(seconds / one))
    told: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
    for turn in range(rounds):
        bits = set()
        for place in ORDERS[turn % len(ORDERS)]:
            took, run = timed(WAYS[place], size, rows, epochs, threads, parent)
            told[WAYS[place]].append(took)
            bits.add(run.result["sha256"])
            if WAYS[place] == "on disk":
                kept, reach = len(run.checkpoints.sizes), run.reach["seconds"]
        assert len(bits) == 1
    times = {way: np.array(list_) for way, list_ in told.items()}  # (rounds, epochs or around, wall or processor)
    base, lines = times["bare"], []
    for way in WAYS[1:]:
        mine = times[way]
        around = 1e3 * np.median(mine[:, 1] - base[:, 1], axis=0)
        lines.append(
            f"| {'-'.join(map(str, SIZES[size][0]))} | {way} | {np.median(base[:, 0, 1]):.1f} "
            f"| {share(mine[:, 0, 1], base[:, 0, 1])} | {share(mine[:, 0, 0], base[:, 0, 0])} "
            f"| {around[1]:+.0f} | {around[0]:+.0f} |" + (f" {kept} | {reach:.2f} |" if way == "on disk" else " | |")
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="S,N,M")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("."))
    options = parser.parse_args()
    train.Trainer = Timed  # the module chainrule.api.train
    print("| network | way | epochs, s | epochs, processor | epochs, wall | around, processor ms | around, wall ms "
          "| checkpoints | longest way, s |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for size in options.sizes.split(","):
        print(measure(size, options.seconds, options.rounds, options.threads, options.folder), flush=True)


if __name__ == "__main__":
    main()
