"""Frames and arrays as tables: what the estimators of tables are handed, in the words of data/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.read import read
from chainrule.data.table import Column, Selection, Table, as_category, no_such
from chainrule.errors import DataError

Array = npt.NDArray[Any]


def is_frame(X: Any) -> bool:
    """Whether X is a DataFrame or a pyarrow table."""
    return hasattr(X, "columns") and (hasattr(X, "__arrow_c_stream__") or hasattr(X, "iloc"))


def named(X: Any) -> tuple[str, ...]:
    """The column names of a frame."""
    return tuple(map(str, getattr(X, "column_names", None) or X.columns))


def table_of_array(X: Array, kinds: Mapping[str, str] | None = None) -> Table:
    """Numbers as they are; a column of other objects, or one that is stated to be a category, of its texts.

    Raises DataError for a kind of a column that is not there, or other than number and category.
    """
    names = [f"x{j}" for j in range(X.shape[1])]
    for name, kind in (kinds or {}).items():
        if name not in names:
            raise no_such("column", name, names, "X")
        if kind not in ("number", "category"):
            raise DataError(f"kinds={kind}: must be number or category for an array. Pass a DataFrame.", column=name)
    columns = []
    for j in range(X.shape[1]):
        try:
            columns.append(Column(f"x{j}", "number", np.asarray(X[:, j], dtype=np.float64)))
        except (TypeError, ValueError):
            columns.append(_category(f"x{j}", X[:, j]))
        if (kinds or {}).get(f"x{j}") == "category" and columns[-1].kind == "number":
            columns[-1] = as_category(columns[-1])
    return Table(path="X", columns=tuple(columns), stated=frozenset(kinds or {}))


def table_of_frame(
    X: Any,
    kinds: dict[str, str] | None = None,
    stated: Mapping[str, str] | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
) -> Table:
    """The columns of use of a frame; as they were read before where `kinds` says so, else as is stated."""
    wanted = Selection(targets=(), needs_target=False, decimal=decimal, thousands=thousands)
    if kinds is not None:
        return read(X, replace(wanted, features=tuple(kinds), kinds=kinds))
    for name in stated or {}:
        if name not in named(X):
            raise no_such("column", name, list(named(X)), "X")
    return read(X, replace(wanted, kinds=stated or {}))


def _category(name: str, values: Array) -> Column:
    missing = np.array([v is None or v != v for v in values])
    texts = np.array([str(v) for v in values])
    if missing.all():
        return Column(name, "number", np.full(len(values), np.nan))
    levels, codes = np.unique(texts[~missing], return_inverse=True)
    place = np.full(len(values), -1, dtype=np.int32)
    place[~missing] = codes
    return Column(name, "category", place, tuple(levels.tolist()))


class FrameShape:
    """What scikit-learn's bookkeeping wants of a frame it does not know."""

    def __init__(self, X: Any) -> None:
        self.shape = X.shape
        self.columns = list(named(X))


def as_array(y: Any) -> Array:
    """A column of a non-pandas frame as an array; anything else unchanged."""
    return np.asarray(y) if hasattr(y, "to_numpy") and not hasattr(y, "iloc") else y


def check_lengths(X: Any, y: Array) -> None:
    """ValueError where X and y differ in rows."""
    n = X.shape[0] if getattr(X, "shape", ()) else None
    if n is not None and n != len(y):
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n}, {len(y)}].")
