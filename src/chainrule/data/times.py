"""Dates and times in text: in three orders of day, month and year, with months by name, or a time of day alone.

Formula   days from 1970-01-01 of a date of the Gregorian calendar
Source    Howard Hinnant (2014), chrono-compatible low-level date algorithms: days_from_civil
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.arrow_arrays import doubles, integers, mask, null, places
from chainrule.data.arrow_arrays import text as scalar_of
from chainrule.data.arrow_arrays import texts as array_of
from chainrule.data.date_words import MONTHS, tidy
from chainrule.errors import SettingsError

Times = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

ORDERS = ("named", "ymd", "dmy", "mdy", "clock")
"""How a column may be written: months by name, three orders of numbers, or hours and minutes without a day."""

WRITTEN = {
    "named": "day, month by name, year",
    "ymd": "year-month-day",
    "dmy": "day/month/year",
    "mdy": "month/day/year",
    "clock": "hours:minutes",
}
PIVOT = 69
"""A year of two digits from here on is 19.., a lower one 20.., as POSIX has it."""

_CLOCK = (
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}(?:[.,][0-9]{1,9})?))?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?"
)
_TIME = rf"(?:(?:[ T:]|, ?)(?:{_CLOCK} ?(?P<offset>Z|[+-][0-9]{{2}}(?::?[0-9]{{2}})?)?)?)?$"
_MONTH = r"(?:-(?P<m1>[0-9]{1,2})-|/(?P<m2>[0-9]{1,2})/|\. ?(?P<m3>[0-9]{1,2})\. ?)"
_YMD = rf"^(?P<year>[0-9]{{4}}){_MONTH}(?P<day>[0-9]{{1,2}})\.?"
_MDY = "^(?P<m1>[0-9]{1,2})(?:-(?P<d1>[0-9]{1,2})-|/(?P<d2>[0-9]{1,2})/)"
_BASIC = r"^(?P<year>[0-9]{4})(?P<m1>[0-9]{2})(?P<day>[0-9]{2})"
_BASIC_TIME = r"(?:[ T](?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2}):?(?P<second>[0-9]{2})?(?P<offset>Z|[+-][0-9]{4})?)"
_BETWEEN, _APART = r"(?: de | del |[ .,/-]){0,2}", r"(?: de | del |[ .,/-]){1,2}"
_YEAR = "(?:(?P<year>[0-9]{4})|'?(?P<yy>[0-9]{2}))"
_NAMED = (
    rf"^(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th|er)?{_BETWEEN}M(?P<m1>[0-9]{{2}}){_BETWEEN}{_YEAR}\.?",
    rf"^M(?P<m1>[0-9]{{2}}){_BETWEEN}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?{_APART}{_YEAR}",
    rf"^(?P<year>[0-9]{{4}}){_BETWEEN}M(?P<m1>[0-9]{{2}}){_BETWEEN}(?P<day>[0-9]{{1,2}})",
)
_MONTHS = (rf"^M(?P<m1>[0-9]{{2}}){_BETWEEN}(?P<year>[0-9]{{4}})$", r"^(?P<year>[0-9]{4}) ?M(?P<m1>[0-9]{2})$")
_PATTERNS: dict[str, tuple[str, ...]] = {
    "named": (*(date + _TIME for date in _NAMED), *_MONTHS),
    "ymd": (_YMD + _TIME, rf"^(?P<yy>[0-9]{{2}}){_MONTH}(?P<day>[0-9]{{1,2}})\.?{_TIME}", _BASIC + _BASIC_TIME + "$"),
    "dmy": (
        rf"^(?P<day>[0-9]{{1,2}}){_MONTH}(?P<year>[0-9]{{4}})\.?{_TIME}",
        rf"^(?P<day>[0-9]{{1,2}}){_MONTH}(?P<yy>[0-9]{{2}})\.?{_TIME}",
        _YMD + _TIME,
    ),
    "mdy": (f"{_MDY}(?P<year>[0-9]{{4}}){_TIME}", f"{_MDY}(?P<yy>[0-9]{{2}}){_TIME}", _YMD + _TIME),
    "clock": (rf"^{_CLOCK}$",),
}
"""Cells that fit one are dates in that order; a year of four digits in front leaves no doubt in any of them."""


@dataclass(frozen=True, kw_only=True)
class TimeFormat:
    """How the times of a column are written, as a reading stores it."""

    order: str = "ymd"
    pivot: int = PIVOT
    words: tuple[str, ...] = ()
    """Cells that mean a missing time in this column."""

    @property
    def stored(self) -> str:
        """What differs from the defaults, as JSON; the reading of a column is "time:" and this."""
        known = {"order": self.order, "pivot": self.pivot, "words": list(self.words)}
        defaults = {"pivot": PIVOT, "words": []}
        stated = {name: value for name, value in known.items() if name not in defaults or value != defaults[name]}
        return json.dumps(stated, ensure_ascii=False, sort_keys=True)


def time_format_of(reading: str) -> TimeFormat:
    """The format of a reading: "time:" and TimeFormat.stored, "time", "time:dmy", or "time:dmy:30" with a pivot.

    Errors    ValueError for anything else
    """
    kind, _, stated = reading.partition(":")
    if kind != "time":
        raise ValueError(f"the reading is {reading!r}")
    values = json.loads(stated) if stated.startswith("{") else None
    if values is None:
        order, _, pivot = stated.partition(":")
        values = {"order": order or "ymd", **({"pivot": int(pivot)} if pivot else {})}
    words = values.pop("words", [])
    made = TimeFormat(**values)
    known = made.order in ORDERS and type(made.pivot) is int and 0 <= made.pivot <= 100
    if not known or not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"the reading is {reading!r}")
    return replace(made, words=tuple(words))


def stated_time_of(reading: str) -> TimeFormat | None:
    """The format of a reading as users state it, which leaves open what else stands among the times; None for others.

    "time" leaves the order open too: "".
    """
    if reading.partition(":")[0] != "time" or "{" in reading:
        return None
    return TimeFormat(order="") if reading == "time" else time_format_of(reading)


def check_order(stated: str | None) -> None:
    """SettingsError for an order of day, month and year that there is not."""
    if stated not in (None, "dmy", "mdy", "ymd"):
        raise SettingsError(f"dates={stated!r}: must be dmy, mdy or ymd (got {stated!r}). Try dmy for 31/12/2020.")


def parse(column: Any, made: TimeFormat, *, compact: bool = False) -> tuple[Times, Mask]:
    """The times of trimmed cells as datetime64[us], NaT where there is none, and which cells hold something else.

    Args      column: pyarrow strings; compact: take 20240131 too
    """
    encoded = column.dictionary_encode()
    codes = places(encoded.indices)
    values, odd = parse_each(encoded.dictionary, tidy(encoded.dictionary), made, compact=compact)
    return np.append(values, np.datetime64("NaT", "us"))[codes], np.append(odd, False)[codes]


def parse_each(texts: Any, plain: Any, made: TimeFormat, *, compact: bool = False) -> tuple[Times, Mask]:
    """The same of texts that are each there.

    Args      plain: what date_words.tidy makes of them
    """
    import pyarrow.compute as pc

    values, left = np.full(len(texts), np.datetime64("NaT", "us")), np.arange(len(texts))
    patterns = _PATTERNS[made.order]
    patterns += _PATTERNS["named"] if made.order in ("ymd", "dmy", "mdy") else ()
    patterns += (rf"{_BASIC}{_BASIC_TIME}?$",) if compact and made.order == "ymd" else ()
    for pattern in patterns:
        if not len(left):
            break
        found, is_time = _parsed(plain.take(integers(left)), pattern, made.pivot)
        values[left[is_time]] = found[is_time]
        left = left[~is_time]
    odd = np.isnat(values)
    if made.words:
        odd &= ~mask(pc.is_in(texts, value_set=array_of(made.words, texts.type)))
    return values, odd


def _parsed(column: Any, pattern: str, pivot: int) -> tuple[Times, Mask]:
    import pyarrow
    import pyarrow.compute as pc

    parts = pc.extract_regex(column, pattern)
    names = {parts.type.field(i).name for i in range(parts.type.num_fields)}
    matched = mask(pc.is_valid(parts))
    nothing, empty = array_of([""] * len(column), pyarrow.string()), scalar_of("")

    def text(name: str) -> Any:
        return pc.fill_null(pc.struct_field(parts, [name]), empty) if name in names else nothing

    def number(*choices: str) -> npt.NDArray[np.float64]:
        total = np.full(len(column), np.nan)
        for name in choices:
            cells = pc.replace_substring(text(name), ",", ".")
            given = doubles(pc.cast(pc.if_else(pc.equal(cells, empty), null(cells.type), cells), pyarrow.float64()))
            total = np.where(np.isnan(total), given, total)
        return total

    short = number("yy")
    year = np.where(np.isnan(short), number("year"), short + np.where(short >= pivot, 1900, 2000))
    if not names & {"year", "yy"}:
        year, month, day = np.full(len(column), 1970.0), np.ones(len(column)), np.ones(len(column))
    else:
        month, day = number("m1", "m2", "m3"), np.ones(len(column)) if "day" not in names else number("day")
        day = number("d1", "d2") if "d1" in names else day
    return _moments(matched, (year, month, day), (number("hour"), number("minute"), number("second")), text)


def _moments(matched: Mask, date: tuple[Any, ...], clock: tuple[Any, ...], text: Any) -> tuple[Times, Mask]:
    """The moments of dates and times of day that are there, and which these are."""
    import pyarrow.compute as pc

    half = np.array(pc.utf8_lower(text("half")).to_pylist(), np.str_)
    twelve = half != ""
    valid = matched & ~(np.isnan(clock[1]) & ~np.isnan(clock[0]) & ~twelve)  # an hour alone needs its half of the day
    hour, minute, second = (np.nan_to_num(part) for part in clock)
    year, month, day = (np.where(matched, np.nan_to_num(part), 1) for part in date)
    valid &= _on_the_calendar(year, month, day) & (minute < 60) & (second < 60)
    midnight = (hour == 24) & (minute == 0) & (second == 0)
    valid &= np.where(twelve, (hour >= 1) & (hour <= 12), (hour < 24) | midnight)
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

    offsets, codes = {}, column.dictionary_encode()
    for place, text in enumerate(codes.dictionary.to_pylist()):
        sign, digits = -1 if text.startswith("-") else 1, text[1:].replace(":", "")
        offsets[place] = 0 if text in ("", "Z") else sign * (int(digits[:2]) * 3_600 + int(digits[2:] or 0) * 60)
    table = np.array([*offsets.values(), 0], np.float64)
    return table[places(codes.indices)]


def may_be(texts: Any) -> bool:
    """Whether some text might be a date or a time of day: digits at its beginning or end, and something else."""
    import pyarrow.compute as pc

    return bool(
        pc.any(pc.match_substring_regex(texts, r"^.{0,40}[0-9].{0,20}[^0-9].{0,20}[0-9]|[0-9] ?[AaPp]\.?[Mm]")).as_py()
    )


def has_short_year(text: str) -> bool:
    """Whether a date has a year of two digits: no number of four stands in it."""
    return re.search("[0-9]{4}", text) is None


def in_words(moment: Any) -> str:
    """A moment as a date that leaves no doubt: "4 March 2020"."""
    day = np.datetime64(moment, "D").item()
    return f"{day.day} {MONTHS[day.month - 1].split()[0].capitalize()} {day.year}"
