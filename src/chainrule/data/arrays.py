"""Arrays come in: converted once, checked once, fingerprinted, so that later rooms can trust them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from chainrule.errors import DataError, ShapeError
from chainrule.visible import cut

Array: TypeAlias = npt.NDArray[np.floating[Any]]
Weights = TypeVar("Weights", Array, Array | None)
_NATIVE = {name: np.dtype(name) for name in ("float32", "float64")}  # NumPy has one object for each
_FEW = 2**13  # entries that are faster looked at one by one
_MODERATE = 60  # a power of two: beyond it, weights are brought near 1 before they are multiplied
_ROW_BYTES, _TABLE_ROWS = 1024, 256  # of the tables of `checksum`, which stay in a core's cache


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
    if type(X) is np.ndarray and X.ndim == 2 and X.shape[1] == n_inputs and X.dtype is _NATIVE[dtype]:
        as_given = plain(X, X.dtype)  # most calls: nothing to convert or to refuse
        return as_given, lambda: refuse_non_finite(as_given, X, "X")
    array = numeric(X, "X")
    if array.ndim == 1 and len(array) == n_inputs:
        raise ShapeError(f"X has shape {array.shape}: must be (n, {n_inputs}). For one row give X[None, :].")
    if array.ndim > 2:
        raise ShapeError(
            f"X has shape {array.shape}: must be (n, {n_inputs}). Flatten each row: X.reshape(len(X), -1)."
        )
    if array.ndim != 2 or array.shape[1] != n_inputs:
        raise ShapeError(f"X has shape {array.shape}: must be (n, {n_inputs}): the network has {n_inputs} inputs.")
    converted = plain(array, dtype)
    return converted, lambda: refuse_non_finite(converted, array, "X")


def plain(array: npt.NDArray[Any], dtype: Any) -> npt.NDArray[Any]:
    """The array as engines read it: C-contiguous, aligned, in the byte order of the machine; a copy where it is not.

    A number beyond the range of dtype becomes infinite, which `refuse_non_finite` names.
    """
    if array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned:
        return array
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=dtype)
    return converted if converted.flags.aligned else converted.copy()


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
        remedy = "Drop or impute these rows first."
        if np.isfinite(original[place]):
            remedy = f"It does not fit {converted.dtype}: scale {name}, or take dtype='float64'."
        raise DataError(
            f"{name}[{', '.join(map(str, place))}] is {original[place]} (row {place[0]}), {len(bad)} such in all: "
            f"must be finite {converted.dtype} numbers. {remedy}"
        )


def weights(weight: object, n: int, dtype: str, name: str = "sample_weight") -> Array | None:
    """Sample weights as (n,), non-negative and not all zero, their sum finite; None stays None.

    Errors    ShapeError for another length; DataError naming the first weight that is not possible
    """
    if weight is None:
        return None
    array = numeric(weight, name)
    if array.shape != (n,):
        raise ShapeError(f"{name} has shape {array.shape}: must be ({n},): one weight for each row of X.")
    converted = plain(array, dtype)
    if (converted < 0).any():
        row = int(np.argmax(converted < 0))
        raise DataError(f"{name}[{row}] is {array[row]}, which is negative: weights must be ≥ 0.")
    refuse_unfit_weights(converted, array, name)
    refuse_weightless(converted, name)
    return converted


def refuse_weightless(weight: Array | None, name: str) -> None:
    """DataError where there are weights and all of them are zero."""
    if weight is not None and len(weight) and not weight.any():
        raise DataError(f"{name} holds zeros only: some weights must be > 0.")


def refuse_unfit_weights(converted: Array, original: npt.NDArray[Any], name: str) -> None:
    """DataError where weights leave the range of their dtype, or their sum that of float64."""
    if not surely_finite(converted):
        refuse_non_finite(converted, original, name)
    if len(converted) and not converted.any() and original.any():
        raise DataError(
            f"{name} holds nothing that fits {converted.dtype} (the largest is {original.max():g}, which becomes 0): "
            "must hold some > 0. Divide the weights by their largest, or take dtype='float64'."
        )
    with np.errstate(over="ignore"):
        total = converted.sum(dtype=np.float64)
    if not np.isfinite(total):
        raise DataError(
            f"{name} adds up to {total} (the largest is {converted.max():g}): must have a finite sum. "
            "Only ratios of weights count: divide them by their largest."
        )


def moderate(weight: Weights) -> Weights:
    """Weights of a mean, divided by a power of two where they are so large or small that products or sums overflow.

    Ratios stay as they are, and so does the mean, to the bit.
    """
    if weight is None or not len(weight):
        return weight
    exponent = int(np.frexp(weight.max())[1])
    return weight if abs(exponent) <= _MODERATE else np.ldexp(weight, -exponent)


def refuse_masked(**arrays: object) -> None:
    """DataError at the first masked cell of the arrays, which are given under their names."""
    for name, values in arrays.items():
        if not isinstance(values, np.ma.MaskedArray) or not np.ma.is_masked(values):
            continue
        bad = np.argwhere(np.ma.getmaskarray(values))
        place = tuple(int(i) for i in bad[0])
        raise DataError(
            f"{name}[{', '.join(map(str, place))}] is masked (row {place[0]}), {len(bad)} such in all: must be "
            f"numbers; a masked cell is a missing value. Drop these rows, or fill them: {name}.filled(value)."
        )


def unmasked(values: object) -> object:
    """Masked cells as NaN, the missing value; anything else as it is."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        dtype = values.dtype if values.dtype.kind in "fO" else np.dtype(np.float64)
        return np.ma.filled(values.astype(dtype), np.nan)
    return values


