"""Folds that follow from what stands in a row, not from its place: equal rows are in one fold, in whatever order."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table

N_FOLDS = 3


def folds(table: Table, seed: int) -> tuple[npt.NDArray[np.int64], int]:
    """The fold of each row, 0 … N_FOLDS − 1, a function of its cells and the seed alone; how many rows are distinct."""
    columns = []
    for column in table.columns:
        if column.kind == "category":
            names = np.array([*(column.levels or ()), ""], dtype=object)
            columns.append([str(name) for name in names[column.values]])
        else:  # adding 0 makes one of the two zeros; NaN and NaT become one word
            numbers = column.values if column.kind == "time" else column.values.astype(np.float64) + 0.0
            columns.append(["" if gap else str(v) for v, gap in zip(numbers, column.missing, strict=True)])
    rows = zip(*columns, strict=True) if columns else [()] * len(table)
    digests = [hashlib.blake2b("\0".join((str(seed), *row)).encode(), digest_size=8).digest() for row in rows]
    fold = np.array([int.from_bytes(digest, "little") % N_FOLDS for digest in digests], dtype=np.int64)
    return fold, len(set(digests))
