"""Cells of text: which are missing, which are numbers, dates or booleans, and their values; by pyarrow's kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrow_arrays import doubles, false, mask, null, places, texts

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def trimmed(column: Any, missing: Sequence[str]) -> Any:
    """The cells without spaces around them; null where they mean a missing value."""
    import pyarrow.compute as pc

    column = pc.utf8_trim_whitespace(column)
    gone = pc.is_in(column, value_set=texts(missing, column.type))
    return pc.if_else(gone, null(column.type), column) if pc.any(gone).as_py() else column


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
    odd = pc.fill_null(pc.invert(is_number), false())
    plain = pc.if_else(is_number, pc.utf8_ltrim(text, "+"), null(text.type))
    values = doubles(pc.cast(plain, pyarrow.float64()))
    odd_mask = mask(odd) | np.isinf(values)
    return np.where(odd_mask, np.nan, values), odd_mask


def booleans(column: Any) -> tuple[Array, Mask]:
    """0 for false or 0, 1 for true or 1, in any case of letters, NaN where missing; which cells hold something else."""
    import pyarrow.compute as pc

    place = pc.index_in(pc.utf8_lower(column), value_set=texts(["false", "true", "0", "1"], column.type))
    odd = mask(pc.and_(pc.is_null(place), pc.is_valid(column)))
    return doubles(place) % 2, odd


def counted(column: Any) -> dict[str, int]:
    """How often each text stands in a column; nulls are not counted."""
    counts = column.drop_null().value_counts()
    return dict(zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True))


def coded(column: Any) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Indices into the distinct texts of a column, −1 for null, and those texts in order of appearance."""
    encoded = column.dictionary_encode()
    codes = places(encoded.indices)
    return codes.astype(np.int32, copy=False), encoded.dictionary.to_pylist()


def first_rows(codes: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
    """The row in which each of n distinct cells first stands."""
    first = np.zeros(n, np.int64)
    rows = np.flatnonzero(codes >= 0)[::-1]
    first[codes[rows]] = rows
    return first
