"""Cells of text: which are missing, which are numbers, dates or booleans, and their values; by pyarrow's kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def trimmed(column: Any, missing: Sequence[str]) -> Any:
    """The cells without spaces around them; null where they mean a missing value."""
    import pyarrow
    import pyarrow.compute as pc

    column = pc.utf8_trim_whitespace(column)
    gone = pc.is_in(column, value_set=pyarrow.array(list(missing), column.type))
    return pc.if_else(gone, pyarrow.scalar(None, column.type), column) if pc.any(gone).as_py() else column


def parsed(column: Any, decimal: str) -> tuple[Array, Mask]:
    """The numbers of trimmed cells, NaN where there is none, and which cells hold something else.

    A number is digits with at most one decimal mark, a sign and an exponent; nan and inf are none.
    """
    import pyarrow
    import pyarrow.compute as pc

    try:  # the usual case, without a look at each cell's spelling
        values = doubles(pc.cast(column, pyarrow.float64())) if decimal == "." else np.full(1, np.inf)
        if np.isfinite(values).all() or (
            int(np.isnan(values).sum()) == column.null_count and not np.isinf(values).any()
        ):
            return values, np.zeros(len(column), bool)
    except pyarrow.ArrowInvalid:
        pass
    text = column
    if decimal == ",":
        text = pc.replace_substring(pc.replace_substring(column, ".", "·"), ",", ".")
    is_number = pc.match_substring_regex(text, NUMBER)
    odd = pc.fill_null(pc.invert(is_number), False)
    plain = pc.if_else(is_number, pc.utf8_ltrim(text, "+"), pyarrow.scalar(None, text.type))
    values = doubles(pc.cast(plain, pyarrow.float64()))
    odd_mask = odd.to_numpy(zero_copy_only=False) | np.isinf(values)
    return np.where(odd_mask, np.nan, values), odd_mask


def doubles(column: Any) -> Array:
    """A pyarrow array of numbers as float64, null as NaN."""
    import pyarrow
    import pyarrow.compute as pc

    values = column if pyarrow.types.is_float64(column.type) else pc.cast(column, pyarrow.float64(), safe=False)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.float64)


def booleans(column: Any) -> tuple[Array, Mask]:
    """0 for false or 0, 1 for true or 1, in any case of letters, NaN where missing; which cells hold something else."""
    import pyarrow
    import pyarrow.compute as pc

    place = pc.index_in(pc.utf8_lower(column), value_set=pyarrow.array(["false", "true", "0", "1"], column.type))
    odd = pc.and_(pc.is_null(place), pc.is_valid(column)).to_numpy(zero_copy_only=False)
    return doubles(place) % 2, odd


def counted(column: Any) -> dict[str, int]:
    """How often each text stands in a column; nulls are not counted."""
    counts = column.drop_null().value_counts()
    return dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True))


def coded(column: Any) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Indices into the distinct texts of a column, −1 for null, and those texts in order of appearance."""
    encoded = column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32, copy=False), encoded.dictionary.to_pylist()


def first_rows(codes: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
    """The row in which each of n distinct cells first stands."""
    first = np.zeros(n, np.int64)
    rows = np.flatnonzero(codes >= 0)[::-1]
    first[codes[rows]] = rows
    return first