def numeric(values: object, name: str) -> npt.NDArray[Any]:
    """An array of numbers. Errors    DataError for other values, and for masked ones"""
    refuse_masked(**{name: values})
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        refuse_text(values, name)
        raise DataError(
            f"{name} does not hold numbers ({error}); encode strings and fill missing values first."
        ) from None
    if array.dtype.kind not in "fiub":
        refuse_text(values, name)
        raise DataError(f"{name} has dtype {array.dtype}: must be numbers. Encode strings and dates first.")
    return array


@contextmanager
def text_refused(**given: object) -> Iterator[None]:
    """Within it, a ValueError about arrays (given under their names) that hold text becomes that of `refuse_text`."""
    try:
        yield
    except ValueError:
        for name, values in given.items():
            if getattr(values, "ndim", 2) == 2 and not hasattr(values, "tocsr"):
                refuse_text(values, name)
        raise


def refuse_text(values: object, name: str) -> None:
    """DataError at the first cell that is text and no number, with what takes tables that hold text; else nothing."""
    array = np.asarray(values, dtype=object)
    cells = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    for j in range(cells.shape[1]):
        for cell in cells[:, j]:
            if isinstance(cell, str) and not _is_number(cell):
                raise DataError(_text_refused(name, list(getattr(values, "columns", [])), array.ndim, j, cell))


def _text_refused(name: str, columns: list[object], ndim: int, j: int, cell: str) -> str:
    where = f"{name}: column {columns[j] if len(columns) > j else j!r}" if ndim > 1 else name
    takes = "TabularClassifier or TabularRegressor" if ndim > 1 else "MLPClassifier or TabularClassifier"
    return (
        f"{where} holds text ({cut(cell)!r}): must be numbers. Try chainrule.train(table, target=COLUMN), or "
        f"{takes} of chainrule.sklearn, which encode text."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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


def checksum(*arrays: npt.NDArray[Any] | None) -> str:
    """What changes with any one number of the arrays, at the speed of memory: sums of their bytes as integers.

    It shows whether arrays of this process are still as they were. The bytes are laid out as tables of 64-bit words,
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
