"""A last row that sums up the others: it is no row of the table, and trained on it would be one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from chainrule.errors import DataError

_KOREAN = "\ud569\uacc4|\ucd1d\uacc4|\ucd1d\ud569\uacc4|\uc18c\uacc4|\uacc4|\ud3c9\uade0|\ud569"
_WORDS = (
    rf"(?:grand |sub-?)?totals?|sum|average|avg|mean|summe|gesamt|gesamtsumme|insgesamt|mittelwert|somme|moyenne|"
    rf"totale|totaal|suma|promedio|m\u00e9dia|soma|\u0438\u0442\u043e\u0433\u043e|\u0432\u0441\u0435\u0433\u043e|\u5408\u8a08|"
    rf"\u5408\u8ba1|\u603b\u8ba1|\u7e3d\u8a08|{_KOREAN}"
)
TOTAL = re.compile(rf"(?:{_WORDS}):?", re.IGNORECASE)
"""What stands in a cell of such a row: a word for the sum or the mean in common languages."""


def column_of_total(cells: Sequence[str]) -> int | None:
    """The column whose cell says that a row sums up; None where there is none."""
    return next((j for j, cell in enumerate(cells) if TOTAL.fullmatch(cell.strip())), None)


def totals_error(path: str, line: int | None, row: int | None, column: str, text: str) -> DataError:
    """The error for such a row."""
    where = "" if row is None else f"row {row} (from 0) "
    return DataError(
        f"{where}holds {text!r} in the last row alone, which looks like the sum of the others and not like a row. Take "
        f"it out of the file, or state {shlex.quote(f'--kind={column}=category')} if it is one.",
        path=path,
        line=line,
        column=column,
    )
