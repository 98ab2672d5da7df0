"""Presets: the settings taken where the user names none, from the size of the table alone.

They were chosen by scores on rows held out from the training parts of 22 public tables (see docs/tables.md),
not by the test scores shown there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.errors import unknown_name

MOST_INPUTS_OF_BINS = 512
"""Bins of all numbers together; wide tables have fewer for each, and very wide ones none."""
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


def preset(name: str, *, n_rows: int, n_numbers: int) -> Preset:
    """The preset of this name for a table with so many training rows and columns of numbers.

    Errors    SettingsError for an unknown name
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name](n_rows, n_numbers)


def _plain(n_rows: int, n_numbers: int) -> Preset:
    """Two layers of 64 rectifiers on standardised columns, Adam at a constant rate, patience 20."""
    return Preset(
        (64, 64), "relu", "standard", 0, {"name": "adam", "learning_rate": 0.003},
        {"batch_size": 32, "epochs": 100, "early_stopping": 20, "l2": 0.001},
    )  # fmt: skip


def _auto(n_rows: int, n_numbers: int) -> Preset:
    return _by_size((128, 128), 16, 8_000, n_rows, n_numbers, dropout=0.1)


def _strong(n_rows: int, n_numbers: int) -> Preset:
    """As auto, wider and for longer."""
    return _by_size((256, 256, 256), 32, 24_000, n_rows, n_numbers, dropout=0.2)


def _by_size(
    hidden_sizes: tuple[int, ...], n_bins: int, n_steps: int, n_rows: int, n_numbers: int, *, dropout: float
) -> Preset:
    """Batches grow with the rows; epochs are as many as n_steps steps take, within 40 and 500."""
    batch_size = next(size for size, most in BATCHES if n_rows < most)
    epochs = min(500, max(40, n_steps * batch_size // max(n_rows, 1)))
    return Preset(
        hidden_sizes, "silu", "robust", bins(n_bins, n_rows, n_numbers),
        {"name": "adamw", "learning_rate": 0.002, "weight_decay": 0.01},
        {
            "batch_size": batch_size, "epochs": epochs, "dropout": dropout,
            "schedule": "cosine", "warm_up": 0.05,
        },
    )  # fmt: skip


BATCHES = ((32, 1_500), (64, 6_000), (128, 20_000), (256, 100_000), (512, 500_000), (1024, float("inf")))
"""Rows of a step, for tables with fewer training rows than the second number."""


def bins(most: int, n_rows: int, n_numbers: int) -> int:
    """Bins for each number: fewer in small and wide tables; below 3 they are left out."""
    n = min(most, MOST_INPUTS_OF_BINS // max(n_numbers, 1), n_rows // ROWS_PER_BIN)
    return n if n >= 3 else 0


PRESETS = {"auto": _auto, "plain": _plain, "strong": _strong}
