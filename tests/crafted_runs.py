"""Small runs of every kind whose files are then altered, and what is done with each: all doors of a run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.cli import main

ROWS = 240


def table() -> str:
    """Every kind of column: numbers with gaps, two levels, few levels, many levels, booleans, times."""
    rng = np.random.default_rng(0)
    lines = ["a,b,two,few,many,flag,when,kind,price,size,yes,no"]
    for i in range(ROWS):
        a, b = rng.normal(), rng.normal()
        cells = [
            f"{a:.4f}", "" if i % 11 == 0 else f"{b:.3f}", "pq"[i % 2], "" if i % 13 == 0 else "rstu"[i % 4],
            f"level{i % 80}", ("true", "false")[i % 3 == 0],
            f"2024-{i % 12 + 1:02d}-{i % 28 + 1:02d}T{i % 24:02d}:00:00",
            "xyz"[int(a > 0) + int(b > 0)], f"{np.exp(a):.4f}", f"{a * b:.4f}", f"{int(a > 0)}", f"{int(b > 0.5)}",
        ]  # fmt: skip
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def make_runs(folder: Path) -> dict[str, Path]:
    """A run of each kind: classes, values, labels, of the command line; of arrays with events, plateau and rate."""
    (folder / "data.csv").write_text(table(), encoding="utf-8")
    quick = ["--preset", "plain", "--network", "5", "--epochs", "6", "--quiet", "--early-stopping", "none"]
    targets = {
        "classes": ["--target", "kind", "--drop", "price,size,yes,no"],
        "values": ["--target", "price,size", "--drop", "kind,yes,no"],
        "labels": ["--target", "yes,no", "--drop", "price,size,kind"],
    }
    for name, options in targets.items():
        command = ["train", str(folder / "data.csv"), *options, *quick, "-o", str(folder / name)]
        assert main(command) == 0, command
    _array_run(folder / "arrays")
    _plateau_run(folder / "plateau")
    return {path.name: path for path in sorted(folder.iterdir()) if path.is_dir()}


def rows() -> tuple[Any, Any]:
    """Three inputs, three classes."""
    X = np.random.default_rng(1).normal(size=(90, 3))
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


def _array_run(path: Path, *, resume: bool = False) -> None:
    def act(control: Any) -> None:
        if control.epoch == 1:
            control.set(learning_rate=0.02)
        if control.epoch == 2:
            control.edit(lambda parameters: parameters.b[1].fill(0.01))

    X, y = rows()
    cr.train(
        cr.Network([3, 4, 4, 3], normalization="layer", residual=True, dtype="float64"), X, y, validation=0.2, epochs=5,
        optimizer=cr.SGD(0.05, momentum=0.9), callbacks=[act], class_weight={0: 2.0, 1: 1.0}, directory=path,
        sample_weight=np.linspace(0.5, 1, 90), progress=False, resume=resume, batch_size=16, l2=1e-4,
    )  # fmt: skip


def _plateau_run(path: Path, *, resume: bool = False) -> None:
    """Of two parts."""
    X, _ = rows()
    run = cr.train(
        cr.Network([3, 4, 1], output="identity", loss="squared_error"), X, X @ [1.0, 2, 3], validation=0.2,
        epochs=5 if resume else 3, l2=1e-4 if resume else 0.0, schedule="plateau", decay_every=1,
        learning_rate="auto", directory=path, resume=resume, progress=False,
    )  # fmt: skip
    if not resume:
        run.extend(2, l2=1e-4, progress=False)


def command(*words: object) -> int:
    """A command of the command line; what it writes to stdout is dropped, what is an error comes back as its code."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as result:
        code = main([str(word) for word in words])
    assert code in (0, 1, 2), (words, code)
    if code == 2:
        assert result.getvalue().startswith("chainrule: "), result.getvalue()
    return code


def load_and_use(run: Path, data: Path) -> None:
    """From Python: load, replay the first and last step, look for an epoch, show itself."""
    loaded = cr.load(run)
    assert isinstance(loaded, cr.Run)
    repr(loaded)
    json.dumps(str(loaded.result))
    for step in (0, -1):
        loaded.replay(step).explain()


def load_model(run: Path, data: Path) -> None:
    """From Python: the model file alone."""
    model = cr.load(run / "model.safetensors")
    model.predict(np.zeros((2, model.network.architecture.n_inputs)))


def find(run: Path, data: Path) -> None:
    """From Python: a search, and a predicate."""
    loaded = cr.load(run)
    assert isinstance(loaded, cr.Run)
    loaded.find("non-finite")
    loaded.find(lambda step: step.step == 2)


def resume(run: Path, data: Path) -> None:
    """From the command line: the training goes on."""
    source = json.loads((run / "run.json.whole").read_text(encoding="utf-8"))["source"]
    if source is None:
        (_plateau_run if run.name == "plateau" else _array_run)(run, resume=True)
        return
    options = ["--target", ",".join(source["target"]), "--drop", ",".join(source["drop"].split(","))]
    quick = ["--preset", "plain", "--network", "5", "--epochs", "6", "--quiet", "--early-stopping", "none"]
    command("train", data, *options, *quick, "-o", run, "--resume")


def extend(run: Path, data: Path) -> None:
    """From Python: an epoch more."""
    loaded = cr.load(run)
    assert isinstance(loaded, cr.Run)
    loaded.extend(1, progress=False)


USES: dict[str, Callable[[Path, Path], Any]] = {
    "load": load_and_use,
    "extend": extend,
    "model": load_model,
    "predict": lambda run, data: command("predict", run, data, "-o", run / "predictions.csv"),
    "evaluate": lambda run, data: command("evaluate", run, data),
    "explain": lambda run, data: command("explain", run, "--step", "3"),
    "explain --data": lambda run, data: command("explain", run, "--data", data, "--row", "1"),
    "report": lambda run, data: command("report", run),
    "check": lambda run, data: command("check", run),
    "doctor": lambda run, data: command("doctor", run),
    "find": find,
    "resume": resume,
}
QUICK = "load", "model", "predict", "evaluate"
"""What a file is opened for, and nothing else is done."""


def scenes(run: Path, rng: random.Random) -> None:
    """Now and then a run as a kill leaves it: no result yet, or stopped half way."""
    shutil.copy(run / "run.json", run / "run.json.whole")
    chance = rng.random()
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    if chance < 0.1:
        record["result"] = None
    elif chance < 0.25:
        record["result"]["stopped"] = "interrupted"
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")


def used(name: str, run: Path, data: Path) -> str:
    """What became of one use: "done" or the message of its error; any other exception leaves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            USES[name](run, data)
            return "done"
        except cr.ChainruleError as error:
            return f"{type(error).__name__}: {error}"


def peak_bytes() -> int:
    """The most memory this process has held since reset_peak."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    return 0


def reset_peak() -> int:
    """Begin to measure; the memory held now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")
