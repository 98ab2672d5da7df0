"""The columns of a pandas frame as Arrow's, and what their types say: category, ordered category."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from chainrule.errors import DataError

_REFUSED = "which is no value of a column. Leave it out (drop), or make numbers or texts of it."


def arrow_of_pandas(frame: Any, name: str, unused: Collection[str] = ()) -> tuple[Any, dict[str, str]]:
    """A pyarrow table, and the kinds that the types state, as in Selection.kinds.

    Args      unused: columns of which only the name is wanted
    Errors    DataError for columns of lists, mappings, bytes, complex numbers and the like
    """
    import pyarrow

    frame = frame.set_axis([str(column) for column in frame.columns], axis=1)
    kinds: dict[str, str] = {}
    columns = []
    for position, column in enumerate(frame.columns):
        if column in unused:
            columns.append(pyarrow.nulls(len(frame)))
            continue
        values, kind = _plain(frame.iloc[:, position], str(column), name)
        columns.append(pyarrow.Array.from_pandas(values))
        if kind is not None:
            kinds[str(column)] = kind
    return pyarrow.Table.from_arrays([_one(column) for column in columns], names=list(map(str, frame.columns))), kinds


def _one(column: Any) -> Any:
    import pyarrow

    return column.combine_chunks() if isinstance(column, pyarrow.ChunkedArray) else column


def _plain(values: Any, column: str, path: str) -> tuple[Any, str | None]:
    """A column in types that Arrow has, and what its type states."""
    import pandas

    kind = values.dtype
    if isinstance(kind, pandas.SparseDtype):
        values = values.sparse.to_dense()
        kind = values.dtype
    if isinstance(kind, pandas.IntervalDtype):
        values = pandas.Series(pandas.Categorical(values, ordered=True), index=values.index)
        kind = values.dtype
    if isinstance(kind, pandas.CategoricalDtype):
        return _category(values)
    if isinstance(kind, pandas.PeriodDtype):
        return values.dt.to_timestamp(), None
    if kind.kind == "c":
        raise DataError(f"holds complex numbers, {_REFUSED}", path=path, column=column)
    return (
        (_objects(values, column, path), None) if kind.kind == "O" and not hasattr(kind, "na_value") else (values, None)
    )


def _category(values: Any) -> tuple[Any, str | None]:
    """A category of any type as one of texts; of booleans and texts their cells say more than the type."""
    import pandas

    categories = values.cat.categories
    if categories.dtype == bool:
        return values.astype(object), None
    texts = [text_of(level) for level in categories]
    as_texts = pandas.Series(pandas.Categorical.from_codes(values.cat.codes, texts), index=values.index)
    as_texts = as_texts.astype(object).where(values.notna(), None)
    if values.cat.ordered and len(set(texts)) > 1 and not any(" < " in text for text in texts):
        return as_texts, " < ".join(texts)
    is_text = pandas.api.types.infer_dtype(categories, skipna=True) in ("string", "empty")
    return as_texts, None if is_text else "category"


def text_of(level: Any) -> str:
    """A level as a text file would hold it: 3 of 3.0, a day of a time at midnight."""
    if isinstance(level, float) and level.is_integer():
        return str(int(level))
    if hasattr(level, "isoformat"):
        return str(level.isoformat()).removesuffix("T00:00:00")
    return str(level)


def _objects(values: Any, column: str, path: str) -> Any:
    """Python objects of one type as they are, numbers among texts as texts; anything else is refused."""
    import datetime
    import decimal

    import pandas

    present = values[values.notna()]
    kinds = set(map(type, present))
    plain = (str, bool, int, float, decimal.Decimal, datetime.datetime, datetime.date, pandas.Timestamp)
    for kind in kinds:
        if kind is datetime.time or issubclass(kind, (*plain, datetime.timedelta)) or hasattr(kind, "__float__"):
            continue
        first = next(place for place, value in enumerate(values) if type(value) is kind)
        raise DataError(f"row {first} (from 0) holds a {kind.__name__}, {_REFUSED}", path=path, column=column)
    if datetime.time in kinds or (str in kinds and len(kinds) > 1):
        return values.map(text_of, na_action="ignore").where(values.notna(), None)
    return values
