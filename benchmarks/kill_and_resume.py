"""Random kills of a training, each followed by resume: the result equals that of an uninterrupted training.

    python benchmarks/kill_and_resume.py --kills 300

A training in a directory, whose callbacks set learning rates, edit weights and turn L2 on, is killed (SIGKILL) at
random moments and resumed; at some of them the last bytes of a file are cut off too, as a full disk does. Compared
with an undisturbed run are the sha256 of the weights, every loss, every number of the history but seconds, and every
event but those that say "resume"; and steps replayed after the end must give the recorded losses.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.training import checkpoints

EPOCHS, BEHIND = 60, 40
"""Epochs of a training, and how many of its replayed steps are compared."""


class Schedule:
    """Events by epoch and step: what must survive a kill."""

    def __init__(self, pause_s: float) -> None:
        self.pause_s = pause_s

    def on_step_end(self, control: Any) -> None:
        """Now and then an edit of weights, within an epoch and at its end."""
        if control.step % 95 == 35:
            control.edit(self._scale)

    def on_epoch_end(self, control: Any) -> None:
        """Learning rates and L2 that change at the ends of epochs."""
        time.sleep(self.pause_s)
        if control.epoch % 4 == 3:
            control.set(learning_rate=0.02 + 0.01 * (control.epoch % 5))
        if control.epoch == 20:
            control.set(l2=1e-3)

    @staticmethod
    def _scale(parameters: Any) -> None:
        parameters.W[1][0] *= 0.5


def train(folder: Path, pause_s: float) -> cr.Run:
    """The training that is killed, or taken up again."""
    checkpoints.COST_SHARE = 1.0  # many of them, also on a slow disk
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 6))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    return cr.train(
        cr.Network([6, 12, 2]), X, y, validation=0.2, epochs=EPOCHS, batch_size=26, dropout=0.2, schedule="plateau",
        decay_every=3, optimizer=cr.Adam(0.01), directory=folder, resume=True, progress=False,
        callbacks=[Schedule(pause_s)],
    )  # fmt: skip


def facts(run: cr.Run) -> dict[str, Any]:
    """What must be equal, bit by bit."""
    history = {name: values for name, values in run.history.items() if name != "seconds"}
    events = [event.to_dict() for event in run.events if event.kind != "resume"]
    return {"sha256": run.result["sha256"], "losses": run.losses.tobytes(), "history": history, "events": events}


def cut(folder: Path, chance: random.Random) -> None:
    """The last bytes of a file that was being written are gone."""
    files = [*folder.glob("*.jsonl"), *folder.glob("steps.*"), *sorted(folder.glob("checkpoints/*.safetensors"))[-1:]]
    path = chance.choice(sorted(files))
    path.write_bytes(path.read_bytes()[: -chance.randint(1, 40)])


def campaign(n_kills: int, seed: int, tell: Callable[[str], None] = lambda text: None) -> list[str]:
    """What went wrong, if anything, after so many kills."""
    chance, faults, n_done, n_runs, n_cut = random.Random(seed), [], 0, 0, 0
    with tempfile.TemporaryDirectory() as place:
        wanted = facts(train(Path(place) / "undisturbed", 0.0))
        while n_done < n_kills:
            folder, n_runs = Path(place) / "killed", n_runs + 1
            shutil.rmtree(folder, ignore_errors=True)
            for _ in range(chance.randint(3, 8)):
                _kill(folder, chance)
                if not _is_under_way(folder):  # it ended before, or had not begun: such a kill does not count
                    continue
                n_done += 1
                if chance.random() < 0.3:
                    cut(folder, chance)
                    n_cut += 1
            train(folder, 0.0)
            run = cr.load(folder)
            assert isinstance(run, cr.Run)
            faults += [f"seed {seed}, run {n_runs}: another {name}" for name, fact in facts(run).items()
                       if fact != wanted[name]]  # fmt: skip
            steps = chance.sample(range(run.n_steps), BEHIND)
            faults += [f"seed {seed}, run {n_runs}: step {step} is replayed wrongly" for step in sorted(steps)
                       if run.replay(step).backward.loss != run.losses[step]]  # fmt: skip
            left = [path.name for path in folder.rglob("*") if ".tmp." in path.name or path.name == "writer.lock"]
            faults += [f"seed {seed}, run {n_runs}: {name} is left" for name in left]
            tell(f"{n_done} kills, {n_cut} cuts, {n_runs} runs to their ends, {len(faults)} faults")
    return faults


def _is_under_way(folder: Path) -> bool:
    """Whether a training has begun and did not end."""
    record = folder / "run.json"
    return record.exists() and json.loads(record.read_text(encoding="utf-8"))["result"] is None


def _kill(folder: Path, chance: random.Random) -> None:
    """Train in another process and kill it at a random moment once it has begun."""
    command = [sys.executable, __file__, "--train", str(folder), "--pause", str(chance.choice((0.005, 0.01, 0.02)))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(chance.uniform(0.0, 0.9))
    process.kill()
    process.communicate()


def main(argv: Sequence[str] | None = None) -> int:
    """The campaign, or the training it kills."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    options = parser.parse_args(argv)
    if options.train is not None:
        print("ready", flush=True)
        train(options.train, options.pause)
        return 0
    faults = campaign(options.kills, options.seed, lambda text: print(text, flush=True))
    print("\n".join(faults) or "no fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
