"""Arrays come in: converted once, checked once, fingerprinted, so that later rooms can trust them."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ShapeError

Array: TypeAlias = npt.NDArray[np.floating[Any]]


def features(X: object, n_inputs: int, dtype: str) -> Array:
    """X as a C-contiguous (n, n_inputs) array of finite numbers.

    Errors    ShapeError for other shapes; DataError naming row and column of the first NaN or inf
    """
    array = _numeric(X, "X")
    if array.ndim == 1 and len(array) == n_inputs:
        raise ShapeError(f"X has shape {array.shape}; expected (n, {n_inputs}). For one row give X[None, :].")
    if array.ndim > 2:
        raise ShapeError(
            f"X has shape {array.shape}; expected (n, {n_inputs}). Flatten each row: X.reshape(len(X), -1)."
        )
    if array.ndim != 2 or array.shape[1] != n_inputs:
        raise ShapeError(f"X has shape {array.shape}; expected (n, {n_inputs}): the network has {n_inputs} inputs.")
    converted = np.ascontiguousarray(array, dtype=dtype)
    with np.errstate(over="ignore", invalid="ignore"):  # finite numbers too may have a sum that is not
        suspect = not np.isfinite(converted.sum())
    if suspect:
        refuse_non_finite(converted, array, "X")
    return converted


def refuse_non_finite(converted: Array, original: npt.NDArray[Any], name: str) -> None:
    """DataError at the first entry that is not finite; nothing where all are."""
    bad = np.argwhere(~np.isfinite(converted))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{name}[{', '.join(map(str, place))}] is {original[place]} (row {place[0]}), {len(bad)} such in all; "
            f"expected finite {converted.dtype} numbers. Drop or impute these rows first."
        )


def weights(weight: object, n: int, dtype: str) -> Array | None:
    """Sample weights as (n,), non-negative and not all zero; None stays None."""
    if weight is None:
        return None
    array = _numeric(weight, "sample_weight")
    if array.shape != (n,):
        raise ShapeError(f"sample_weight has shape {array.shape}; expected ({n},): one weight for each row of X.")
    converted = np.ascontiguousarray(array, dtype=dtype)
    if not np.isfinite(converted).all() or (converted < 0).any() or not converted.any():
        raise DataError(
            "sample_weight holds negative, non-finite or only zero weights; expected finite weights ≥ 0, some > 0."
        )
    return converted


def _numeric(values: object, name: str) -> npt.NDArray[Any]:
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{name} does not hold numbers ({error}); encode strings and fill missing values first."
        ) from None
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} has dtype {array.dtype}; expected numbers. Encode strings and dates first.")
    return array


def fingerprint(*arrays: npt.NDArray[Any] | None) -> str:
    """sha256 over dtype, shape and bytes of the arrays in order: equal data, equal fingerprint."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def glance(*arrays: npt.NDArray[Any] | None) -> str:
    """What changes with any one number of the arrays, at the speed of memory: the sums of their rows as integers.

    It tells whether arrays that were fingerprinted in this process are still as they were. A row whose numbers
    changed places among themselves escapes the sums; every n/256-th row is looked at byte by byte.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            continue
        rows = np.ascontiguousarray(array).reshape(len(array), -1).view(f"u{array.itemsize}")
        digest.update(np.add.reduce(rows, axis=1, dtype=rows.dtype).data)
        digest.update(np.ascontiguousarray(rows[:: max(1, len(rows) // 256)]).data)
    return digest.hexdigest()
