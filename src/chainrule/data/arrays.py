"""Arrays come in: converted once, checked once, fingerprinted, so that later rooms can trust them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ShapeError

Array: TypeAlias = npt.NDArray[np.floating[Any]]
_FEW = 2**13  # entries that are faster looked at one by one
_ROW_BYTES, _TABLE_ROWS = 1024, 256  # of the tables of glance, which stay in a core's cache


def features(X: object, n_inputs: int, dtype: str) -> Array:
    """X as a C-contiguous (n, n_inputs) array of finite numbers.

    Errors    ShapeError for other shapes; DataError naming row and column of the first NaN or inf
    """
    converted, refuse = unchecked_features(X, n_inputs, dtype)
    if not surely_finite(converted):
        refuse()
    return converted


def unchecked_features(X: object, n_inputs: int, dtype: str) -> tuple[Array, Callable[[], None]]:
    """The same, numbers that are not finite included; and what to call where one is found, which raises DataError.

    Errors    ShapeError for other shapes
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
    return converted, lambda: refuse_non_finite(converted, array, "X")


def surely_finite(a: Array) -> bool:
    """False where an entry is not finite; of many, whose sum is looked at, also where that alone is not."""
    if a.size <= _FEW:
        return bool(np.isfinite(a).all())
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(a.sum()))


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
    """What changes with any one number of the arrays, at the speed of memory: sums of their bytes as integers.

    It tells whether arrays of this process are still as they were. The bytes are laid out as tables of 64-bit words,
    whose rows and columns are summed: what changes places within a row alters the columns, and the other way round.
    32 of the rows are looked at byte by byte besides.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        digest.update(f"{array.dtype.str}{array.shape};".encode())
        whole = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        end = len(whole) // _ROW_BYTES * _ROW_BYTES
        rows = whole[:end].view(np.uint64).reshape(-1, _ROW_BYTES // 8)
        for first in range(0, len(rows), _TABLE_ROWS):
            table = rows[first : first + _TABLE_ROWS]
            digest.update(np.add.reduce(table, axis=0).data)
            digest.update(np.add.reduce(table, axis=1).data)
        digest.update(np.ascontiguousarray(rows[:: max(1, len(rows) // 32)]).data)
        digest.update(whole[end:].data)
    return digest.hexdigest()
