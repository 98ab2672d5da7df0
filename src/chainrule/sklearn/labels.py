"""Labels as they come: missing ones, and those of several kinds, are named before anything compares them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from chainrule.data.arrays import refuse_masked
from chainrule.sklearn.frames import as_array, check_lengths

PLAIN = "biufcUSMm"
"""Kinds of arrays whose values all compare with one another; what is missing among them is NaN, which others name."""


def column_of_classes(X: Any, y: Any) -> npt.NDArray[Any]:
    """The classes of the rows of X as an array (n,); ValueError where they are missing, odd, or of other rows."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None. Pass classes.")
    refuse_masked(y=y)
    refuse_odd_labels(y, "y")
    y = column_or_1d(as_array(y), warn=True)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    check_lengths(X, y)
    return y


def refuse_odd_labels(y: Any, name: str) -> None:
    """ValueError at the first label that is missing, and for texts among numbers; nothing for y that is no array."""
    dtype = getattr(y, "dtype", None)
    if y is None or hasattr(y, "toarray") or (isinstance(dtype, np.dtype) and dtype.kind in PLAIN):
        return
    try:
        labels: npt.NDArray[Any] = np.asarray(y, dtype=object)
    except ValueError:  # rows of different lengths, which others name
        return
    missing = [place for place, label in np.ndenumerate(labels) if is_missing(label)]
    if missing:
        place = ", ".join(map(str, missing[0]))
        raise ValueError(
            f"{name}[{place}] is {labels[missing[0]]} (row {missing[0][0]}), {len(missing)} such in all: Input {name} "
            f"contains NaN; every row must have a label. Drop these rows, or give them a class of their own."
        )
    texts = [isinstance(label, str | bytes) for label in labels.flat]
    if any(texts) and not all(texts):
        text, other = labels.flat[texts.index(True)], labels.flat[texts.index(False)]
        raise ValueError(
            f"{name} holds texts and other values ({text!r}, {other!r}): must hold labels of one kind. "
            f"Try {name}.astype(str)."
        )


def is_missing(label: Any) -> bool:
    """None, NaN, NaT and pandas.NA."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # of pandas.NA nothing is true; an array is no label, which others name
        return type(label).__name__ == "NAType"
