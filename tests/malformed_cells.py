"""Cells as they come: spellings of numbers, decimals, dates and missing values, and what looks like one and is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chainrule.data.table import Selection
from malformed import Case, Reads, Refused


def column(name: str, cells: list[str], expected: list[Any] | Refused, label: str = "", **stated: Any) -> Case:
    """A file of one interesting column beside a target and a running number with noise."""
    lines = ["k;" + name + ";y", *(f"{(i * 7) % 11};{text};{i % 2}" for i, text in enumerate(cells))]
    outcome: Reads | Refused
    if isinstance(expected, Refused):
        outcome = expected
    else:
        n = range(len(cells))
        others = {"k": [float((i * 7) % 11) for i in n], "y": [float(i % 2) for i in n]}
        outcome = Reads(others | ({name: expected} if expected else {}))
    stated = {"delimiter": ";", **stated}
    return Case(label or name, ("\n".join(lines) + "\n").encode(), outcome, Selection(targets=("y",), **stated))


def numbers() -> Iterator[Case]:
    """Spellings of numbers, of missing values, and what looks like a number and is none."""
    plain = [str(v) for v in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4)]
    values: list[Any] = [float(v) for v in plain]

    def with_cell(cell: str) -> list[str]:
        return [*plain[:10], cell, *plain[10:]]

    for cell, value in (
        ("1e5", 1e5), ("+7", 7.0), ("5.", 5.0), (".5", 0.5), ("-0", -0.0), ("1E-3", 1e-3), ("-12.75", -12.75),
        ("123456789012345678", 123456789012345678.0), ("0.1000000000000000055", 0.1), ("1e-320", 1e-320),
    ):  # fmt: skip
        yield column("v", with_cell(cell), [*values[:10], value, *values[10:]], f"number {cell}")
    for cell in (
        "",
        " ",
        "NA",
        "N/A",
        "nan",
        "NaN",
        "null",
        "NULL",
        "?",
        "-",
        "--",
        ".",
        "#N/A",
        "None",
        "\\N",
        " NA ",
    ):
        yield column("v", with_cell(cell), [*values[:10], None, *values[10:]], f"missing {cell!r}")
    yield column("v", with_cell("-999"), [*values[:10], None, *values[10:]], "missing as stated", missing=("-999",))
    odd = (
        "oops", "inf", "-inf", "Infinity", "1e999", "0x10", "1_000", "１２", "12 kg", "$5", "12%", "1,234", "1 234",
        "1'234", "1.2.3", "--5", "5-", "1e", "+", "~3", "<5", "3/4", "1,5", "true", "2020-01-01", "Ⅳ", "na.", "5 5",
        "1\u00a0000",
    )  # fmt: skip
    for cell in odd:
        decimal = {"decimal": "."}
        yield column("v", with_cell(cell), Refused(12, "v", ("must be a number",)), f"odd cell {cell}", **decimal)
    for unit, value in (
        ("{} kg", "{}"), ("${}", "{}"), ("{}%", "{}"), ("{},234", "{}234"), ("{} 234", "{}234"), ("€ {}", "{}"),
        ("{}개", "{}"), ("{}k", "{}"),
    ):  # fmt: skip
        cells = [unit.format(i) for i in range(101, 131)]
        yield column("v", cells, [float(value.format(i)) for i in range(101, 131)], f"unit {unit}", decimal=".")
    cells = [f"1.{i}00,5" for i in range(101, 131)]
    yield column("v", cells, Refused(2, "v", ("one way to write numbers",)), "no groups of three", decimal=".")
    yield column("v", ["36 months", "60 months"] * 12, [36.0, 60.0] * 12, "few numbers with a unit")
    dependents = ["0", "1", "2", "3+"] * 8
    yield column("v", dependents, list(dependents), "levels among numbers")
    yield column("v", ["12", "x", "7", "z"] * 3, ["12", "x", "7", "z"] * 3, "mixed half and half")
    zips = ["01234", "00501", "10001", "94105"] * 3
    yield column("v", zips, list(zips), "leading zeros")
    yield column("v", ["0.5", "0", "00.5", "1"] * 3, ["0.5", "0", "00.5", "1"] * 3, "leading zeros and a point")
    ids = [f"{i:07d}" for i in range(30)]
    yield column("v", ids, [], "identifiers with leading zeros")
    yield column("v", [f"u{i}" for i in range(30)], [], "identifiers of text")
    yield column("v", [str(i) for i in range(1, 31)], [], "rows counted")
    yield column("user_id", [str((i * 37) % 101) for i in range(30)], [], "identifiers by name")
    yield column("v", ["5"] * 12, [], "a constant")
    yield column("v", ["same"] * 12, [], "a constant text")
    yield column("v", ["NA", ""] * 6, [], "nothing but missing")
    yield column("v", [f"text {i % 25} of {i % 29}" for i in range(30)], [], "many texts")
    yield column("v", ["true", "False", "TRUE", ""] * 3, [1.0, 0.0, 1.0, None] * 3, "booleans")
    yield column("v", ["yes", "no", "no", ""] * 3, ["yes", "no", "no", None] * 3, "yes and no")
    yield column("v", ["1", "0", "1", "1"] * 3, [1.0, 0.0, 1.0, 1.0] * 3, "0 and 1 stay numbers")
    stated = {"kinds": {"v": "number"}}
    yield column(
        "v", ["1", "2", "x", "4"], Refused(4, "v", ("'x'", "must be a finite number")), "stated number", **stated
    )
    yield column("v", ["0", "1", "2"], Refused(4, "v", ("true or false",)), "stated boolean", kinds={"v": "boolean"})
    yield column("v", ["10", "9", "10"], ["10", "9", "10"], "stated category", kinds={"v": "category"})


def decimals() -> Iterator[Case]:
    yield Case(
        "decimal comma", b"a;y\n1,5;0\n2,25;1\n-3;0\n", Reads({"a": [1.5, 2.25, -3.0], "y": [0.0, 1.0, 0.0]}, "comma")
    )
    yield Case("decimal comma, tabs", b"a\ty\n1,5\t0\n2,25\t1\n", Reads({"a": [1.5, 2.25], "y": [0.0, 1.0]}, "comma"))
    yield Case("decimal comma, exponent", b"a;y\n1,5;0\n2,5e3;1\n", Reads({"a": [1.5, 2500.0], "y": [0.0, 1.0]}))
    yield Case("thousands or decimals", b"a;y\n1,234;0\n2,345;1\n", Refused(2, "a", ("--decimal",)))
    stated = {mark: Selection(targets=("y",), decimal=mark) for mark in ",."}
    yield Case(
        "decimals stated", b"a;y\n1,234;0\n2,345;1\n", Reads({"a": [1.234, 2.345], "y": [0.0, 1.0]}), stated[","]
    )
    cells = "".join(f"1.{200 + i},5;{i % 2}\n" for i in range(30))
    values = {"a": [0.5, *(1200.5 + i for i in range(30))], "y": [0.0, *(float(i % 2) for i in range(30))]}
    yield Case("points for thousands", f"a;y\n0,5;0\n{cells}".encode(), Reads(values))
    yield Case(
        "quoted decimal comma", b'a,y\n"1,5",0\n"2,5",1\n', Reads({"a": [1.5, 2.5], "y": [0.0, 1.0]}), stated[","]
    )


def dates() -> Iterator[Case]:
    days = [("2020", "01", "31"), ("2019", "12", "05"), ("2021", "07", "20"), ("2020", "02", "29")]
    iso = ["-".join(day) for day in days]
    for mark in "-/.":
        for order, pick in (("ymd", (0, 1, 2)), ("dmy", (2, 1, 0)), ("mdy", (1, 2, 0))):
            if mark == "." and order == "mdy":
                continue
            yield column("d", [mark.join(day[i] for i in pick) for day in days], iso, f"dates {order} {mark}")
    yield column("d", [f"{day[0]}. {day[1]}. {day[2]}" for day in days], iso, "dates with spaces")
    yield column("d", [f"{int(day[2])}/{int(day[1])}/{day[0]}" for day in days], iso, "dates without zeros")
    times = {"T12:30": "T12:30", " 23:59:59": "T23:59:59", " 01:02:03.25": "T01:02:03.25", " 9:05 PM": "T21:05",
             " 12:00 AM": "T00:00", "T12:00Z": "T12:00", "T02:00+09:00": None}  # fmt: skip
    for cell, time in times.items():
        expected = [
            day + (time or "T17:00")
            for day in (iso if time else ["2020-01-30", "2019-12-04", "2021-07-19", "2020-02-28"])
        ]
        yield column("d", [day + cell for day in iso], expected, f"times {cell}")
    ambiguous = ["01/02/2020", "03/04/2020", "05/06/2020"]
    asked = Refused(2, "d", ("1 February 2020", "2 January 2020", "--dates dmy", "--dates mdy", "--kind=d=time:mdy"))
    yield column("d", ambiguous, asked, "dates of either order")
    eu = ["2020-02-01", "2020-04-03", "2020-06-05"]
    yield column("d", ambiguous, eu, "dates of either order, day first", dates="dmy")
    us = ["2020-01-02", "2020-03-04", "2020-05-06"]
    yield column("d", ambiguous, us, "dates of either order, stated", kinds={"d": "time:mdy"})
    yield column("d", [*iso, ""] * 2, [*iso, None] * 2, "dates with missing ones")
    cells = iso * 6
    yield column(
        "d", [*cells[:20], "soon", *cells[20:]], Refused(22, "d", ("'soon'", "dates")), "an odd cell among dates"
    )
    no_day = Refused(22, "d", ("'2021-02-29'",))
    yield column("d", [*cells[:20], "2021-02-29", *cells[20:]], no_day, "a day that never was")
    mixed = [f"{13 + i % 9}/01/2020" for i in range(30)]
    mixed[17] = "01/25/2020"
    yield column("d", mixed, Refused(19, "d", ("'01/25/2020'", "day/month/year")), "two orders in one column")
    yield column("d", ["20240131", "20231205", "20230720"], [20240131.0, 20231205.0, 20230720.0], "digits stay numbers")
    stated = {"kinds": {"d": "time"}}
    yield column("d", ["20240131", "20231205"], ["2024-01-31", "2023-12-05"], "digits stated as time", **stated)
    wrong = Refused(3, "d", ("'20231305'",))
    yield column("d", ["20240131", "20231305"], wrong, "digits that are no date", **stated)
    short = ["31/12/99", "01/01/00", "02/03/99", "31/12/68"] * 3
    long = ["1999-12-31", "2000-01-01", "1999-03-02", "2068-12-31"] * 3
    yield column("d", short, long, "years of two digits")
    born = [*long[:3], "1968-12-31"] * 3
    yield column("d", short, born, "years of two digits, the pivot stated", kinds={"d": "time:dmy:30"})


FAMILIES = (numbers, decimals, dates)
CASES = [case for family in FAMILIES for case in family()]
