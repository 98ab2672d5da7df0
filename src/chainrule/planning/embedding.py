"""Which inputs of a table an embedding is for: those that hold numbers, not the 0 and 1 of categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.pipeline.quantile_bins import quantile_bins

NAMES = ("pbld", "plr", "piecewise_linear")
ROWS = 100_000
"""Rows that are looked at, the first ones."""


def embedding_of(name: str | None, X: Any) -> dict[str, Any] | None:
    """The embedding of that name for the columns of X with more than two values; None where none is asked for."""
    if name is None:
        return None
    if name not in NAMES:
        raise unknown_name("embedding", name, NAMES)
    rows = np.asarray(X[:ROWS])
    columns = [j for j in range(rows.shape[1]) if len(np.unique(rows[:, j])) > 2]
    if not columns:
        raise SettingsError(f"embedding={name!r}: the table has no column of numbers with three values. Leave it out.")
    found: dict[str, Any] = {"kind": name, "columns": columns}
    return found if name != NAMES[2] else found | {"edges": quantile_bins(rows, columns=columns)}
