"""What a report is made of: the facts of a run, and a way to see some of its steps again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.engine.protocol import StepSettings
from chainrule.network.architecture import Architecture
from chainrule.network.parameters import Parameters
from chainrule.network.records import StepRecord
from chainrule.training.settings import Settings

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class ReplayedStep:
    """One step seen again: its record, the settings it ran under, and what its rows were to give."""

    record: StepRecord
    settings: StepSettings
    rows: npt.NDArray[np.int64]
    """Indices of the batch's rows into the X given to train."""
    targets: Array
    weight: Array | None


@dataclass(frozen=True)
class Sample:
    """A few training rows for the gradient check."""

    X: Array
    targets: Array
    weight: Array | None


@dataclass(frozen=True)
class Names:
    """Names of inputs and outputs, and the scaling of inputs; None if unknown."""

    inputs: Sequence[str] | None = None
    outputs: Sequence[str] | None = None
    target: str | None = None
    mean: Array | None = None
    scale: Array | None = None


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """A run as the report takes it.

    again(steps) yields those steps in their order; None if the rows are not available, and `missing`
    gives the reason: "data" (not kept) or "altered". `shows_rows` is False where rows may be looked at but not
    written into the page. replayed(t) is the number of steps done again to reach t.
    """

    architecture: Architecture
    parameters: Parameters
    settings: Settings
    history: Mapping[str, Sequence[float]]
    losses: npt.NDArray[np.float64]
    steps_per_epoch: int
    result: Mapping[str, Any]
    facts: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]] = ()
    names: Names = field(default_factory=Names)
    checkpoints: Sequence[int] = ()
    again: Callable[[Iterable[int]], Iterator[ReplayedStep]] | None = None
    sample: Sample | None = None
    missing: str | None = None
    shows_rows: bool = True
    results: Mapping[str, Any] | None = None
    """Predictions of rows against their targets, measures, columns, importances, findings; None without rows."""
    rate: Mapping[str, Any] | None = None
    """The learning-rate analysis: `said`, sentences by language, and `figure`; None if there is none."""

    @property
    def n_steps(self) -> int:
        """Steps that were done."""
        return len(self.losses)

    def replayed(self, step: int) -> int:
        """Steps between the nearest checkpoint and a step."""
        return step - max((kept for kept in self.checkpoints if kept <= step), default=0)
