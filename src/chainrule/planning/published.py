"""Presets by papers, for comparison: what their authors take where nothing is tuned.

realmlp     Holzmüller, Grinsztajn, Steinwart (2024), "Better by default: strong pre-tuned MLPs and boosted trees on
            tabular data": RealMLP-TD-S
tabm-mini   Gorishniy, Kotelnikov, Babenko (2024), "TabM: advancing tabular deep learning with parameter-efficient
            ensembling": TabM-mini behind piecewise-linear embeddings, as its authors' package and AutoGluon have it
"""

from __future__ import annotations

from chainrule.planning.preset import Preset

TABM_BATCHES = ((32, 2_800), (64, 4_500), (128, 6_400), (256, 32_000), (512, 108_000), (1024, float("inf")))
"""Rows of a step, for tables with fewer training rows than the second number."""
TABM_EPOCHS = 1_000
"""The paper has no limit: patience ends a training long before."""


def _tabm_mini(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """32 members, blocks of 512 rectifiers: two behind embedded numbers, three where there are none."""
    return Preset(
        hidden_sizes=(512,) * (2 if n_numbers else 3), activation="relu", scaling="quantile", n_bins=0, codes=False,
        members=32, member_spread=None,
        embedding={"kind": "piecewise_linear", "n_bins": 48, "size": 16} if n_numbers else None,
        weights="fan_in_uniform", optimizer={"name": "adamw", "learning_rate": 0.002, "weight_decay": 3e-4},
        settings={
            "batch_size": next(size for size, most in TABM_BATCHES if n_rows < most), "epochs": TABM_EPOCHS,
            "early_stopping": 16, "dropout": 0.1, "clip_norm": 1.0, "metric": "loss" if is_class else "auto",
        },
    )  # fmt: skip


def _realmlp(n_rows: int, n_numbers: int, is_class: bool) -> Preset:
    """A scale layer, three layers of 256 units, Adam in four waves of the learning rate over 256 epochs."""
    smoothing = {"label_smoothing": 0.1, "metric": "accuracy"} if is_class else {"metric": "auto"}
    return Preset(
        hidden_sizes=(256, 256, 256), activation="selu" if is_class else "mish", scaling="robust", n_bins=0,
        codes=False, input_scale=True, weights="scaled_normal", output_weights="zeros", by_fan_in=True,
        optimizer={"name": "adam", "learning_rate": 0.04 if is_class else 0.07, "beta2": 0.95},
        settings={
            "batch_size": 256, "epochs": 256, "schedule": "coslog4",
            "learning_rate_factors": {"b": 0.1, "scale": 6.0}, **smoothing,
        },
    )  # fmt: skip


PUBLISHED = {"tabm-mini": _tabm_mini, "realmlp": _realmlp}
