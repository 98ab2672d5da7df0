"""Dates as people write them: every spelling is read as that day or asked about, and the same way at prediction."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from chainrule.data.read import batches, read
from chainrule.data.table import Selection, Table
from chainrule.data.times import ORDERS, TimeFormat, parse, time_format_of
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.columns import TimeEncoder

DAYS = [datetime.datetime(2016 + i % 7, 1 + (5 * i) % 12, 1 + (11 * i) % 28, 3 * i % 24, 7 * i % 60) for i in range(30)]
Y, M, D = "\ub144", "\uc6d4", "\uc77c"
"""Year, month and day in Korean."""
WEEKDAYS = "\uc6d4\ud654\uc218\ubaa9\uae08\ud1a0\uc77c"
AM, PM = "\uc624\uc804", "\uc624\ud6c4"
DATES = {
    "iso": lambda d: f"{d:%Y-%m-%d}",
    "slashes, year first": lambda d: f"{d:%Y/%m/%d}",
    "dots and blanks, a last dot": lambda d: f"{d.year}. {d.month}. {d.day}.",
    "dots and blanks": lambda d: f"{d.year}. {d.month}. {d.day}",
    "dots, a last dot": lambda d: f"{d:%Y.%m.%d}.",
    "Korean": lambda d: f"{d.year}{Y} {d.month}{M} {d.day}{D}",
    "Korean without blanks": lambda d: f"{d.year}{Y}{d.month:02}{M}{d.day:02}{D}",
    "Korean weekday": lambda d: f"{d:%Y-%m-%d}({WEEKDAYS[d.weekday()]})",
    "Korean weekday, long": lambda d: f"{d.year}{Y} {d.month}{M} {d.day}{D} {WEEKDAYS[d.weekday()]}\uc694\uc77c",
    "Japanese": lambda d: f"{d.year}\u5e74{d.month}\u6708{d.day}\u65e5",
    "day first": lambda d: f"{d:%d/%m/%Y}",
    "day first without zeros": lambda d: f"{d.day}/{d.month}/{d.year}",
    "day first, dots": lambda d: f"{d:%d.%m.%Y}",
    "day first, short years": lambda d: f"{d:%d.%m.%y}",
    "month first": lambda d: f"{d:%m/%d/%Y}",
    "month first, short years": lambda d: f"{d:%m/%d/%y}",
    "Jan 05, 2024": lambda d: f"{d:%b %d, %Y}",
    "January 7, 2018": lambda d: f"{d:%B} {d.day}, {d.year}",
    "01-Sep-2016": lambda d: f"{d:%d-%b-%Y}",
    "01-SEP-16": lambda d: f"{d:%d-%b-%y}".upper(),
    "5 Jan 2024": lambda d: f"{d.day} {d:%b %Y}",
    "5th January 2024": lambda d: f"{d.day}th {d:%B %Y}",
    "Mon, 05 Jan 2024": lambda d: f"{d:%a, %d %b %Y}",
    "Sunday, January 7, 2018": lambda d: f"{d:%A, %B} {d.day}, {d.year}",
    "2016-Sep-01": lambda d: f"{d:%Y-%b-%d}",
    "German": lambda d: f"{d.day}. {GERMAN[d.month - 1]} {d.year}",
    "Spanish": lambda d: f"{d.day} de {SPANISH[d.month - 1]} de {d.year}",
    "French": lambda d: f"{d.day} {FRENCH[d.month - 1]} {d.year}",
}
GERMAN = ("Jan", "Feb", "März", "April", "Mai", "Juni", "Juli", "Aug", "Sept", "Okt", "Nov", "Dez")
SPANISH = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre")  # fmt: skip
FRENCH = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
          "décembre")  # fmt: skip
CLOCKS = {
    "": (lambda d: "", 86_400),
    "T14:35:00": (lambda d: f"T{d:%H:%M:%S}", 60),
    " 14:35": (lambda d: f" {d:%H:%M}", 60),
    " 2:35:00 PM": (lambda d: f" {d.hour % 12 or 12}:{d:%M:%S} {d:%p}", 60),
    ", 14:35": (lambda d: f", {d:%H:%M}", 60),
    " Korean": (lambda d: f" {PM if d.hour > 11 else AM} {d.hour % 12 or 12}:{d:%M:%S}", 60),
    " 14:35Z": (lambda d: f" {d:%H:%M}Z", 60),
}
MARKS = {"unknown": 0.14, "0000-00-00": 0.1, "NA": 0.1}


def written(path: Path, cells: list[str], name: str = "d") -> Path:
    lines = [f"k;{name};y", *(f"{(i * 7) % 11};{text};{i % 2}" for i, text in enumerate(cells))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def column(path: Path, **stated: Any) -> Table:
    return read(path, Selection(targets=("y",), delimiter=";", **stated))


@pytest.mark.parametrize("date", DATES)
def test_every_spelling_is_its_day_or_a_question(date: str, tmp_path: Path) -> None:
    """Dates with times of day and with marks of a missing one: 28 × 10 columns, none of them silently another day."""
    n_asked, spell = 0, DATES[date]
    plain = CLOCKS[""]
    columns = [(clock, ("", None)) for clock in CLOCKS.values()] + [(plain, mark) for mark in MARKS.items()]
    for (clock, step), (mark, share) in columns:
        cells = [spell(day) + clock(day) for day in DAYS] * 2
        expected: list[Any] = [day.replace(hour=0, minute=0) if step == 86_400 else day for day in DAYS] * 2
        if share is not None:
            for i in range(0, len(cells), round(1 / share)):
                cells[i], expected[i] = mark, None
        try:
            found = column(written(tmp_path / "rows.csv", cells)).column("d")
        except DataError as error:
            assert "Every date of the column suits" in str(error)  # noqa: PT017
            n_asked += 1
            continue
        assert found.kind == "time"
        moments = [None if np.isnat(value) else value.item() for value in found.values]
        assert moments == expected, (cells[:3], moments[:3])
    assert n_asked == 0 or "short years" in date


@pytest.mark.parametrize(
    ("cells", "reads"),
    [
        (["01/02/2020", "03/04/2020"], ("1 February 2020 (day/month/year)", "2 January 2020 (month/day/year)")),
        (["11/01/2019 12:00:00 AM", "12/02/2019 12:00:00 AM"], ("11 January 2019", "1 November 2019")),
        (["01-02-2020", "03-04-2020"], ("1 February 2020", "2 January 2020")),
        (["20-01-31", "19-02-28"], ("31 January 2020 (year-month-day)", "20 January 2031 (day/month/year)")),
        (["01/02/03", "04/05/06"], ("3 February 2001", "1 February 2003", "2 January 2003")),
    ],
)
def test_what_suits_two_orders_is_asked(cells: list[str], reads: tuple[str, ...], tmp_path: Path) -> None:
    """The candidates as they would read, and the options that answer; each of them then works."""
    path = written(tmp_path / "rows.csv", cells * 12)
    with pytest.raises(DataError) as caught:
        column(path)
    assert caught.value.line == 2
    for entry in (*reads, "--dates dmy", "--kind=d=time:dmy"):
        assert entry in str(caught.value)
    day = column(path, dates="dmy").column("d").values[0]
    assert column(path, kinds={"d": "time:dmy"}).column("d").values[0] == day
    other = "ymd" if cells[0].startswith("20-") else "mdy"
    assert column(path, dates=other).column("d").values[0] != day


def test_one_cell_settles_the_order(tmp_path: Path) -> None:
    """13/02 is no month: the whole column is day first; a stated order does not overrule what the cells say."""
    path = written(tmp_path / "rows.csv", ["01/02/2020", "03/04/2020"] * 10 + ["13/02/2020"])
    for stated in ({}, {"dates": "mdy"}):
        assert column(path, **stated).column("d").values[0] == np.datetime64("2020-02-01")
    same = written(tmp_path / "rows.csv", ["05/05/2020", "06/06/2020"] * 10)
    assert column(same).column("d").values[0] == np.datetime64("2020-05-05")


def test_times_of_day(tmp_path: Path) -> None:
    """14:35, 2:35 PM and Korean alike: seconds of the day, and its sines and cosines as inputs."""
    for cells in (["14:35", "09:05", "23:59"], ["2:35 PM", "9:05 AM", "11:59 PM"],
                  [f"{PM} 2:35", f"{AM} 9:05", f"{PM} 11:59"], ["14:35:00", "9:05:00", "23:59:00"]):  # fmt: skip
        table = column(written(tmp_path / "rows.csv", cells * 8))
        seconds = table.column("d").values[:3].astype(np.int64) / 1e6
        assert seconds.tolist() == [52_500, 32_700, 86_340]
        assert "hours:minutes" in next(entry.detail for entry in table.understood if entry.name == "d")
    assert "d sin 1/day" in TimeEncoder.fit(table.column("d"), None).names
    for cells in (["3:1", "2:2"], ["25:10", "61:00"], ["1:2:3", "2:3:4"]):
        assert column(written(tmp_path / "rows.csv", cells * 8)).column("d").kind == "category"


def test_words_for_a_missing_date(tmp_path: Path) -> None:
    """ "unknown" in 14 % of a column is a missing date, said so and read so at prediction; a rare word is refused."""
    cells = [f"{day:%Y-%m-%d}" for day in DAYS] * 2
    for i in range(0, 56, 7):
        cells[i] = "unknown"
    table = column(written(tmp_path / "rows.csv", cells))
    d = table.column("d")
    assert int(d.missing.sum()) == 8
    assert "'unknown' (13.3 %) missing" in next(entry.detail for entry in table.understood if entry.name == "d")
    assert "d missing" in TimeEncoder.fit(d, None).names
    for text, missing in (("unknown", True), ("2020-01-31", False)):
        again = column(written(tmp_path / "new.csv", [text]), kinds={"d": d.reading}).column("d")
        assert bool(again.missing[0]) is missing
    with pytest.raises(DataError, match=r"'soon': must be a date written year-month-day or 'unknown'"):
        column(written(tmp_path / "new.csv", ["soon"]), kinds={"d": d.reading})
    with pytest.raises(DataError, match=r"'soon' among dates .* --missing=\+soon") as caught:
        column(written(tmp_path / "rows.csv", [*cells, "soon"]))
    assert caught.value.line == 62
    other = column(written(tmp_path / "rows.csv", [*cells, "soon"]), missing=("", "soon")).column("d")
    assert int(other.missing.sum()) == 9


def test_a_prediction_in_another_order_is_refused(tmp_path: Path) -> None:
    """What was understood is stored: 01/25/2020 is no day of a column that was day first, nor is a new word."""
    d = column(written(tmp_path / "rows.csv", ["25/01/2020", "03/04/2021"] * 10)).column("d")
    assert time_format_of(d.reading) == TimeFormat(order="dmy")
    with pytest.raises(DataError, match="must be a date written day/month/year"):
        column(written(tmp_path / "new.csv", ["01/25/2020"]), kinds={"d": d.reading})
    iso = column(written(tmp_path / "new.csv", ["2020-01-25"]), kinds={"d": d.reading}).column("d")
    assert iso.values[0] == np.datetime64("2020-01-25")


def test_a_stated_time_finds_its_order(tmp_path: Path) -> None:
    """--kind d=time says what the column is and leaves its order to the cells."""
    for text, day in (("25/01/2020", "2020-01-25"), ("01/25/2020", "2020-01-25"), ("20200125", "2020-01-25"),
                      ("Jan 25, 2020", "2020-01-25"), ("25-JAN-20", "2020-01-25")):  # fmt: skip
        path = written(tmp_path / "rows.csv", [text] * 10)
        assert column(path, kinds={"d": "time"}).column("d").values[0] == np.datetime64(day)
    with pytest.raises(DataError, match="'soon': must be a date"):
        column(written(tmp_path / "rows.csv", ["soon", "later"]), kinds={"d": "time"})
    for wrong in ("time:dym", "time:dmy:x", "time:dmy:300", 'time:{"order": 3}', "time:{"):
        with pytest.raises(SettingsError, match="cannot be read as"):
            column(path, kinds={"d": wrong})


@pytest.mark.parametrize(
    "cells",
    [
        ["2020-02-30", "2021-02-29"],
        ["32/01/2020", "00/01/2020"],
        ["1.2.3", "1.10.2"],
        ["10-12", "3-4"],
        ["2019/20", "2020/21"],
        ["12/2020", "1/2021"],
        ["May", "March"],
        ["Mar-05", "Sep-30"],
        ["10.0.0.1", "10.0.0.2"],
        ["555-12-3456", "555-12-3457"],
        ["2020-W05", "2020-W06"],
    ],
)
def test_what_is_no_date_stays_a_text(cells: list[str], tmp_path: Path) -> None:
    """Days that never were, versions, seasons, months alone, addresses and numbers of persons."""
    assert column(written(tmp_path / "rows.csv", cells * 8)).column("d").kind == "category"


def test_formats_are_stored_and_restored() -> None:
    """The reading of a column restores its format."""
    for made in (
        *(TimeFormat(order=order) for order in ORDERS),
        TimeFormat(order="dmy", pivot=30, words=("a:b", "\u00e9")),
    ):
        assert time_format_of(f"time:{made.stored}") == made
    assert time_format_of("time") == TimeFormat(order="ymd")
    assert time_format_of("time:dmy:30") == TimeFormat(order="dmy", pivot=30)


def test_by_hand() -> None:
    """The pivot, midnight at the end of a day, noon, an offset, a leap day."""
    cases = {
        ("dmy", "31/12/68"): "2068-12-31", ("dmy", "31/12/69"): "1969-12-31", ("ymd", "2020-01-31 24:00"): "2020-02-01",
        ("mdy", "11/01/2019 12:00:00 AM"): "2019-11-01", ("mdy", "11/01/2019 12:00 PM"): "2019-11-01T12:00",
        ("ymd", "2020-01-31T01:30+09:00"): "2020-01-30T16:30", ("ymd", "20200131T0130Z"): "2020-01-31T01:30",
        ("named", "05/Jan/2024:10:00:00 +0900"): "2024-01-05T01:00", ("ymd", "2020-02-29"): "2020-02-29",
        ("named", "Jan 2024"): "2024-01-01",
    }  # fmt: skip
    for (order, text), moment in cases.items():
        values, odd = parse(pyarrow.array([text]), TimeFormat(order=order))
        assert (values[0], bool(odd[0])) == (np.datetime64(moment, "us"), False), text


def test_late_dates_count(tmp_path: Path) -> None:
    """A column whose dates begin far down is read in batches as a whole."""
    cells = ["unknown"] * 3_000 + [f"{day:%d/%m/%Y}" for day in DAYS] * 1_000
    path = written(tmp_path / "rows.csv", cells)
    table = column(path)
    assert int(table.column("d").missing.sum()) == 3_000
    parts = list(batches(path, Selection(targets=("y",), delimiter=";"), 5_000))
    assert sum(int(part.column("d").missing.sum()) for part in parts) == 3_000


EIGHT_DIGITS = [f"{2015 + k % 5}{k % 12 + 1:02d}{k % 28 + 1:02d}" for k in range(300)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (EIGHT_DIGITS, "time"),
        ([*EIGHT_DIGITS[:-1], ""], "time"),
        ([*EIGHT_DIGITS[:-1], "20191301"], "number"),
        (EIGHT_DIGITS[:9] * 30, "number"),
        ([f"{20190000 + 7 * k}" for k in range(300)], "number"),
        ([f"{day}.0" for day in EIGHT_DIGITS], "number"),
    ],
)
def test_days_of_eight_digits(cells: list[str], kind: str, tmp_path: Path) -> None:
    """Whole numbers that all are days make times; one that is none, or few different days, leave numbers."""
    path = tmp_path / "t.csv"
    path.write_text("d,y\n" + "\n".join(f"{cell},{k % 7}" for k, cell in enumerate(cells)) + "\n")
    table = read(str(path), Selection(targets=("y",)))
    assert table.columns[0].kind == kind
    assert read(str(path), Selection(targets=("y",), kinds={"d": "number"})).columns[0].kind == "number"
    if kind == "time":
        assert "(--kind d=number for the number)" in table.understood[0].detail
        assert table.columns[0].values[0] == np.datetime64("2015-01-01")
        again = Selection(targets=("y",), kinds={"d": table.columns[0].reading})
        assert np.array_equal(read(str(path), again).columns[0].values, table.columns[0].values, equal_nan=True)
