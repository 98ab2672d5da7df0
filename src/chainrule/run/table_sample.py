"""The cells of some training rows as in the table, before the pipeline encoded them.

Inputs are scaled, limited, cut into bins and levels; what is said about cells has to be read off the cells. A run of a
table keeps those of up to SAMPLE_ROWS training rows, with their targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Column, Table
from chainrule.run import files, stored
from chainrule.schema import Kinds, ListOf, Record, Schema, SchemaError, TensorSchema, Text, Whole
from chainrule.visible import cut, short_repr

Array = npt.NDArray[Any]
SAMPLE_ROWS = 2048
"""Number of training rows for losses, shares and cells; shares are then known to about one percent."""
MOST_CELLS = 2**21
"""Of a table with many columns fewer rows are kept."""
MOST_NAMED, LONGEST = 64, 60
"""Levels of a column whose names are kept, the most frequent ones, and their characters."""
_COLUMN: dict[str, Schema] = {"name": Text(encodable=False)}
_LEVELS: dict[str, Schema] = {**_COLUMN, "levels": ListOf(Text(encodable=False)), "n_levels": Whole()}
_COLUMNS = ListOf(
    Kinds({"number": Record(_COLUMN), "boolean": Record(_COLUMN), "time": Record(_COLUMN), "category": Record(_LEVELS)})
)
_ABOUT = Record({"kind": Text(("table",)), "columns": _COLUMNS, "targets": _COLUMNS, "widths": ListOf(Whole())})


def sampled_rows(n: int, most: int = SAMPLE_ROWS) -> npt.NDArray[np.int64]:
    """All of n rows, or `most` of them at equal distances.

    Examples
    --------
    >>> sampled_rows(9, 3).tolist()
    [0, 4, 8]
    """
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class TableSample:
    """Columns and targets of some training rows, and how many inputs each column became."""

    rows: npt.NDArray[np.int64] | None
    """Their places among the training rows, ascending; None where these were too many to be read at once."""
    columns: tuple[Column, ...]
    targets: tuple[Column, ...]
    widths: tuple[int, ...]
    __repr__ = short_repr

    @classmethod
    def of(cls, table: Table, names: Sequence[str], widths: Sequence[int], *, is_whole: bool = True) -> TableSample:
        """Some rows of the table of the training rows.

        Arguments: names, widths: the columns that inputs were made of, in the order of the inputs, and their inputs;
        is_whole: whether the table holds every training row, in their order.
        """
        columns = [table.column(name) for name in names]
        most = min(SAMPLE_ROWS, max(256, MOST_CELLS // max(len(columns) + len(table.targets), 1)))
        rows = sampled_rows(len(table), most)
        return cls(
            rows=rows if is_whole else None,
            columns=tuple(_few_levels(column.take(rows)) for column in columns),
            targets=tuple(_few_levels(column.take(rows)) for column in table.targets),
            widths=tuple(widths),
        )

    def write(self, path: Path) -> None:
        """Keep it in a file of its own."""
        arrays: dict[str, Array] = {} if self.rows is None else {"rows": self.rows}
        about: dict[str, Any] = {"kind": "table", "widths": list(self.widths)}
        for part, columns in (("columns", self.columns), ("targets", self.targets)):
            about[part] = [_described(column) for column in columns]
            for i, column in enumerate(columns):
                is_time = column.kind == "time"
                arrays[f"{part}.{i}"] = (
                    column.values.astype("datetime64[us]").view(np.int64) if is_time else column.values
                )
        files.write_tensors(path, arrays, about, durable=False)

    @classmethod
    def read(cls, path: Path, n_samples: int) -> TableSample:
        """What write has kept; n_samples: of how many training rows.

        Raises ModelFileError for anything else.
        """
        arrays, about = stored.read_tensors(path, _ABOUT)
        with stored.naming(path):
            rows = arrays.get("rows")
            if rows is not None:
                rows = TensorSchema(("int64",), (-1,), low=0, high=n_samples - 1).check(rows, "rows")
                if (np.diff(rows) <= 0).any():
                    raise SchemaError("rows are not ascending; expected ascending rows")
            if len(about["widths"]) != len(about["columns"]):
                raise SchemaError(f"widths holds {len(about['widths'])} numbers; expected one per column")
            parts = {
                part: tuple(_column(state, arrays, f"{part}.{i}") for i, state in enumerate(about[part]))
                for part in ("columns", "targets")
            }
            columns = (*parts["columns"], *parts["targets"])
            if len({len(column) for column in columns} | (set() if rows is None else {len(rows)})) > 1:
                raise SchemaError("its columns differ in length; expected equal lengths")
        return cls(rows=rows, widths=tuple(about["widths"]), **parts)


def _few_levels(column: Column) -> Column:
    """The same cells, with the levels that occur among them alone, and names for the most frequent of these."""
    if column.kind != "category":
        return replace(column, order=None, levels=None)
    present, codes = np.unique(column.values, return_inverse=True)
    shift = int(len(present) > 0 and present[0] < 0)
    codes = codes.reshape(-1).astype(np.int32) - np.int32(shift)
    counts = np.bincount(codes[codes >= 0], minlength=len(present) - shift)
    named = set(np.argsort(-counts, kind="stable")[:MOST_NAMED].tolist())
    levels = column.levels or ()
    names = (cut(levels[int(old)], LONGEST) if i in named else "" for i, old in enumerate(present[shift:]))
    return Column(column.name, "category", codes, tuple(names))


def _described(column: Column) -> dict[str, Any]:
    stored: dict[str, Any] = {"kind": column.kind, "name": column.name}
    if column.kind == "category":
        levels = list(column.levels or ())
        while levels and not levels[-1]:
            levels.pop()
        stored |= {"levels": levels, "n_levels": len(column.levels or ())}
    return stored


def _column(state: Mapping[str, Any], arrays: Mapping[str, Array], key: str) -> Column:
    """One column as its file has it."""
    kind, found = state["kind"], arrays.get(key)
    if kind == "category":
        n_levels = state["n_levels"]
        codes = TensorSchema(("int32",), (-1,), low=-1, high=n_levels - 1).check(found, key)
        if n_levels > len(codes) or len(state["levels"]) > n_levels:
            raise SchemaError(f"{key} has {n_levels} levels; expected at most one per row, and as many names")
        levels = (*state["levels"], *("",) * (n_levels - len(state["levels"])))
        return Column(state["name"], kind, codes, levels)
    if kind == "time":
        times: Array = TensorSchema(("int64",), (-1,)).check(found, key)
        return Column(state["name"], kind, times.view("datetime64[us]"))
    return Column(state["name"], kind, TensorSchema(("float64",), (-1,), finite=False).check(found, key))
