"""Which inputs of a table an embedding is for: those that hold numbers, not the 0 and 1 of categories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import SettingsError, unknown_name
from chainrule.pipeline.quantile_bins import quantile_bins

NAMES = ("pbld", "plr", "piecewise_linear")
ROWS = 100_000
"""Rows that are looked at, the first ones."""


def embedding_of(name: str | None, X: Any, of_preset: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """The embedding of that name for the columns of X with more than two values; None where none is asked for.

    Where no name is stated, that of the preset, for the columns that there are.
    """
    if name is None:
        return None if of_preset is None else _by_preset(X, **of_preset)
    if name not in NAMES:
        raise unknown_name("embedding", name, NAMES)
    rows = np.asarray(X[:ROWS])
    columns = _numbers(rows)
    if not columns:
        raise SettingsError(f"embedding={name!r}: the table has no column of numbers with three values. Leave it out.")
    found: dict[str, Any] = {"kind": name, "columns": columns}
    return found if name != NAMES[2] else found | {"edges": quantile_bins(rows, columns=columns)}


def _by_preset(X: Any, *, kind: str, n_bins: int = 48, **options: Any) -> dict[str, Any] | None:
    rows = np.asarray(X[:ROWS])
    columns = _numbers(rows)
    if not columns:
        return None
    edges = {"edges": quantile_bins(rows, n_bins, columns)} if kind == NAMES[2] else {}
    return {"kind": kind, "columns": columns, **options, **edges}


def _numbers(rows: Any) -> list[int]:
    """The columns with more than two values."""
    return [j for j in range(rows.shape[1]) if len(np.unique(rows[:, j])) > 2]
