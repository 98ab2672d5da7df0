"""Dates and times in text: three orders of day, month and year, with or without a time of day and an offset.

Formula   days from 1970-01-01 of a date of the Gregorian calendar
Source    Howard Hinnant (2014), chrono-compatible low-level date algorithms: days_from_civil
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.cells import doubles

ORDERS = ("ymd", "dmy", "mdy")
"""The orders tried; where a column suits two, the first of them is taken and it is said."""

WRITTEN = {"ymd": "year-month-day", "dmy": "day/month/year", "mdy": "month/day/year"}

_TIME = (
    r"(?:(?:[ T]|, )(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:\.[0-9]{1,9})?))?"
    r"(?: ?(?P<half>[AaPp])[Mm])? ?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
)
_MONTH = r"(?:-(?P<m1>[0-9]{1,2})-|/(?P<m2>[0-9]{1,2})/|\. ?(?P<m3>[0-9]{1,2})\. ?)"
_DATES = {
    "ymd": rf"^(?P<year>[0-9]{{4}}){_MONTH}(?P<day>[0-9]{{1,2}})",
    "dmy": rf"^(?P<day>[0-9]{{1,2}}){_MONTH}(?P<year>[0-9]{{4}})",
    "mdy": r"^(?P<m1>[0-9]{1,2})(?:-(?P<d1>[0-9]{1,2})-|/(?P<d2>[0-9]{1,2})/)(?P<year>[0-9]{4})",
}
_COMPACT = r"^(?P<year>[0-9]{4})(?P<m1>[0-9]{2})(?P<day>[0-9]{2})"
LIKE_A_DATE = r"^[0-9]{1,4}[-/.] ?[0-9]{1,2}[-/.] ?[0-9]{1,4}"


def parse(column: Any, order: str, *, compact: bool = False) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The times of trimmed cells as datetime64[us], NaT where there is none, and which cells hold something else.

    Args      column: pyarrow strings; order: "ymd", "dmy" or "mdy"; compact: take 20240131 too
    """
    import pyarrow.compute as pc

    values, found = _parsed(column, _DATES[order] + _TIME)
    if compact and order == "ymd":
        more, also = _parsed(column, _COMPACT + _TIME)
        values = np.where(found, values, more)
        found = found | also
    present = pc.is_valid(column).to_numpy(zero_copy_only=False)
    return values, present & ~found


def _parsed(column: Any, pattern: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    import pyarrow
    import pyarrow.compute as pc

    parts = pc.extract_regex(column, pattern)
    names = {parts.type.field(i).name for i in range(parts.type.num_fields)}
    matched = pc.is_valid(parts).to_numpy(zero_copy_only=False)

    def text(name: str) -> Any:
        return pc.struct_field(parts, [name])

    def number(*choices: str) -> npt.NDArray[np.float64]:
        total = np.zeros(len(column))
        for name in choices:
            if name in names:
                cells = text(name)
                empty = pc.equal(cells, "")
                total += np.nan_to_num(doubles(pc.cast(pc.if_else(empty, "0", cells), pyarrow.float64())))
        return total

    year, month, day = number("year"), number("m1", "m2", "m3"), number("day", "d1", "d2")
    hour, minute, second = number("hour"), number("minute"), number("second")
    half = pc.fill_null(pc.utf8_lower(text("half")), "").to_numpy(zero_copy_only=False)
    twelve = half != ""
    valid = matched & _on_the_calendar(year, month, day) & (minute < 60) & (second < 60)
    valid &= np.where(twelve, (hour >= 1) & (hour <= 12), hour < 24)
    hour = np.where(twelve, hour % 12 + 12 * (half == "p"), hour)
    seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 - _offset_s(text("offset"))
    micros = seconds.astype(np.int64) * 1_000_000 + np.round(second * 1e6).astype(np.int64)
    return np.where(valid, micros.astype("datetime64[us]"), np.datetime64("NaT", "us")), valid


def _on_the_calendar(year: Any, month: Any, day: Any) -> npt.NDArray[np.bool_]:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12).astype(np.int64)]
    return (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest + (leap & (month == 2)))


def days(year: Any, month: Any, day: Any) -> npt.NDArray[np.float64]:
    """Days from 1970-01-01; the year is taken to begin in March, so that the leap day is its last."""
    year = year - (month <= 2)
    century = np.floor(year / 400)
    of_year = np.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
    within = year - century * 400
    return np.asarray(
        century * 146_097 + within * 365 + np.floor(within / 4) - np.floor(within / 100) + of_year - 719_468
    )


def _offset_s(column: Any) -> npt.NDArray[np.float64]:
    """Seconds east of UTC; 0 where no offset stands."""
    import pyarrow.compute as pc

    offsets, codes = {}, column.dictionary_encode()
    for place, text in enumerate(codes.dictionary.to_pylist()):
        sign = -1 if text.startswith("-") else 1
        offsets[place] = 0 if text in ("", "Z") else sign * (int(text[1:3]) * 3_600 + int(text[-2:]) * 60)
    table = np.array([*offsets.values(), 0], np.float64)
    return table[pc.fill_null(codes.indices, -1).to_numpy(zero_copy_only=False)]
