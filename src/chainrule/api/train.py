"""train: from a network, rows and settings to a Run. A thin hand around training/ and run/."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule._version import __version__
from chainrule.api.network import Network
from chainrule.api.run import Rows, Run, prepare_rows, weighted_by_class
from chainrule.data import arrays, split
from chainrule.engine.protocol import Engine, Task
from chainrule.engine.select import select
from chainrule.errors import DataError, DivergedError, DivergenceWarning, SettingsError
from chainrule.network.parameters import Parameters
from chainrule.run import files
from chainrule.run.directory import DATA, EVENTS, KEEP_BYTES, MODEL, RUN, FileStore, RunDirectory
from chainrule.run.model import write_model
from chainrule.training import divergence, metrics
from chainrule.training.checkpoints import Checkpoint, CheckpointStore
from chainrule.training.events import Event
from chainrule.training.interrupt import listening
from chainrule.training.loop import Result, Trainer, Validation
from chainrule.training.progress import ProgressBar, wanted
from chainrule.training.settings import SETTINGS, Optimizer, Settings

ON_DIVERGENCE = ("warn", "raise")


def train(
    network: Network,
    X: object,
    y: object,
    *,
    validation: Any = None,
    optimizer: Optimizer | str | dict[str, Any] | None = None,
    batch_size: int = 32,
    epochs: int = 10,
    l2: float = 0.0,
    l1: float = 0.0,
    dropout: float = 0.0,
    schedule: str = "constant",
    warm_up: float = 0.0,
    decay_factor: float = 0.1,
    decay_every: int = 10,
    clip_norm: float | None = None,
    early_stopping: int | None = None,
    metric: str = "auto",
    sample_weight: object = None,
    class_weight: Any = None,
    seed: int = 0,
    shuffle: bool = True,
    engine: str = "auto",
    threads: int | None = None,
    directory: str | os.PathLike[str] | None = None,
    keep_data: bool | str = "auto",
    time_limit: float | None = None,
    callbacks: Sequence[Any] = (),
    progress: bool | str = "auto",
    on_divergence: str = "warn",
    resume: bool = False,
    pipeline: Any = None,
    source: dict[str, Any] | None = None,
) -> Run:
    """A copy of the network is trained on X, y by mini-batch gradient descent; the network itself stays as it is.

    Formula   for every batch: forward, J, backward, gradient + penalty, clip, update; see reference/
    Args      X (n, n_inputs); y: class indices or one-hot, 0/1 labels, or values; validation: (Xv, yv), a
              share of the rows to hold out (stratified for classes), or None; optimizer: SGD(0.5),
              Adam(), …; early_stopping: epochs without a better metric (needs validation); metric: "auto",
              "loss", "accuracy", "rmse", or a scorer of scikit-learn; class_weight: "balanced" or
              {class: weight}; directory: where the run is kept; resume: continue the run found there;
              callbacks: see chainrule.training.events.Control
    Returns   Run: network, history, replay
    Errors    SettingsError, ShapeError, DataError before the first step; DivergedError where
              on_divergence = "raise", else a DivergenceWarning and run.diverged
    Example   >>> from sklearn.datasets import load_iris
              >>> X, y = load_iris(return_X_y=True)
              >>> run = train(Network([4, 8, 3]), X, y, epochs=2, progress=False)
              >>> len(run.history["loss"])
              2
    """
    settings = Settings(
        optimizer, batch_size, epochs, l2, l1, dropout, clip_norm, schedule, warm_up, decay_factor, decay_every,
        early_stopping, seed, shuffle, metric,
    )  # type: ignore[arg-type]  # fmt: skip
    SETTINGS["threads"].check(threads)
    SETTINGS["time_limit"].check(time_limit)
    if on_divergence not in ON_DIVERGENCE:
        raise SettingsError(f"on_divergence = {on_divergence!r} is not possible; expected 'warn' or 'raise'.")
    if early_stopping is not None and validation is None:
        raise SettingsError("early_stopping needs rows to judge by; expected validation=(X, y) or a share such as 0.1.")
    setup = _set_up(network, X, y, sample_weight, class_weight, validation, settings, engine, threads)
    keeper = _Keeper(directory, setup, keep_data, pipeline, source, resume)
    finished = keeper.open()
    if finished is not None:
        return finished
    result = _run(setup, keeper, callbacks, progress, time_limit)
    run = keeper.close(result, setup)
    if result.diverged is not None:
        if on_divergence == "raise":
            raise result.diverged
        warnings.warn(str(result.diverged), DivergenceWarning, stacklevel=2)
    return run


@dataclass
class _Setup:
    """Everything train was given, checked and converted."""

    network: Network
    settings: Settings
    engine: Engine
    reason: str
    rows: Rows
    task: Task
    metric: metrics.Metric
    validation: Validation | None
    class_weight: Any
    kind: Any
    fingerprint: str

    @property
    def n_steps(self) -> int:
        return self.settings.epochs * self.task.steps_per_epoch


def _set_up(
    network: Network, X: object, y: object, sample_weight: object, class_weight: Any, validation: Any,
    settings: Settings, engine_name: str, threads: int | None,
) -> _Setup:  # fmt: skip
    architecture = network.architecture
    engine, reason = select(engine_name, architecture, threads)
    features = arrays.features(X, architecture.n_inputs, architecture.dtype)
    if len(features) == 0:
        raise DataError("X has 0 rows; expected at least one.")
    encoded, kind = network.encode(y, len(features))
    weight = arrays.weights(sample_weight, len(features), architecture.dtype)
    index, held_out = None, None
    if isinstance(validation, (int, float)) and not isinstance(validation, bool):
        classes = encoded if encoded.ndim == 1 else encoded.argmax(axis=1) if kind == "class" else None
        if not 0 < validation < 1:
            raise SettingsError(f"validation = {validation!r} is not possible; expected a share between 0 and 1, (X, y), or None.")
        index, out = split.holdout(len(features), float(validation), settings.seed, classes)
        held_out = (features[out], encoded[out], None if weight is None else weight[out])
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
    elif validation is not None:
        held_out = _given_validation(network, validation)
    _refuse_one_class(encoded, kind)
    rows = Rows(features, encoded, weighted_by_class(encoded, weight, class_weight, architecture.dtype), index)
    task = Task(
        architecture, rows.X, rows.targets, rows.weight, settings.optimizer.name, settings.batch_size, settings.seed,
        settings.shuffle,
    )  # fmt: skip
    metric = metrics.choose(settings.metric, kind)
    held = None if held_out is None else Validation(*held_out, dense=held_out[1])
    return _Setup(
        network, settings, engine, reason, rows, task, metric, held, class_weight, kind, rows.fingerprint
    )  # fmt: skip


def _given_validation(network: Network, validation: Any) -> tuple[Any, Any, Any]:
    try:
        Xv, yv, *rest = validation
    except (TypeError, ValueError):
        raise SettingsError(f"validation = {validation!r} is not possible; expected (X, y), a share such as 0.1, or None.") from None
    rows = prepare_rows(network, Xv, yv, rest[0] if rest else None)
    if len(rows.X) == 0:
        raise DataError("validation has 0 rows; expected at least one.")
    return rows.X, rows.targets, rows.weight


def _refuse_one_class(encoded: Any, kind: str) -> None:
    if kind != "class":
        return
    classes = np.unique(encoded if encoded.ndim == 1 else encoded.argmax(axis=1))
    if len(classes) < 2:
        raise DataError(f"y holds one class only ({classes[0]}); expected at least two: there is nothing to tell apart.")


def _run(setup: _Setup, keeper: _Keeper, callbacks: Sequence[Any], progress: bool | str, time_limit: float | None) -> Result:
    observers: list[Any] = [keeper.directory] if keeper.directory else []
    with contextlib.ExitStack() as stack:
        if wanted(progress):
            bar = ProgressBar(setup.settings.epochs, setup.task.steps_per_epoch, setup.metric.name)
            observers.append(stack.enter_context(bar))
        interrupted = stack.enter_context(listening())
        scale = divergence.constant_output_loss(
            setup.task.targets, setup.task.architecture.loss, setup.task.architecture.n_outputs
        )
        stack.enter_context(np.errstate(all="ignore"))
        trainer = Trainer(
            setup.task, setup.settings, setup.engine, setup.metric, keeper.store, setup.validation, callbacks, observers,
            time_limit, interrupted, scale, keeper.history, keeper.events,
        )  # fmt: skip
        return trainer.run(keeper.start, keeper.losses)


class _Keeper:
    """Where the run is kept: a directory or memory; a fresh start or the checkpoint to resume from."""

    def __init__(
        self, directory: Any, setup: _Setup, keep_data: bool | str, pipeline: Any, source: Any, resume: bool
    ) -> None:
        self.directory = None if directory is None else RunDirectory(directory)
        self.setup, self.keep_data, self.pipeline, self.source, self.resume = setup, keep_data, pipeline, source, resume
        self.history: dict[str, list[float]] = {}
        self.events: list[Event] = []
        self.losses: Any = None
        self.store = CheckpointStore(setup.n_steps)
        theta = setup.network.parameters.flat.copy()
        step_settings = setup.engine.start(setup.task, _first_settings(setup.settings)).store()[1]
        self.start = Checkpoint(0, theta, step_settings, theta.copy())

    def open(self) -> Run | None:
        """Make the directory or take up the run in it; a finished run is returned as it is."""
        if self.directory is None:
            if self.resume:
                raise SettingsError("resume = True continues a run in a directory; expected directory=….")
            return None
        if self.directory.exists and self.resume:
            return self._take_up(self.directory)
        self.directory.create()
        folder = self.directory
        size = self.setup.rows.X.nbytes + self.setup.rows.targets.nbytes
        if self.keep_data is True or (self.keep_data == "auto" and size <= KEEP_BYTES):
            kept = {"X": self.setup.rows.X, "targets": self.setup.rows.targets}
            if self.setup.rows.weight is not None:
                kept["weight"] = self.setup.rows.weight
            files.write_tensors(folder.file(DATA), kept, {"kind": "data"})
        if self.setup.rows.index is not None:
            files.write_tensors(folder.file("split.safetensors"), {"train": self.setup.rows.index}, {"kind": "split"})
        folder.file(EVENTS).touch()
        self.store = FileStore(folder.file("checkpoints"), self.setup.n_steps)
        files.write_json(folder.file(RUN), self._record(None))
        return None

    def _take_up(self, folder: RunDirectory) -> Run | None:
        before, now = files.read_json(folder.file(RUN)), self._record(None)
        for name in ("architecture", "settings", "fingerprint", "initial"):
            if before.get(name) != now[name]:
                raise SettingsError(
                    f"{folder.path}: holds a run with another {name} ({_difference(before.get(name), now[name])}); "
                    "expected the same to resume. Name another directory."
                )
        if before.get("result") and before["result"]["stopped"] in ("epochs", "early_stopping", "diverged"):
            from chainrule.api.load import load_run

            return load_run(folder.path)
        self.events = folder.read_events()
        edits = {event.step for event in self.events if event.kind == "edit"}
        self.store = FileStore(folder.file("checkpoints"), self.setup.n_steps, pinned=edits)
        if not self.store.sizes:
            return None
        self.start = self.store.last()
        n_epochs = self.start.step // self.setup.task.steps_per_epoch
        self.history.update(folder.read_history(n_epochs))
        folder.rewind(n_epochs)
        self.losses = folder.read_losses(self.start.step)
        event = Event(self.start.step, "resume", value=str(before.get("result", {}).get("stopped", "killed") if before.get("result") else "killed"))
        folder.event_happened(event)
        self.events.append(event)
        return None

    def close(self, result: Result, setup: _Setup) -> Run:
        """The Run, and its last files where it has a directory."""
        network = Network.of(result.parameters, setup.kind, setup.network.seed, setup.network.initializers)
        run = Run(
            network, setup.settings, result.history, result.losses, result.events, self._result(result), setup.engine,
            self.store, setup.rows, setup.fingerprint, setup.rows.index, setup.task.steps_per_epoch, result.diverged,
            None if self.directory is None else self.directory.path,
            None if self.pipeline is None else self.pipeline.to_dict(),
            {} if self.pipeline is None else self.pipeline.arrays(),
            self.source, setup.engine.describe(), setup.class_weight,
        )  # fmt: skip
        if self.directory is not None:
            self.directory.before_checkpoint(result.losses)
            write_model(self.directory.file(MODEL), result.parameters, run.about(), run.pipeline_arrays)
            files.write_json(self.directory.file(RUN), self._record(run.result))
        return run

    def _result(self, result: Result) -> dict[str, Any]:
        progress = result.progress
        diverged = result.diverged
        return {
            "stopped": result.stopped,
            "epochs": len(result.history.get("loss", [])),
            "steps": len(result.losses),
            "best_epoch": progress.best_epoch,
            "best_score": progress.best_score,
            "metric": self.setup.metric.name if self.setup.validation else "loss",
            "seconds": result.seconds,
            "sha256": parameters_hash(result.parameters),
            "diverged": None if diverged is None else {
                "message": str(diverged), "epoch": diverged.epoch, "step": diverged.step, "layer": diverged.layer,
                "quantity": diverged.quantity,
            },
        }  # fmt: skip

    def _record(self, result: dict[str, Any] | None) -> dict[str, Any]:
        setup = self.setup
        return {
            "chainrule": __version__,
            "architecture": setup.network.architecture.to_dict(),
            "initializers": list(setup.network.initializers),
            "initial": parameters_hash(setup.network.parameters),
            "network_seed": setup.network.seed,
            "targets": setup.kind,
            "settings": setup.settings.to_dict(),
            "class_weight": setup.class_weight if isinstance(setup.class_weight, (str, type(None))) else dict(setup.class_weight),
            "fingerprint": setup.fingerprint,
            "n_samples": setup.task.n_samples,
            "steps_per_epoch": setup.task.steps_per_epoch,
            "engine": setup.engine.describe() | {"reason": setup.reason},
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
            "source": self.source,
            "pipeline": None if self.pipeline is None else self.pipeline.to_dict(),
            "result": result,
        }


def parameters_hash(parameters: Parameters) -> str:
    """sha256 of the bytes of all parameters, in the order W1, b1, W2, …"""
    return hashlib.sha256(np.ascontiguousarray(parameters.flat).tobytes()).hexdigest()


def _first_settings(settings: Settings) -> Any:
    from chainrule.training.events import settings_at

    return settings_at(0, settings, ())[1]


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        names = [name for name in now if before.get(name) != now[name]]
        return "; ".join(f"{name} was {before.get(name)!r}, is {now[name]!r}" for name in names)
    return f"was {str(before)[:12]!r}, is {str(now)[:12]!r}"
