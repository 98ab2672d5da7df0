"""train(…, workers=N): arrays are handed over in files to processes that train together; their run is loaded.

Only what can be written as numbers, text and arrays is handed over: nothing is pickled.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from chainrule import errors
from chainrule.api.load import load_run
from chainrule.api.network import Network
from chainrule.api.run import Run
from chainrule.distributed import choice, world
from chainrule.distributed.launcher import supervise
from chainrule.errors import ChainruleError, SettingsError, warn
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.training.settings import SETTINGS
from chainrule.training.update_rules import UpdateRule, optimizer_from

JOB, OUTCOME = "job.json", "outcome.json"
OF_USE = ("SettingsError", "DataError", "ShapeError", "ModelFileError")
"""Errors that a message alone makes again."""


def train_by_workers(n_workers: Any, network: Any, rows: tuple[Any, ...], how: dict[str, Any]) -> Run:
    """The run of a training by several workers, which are processes of their own on this machine."""
    leaves, is_auto = int(SETTINGS["leaves"].check(how["leaves"])), n_workers == choice.AUTO
    n = int(_n_here(how) if is_auto else world.WORKERS.check(n_workers))
    world.check_leaves(n, leaves)
    if world.is_launched():
        raise SettingsError(f"workers={n}: must be left out where MPI started this process; it is one of its workers.")
    directory, kept = how.pop("directory", None), None
    if directory is None:
        directory = kept = tempfile.mkdtemp(prefix="chainrule-run-")
    resume = bool(how.pop("resume", False))
    how.pop("progress", None)
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        job = Path(folder)
        rows = tuple(np.asarray(part) if isinstance(part, (list, tuple)) else part for part in rows)
        content = _Packed(job).pack({"network": network, "rows": rows, "how": how})
        where = {"directory": os.path.abspath(os.fspath(directory)), "resume": resume, "auto": is_auto}
        (job / JOB).write_text(json.dumps({"content": content, **where}), encoding="utf-8")
        code = supervise(
            lambda again: [sys.executable, "-m", "chainrule.api.launched", folder, *(["again"] if again else [])],
            n, lambda text: warn(f"workers: {text}"), job,
        )  # fmt: skip
        _report(job / OUTCOME, code)
    run = load_run(Path(directory))
    if kept is not None:
        weakref.finalize(run, shutil.rmtree, kept, ignore_errors=True)
    return run


def is_one(workers: Any, how: Mapping[str, Any]) -> bool:
    """Whether so many workers are this process alone: 1, or "auto" where others are not worth a try."""
    return bool(workers == 1 or (workers == choice.AUTO and _n_here(how) == 1))


def _n_here(how: Mapping[str, Any]) -> int:
    leaves = int(SETTINGS["leaves"].check(how["leaves"]))
    return choice.n_workers_here(SETTINGS["threads"].check(how.get("threads")), leaves)


def _report(outcome: Path, code: int) -> None:
    """Warnings and the error of worker 0, as if they had come up here."""
    found = json.loads(outcome.read_text(encoding="utf-8")) if outcome.exists() else {"warnings": [], "error": None}
    for name, text in found["warnings"]:
        category = getattr(errors, name, UserWarning)
        warn(text, category if issubclass(category, Warning) else UserWarning)
    if found["error"] is not None:
        name, text = found["error"]
        raised = getattr(errors, name) if name in OF_USE else None
        raise (raised or ChainruleError)(text)
    if code not in (0, 1, 130):
        raise ChainruleError(f"the workers ended with exit code {code}. Look at what they printed above.")


class _Packed:
    """Values as JSON, arrays in files beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._n = folder, 0

    def pack(self, value: Any, name: str = "") -> Any:
        """The value in JSON. Raises SettingsError for what cannot be handed over, by name."""
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, (os.PathLike, np.generic)):
            return self.pack(os.fspath(value) if isinstance(value, os.PathLike) else value.item(), name)
        if isinstance(value, Network):
            of = {"architecture": value.architecture.to_dict(), "theta": value.parameters.flat, "kind": value.kind,
                  "seed": value.seed, "initializers": list(value.initializers)}  # fmt: skip
            return {"network": self.pack(of, name)}
        if isinstance(value, UpdateRule):
            return {"rule": value.to_dict()}
        if isinstance(value, Mapping):
            return {"map": [[self.pack(k, name), self.pack(v, str(k))] for k, v in value.items()]}
        if isinstance(value, (tuple, list)):
            return {"list": [self.pack(item, name) for item in value]}
        if callable(value):
            raise SettingsError(
                f"{name}: holds a function, which cannot be handed over to other processes without running code from "
                "a file. Try without workers, or start the workers with mpiexec and the command line."
            )
        return {"array": self._written(value, name)}

    def _written(self, value: Any, name: str) -> str:
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise SettingsError(
                f"{name or 'the data'}: a {type(value).__name__} cannot be handed over to other processes as numbers. "
                "Pass arrays of numbers, or a path to the table."
            )
        self._n += 1
        np.save(self._folder / f"{self._n}.npy", array, allow_pickle=False)
        return f"{self._n}.npy"


def unpacked(value: Any, folder: Path) -> Any:
    """The value that was packed."""
    if not isinstance(value, dict):
        return value
    kind, inner = next(iter(value.items()))
    if kind == "list":
        return tuple(unpacked(item, folder) for item in inner)
    if kind == "map":
        return {unpacked(k, folder): unpacked(v, folder) for k, v in inner}
    if kind == "array":
        return np.load(folder / inner, mmap_mode="r", allow_pickle=False)
    if kind == "rule":
        return optimizer_from(inner)
    of = unpacked(inner, folder)
    parameters = Parameters(Architecture.from_dict(of["architecture"]), np.array(of["theta"]))
    return Network.of(parameters, of["kind"], of["seed"], of["initializers"])
