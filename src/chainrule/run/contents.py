"""What every file of a run may hold, and how each is read: checked once, here, against its schema and its arrays."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import DIALECT
from chainrule.errors import ModelFileError, of_file
from chainrule.network.architecture import DTYPES, MAX_UNITS, Architecture
from chainrule.network.class_weights import BALANCED
from chainrule.reference.optimizers import OPTIMIZERS
from chainrule.run import stored
from chainrule.run.names import CHECKPOINT
from chainrule.run.registered import require_architecture, require_optimizer
from chainrule.schema import (
    Anything,
    Checked,
    Either,
    Flag,
    Json,
    ListOf,
    MapOf,
    Number,
    Optional,
    Record,
    Schema,
    SchemaError,
    TensorSchema,
    Text,
    Whole,
    refuse,
)
from chainrule.training.checkpoints import Checkpoint, Progress
from chainrule.training.schedule import PLATEAU_NAME
from chainrule.training.settings import SETTINGS, Settings
from chainrule.training.update_rules import optimizer_from

Array = npt.NDArray[Any]
MAX_SEED = 2**64 - 1
_MEASURED = Number(finite=False)
"""A number that training found: it may be NaN or infinite."""


def _accept_architecture(values: Any) -> None:
    require_architecture(values)
    Architecture.from_dict(values)


def _accept_optimizer(values: Any) -> None:
    """An update rule with all of its settings: replay depends on each."""
    require_optimizer(values)
    lacking = sorted(set(optimizer_from(values).to_dict()) - set(values))
    if lacking:
        raise SchemaError(f"lacks the entry {lacking[0]!r}")


class _ArchitectureSchema:
    """Sizes, activations, loss and dtype that make a network."""

    shape = Record(
        {
            "sizes": ListOf(Whole(1, MAX_UNITS), least=2),
            "activations": ListOf(Text(), least=1),
            "loss": Text(),
            "dtype": Text(DTYPES),
            "normalization": ListOf(Optional(Text())),
            "residual": ListOf(Flag()),
            "rules": Whole(1),
            "inputs": ListOf(MapOf(Anything()), least=1),
        },
        may_lack=frozenset({"normalization", "residual", "rules", "inputs"}),
    )

    def check(self, value: Any, place: str) -> Any:
        """The value: first its types, then whether it is a network."""
        return Checked(_accept_architecture).check(self.shape.check(value, place), place)


ARCHITECTURE: Schema = _ArchitectureSchema()
KIND = Text(("class", "labels", "values"))
OF_NAMES = ("schedules", "learning_rate_factors")
"""Settings that runs of earlier versions lack."""
_SETTINGS = Record(
    {
        "optimizer": Checked(_accept_optimizer),
        "alpha": Number(low=0),
        "metric": Text(),
        **{
            item.name: Checked(SETTINGS[item.name].check)
            for item in fields(Settings)
            if item.name in SETTINGS and item.name != "optimizer"
        },
    },
    may_lack=frozenset(
        {"alpha", "metric", "divergence_factor", "training_metric", "label_smoothing", "leaves", *OF_NAMES}
    ),
)
_DIALECT, _STATED = Text(DIALECT), Either((Text(), Whole(), Flag()), "a text, a number or true or false")
_SOURCE: dict[str, Schema] = {
    "data": Optional(Text(encodable=False)),
    "cache": Text(encodable=False),
    "weight": Optional(Text()),
    "dialect": Optional(
        MapOf(Optional(Either((Text(), Whole(), Flag()), "a text, a number or true or false")), _DIALECT)
    ),
    "n_rows": Optional(Whole()),
    "task": Optional(Text()),
    "rung": Whole(),
    "candidate": Whole(),
    "neighbours": Whole(1),
    "influence": MapOf(Number(0, 1)),
    "trials": ListOf(MapOf(Anything())),
    "left_out": ListOf(Text()),
    "preset": Record({"name": Text(), "remain": MapOf(Anything()), "switched_off": MapOf(Text())}),
}
_DIVERGED: dict[str, Schema] = {
    "message": Text(),
    "epoch": Whole(),
    "step": Whole(),
    "layer": Optional(Whole()),
    "quantity": Text(),
}
_RESULT = Record(
    {
        "stopped": Text(),
        "epochs": Whole(),
        "steps": Whole(),
        "best_epoch": Optional(Whole()),
        "best_score": Optional(_MEASURED),
        "metric": Text(),
        "seconds": Number(low=0),
        "replay": Record(
            {"checkpoint_gap": Whole(), "step_seconds": Number(low=0), PLATEAU_NAME: Number(low=0, high=1)},
            frozenset({PLATEAU_NAME}),
        ),
        "sha256": Text(),
        "diverged": Optional(Record(_DIVERGED)),
        "events": Whole(),
    },
    may_lack=frozenset({"replay", "events"}),
)
_OF_CLASSES = Either((Text((BALANCED,)), MapOf(Number(low=0))), "'balanced', or a weight ≥ 0 for each class")
_DIGEST = Text(pattern="[0-9a-f]{64}", expected="64 hexadecimal digits")
RECORD = Record(
    {
        "chainrule": Text(),
        "architecture": ARCHITECTURE,
        "initializers": ListOf(Text()),
        "initial": Text(),
        "network_seed": Whole(0, MAX_SEED),
        "targets": KIND,
        "settings": _SETTINGS,
        "class_weight": Optional(
            Either((_OF_CLASSES, ListOf(Optional(_OF_CLASSES))), "'balanced', or a weight ≥ 0 for each class")
        ),
        "fingerprint": _DIGEST,
        "n_samples": Whole(1),
        "steps_per_epoch": Whole(1),
        "parts": Whole(1),
        "engine": Record({"engine": Text()}),
        "versions": MapOf(Text()),
        "source": Optional(Record(_SOURCE, frozenset(_SOURCE))),
        "pipeline": Anything(),
        "result": Optional(_RESULT),
        "ended": Optional(_RESULT),
        "held_out": Optional(_DIGEST),
        "parent": Record({"sha256": _DIGEST, "step": Whole(1)}),
    },
    may_lack=frozenset(
        {
            "parent",
            "initializers",
            "initial",
            "parts",
            "network_seed",
            "class_weight",
            "versions",
            "source",
            "pipeline",
            "ended",
            "held_out",
        }
    ),
)


def read_record(path: Path) -> dict[str, Any]:
    """run.json, its numbers of steps and epochs in agreement with one another."""
    record: dict[str, Any] = stored.read_json(path, RECORD)
    with stored.naming(path):
        Json().check(record["engine"], "engine")
        Json().check(record.get("source"), "source")
        settings, n_rows = record["settings"], record["n_samples"]
        per_epoch = -(-n_rows // int(settings["batch_size"]))
        if record["steps_per_epoch"] != per_epoch:
            expected = f"{per_epoch}: {n_rows} rows in batches of {settings['batch_size']}"
            raise refuse("steps_per_epoch", record["steps_per_epoch"], expected)
        result = record["result"]
        if result is not None:
            n_epochs = int(settings["epochs"])
            Whole(0, n_epochs * per_epoch).check(result["steps"], "result.steps")
            Whole(0, n_epochs).check(result["epochs"], "result.epochs")
            Optional(Whole(0, n_epochs - 1)).check(result["best_epoch"], "result.best_epoch")
    return record


_LINE = Record({"epoch": Whole(), "loss": _MEASURED})


class _HistorySchema:
    """The line of an epoch: its number, its loss, and other measured numbers."""

    def check(self, value: Any, place: str) -> dict[str, Any]:
        """The line."""
        checked = _LINE.check(value, place)
        return MapOf(_MEASURED).check(checked, place)


def read_history(path: Path) -> tuple[list[dict[str, Any]], ModelFileError | None]:
    """The lines of the history up to the first that does not fit, and what is wrong with that."""
    lines, error = stored.read_lines(path, _HistorySchema())
    for i, line in enumerate(lines):
        if line["epoch"] != i or line.keys() != lines[0].keys():
            found = f"is of epoch {line['epoch']} with {', '.join(line)}"
            expected = f"epoch {i} with {', '.join(lines[0])}"
            return lines[:i], ModelFileError(f"{path}: line {i + 1} {found}; expected {expected}; {stored.RESTORE}.")
    return lines, error


def read_losses(path: Path, n_steps: int) -> npt.NDArray[np.float64]:
    """The losses of the first n_steps; of fewer where the file holds no more."""
    arrays, _ = stored.read_tensors(path, Record({"kind": Text(("steps",))}))
    with stored.naming(path):
        losses: npt.NDArray[np.float64] = TensorSchema(("float64",), (-1,), finite=False).check(
            arrays.get("loss"), "loss"
        )
    return losses[:n_steps]


def read_split(path: Path, n_samples: int) -> npt.NDArray[np.int64]:
    """Which rows of those given were trained on: n_samples different ones."""
    arrays, _ = stored.read_tensors(path, Record({"kind": Text(("split",))}))
    with stored.naming(path):
        index: npt.NDArray[np.int64] = TensorSchema(("int64",), (n_samples,), low=0).check(arrays.get("train"), "train")
        if len(np.unique(index)) < len(index):
            raise SchemaError("train lists a row twice; expected each row once")
    return index


def read_rows(path: Path, architecture: Architecture) -> dict[str, Array]:
    """X, targets, weight and held_out as far as there are any, in the sizes and dtypes of the network."""
    arrays, _ = stored.read_tensors(path, Record({"kind": Text(("data",))}))
    a = architecture
    with stored.naming(path):
        wanted = {"X": TensorSchema((a.dtype,), (-1, a.n_inputs))}
        n_samples = len(wanted["X"].check(arrays.get("X"), "X"))
        wanted["targets"] = _targets_schema(arrays.get("targets"), n_samples, a)
        optional = {
            "weight": TensorSchema((a.dtype,), (n_samples,), low=0),
            "held_out": TensorSchema((a.dtype,), (-1, a.n_inputs)),
        }
        wanted |= {name: tensor for name, tensor in optional.items() if name in arrays}
        if "held_out_targets" in arrays:
            n_held = len(optional["held_out"].check(arrays.get("held_out"), "held_out"))
            wanted["held_out_targets"] = _targets_schema(arrays["held_out_targets"], n_held, a)
            if "held_out_weight" in arrays:
                wanted["held_out_weight"] = TensorSchema((a.dtype,), (n_held,), low=0)
        return {name: tensor.check(arrays.get(name), name) for name, tensor in wanted.items()}


def _targets_schema(array: Array | None, n_rows: int, a: Architecture) -> TensorSchema:
    """Class indices, or as many numbers as outputs."""
    if getattr(array, "ndim", 1) == 1:
        return TensorSchema(("int32",), (n_rows,), low=0, high=max(a.n_outputs, 2) - 1)
    return TensorSchema((a.dtype,), (n_rows, a.n_outputs), finite=False)


_PROGRESS: dict[str, Schema] = {
    "best_score": Optional(_MEASURED),
    "best_epoch": Optional(Whole()),
    "epochs_without_better": Whole(),
    "plateau_factor": Number(low=0, high=1),
    "plateau_epochs": Whole(),
}
_CHECKPOINT = Record(
    {
        "kind": Text(("checkpoint",)),
        "step": Whole(),
        "spacing": Whole(1),
        "zero": MapOf(ListOf(Whole())),
        "progress": Record(_PROGRESS),
        "epochs": Optional(Whole()),
        "events": Optional(Whole()),
    },
    frozenset({"zero", "epochs", "events"}),
)


@dataclass(frozen=True)
class StateShape:
    """The arrays that the state of a training has: as many parameters, of a dtype, and those of its update rule."""

    n_parameters: int
    dtype: str
    kept: tuple[str, ...]

    @classmethod
    def of(cls, architecture: Architecture, settings: Settings) -> StateShape:
        """That of a network under an update rule."""
        optimizer = settings.optimizer
        return cls(architecture.n_parameters, architecture.dtype, OPTIMIZERS[optimizer.name].keeps(optimizer.hyper))


def checkpoints_in(folder: Path) -> dict[int, int]:
    """The size of the checkpoint of every step that has one; other files are ignored."""
    found: dict[int, int] = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                match = CHECKPOINT.fullmatch(entry.name)
                if match and entry.name == f"step-{int(match[1]):08d}.safetensors" and entry.is_file():
                    found[int(match[1])] = entry.stat().st_size
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ModelFileError(of_file(folder, "read", error)) from None
    return dict(sorted(found.items()))


def read_checkpoint(path: Path, step: int, shape: StateShape) -> tuple[Checkpoint, int]:
    """The checkpoint of a step, and the spacing of checkpoints when it was written."""
    arrays, about = stored.read_tensors(path, _CHECKPOINT)
    with stored.naming(path):
        if about["step"] != step:
            raise refuse("step", about["step"], f"{step}, as its name says")
        tensor = TensorSchema((shape.dtype,), (shape.n_parameters,), finite=False)
        theta = tensor.check(arrays.get("theta"), "theta")
        best = tensor.check(arrays.get("best_theta", theta), "best_theta")
        zero = about.get("zero", {})
        found = {name.removeprefix("optimizer.") for name in arrays if name.startswith("optimizer.")} | set(zero)
        if found != set(shape.kept):
            raise refuse("the state of its update rule", ", ".join(sorted(found)), ", ".join(shape.kept) or "nothing")
        optimizer: dict[str, Array] = {}
        for name in shape.kept:
            if name not in zero:
                optimizer[name] = tensor.check(arrays[f"optimizer.{name}"], f"optimizer.{name}")
            elif zero[name] != [shape.n_parameters]:
                raise refuse(f"zero.{name}", str(zero[name])[:60], f"[{shape.n_parameters}]")
            else:
                optimizer[name] = np.zeros(shape.n_parameters, shape.dtype)
    progress = Progress(**{name: about["progress"][name] for name in _PROGRESS})
    result = Checkpoint(
        step=step,
        theta=theta,
        optimizer=optimizer,
        best_theta=best,
        progress=progress,
        n_epochs=about.get("epochs"),
        n_events=about.get("events"),
    )
    return result, about["spacing"]
