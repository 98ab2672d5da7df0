"""Opening: a name, a path or another library's table becomes a source of rows, or rows where they are never many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainrule.data import builtin
from chainrule.data.builtin import Part
from chainrule.data.encoding import size_unpacked
from chainrule.data.regular import is_there
from chainrule.data.source import Source
from chainrule.data.table import Selection, Table, nearest
from chainrule.errors import DataError, named_path

ENDINGS = ".csv, .tsv, .txt, .data, .dat (also .gz, .zst), .parquet, .arrow, .feather, .xlsx or .npz"


def names_of(source: object, **dialect: Any) -> tuple[str, ...]:
    """The columns of a source that can be targets; none of a built-in set and an NPZ, which have their own.

    Args      dialect: how a file is written, as far as that is stated
    Errors    DataError where it cannot be opened
    """
    is_whole = isinstance(source, (str, Path)) and (source in builtin.TARGETS or Path(source).suffix.lower() == ".npz")
    return () if is_whole else opened(source, Selection(**dialect)).names


def size_in_memory(source: str) -> int:
    """About how many bytes the rows of a file take as numbers; 0 where it is not known to be large."""
    from chainrule.data import arrow, csv

    path = named_path(source, "table", "rows.csv")
    if source in builtin.TARGETS or not is_there(path):
        return 0
    if path.is_dir() or path.name.lower().endswith(arrow.PARQUET_ENDINGS):
        return arrow.open_parquet(path).n_cells * 8
    if path.name.lower().endswith(csv.ENDINGS):
        return size_unpacked(path)
    return path.stat().st_size if path.name.lower().endswith(arrow.ARROW_ENDINGS) else 0


def read_whole(source: object, selection: Selection, part: Part) -> Table | None:
    """Sources that are never large: built-in sets, NPZ."""
    if isinstance(source, str) and source in builtin.TARGETS:
        return builtin.load(source, part, selection)
    if isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".npz" and is_there(Path(source)):
        from chainrule.data.npz import read_npz

        return read_npz(Path(source), selection)
    return None


def opened(source: object, selection: Selection) -> Source:
    """The source of rows that a path or another library's table is.

    Errors    DataError where it cannot be opened
    """
    from chainrule.data import arrow, csv, workbook

    if not isinstance(source, (str, Path)):
        table = arrow.of_object(source, selection.drop)
        if table is None:
            message = f"a {type(source).__name__} cannot be read: must be a path, a DataFrame or an Arrow stream."
            raise DataError(message)
        return table
    path = named_path(source, "table", "rows.csv")
    if not is_there(path):
        hint = nearest(str(source), builtin.TARGETS)
        message = f"no such file{hint or ': must be a file, or ' + ' '.join(builtin.TARGETS)}"
        raise DataError(message, path=str(source))
    name = path.name.lower()
    if path.is_dir() or name.endswith(arrow.PARQUET_ENDINGS):
        return arrow.open_parquet(path)
    if name.endswith(arrow.ARROW_ENDINGS):
        return arrow.open_arrow(path)
    if name.endswith(csv.ENDINGS):
        return csv.open_csv(path, selection)
    if name.endswith(workbook.ENDINGS):
        return workbook.open_workbook(path, selection)
    raise DataError(f"the ending {path.suffix!r} is not known: must be {ENDINGS}.", path=str(source))
