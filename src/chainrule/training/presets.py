"""Presets: the settings taken where the user names none, from the size of the table and the task.

They were chosen on 22 public tables; docs/tables.md says how, and how far that makes its scores optimistic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import unknown_name

MOST_INPUTS_OF_BINS = 512
"""Bins of all numbers together; wide tables have fewer for each."""
MOST_BINNED = 32
"""Tables with more numbers have no bins: each number says little there, and bins help to learn rows by heart."""
ROWS_PER_BIN = 20


@dataclass(frozen=True)
class Preset:
    """What a pipeline, a network and a training are made with."""

    hidden_sizes: tuple[int, ...]
    activation: str
    scaling: str
    n_bins: int
    optimizer: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


def preset(name: str, *, n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """The preset of this name for so many training rows and columns of numbers, and for classes or values.

    Errors    SettingsError for an unknown name
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name](n_rows, n_numbers, is_class)


def _plain(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """Two layers of 64 rectifiers on standardised columns, Adam at a constant rate, patience 20."""
    return Preset(
        (64, 64), "relu", "standard", 0, {"name": "adam", "learning_rate": 0.003},
        {"batch_size": 32, "epochs": 100, "early_stopping": 20, "l2": 0.001},
    )  # fmt: skip


def _auto(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """Width and batches grow with the rows; epochs are as many as 8,000 steps take, within 40 and 500."""
    return _by_size((128, 128) if n_rows < MANY_ROWS else (256, 256), 8_000, n_rows, n_numbers, is_class)


def _strong(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """Wider than auto, and three times as long."""
    return _by_size((512, 512), 24_000, n_rows, n_numbers, is_class)


def _by_size(hidden_sizes: tuple[int, ...], n_steps: int, n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    batch_size = next(size for size, most in BATCHES if n_rows < most)
    epochs = min(500, max(40, n_steps * batch_size // max(n_rows, 1)))
    few = is_class and n_rows < FEW_ROWS
    return Preset(
        hidden_sizes, "silu", "robust", bins(16, n_rows, n_numbers),
        {"name": "adamw", "learning_rate": 0.002, "weight_decay": 1.0 if few else 0.1},
        {
            "batch_size": batch_size, "epochs": epochs, "schedule": "cosine", "warm_up": 0.05,
            "dropout": 0.2 if few or n_rows >= MANY_ROWS else 0.15,
        },
    )  # fmt: skip


MANY_ROWS = 5_000
FEW_ROWS = 1_500
"""Classes of so few rows are learned by heart at once; weights are held small."""
BATCHES = ((32, 1_500), (64, 6_000), (128, 20_000), (256, 100_000), (512, 500_000), (1024, float("inf")))
"""Rows of a step, for tables with fewer training rows than the second number."""


def bins(most: int, n_rows: int, n_numbers: int) -> int:
    """Bins for each number: fewer in small and wide tables, none in very wide ones or below 3."""
    n = min(most, MOST_INPUTS_OF_BINS // max(n_numbers, 1), n_rows // ROWS_PER_BIN)
    return n if n >= 3 and n_numbers <= MOST_BINNED else 0


PRESETS = {"auto": _auto, "plain": _plain, "strong": _strong}
