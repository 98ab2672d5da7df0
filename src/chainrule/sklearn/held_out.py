"""Rows to stop early by: a part held out, as scikit-learn's split takes it; all rows where it would hold too few."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
HeldOutRows = tuple[Array, Array, "Array | None"]
"""X, targets, weight."""
FEW = 10
"""A score of fewer rows says next to nothing, and what it says hangs on which rows chance took."""
SMALLEST_FIT = 4


def split(
    rows: HeldOutRows, fraction: float, strata: Array | None, random_state: np.random.RandomState
) -> tuple[HeldOutRows, HeldOutRows]:
    """The rows to learn from and those to judge every epoch by.

    They are two parts, those of train_test_split with the same random_state, where the fraction holds FEW rows;
    else they are both all rows, so that a row of weight 2 counts as two.

    Arguments: strata (n, 1): the classes whose shares both parts keep, or None. Raises ValueError below SMALLEST_FIT
    rows, or where a class has a single row.
    """
    X, targets, weight = rows
    n = len(X)
    if n < SMALLEST_FIT:
        raise ValueError(
            f"The validation set is too small: n_samples={n}, early stopping needs {SMALLEST_FIT}. Increase "
            "'validation_fraction' or the size of your dataset, or set early_stopping=False."
        )
    if strata is not None:
        _refuse_single_members(strata)
    if 0 < ceil(fraction * n) < FEW:
        return rows, rows
    from sklearn.model_selection import train_test_split

    arrays = [X, targets] if weight is None else [X, targets, weight]
    parts = train_test_split(*arrays, random_state=random_state, test_size=fraction, stratify=strata)
    learned = (parts[0], parts[2], None if weight is None else parts[4])
    return learned, (parts[1], parts[3], None if weight is None else parts[5])


def _refuse_single_members(strata: Array) -> None:
    classes, counts = np.unique(strata, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            "The least populated classes in y have only 1 member; early stopping needs two, one for training and "
            f"one for validation. Classes with too few members are: {[str(c) for c in classes[counts < 2]]}"
        )


def check_pair(X_val: Any, y_val: Any, sample_weight_val: Any = None) -> None:
    """ValueError where one of X_val and y_val is given without the other, or weights without them."""
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} is given, but {missing} is None. Pass both, to evaluate epochs, or neither.")
    if sample_weight_val is not None and np.size(sample_weight_val) and not np.any(sample_weight_val):
        raise ValueError("sample_weight_val holds zeros only: must hold weights ≥ 0, some > 0.")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val is given, but X_val is None. Pass X_val and y_val, whose rows it weights.")
