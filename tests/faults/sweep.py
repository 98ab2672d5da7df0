"""A sweep over failing system calls: the N-th of a kind fails once or for good, N = 1 until the command succeeds.

After every trial nothing that existed may be lost, no temporary file may stay, the message names the path, a trained
model is there, and the same command without faults comes to the same weights.

    python tests/faults/sweep.py            every N of every kind, both errors, once and for good
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
TRAIN = ["train", "few.csv", "--target", "y", *["--preset", "plain", "--network", "4", "--epochs", "12"]]
TRAIN += ["--early-stopping", "none", "--quiet"]
COMMANDS: dict[str, list[str]] = {
    "train": [*TRAIN, "-o", "new"],
    "resume": [*TRAIN, "--resume", "-o", "half"],
    "predict": ["predict", "kept", "few.csv", "-o", "predictions.csv"],
    "report": ["report", "kept"],
}
KINDS = ("open", "write", "fsync", "rename", "unlink", "mkdir", "read", "lock", "truncate")
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}
MOST = 400
WAYS = tuple(product(ERRORS, (False, True)))


def compiler() -> str | None:
    """A C compiler, where there is one and calls can be intercepted."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None) if sys.platform == "linux" else None


@dataclass
class Bench:
    """A folder to begin every trial from, and the process that runs them."""

    place: Path
    process: subprocess.Popen[str] = field(init=False)
    sha256: str = field(init=False)
    predictions: bytes = field(init=False)

    def __post_init__(self) -> None:
        library = self.place / "failing_calls.so"
        source = str(HERE / "failing_calls.c")
        subprocess.run([str(compiler()), "-shared", "-fPIC", "-O1", "-o", str(library), source, "-ldl"], check=True)
        (self.place / "home").mkdir()
        environment = os.environ | {
            "LD_PRELOAD": str(library), "HOME": str(self.place / "home"), "TMPDIR": str(self.place / "home"),
            "CHAINRULE_THREADS": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "driver.py"), str(self.place / "output.txt")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._begin()

    def _begin(self) -> None:
        """Data, a whole run, one that was ended early, old predictions; and what success looks like."""
        folder = self.place / "template"
        folder.mkdir()
        rows = np.random.default_rng(0).normal(size=(40, 2)).round(3).tolist()
        lines = "".join(f"{a},{b},{'yes' if a + b > 0 else 'no'}\n" for a, b in rows)
        (folder / "few.csv").write_text("a,b,y\n" + lines, encoding="utf-8")
        for argv in ([*TRAIN, "-o", "kept"], [*TRAIN, "-o", "half", "--time-limit", "1e-6"], COMMANDS["predict"]):
            found = self.ask(folder, argv)
            assert found["code"] == 0, found
        self.predictions = (folder / "predictions.csv").read_bytes()
        (folder / "predictions.csv").write_bytes(b"old\n")
        self.sha256 = self.result(folder / "kept")["sha256"]
        assert self.result(folder / "half")["stopped"] == "time_limit"

    def ask(self, folder: Path, argv: Sequence[str], kind: str = "open", n: int = 0, **how: Any) -> dict[str, Any]:
        """Run a command in a folder; without n nothing fails."""
        trial = {"folder": str(folder), "argv": list(argv), "kind": kind, "n": n, "errno": 0, "forever": False, **how}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(trial) + "\n")
        self.process.stdin.flush()
        record: dict[str, Any] = json.loads(self.process.stdout.readline())
        return record

    def result(self, run: Path) -> dict[str, Any]:
        """How a run ended, by its run.json."""
        found: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))["result"] or {}
        return found

    def close(self) -> None:
        """End the process."""
        with self.process as process:  # which closes its pipes, and waits
            assert process.stdin is not None
            process.stdin.close()


@dataclass(frozen=True)
class Trial:
    """Which call of a command fails, how, and for how long."""

    command: str
    kind: str
    error: str
    forever: bool
    n: int

    def __str__(self) -> str:
        return f"{self.command}: {self.kind} {self.n} {self.error} {'for good' if self.forever else 'once'}"


def run(bench: Bench, trial: Trial) -> tuple[bool, list[str]]:
    """Whether the call came at all, and what is wrong afterwards."""
    folder = bench.place / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bench.place / "template", folder)
    argv = COMMANDS[trial.command]
    how: dict[str, Any] = {"errno": ERRORS[trial.error], "forever": trial.forever}
    found = bench.ask(folder, argv, trial.kind, trial.n, **how)
    if not found["failed"]:
        return False, []
    return True, [
        *_of_message(trial, found),
        *_of_remains(bench, trial, folder, found),
        *_of_model(bench, trial, folder, found),
    ]


