"""What a model card says, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CardColumn:
    """A column as the model takes it, and what training saw of it."""

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    n_levels: int = 0
    had_missing: bool = False


@dataclass(frozen=True)
class CardMeasure:
    """A measure, its interval over the rows, and that of the simplest prediction."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    simplest: float | None = None


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose predicted class had a probability within a range: its mean, and how often that class was true."""

    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class CardFacts:
    """All facts of a card."""

    name: str
    task: str
    """classification or regression."""
    targets: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    network: str
    n_parameters: int
    n_members: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_steps: int = 0
    n_epochs: int = 0
    stopped: str = ""
    source: str | None = None
    n_train: int | None = None
    n_stored_rows: int = 0
    """Training rows that the model carries."""
    columns: Sequence[CardColumn] = ()
    part: str | None = None
    """held_out, test or training: which rows the measures are of; None where there are none to measure."""
    n_judged: int = 0
    unmeasured: str = ""
    """Why nothing could be measured."""
    measures: Sequence[CardMeasure] = ()
    calibration: Sequence[CalibrationBin] = ()
    importances: Sequence[tuple[str, float, float, float]] = ()
    """Column, rise, low, high."""
    importance_measure: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    engine: str = ""
    seed: int = 0
    weights: Sequence[str] = ()
    """sha256 of the weights of every member."""
    rows_fingerprint: str | None = None

    @property
    def calibration_error(self) -> float | None:
        """The mean of |accuracy − confidence| over the rows; None without classes."""
        n = sum(one.n for one in self.calibration)
        return sum(one.n * abs(one.accuracy - one.confidence) for one in self.calibration) / n if n else None
