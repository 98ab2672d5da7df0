"""What it costs to keep a run: training with a run directory beside training without, in turns.

    python benchmarks/replay_cost.py [--sizes S,N,M] [--seconds 1,5,20] [--rounds 5] [--threads 1] [--folder DIR]

Without a directory the checkpoints and the rows stay in memory; with one, both are written, and so is report.html.
For every network and length two trainings with the same settings take turns; a figure is the median over the rounds
of the ratio within a round. Their bits are compared as well. The folder should lie on the disk where runs will lie.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

import chainrule as cr

SIZES = {"S": ([20, 64, 64, 10], 64), "N": ([784, 100, 10], 10), "M": ([784, 512, 512, 10], 128)}
N_ROWS = 8192


def train(size: str, rows: tuple[np.ndarray, np.ndarray], epochs: int, threads: int, folder: Path | None) -> cr.Run:
    """One training with Adam, kept in memory or in a folder."""
    layers, batch = SIZES[size]
    return cr.train(
        cr.Network(layers, seed=0), *rows, optimizer=cr.Adam(0.001), batch_size=batch, epochs=epochs, threads=threads,
        progress=False, directory=folder,
    )  # fmt: skip


def timed(size: str, rows: tuple[np.ndarray, np.ndarray], epochs: int, threads: int, parent: Path | None) -> tuple:
    """The seconds of the epochs and of the whole call, and the run."""
    folder = None if parent is None else Path(tempfile.mkdtemp(dir=parent)) / "run"
    began = time.perf_counter()
    run = train(size, rows, epochs, threads, folder)
    call = time.perf_counter() - began
    if folder is not None:
        shutil.rmtree(folder.parent)
    return run.result["seconds"], call, run


def measure(size: str, seconds: float, rounds: int, threads: int, parent: Path) -> str:
    """A row of the table for one network and length of training."""
    width = SIZES[size][0][0]
    rng = np.random.default_rng(0)
    X = (rng.random((N_ROWS, width)) * (rng.random((N_ROWS, width)) < 0.2)).astype(np.float32)
    rows = X, rng.integers(0, 10, N_ROWS)
    timed(size, rows, 1, threads, parent)
    one = min(timed(size, rows, 2, threads, None)[0] for _ in range(3)) / 2
    epochs = max(1, round(seconds / one))
    both = []
    for turn in range(rounds):
        places = [None, parent] if turn % 2 == 0 else [parent, None]
        told = {place is None: timed(size, rows, epochs, threads, place) for place in places}
        both.append((told[True], told[False]))
        assert told[True][2].result["sha256"] == told[False][2].result["sha256"]
    without, kept = (np.array([pair[i][:2] for pair in both]) for i in (0, 1))
    share = np.median(kept / without, axis=0) - 1
    noise = (without[:, 0].max() - without[:, 0].min()) / np.median(without[:, 0])
    run = both[-1][1][2]
    return (
        f"| {size} | {np.median(without[:, 0]):.1f} | {share[0]:+.1%} | {share[1]:+.1%} "
        f"| {1e3 * np.median((kept - kept[:, :1])[:, 1]):.0f} | {len(run.checkpoints.sizes)} "
        f"| {run.reach['seconds']:.2f} | {noise:.1%} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="S,N,M")
    parser.add_argument("--seconds", default="1,5,20")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("."))
    options = parser.parse_args()
    print("| network | training, s | epochs | whole call | around it, ms | checkpoints | longest way, s | spread |")
    print("|---|---|---|---|---|---|---|---|")
    for size in options.sizes.split(","):
        for seconds in map(float, options.seconds.split(",")):
            print(measure(size, seconds, options.rounds, options.threads, options.folder), flush=True)


if __name__ == "__main__":
    main()
