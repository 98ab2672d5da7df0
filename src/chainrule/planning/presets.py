"""Presets: the settings taken where the user names none, from the size of the table and the task.

They were chosen on 22 public tables; docs/tables.md says how, and how far that makes its scores optimistic. Below
FEW_ROWS nothing is left to chance, so that a row of weight 2 counts as two rows: every step sees all rows and nothing
is dropped at random. How long to train is found by comparing candidates; see planning/selection.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from chainrule.errors import unknown_name
from chainrule.planning.preset import Preset
from chainrule.planning.published import PUBLISHED

MOST_INPUTS_OF_BINS = 512
"""Bins of all numbers together; wide tables have fewer for each."""
MOST_BINNED = 32
"""Tables with more numbers have no bins: each number says little there, and bins help to learn rows by heart."""
ROWS_PER_BIN = 20


def preset(name: str, *, n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """The preset of this name for so many training rows and columns of numbers, and for classes or values.

    Raises SettingsError for an unknown name.
    """
    if name not in PRESETS:
        raise unknown_name("preset", name, PRESETS)
    return PRESETS[name](n_rows, n_numbers, is_class)


def _plain(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """Two layers of 64 rectifiers on standardised columns, Adam at a constant rate, patience 20."""
    return Preset(
        hidden_sizes=(64, 64),
        activation="relu",
        scaling="standard",
        n_bins=0,
        optimizer={"name": "adam", "learning_rate": 0.003},
        settings={"batch_size": 32, "epochs": 100, "early_stopping": 20, "l2": 0.001},
        codes=False,
    )


def _auto(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """Width and batches grow with the rows; epochs are as many as 8,000 steps take, within 40 and 500."""
    width = _by_rows(n_rows).width
    simpler = _simpler((width, width), n_rows, n_numbers, is_class)
    return replace(_by_size((width, width), 8_000, n_rows, n_numbers, is_class), simpler=simpler)


def _fast(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """One network for 2,000 steps, the freest of those that auto tries; nothing is tried."""
    return _simpler(FAST_SIZES, n_rows, n_numbers, is_class)[-1]


def _simpler(hidden_sizes: tuple[int, ...], n_rows: int, n_numbers: int, is_class: bool) -> tuple[Preset, ...]:
    """No hidden layer; the network held small, for 500 steps; the same freer, for 2,000 steps."""
    batch_size = _batch_size(n_rows)

    def made(
        sizes: tuple[int, ...],
        n_steps: int,
        learning_rate: float,
        decay: float,
        dropout: float,
        full_rate_inputs: float = float("inf"),
    ) -> Preset:
        epochs = min(n_steps // 8, max(n_steps // 200, n_steps * batch_size // max(n_rows, 1)))
        return Preset(
            hidden_sizes=sizes, activation="silu", scaling="robust", n_bins=bins(16, n_rows, n_numbers),
            optimizer={"name": "adamw", "learning_rate": learning_rate, "weight_decay": decay},
            settings={
                "batch_size": batch_size, "epochs": epochs, "schedule": "cosine", "warm_up": 0.05, "dropout": dropout,
                "metric": _metric(is_class),
            },
            full_rate_inputs=full_rate_inputs,
        )  # fmt: skip

    by_rows = _by_rows(n_rows)
    (small_rate, free_rate, _), (dropout, _) = by_rows.rates, by_rows.dropout
    return (
        made((), 1_000, 0.01, 0.3, 0.0, FULL_RATE_INPUTS), made(hidden_sizes, 500, small_rate, 1.0, 0.3),
        made(hidden_sizes, 2_000, free_rate, 0.3, dropout),
    )  # fmt: skip


def _metric(is_class: bool) -> str:
    """Classes are judged by their log-loss: accuracy takes overconfident epochs, and more of its choices are chance."""
    return "loss" if is_class else "auto"


class _ByRows(NamedTuple):
    """What follows from the number of training rows."""

    below: float
    """Of these."""
    width: int
    rates: tuple[float, float, float]
    """Learning rates of the network held small, the freer one and the longest training."""
    dropout: tuple[float, float]
    """Of the freer one and the longest."""


BY_ROWS = (
    _ByRows(5_000, 128, (0.002, 0.002, 0.002), (0.2, 0.15)), _ByRows(100_000, 128, (0.004, 0.003, 0.004), (0.15, 0.1)),
    _ByRows(float("inf"), 256, (0.002, 0.002, 0.002), (0.2, 0.2)),
)  # fmt: skip
"""From 5,000 rows on two layers of 128 units at a higher rate come to what layers of 256 do in 2.7 times the time."""


def _by_rows(n_rows: int) -> _ByRows:
    return next(entry for entry in BY_ROWS if n_rows < entry.below)


def _batch_size(n_rows: int) -> int:
    return next(size for size, most in BATCHES if n_rows < most)


def _by_size(hidden_sizes: tuple[int, ...], n_steps: int, n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    batch_size = _batch_size(n_rows)
    epochs = min(500, max(40, n_steps * batch_size // max(n_rows, 1)))
    few, by_rows = is_class and n_rows < SMALL_TABLE, _by_rows(n_rows)
    return Preset(
        hidden_sizes=hidden_sizes, activation="silu", scaling="robust", n_bins=bins(16, n_rows, n_numbers),
        optimizer={"name": "adamw", "learning_rate": by_rows.rates[-1], "weight_decay": 1.0 if few else 0.1},
        settings={
            "batch_size": batch_size, "epochs": epochs, "schedule": "cosine", "warm_up": 0.05,
            "dropout": 0.2 if few else by_rows.dropout[-1], "metric": _metric(is_class),
        },
        flat_share=FLAT_SHARE,
    )  # fmt: skip


FLAT_SHARE = 0.5
"""The longest training ends where so large a share of its epochs brought nothing: it learns rows by heart."""
FULL_RATE_INPUTS = 256.0
"""With more inputs, a linear model trained by Adam, which moves all weights equally, takes smaller steps."""
SMALL_TABLE = 1_500
"""Classes of so few rows are learned by heart at once; weights are held small."""
BATCHES = ((32, 1_500), (64, 6_000), (128, 20_000), (256, 100_000), (512, 500_000), (1024, float("inf")))
"""Rows of a step, for tables with fewer training rows than the second number."""


def bins(most: int, n_rows: int, n_numbers: int) -> int:
    """Bins for each number: fewer in small and wide tables, none in very wide ones or below 3."""
    n = min(most, MOST_INPUTS_OF_BINS // max(n_numbers, 1), n_rows // ROWS_PER_BIN)
    return n if n >= 3 and n_numbers <= MOST_BINNED else 0


FAST_SIZES = (128, 128)
PRESETS = {"auto": _auto, "fast": _fast, "plain": _plain, "strong": _auto, **PUBLISHED}
WITHOUT_TRIALS = ("fast", *PUBLISHED)
"""Presets that train one network on rows with a part held out, however few they are."""
MEMBERS = {"strong": 8}
"""Trainings of the chosen candidate, each with its own seed, that a preset averages; others train it once."""

FEW_ROWS = 500
"""Of fewer rows all are trained on, and candidates are compared by cross-validation."""
RIDGE_STEPS, RIDGE_RATE = 1000, 2.0
RIDGES: tuple[tuple[float, int], ...] = ((0.01, 0), (0.001, 0), (0.01, 16))
"""The linear models, l2 and most bins of a number: gradient descent with momentum, whose rate is divided by the number
of inputs and by CURVATURE.

