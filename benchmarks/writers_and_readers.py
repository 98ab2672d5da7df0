"""Two writers and fifty readers of one run, round after round: nothing is lost, mixed or read partially.

    python benchmarks/writers_and_readers.py --rounds 200

In every round two processes begin a training in the same new folder at once; the one that is refused tries again to
resume what the other stops half-way. Meanwhile, fifty threads in five processes load the run over and over, check
that what they see is of one moment, and replay a step. Checkpoints are thinned out all the time.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.errors import DamagedFileWarning, ModelFileError, SettingsError
from chainrule.run.directory import FileStore
from chainrule.training import checkpoints

EPOCHS, STOP_AT = 40, 15
PROCESSES, THREADS = 5, 10
BUDGET_BYTES = 30_000
NOT_YET = ("no such file or folder", "holds no run", "is under way", "did not end")
"""Errors a reader may get before there is anything to read."""


def train(folder: Path, seed: int, *, stops: bool) -> str:
    """One training, new or taken up again; what came of it."""

    def stop(control: Any) -> None:
        time.sleep(0.001)
        if stops and control.epoch == STOP_AT:
            control.stop()

    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5))
    try:
        run = cr.train(
            cr.Network([5, 16, 2], seed=seed), X, (X[:, 0] > 0).astype(int), validation=0.2, epochs=EPOCHS,
            batch_size=24, optimizer=cr.Adam(0.01), directory=folder, resume=not stops, progress=False,
            callbacks=[stop],
        )  # fmt: skip
    except SettingsError as error:
        return f"refused: {error}"
    return str(run.result["sha256"])


def write(tasks: Any, results: Any) -> None:
    """A writer: trainings as they are asked for."""
    checkpoints.COST_SHARE = 1.0
    real = FileStore.__init__

    def small(self: FileStore, *args: Any, **options: Any) -> None:
        real(self, *args, **{"budget_bytes": BUDGET_BYTES, **options})

    FileStore.__init__ = small  # type: ignore[method-assign]
    while (task := tasks.get()) is not None:
        folder, seed, stops = task
        try:
            results.put(train(folder, seed, stops=stops))
        except Exception as error:
            results.put(f"fault: {type(error).__name__}: {error}")


def read(place: Path, over: Any, faults: Any, n_read: Any) -> None:
    """Ten readers of whatever run is the newest."""
    warnings.simplefilter("error", DamagedFileWarning)

    def loop(seed: int) -> None:
        chance, n = random.Random(seed), 0
        while not over.is_set():
            folders = sorted(place.iterdir())
            if folders and (result := look(folders[-1], chance)):
                faults.put(f"{folders[-1].name}: {result}")
            n += bool(folders)
            time.sleep(chance.uniform(0, 0.05))
        with n_read.get_lock():
            n_read.value += n

    threads = [threading.Thread(target=loop, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def look(folder: Path, chance: random.Random) -> str | None:
    """What is wrong with what a reader sees."""
    try:
        run = cr.load(folder)
        assert isinstance(run, cr.Run)
        result, lengths = run.result, {len(values) for values in run.history.values()}
        if lengths - {result["epochs"]} or len(run.losses) != result["steps"]:
            return f"{lengths} epochs and {len(run.losses)} losses where run.json says {result}"
        if hashlib.sha256(run.network.parameters.flat.tobytes()).hexdigest() != result["sha256"]:
            return "another model than run.json says"
        if run.n_steps and chance.random() < 0.3:
            step = chance.randrange(run.n_steps)
            if run.replay(step).backward.loss != run.losses[step]:
                return f"step {step} is replayed wrongly"
    except ModelFileError as error:
        if isinstance(error, DamagedFileWarning) or not any(words in str(error) for words in NOT_YET):
            return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def campaign(n_rounds: int, tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """What went wrong in so many rounds, if anything."""
    spawn = multiprocessing.get_context("spawn")
    over, result, n_read, found = spawn.Event(), spawn.Queue(), spawn.Value("q", 0), []
    tasks, results = [spawn.Queue(), spawn.Queue()], [spawn.Queue(), spawn.Queue()]
    with tempfile.TemporaryDirectory() as name:
        place, alone = Path(name) / "runs", Path(name) / "alone"
        place.mkdir()
        writers = [spawn.Process(target=write, args=pair) for pair in zip(tasks, results, strict=True)]
        readers = [spawn.Process(target=read, args=(place, over, result, n_read)) for _ in range(PROCESSES)]
        for process in (*writers, *readers):
            process.start()
        wanted = [train(alone / str(seed), seed, stops=False) for seed in (0, 1)]
        for k in range(n_rounds):
            found += _round(place / f"{k:04d}", tasks, results, wanted)
            if k % 10 == 9:
                tell(f"{k + 1} rounds, {len(found)} faults of writers")
        over.set()
        for queue in tasks:
            queue.put(None)
        while any(process.is_alive() for process in readers) or not result.empty():
            while not result.empty():
                found.append(f"reader: {result.get()}")
            time.sleep(0.05)
        for process in (*writers, *readers):
            process.join()
    tell(f"{n_rounds} rounds, {n_read.value} reads, {len(found)} faults")
    return found if n_read.value else [*found, "nobody read"]


def _round(folder: Path, tasks: list[Any], results: list[Any], wanted: list[str]) -> list[str]:
    """Two begin at once; then both resume at once."""
    for seed in (0, 1):
        tasks[seed].put((folder, seed, True))
    began = [queue.get() for queue in results]
    faults = [f"{folder.name}: {result}" for result in began if result.startswith("fault")]
    won = [seed for seed in (0, 1) if len(began[seed]) == 64]
    if len(won) != 1:
        return [*faults, f"{folder.name}: {began}"]
    for queue in tasks:
        queue.put((folder, won[0], False))
    ended = [queue.get() for queue in results]
    if {result for result in ended if not result.startswith("refused")} != {wanted[won[0]]}:
        faults.append(f"{folder.name}: {ended}; expected {wanted[won[0]]}")
    left = [path.name for path in folder.rglob("*") if ".tmp." in path.name or path.name == "writer.lock"]
    run = cr.load(folder)
    assert isinstance(run, cr.Run)
    if left or len(run.history["loss"]) != EPOCHS or [event.kind for event in run.events] != ["stop", "resume"]:
        faults.append(f"{folder.name}: {left}, {len(run.history['loss'])} epochs, {run.events}")
    faults += [f"{folder.name}: step {t} is replayed wrongly" for t in range(0, run.n_steps, 7)
               if run.replay(t).backward.loss != run.losses[t]]  # fmt: skip
    return faults


def main(argv: Sequence[str] | None = None) -> int:
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args(argv)
    faults = campaign(options.rounds, lambda text: print(text, flush=True))
    print("\n".join(faults[:40]) or "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
