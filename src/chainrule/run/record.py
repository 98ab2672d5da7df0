"""The record of a run: everything a training came to, in plain values and arrays, without an engine or a session."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule._version import __version__
from chainrule.errors import DivergedError, ModelFileError
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.targets import OutputKind
from chainrule.run.names import EVENTS, HISTORY, SPLIT
from chainrule.training.checkpoints import CheckpointStore
from chainrule.training.events import Event
from chainrule.training.measure import OF_TRAINING
from chainrule.training.metrics import VALIDATED, choose
from chainrule.training.parts import parts_of
from chainrule.training.schedule import PLATEAU_NAME
from chainrule.training.settings import Settings
from chainrule.visible import short_repr


@dataclass(kw_only=True)
class RunRecord:
    """What a training came to and what its steps are functions of."""

    parameters: Parameters
    """The best (with validation) or the last ones."""
    kind: OutputKind
    """What the outputs mean."""
    seed: int = 0
    """That the network's parameters were drawn from."""
    initializers: tuple[str, ...] = ()
    settings: Settings
    history: dict[str, list[float]]
    losses: npt.NDArray[np.float64]
    """J of every step's batch."""
    events: list[Event]
    result: dict[str, Any]
    checkpoints: CheckpointStore
    steps_per_epoch: int = 1
    fingerprint: str | None = None
    """sha256 over the training rows, where it was taken already."""
    checksum: str | None = None
    """The checksum of the training rows, where no fingerprint was taken."""
    index: npt.NDArray[np.int64] | None = None
    """Which rows of those given were trained on; None where all were."""
    class_weight: Any = None
    engine: dict[str, Any] = field(default_factory=dict)
    """Who computed it, as the engine described itself."""
    versions: dict[str, str] = field(default_factory=dict)
    diverged: DivergedError | None = None
    directory: Path | None = None
    pipeline: dict[str, Any] | None = None
    pipeline_arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    source: dict[str, Any] | None = None
    """Where the rows came from."""
    parent: dict[str, Any] | None = None
    """Of a run that went on from a step of another one: the sha256 of that one's parameters, and the step."""
    unwritten: dict[Path, str] = field(default_factory=dict)
    """What of this run could not be written to its directory at the end of its training, and why."""
    lost: dict[str, ModelFileError] = field(default_factory=dict)
    """What is wrong with every file of the run's directory that is damaged, by its name."""
    __repr__ = short_repr

    def __post_init__(self) -> None:
        if not self.history:  # no epoch came to its end, or the file is damaged
            self.history = {name: [] for name in self._history_names()}

    def _history_names(self) -> list[str]:
        """The names of the history, in its order."""
        metric = self.result.get("metric", "loss")
        judged = [] if metric == "loss" else [VALIDATED, metric]
        if metric == VALIDATED:
            judged = [VALIDATED, choose("auto", self.kind).name]
        if self.settings.training_metric:
            judged.append(OF_TRAINING + (judged[-1] if judged else choose("auto", self.kind).name))
        factor = [PLATEAU_NAME] if self.is_plateau else []
        return ["loss", *judged, "penalty", "learning_rate", *factor, "seconds"]

    @property
    def architecture(self) -> Architecture:
        """The network's layers."""
        return self.parameters.architecture

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return len(self.losses)

    @property
    def needed_to_replay(self) -> tuple[str, ...]:
        """The files of a run's directory, besides rows and checkpoints, that a step depends on."""
        return (EVENTS, SPLIT, *((HISTORY,) if self.is_plateau else ()))

    @property
    def is_plateau(self) -> bool:
        """Whether the schedule of some part depends on the training."""
        parts = parts_of(self.settings, self.events, self.steps_per_epoch)
        return any(part.settings.schedule == "plateau" for part in parts)

    def require(self, *names: str) -> None:
        """Raise what is wrong with the first of these files of the run that is damaged; nothing where none is."""
        for name in names:
            if name in self.lost:
                raise self.lost[name]

    def plateau_factor(self, epoch: int) -> float:
        """The factor that the plateau schedule had in an epoch."""
        known = self.history.get(PLATEAU_NAME, [])
        if known and epoch >= len(known):  # one that did not end
            return float(self.result.get("replay", {}).get(PLATEAU_NAME, known[-1]))
        return known[epoch] if known else 1.0

    @property
    def reach(self) -> dict[str, float]:
        """What it takes to see a step: the most steps to do before it, the seconds of one, and of all of them."""
        kept = self.result.get("replay", {})
        gap = int(kept.get("checkpoint_gap", self.checkpoints.longest_gap(self.n_steps)))
        one = float(kept.get("step_seconds", self.result.get("seconds", 0.0) / max(self.n_steps, 1)))
        return {"steps": gap, "step_seconds": one, "seconds": gap * one}

    def about_model(self) -> dict[str, Any]:
        """What the model file says besides its arrays."""
        return {"targets": self.kind, "pipeline": self.pipeline, "seed": self.seed}


def versions() -> dict[str, str]:
    """What computes here, as a run records it."""
    return {"chainrule": __version__, "python": platform.python_version(), "numpy": np.__version__}