Scaled inputs have a mean square of about 1 at most, so the curvature of the loss is below that of the output times
n_inputs + 1, and the rate below 2·(1 + momentum) / curvature, where descent is stable. Of all weights that fit, plain
descent from 0 finds the shortest; Adam moves all weights equally, including the useless ones of a wide table.
"""
CURVATURE = {"softmax": 0.5, "sigmoid": 0.25}
"""At most so large is the second derivative of the cross-entropy with respect to z; of the squared error it is 1.

Source    Böhning (1992), Multinomial logistic regression algorithm
"""
NETWORKS: tuple[tuple[int, float, float, int], ...] = (
    (30, 0.005, 1.0, 0), (75, 0.005, 0.5, 0), (75, 0.005, 0.5, 16), (300, 0.005, 0.2, 0), (300, 0.005, 0.2, 16),
    (1000, 0.01, 0.03, 16),
)  # fmt: skip
"""Two hidden layers by AdamW: steps, learning rate, weight decay, most bins of a number; the simplest first."""


def few_rows(n_rows: int, n_distinct: int, n_numbers: int, output: str) -> Preset:
    """What so many rows are trained with, whole batches and no chance, behind the simpler ways.

    Arguments: n_distinct: rows that differ from each other, which the number of bins follows; n_numbers: columns;
    output: the output activation.
    """
    whole = {"batch_size": n_rows, "schedule": "cosine", "shuffle": False}
    rate = RIDGE_RATE / CURVATURE.get(output, 1.0)
    presets = [
        Preset(
            hidden_sizes=(),
            activation="silu",
            scaling="robust",
            n_bins=bins(most_bins, n_distinct, n_numbers),
            optimizer={"name": "sgd", "learning_rate": rate, "momentum": 0.9},
            settings={**whole, "epochs": RIDGE_STEPS, "l2": l2},
            full_rate_inputs=1.0,
            dtype="float64",
            codes=False,
        )
        for l2, most_bins in RIDGES
    ] + [
        Preset(
            hidden_sizes=(64, 64),
            activation="silu",
            scaling="robust",
            n_bins=bins(most_bins, n_distinct, n_numbers),
            optimizer={"name": "adamw", "learning_rate": learning_rate, "weight_decay": decay},
            settings={**whole, "epochs": n_steps},
            dtype="float64",
            codes=False,
        )
        for n_steps, learning_rate, decay, most_bins in NETWORKS
    ]
    several = [preset for k, preset in enumerate(presets) if preset not in presets[:k]]  # without bins, some are equal
    return replace(several[-1], simpler=tuple(several[:-1]))
