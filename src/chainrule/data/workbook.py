"""Workbooks (.xlsx), through openpyxl: one sheet, a header and rows; dates are what the format of a cell says."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chainrule.data.csv import check_names
from chainrule.data.layout import check_first_row, check_layout, check_places, has_header, names_without_header
from chainrule.data.source import Block
from chainrule.data.table import Selection, listed, no_such
from chainrule.data.totals import column_of_total, totals_error
from chainrule.errors import DataError, SettingsError

ENDINGS = (".xlsx", ".xlsm")
Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class WorkbookSource:
    """The rows of a sheet; a row's line is its number in the sheet."""

    path: str
    names: tuple[str, ...]
    dialect: str
    columns: dict[str, Any]
    lines: tuple[int, ...]
    decimal: str = "."
    delimiter: None = None
    kinds: dict[str, str] = field(default_factory=dict)

    def is_number(self, name: str) -> bool:
        """See Source."""
        import pyarrow

        return bool(pyarrow.types.is_floating(self.columns[name].type))

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """See Source."""
        if self.lines:
            yield Block(self.path, {name: self.columns[name] for name in self.names if name in names}, 0, self.lines)


def open_workbook(path: Path, selection: Selection) -> WorkbookSource:
    """The only sheet that holds something, or the one that is stated.

    Errors    SettingsError without openpyxl; DataError for a damaged file, several sheets, merged cells or formulas
              without a stored value, a header that is none, a last row of totals
    """
    check_layout(selection.skip, selection.comment)
    title, rows = _sheet(path, selection.sheet)
    rows = [(line, row) for line, row in rows if line > (selection.skip or 0) and any(c is not None for c in row)]
    if not rows:
        raise DataError("is empty: must hold a header line and rows.", path=str(path), line=1)
    width = max(max(j for j, cell in enumerate(row, start=1) if cell is not None) for _, row in rows)
    rows = [(line, row[:width]) for line, row in rows]
    line, first = rows[0]
    if has_header(selection) is False:
        names = names_without_header(width)
        check_places(width, selection, str(path))
    else:
        names = tuple(_text(cell) or "" for cell in first)
        if selection.header is None:
            check_first_row([[_text(cell) or "" for cell in row] for _, row in rows[:500]], str(path), line)
        check_names(names, str(path), line)
        rows = rows[1:]
    if not selection.features:
        _refuse_totals(str(path), rows, names, selection)
    columns = {name: _column([row[j] for _, row in rows]) for j, name in enumerate(names)}
    return WorkbookSource(
        path=str(path), names=names, dialect=f"workbook, sheet {title!r}", columns=columns,
        lines=tuple(line for line, _ in rows),
    )  # fmt: skip


def _sheet(path: Path, wanted: str | None) -> tuple[str, list[tuple[int, Row]]]:
    """Title and rows of a sheet, with their numbers."""
    values, formulas = _books(path)
    filled = [sheet.title for sheet in values.worksheets if any(any(row) for row in sheet.iter_rows(values_only=True))]
    if wanted is not None and wanted not in values.sheetnames:
        raise no_such("sheet", wanted, values.sheetnames, str(path))
    if wanted is None and len(filled) > 1:
        message = f"holds {len(filled)} sheets: {listed(filled)}. State one (--sheet {filled[0]!r})."
        raise DataError(message, path=str(path))
    title = wanted or (filled[0] if filled else values.sheetnames[0])
    for merged in formulas[title].merged_cells.ranges:
        if merged.min_row > 1:
            message = f"the cells {merged} are merged, so some rows would miss them. Split them, and fill each."
            raise DataError(message, path=str(path), line=merged.min_row)
    rows, written = (list(book[title].iter_rows(values_only=True)) for book in (values, formulas))
    for line, row in enumerate(written, start=1):
        for j, text in enumerate(row):
            if isinstance(text, str) and text.startswith("=") and rows[line - 1][j] is None:
                message = f"holds the formula {text!r} without a stored value. Open it in a spreadsheet and save it."
                raise DataError(message, path=str(path), line=line)
    return title, list(enumerate(rows, start=1))


def _books(path: Path) -> tuple[Any, Any]:
    """A workbook with the stored values of its cells, and with their formulas."""
    try:
        import openpyxl
    except ImportError as error:
        raise SettingsError(
            f"{path}: a workbook needs openpyxl, which cannot be imported ({error}). Try pip install "
            "'chainrule[excel]', or save the sheet as CSV."
        ) from None
    try:
        return openpyxl.load_workbook(path, data_only=True), openpyxl.load_workbook(path)
    except Exception as error:  # openpyxl lets those of zip, XML and its own descriptors through
        reason = str(error).splitlines()[0] if str(error) else repr(error)
        raise DataError(f"cannot be read ({reason}).", path=str(path)) from None


def _text(cell: Any) -> str | None:
    """A cell as a text file would hold it; None where it is empty."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ") if cell.time() != datetime.time() else cell.date().isoformat()
    return str(cell).strip()


def _column(cells: list[Any]) -> Any:
    """Cells of one type as that type, others as texts."""
    import pyarrow

    cells = [None if isinstance(cell, str) and not cell.strip() else cell for cell in cells]
    present = [cell for cell in cells if cell is not None]
    if present and all(isinstance(cell, bool) for cell in present):
        return pyarrow.array(cells, pyarrow.bool_())
    if present and all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present):
        return pyarrow.array([None if cell is None else float(cell) for cell in cells], pyarrow.float64())
    if present and all(isinstance(cell, datetime.datetime) for cell in present):
        return pyarrow.array(cells, pyarrow.timestamp("us"))
    return pyarrow.array([_text(cell) for cell in cells], pyarrow.string())


def _refuse_totals(path: str, rows: list[tuple[int, Row]], names: tuple[str, ...], selection: Selection) -> None:
    """DataError where the last row alone holds a word for a sum."""
    line, last = rows[-1] if len(rows) > 2 else (0, ())
    found = column_of_total([_text(cell) or "" for cell in last])
    if found is None or selection.kinds.get(names[found]) == "category":
        return
    word = (_text(last[found]) or "").lower()
    if sum((_text(row[found]) or "").lower() == word for _, row in rows) == 1:
        raise totals_error(path, line, None, names[found], _text(last[found]) or "")
