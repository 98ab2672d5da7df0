"""Presets by papers, for comparison: what their authors take where nothing is tuned.

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


PUBLISHED = {"tabm-mini": _tabm_mini}
