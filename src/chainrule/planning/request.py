"""What a plan is asked for. Whatever is not stated, the table and the preset decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from chainrule.errors import SettingsError, unknown_name
from chainrule.network.embeddings import check_members
from chainrule.pipeline.target import class_text
from chainrule.reference.heads import interval_levels
from chainrule.training.settings import OPTIMIZER_SETTINGS, SETTINGS
from chainrule.visible import short_repr

VALIDATION_SHARE = 0.2
BY_PRESET = (
    "optimizer", "learning_rate", "batch_size", "epochs", "l2", "dropout", "schedule", "warm_up", "early_stopping",
    "weight_decay",
)  # fmt: skip
"""Settings that the preset decides where they are not stated."""
PASSED = (
    "batch_size", "epochs", "l2", "l1", "dropout", "label_smoothing", "clip_norm", "divergence_factor",
    "schedule", "warm_up", "decay_factor", "decay_every", "schedules", "learning_rate_factors",
    "early_stopping", "seed", "shuffle", "training_metric", "leaves", "threads", "time_limit",
)  # fmt: skip
"""Settings that train takes under their own name."""
AUTO = "auto"
LINEAR = "linear"
TARGET_SCALES = (LINEAR, "log", AUTO)
MOST_MEMBERS = 1000


@dataclass(frozen=True, kw_only=True)
class Request:
    """How a table is to be trained on, as far as that is stated: None or "auto" leaves a choice to the plan.

    Raises SettingsError for an unknown setting.
    """

    preset: str = AUTO
    task: str = AUTO
    seed: int = 0
    validation: Any = None
    """The share of the rows held out, or a source of rows of their own; None for VALIDATION_SHARE."""
    valid_by: str | None = None
    """A column of groups, each of which is held out whole or not at all."""
    valid_after: str | None = None
    """A moment, "2015-06-01" or "column=2015-06-01": what is later is held out."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those of BY_PRESET, PASSED and OPTIMIZER_SETTINGS that are stated. A learning rate may be "auto": it is found
    before the training, and until then it is the preset's."""
    metric: str = AUTO
    class_weight: Any = None
    """As train takes it; it weighs the statistics of the columns too."""
    positive: str | None = None
    """Of two classes the name of the positive one; None: the rarer."""
    hidden_sizes: tuple[int, ...] | None = None
    activation: str | tuple[str, ...] | None = None
    normalization: str | tuple[str | None, ...] | None = None
    residual: bool = False
    parametric: bool = False
    input_scale: bool = False
    embedding: str | None = None
    """The embedding of the inputs that hold numbers."""
    side_by_side: int | None = None
    """Members of the network, which share the hidden layers; None for those of the preset."""
    output: str = AUTO
    loss: str = AUTO
    intervals: Any = None
    """Levels to predict beside a number, such as (0.1, 0.9) or "0.1,0.9"."""
    initializer: str | tuple[str, ...] = AUTO
    dtype: str | None = None
    scaling: str | None = None
    n_bins: int | None = None
    target_scale: str = LINEAR
    """"linear" or "log": whether numbers are learned themselves, or their logarithm; "auto": of one target as rows held
    out say."""
    neighbours: bool = True
    """Whether what the nearest training rows say may become inputs, where rows held out say so."""
    screening: bool = True
    """Whether columns that tell nothing may be left out, where rows held out say so."""
    members: int | None = None
    """Trainings that are averaged to an ensemble; None for those of the preset."""
    few_rows: Literal["unless stated", "always", "never"] = "unless stated"
    """When all rows of a table below FEW_ROWS are trained on: unless something is stated that a preset decides, …"""
    __repr__ = short_repr

    def __post_init__(self) -> None:
        if self.positive is not None:
            text = str(self.positive).lower() if isinstance(self.positive, bool) else class_text(self.positive)
            object.__setattr__(self, "positive", text)
        for name in ("neighbours", "screening", "parametric", "input_scale"):
            given = getattr(self, name)
            if not isinstance(given, bool):
                found = f"{type(given).__name__} {given!r}"
                raise SettingsError(f"{name}={given!r}: must be True or False (got {found}).")
        if self.target_scale not in TARGET_SCALES:
            raise unknown_name("target_scale", self.target_scale, TARGET_SCALES)
        if self.intervals is not None:
            object.__setattr__(self, "intervals", interval_levels(self.intervals))
        if self.members is not None and not (type(self.members) is int and 1 <= self.members <= MOST_MEMBERS):
            raise SettingsError(
                f"members={self.members!r}: must be a whole number from 1 to {MOST_MEMBERS} (got {self.members!r}). "
                "Try 8."
            )
        known = {*BY_PRESET, *PASSED, *OPTIMIZER_SETTINGS}
        if self.side_by_side is not None:
            check_members("side_by_side", self.side_by_side)
        for name, value in self.settings.items():
            if name not in known:
                fixed = {"settings", "few_rows"}
                raise unknown_name("setting", name, sorted(known | {entry.name for entry in fields(self)} - fixed))
            if (name, value) != ("learning_rate", AUTO):
                (SETTINGS.get(name) or OPTIMIZER_SETTINGS[name]).check(value)
        SETTINGS["seed"].check(self.seed)

    @property
    def share(self) -> float | None:
        """The share of the rows that is held out; None where rows of their own are given."""
        if self.validation is None:
            return VALIDATION_SHARE
        if not isinstance(self.validation, (int, float)):
            return None
        if not 0 < self.validation < 1:
            raise SettingsError(
                f"validation={self.validation!r}: must be a share > 0 and < 1, or a table (got {self.validation!r}). "
                "Try 0.2."
            )
        return float(self.validation)

    @property
    def describes_network(self) -> bool:
        """Whether something is stated of the hidden layers."""
        stated = (self.hidden_sizes, self.activation, self.normalization, self.embedding, self.side_by_side)
        return any(entry is not None for entry in stated) or self.residual or self.parametric or self.input_scale

    @property
    def is_by_default(self) -> bool:
        """Whether nothing is stated that a preset decides, nor what judges an epoch."""
        stated = any(name in self.settings for name in BY_PRESET) or self.validation is not None
        stated = stated or self.valid_by is not None or self.valid_after is not None
        return not stated and (self.preset, self.metric) == (AUTO, AUTO)
