"""The public Run: what a training came to, and the way back to any of its steps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.api.network import Network
from chainrule.api.step import Step
from chainrule.data import arrays
from chainrule.engine.protocol import Engine, Task
from chainrule.errors import DataError, DivergedError, SettingsError
from chainrule.run import files
from chainrule.run.directory import DATA
from chainrule.run.model import write_model
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.events import Event, settings_at
from chainrule.training.loop import PLATEAU_NAME
from chainrule.training.replaying import replay
from chainrule.training.settings import Settings

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """The training rows as engines take them, and where they stand in the X given to train."""

    X: Array
    targets: Array
    weight: Array | None
    index: npt.NDArray[np.int64] | None = None
    """Indices into the X given to train, or None where every row was used."""

    @property
    def fingerprint(self) -> str:
        """sha256 over X, targets and weights."""
        return arrays.fingerprint(self.X, self.targets, self.weight)


@dataclass
class Run:
    """A finished training. Steps are numbered from 0; see replay.

    network: the best (with validation) or the last parameters; history: lists, one entry an epoch;
    diverged: the DivergedError that ended the training, or None; result: how it ended, in plain values.
    """

    network: Network
    settings: Settings
    history: dict[str, list[float]]
    losses: npt.NDArray[np.float64]
    """J of every step's batch."""
    events: list[Event]
    result: dict[str, Any]
    engine: Engine
    checkpoints: CheckpointStore
    rows: Rows | None
    fingerprint: str
    index: npt.NDArray[np.int64] | None = None
    steps_per_epoch: int = 1
    diverged: DivergedError | None = None
    directory: Path | None = None
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, Array] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    engine_record: dict[str, Any] = field(default_factory=dict)
    class_weight: Any = None

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return len(self.losses)

    def replay(self, t: int, data: tuple[Any, ...] | None = None) -> Step:
        """Step t exactly as it was, recomputed from the nearest checkpoint.

        Args      t: 0 … n_steps − 1, or negative from the end; data: (X, y) or (X, y, sample_weight) as
                  given to train, needed where the run did not keep them
        Errors    SettingsError for a step that is not in the run; DataError for missing or altered data
        """
        step = t + self.n_steps if t < 0 else t
        if not 0 <= step < self.n_steps:
            raise SettingsError(
                f"step {t} is not in this run; expected 0 to {self.n_steps - 1} (steps are numbered from 0)."
            )
        rows = self._rows(data)
        task = self._task(rows)
        _, step_settings = settings_at(step, self.settings, self.events)
        session = self.engine.start(task, settings_at(0, self.settings, ())[1])
        with np.errstate(all="ignore"):
            record = replay(
                session,
                self.checkpoints.nearest(step),
                step,
                self.settings,
                self.events,
                self._factor,
                self.steps_per_epoch,
            )
        weight = None if rows.weight is None else rows.weight[record.rows]
        total = float(len(record.rows)) if weight is None else float(weight.sum(dtype=np.float64))
        step_settings = replace(step_settings, l2=step_settings.l2_of(total), alpha=0.0)
        original = record.rows if self.index is None else self.index[record.rows]
        return Step(
            record,
            task.architecture,
            step_settings,
            self.settings.optimizer.to_dict(),
            original,
            rows.targets[record.rows],
            weight,
            self.n_steps,
        )

    def _task(self, rows: Rows) -> Task:
        s = self.settings
        return Task(
            self.network.architecture,
            rows.X,
            rows.targets,
            rows.weight,
            s.optimizer.name,
            s.batch_size,
            s.seed,
            s.shuffle,
        )

    def _factor(self, epoch: int) -> float:
        known = self.history.get(PLATEAU_NAME, [])
        return known[min(epoch, len(known) - 1)] if known else 1.0

    def _rows(self, data: tuple[Any, ...] | None) -> Rows:
        rows = self.rows
        if data is not None:
            rows = prepare_rows(self.network, *data, class_weight=self.class_weight, index=self.index)
        elif rows is None and self.directory is not None and (self.directory / DATA).exists():
            kept = files.read_tensors(self.directory / DATA)[0]
            rows = Rows(kept["X"], kept["targets"], kept.get("weight"))
        if rows is None:
            raise DataError(
                "this run did not keep its data; expected replay(t, data=(X, y)) with the X and y given to train."
            )
        if rows.fingerprint != self.fingerprint:
            raise DataError(
                f"the data differ from those of the training (fingerprint {rows.fingerprint[:12]}, expected "
                f"{self.fingerprint[:12]}); give X, y and sample_weight exactly as they were."
            )
        self.rows = rows
        return rows

    @property
    def kept_rows(self) -> Rows:
        """The training rows, where the run kept them; else DataError."""
        return self._rows(None)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model alone (architecture, best parameters, pipeline) as one safetensors file."""
        write_model(Path(path), self.network.parameters, self.about(), self.pipeline_arrays)

    def about(self) -> dict[str, Any]:
        """What the model file says besides its arrays."""
        return {"targets": self.network.kind, "pipeline": self.pipeline, "seed": self.network.seed}

    def __repr__(self) -> str:
        end = f"{self.result.get('stopped')} after {len(self.history.get('loss', []))} epochs, {self.n_steps} steps"
        return f"Run({self.network.architecture}, {self.settings.optimizer.name}, {end})"


def prepare_rows(
    network: Network,
    X: object,
    y: object,
    sample_weight: object = None,
    *,
    class_weight: Any = None,
    index: npt.NDArray[np.int64] | None = None,
) -> Rows:
    """X, y and weights, checked and converted; only the rows of `index` where one is given."""
    architecture = network.architecture
    features = arrays.features(X, architecture.n_inputs, architecture.dtype)
    encoded, _ = network.encode(y, len(features))
    weight = arrays.weights(sample_weight, len(features), architecture.dtype)
    if index is not None:
        features, encoded = np.ascontiguousarray(features[index]), np.ascontiguousarray(encoded[index])
        weight = None if weight is None else np.ascontiguousarray(weight[index])
    return Rows(features, encoded, weighted_by_class(encoded, weight, class_weight, architecture.dtype), index)


def weighted_by_class(encoded: Array, weight: Array | None, class_weight: Any, dtype: str) -> Array | None:
    """Sample weights times class weights: "balanced" is n / (n_classes·count), a mapping gives them by class.

    Source    King, Zeng (2001), as in scikit-learn's compute_class_weight
    """
    if class_weight is None:
        return weight
    classes = encoded if encoded.ndim == 1 else encoded.argmax(axis=1)
    present, counts = np.unique(classes, return_counts=True)
    if isinstance(class_weight, str) and class_weight == "balanced":
        table = {int(c): len(classes) / (len(present) * n) for c, n in zip(present, counts, strict=True)}
    elif isinstance(class_weight, Mapping) and all(float(v) >= 0 for v in class_weight.values()):
        table = {int(c): float(class_weight.get(int(c), 1.0)) for c in present}
    elif isinstance(class_weight, Sequence) and not isinstance(class_weight, str):
        table = {int(c): float(class_weight[int(c)]) for c in present}
    else:
        raise SettingsError(
            f"class_weight = {class_weight!r} is not possible; expected 'balanced' or {{class: weight ≥ 0}}."
        )
    factor = np.array([table[int(c)] for c in classes], dtype=dtype)
    return factor if weight is None else np.ascontiguousarray(weight * factor)