def _of_message(trial: Trial, found: dict[str, Any]) -> Iterator[str]:
    """One line for each thing said, no traceback, and the path in it."""
    output = found["output"]
    if found["code"] not in (0, 2) or "Traceback" in output:
        yield f"exit code {found['code']}: {output[-300:]}"
    name = re.sub(r"\.tmp\.\w+$", "", os.path.basename(found["path"]))
    names = {name, os.path.basename(os.path.dirname(found["path"]))}
    if trial.kind == "fsync":  # of the folder, of which the file in it is told
        names.add("predictions.csv")
    if trial.forever:  # what was attempted behind it failed too, and may be what is told
        names |= {"new/", "half/", "kept/"}
    if found["code"] and not any(name in output for name in names):
        yield f"{found['path']} is not named: {output[-300:]}"
    if any(not line.startswith("chainrule: ") for line in output.splitlines() if found["code"] == 2):
        yield f"other lines: {output[:300]}"


def _of_remains(bench: Bench, trial: Trial, folder: Path, found: dict[str, Any]) -> Iterator[str]:
    """No temporary file; what existed is as it was, or whole and new where the command is to write it."""
    stay = [path.name for path in folder.rglob("*") if ".tmp." in path.name or ".unfinished" in path.name]
    if stay:
        yield f"stay behind: {stay}"
    for old in (bench.place / "template").rglob("*"):
        path = folder / old.relative_to(bench.place / "template")
        if old.is_dir() or (trial.command == "resume" and "half" in old.parts):
            continue
        if not path.exists():
            yield f"{path.name} is lost"
        elif path.name == "predictions.csv" and trial.command == "predict":
            if path.read_bytes() not in (old.read_bytes(), bench.predictions):
                yield "half of the predictions"
        elif path.name == "report.html" and trial.command == "report":
            if b"</html>" not in path.read_bytes()[-200:]:
                yield "half a report"
        elif path.read_bytes() != old.read_bytes():
            yield f"{path.name} was changed"
    if trial.command == "predict" and not found["code"] and (folder / "predictions.csv").read_bytes() == b"old\n":
        yield "no predictions, and nothing was said"


def _of_model(bench: Bench, trial: Trial, folder: Path, found: dict[str, Any]) -> Iterator[str]:
    """The model is in the run, or where the message says, or no step was done; the command again comes to its end."""
    name = {"train": "new", "resume": "half"}.get(trial.command)
    if name is None:
        return
    kept = re.search(r"model saved in (\S+?)[;.] ", found["output"] + " ")
    if found["code"] == 0:
        if (
            bench.result(folder / name).get("sha256") != bench.sha256
            or not (folder / name / "model.safetensors").exists()
        ):
            yield f"no model: {found['output']}"
    elif kept:
        if not Path(kept[1] if kept[1].startswith("/") else folder / kept[1]).exists():
            yield f"no model in {kept[1]}"
    elif trial.command == "train" and (folder / "new" / "run.json").exists():
        yield f"a run without a model: {found['output']}"
    exists = (folder / name / "run.json").exists()
    again = bench.ask(folder, [*TRAIN, "-o", name, *(["--resume"] if exists else [])])
    if again["code"] or bench.result(folder / name)["sha256"] != bench.sha256:
        yield f"again: {again['output'][-300:]} after {found['output'][-300:]}"
    lines = (folder / name / "history.jsonl").read_text(encoding="utf-8").splitlines()
    if len(lines) != 12 and "history.jsonl" not in found["output"]:
        yield f"{len(lines)} lines of history"


def sweep(
    bench: Bench,
    commands: Sequence[str],
    kinds: Sequence[str],
    numbers: Sequence[int],
    ways: Sequence[tuple[str, bool]],
) -> Iterator[tuple[Trial, list[str]]]:
    """Every trial of these with what is wrong; of each kind until no such call comes any more."""
    for command, kind, (error, forever) in product(commands, kinds, ways):
        for n in numbers:
            trial = Trial(command, kind, error, forever, n)
            came, wrong = run(bench, trial)
            if not came:
                break
            yield trial, wrong


def main() -> int:
    """The whole sweep; the trials that went wrong are printed, and how many of each kind there were."""
    counts: Counter[tuple[str, str]] = Counter()
    n_wrong, began = 0, time.monotonic()
    commands, kinds = (
        sys.argv[1].split(",") if sys.argv[1:] else COMMANDS,
        sys.argv[2].split(",") if sys.argv[2:] else KINDS,
    )
    with tempfile.TemporaryDirectory() as place, contextlib.suppress(KeyboardInterrupt):  # what was done is told
        bench = Bench(Path(place))
        for trial, wrong in sweep(bench, tuple(commands), tuple(kinds), range(1, MOST), WAYS):
            counts[trial.command, trial.kind] += 1
            if wrong:
                n_wrong += 1
                print(f"{trial}: {'; '.join(wrong)}", flush=True)
        bench.close()
    for (command, kind), n in counts.items():
        print(f"{command:8} {kind:9} {n:5} trials")
    print(f"{counts.total()} trials, {n_wrong} wrong, {time.monotonic() - began:.0f} s")
    return 1 if n_wrong else 0


if __name__ == "__main__":
    sys.exit(main())
