"""Numbers as people write them: read rightly, or asked about; never silently wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.dialect import check_stated
from chainrule.data.numbers import NumberFormat, format_of
from chainrule.data.read import read
from chainrule.data.table import NumberColumn, Selection, missing_cells
from chainrule.data.typed import check_reading
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.columns import NumberEncoder
from number_columns import NumberCells, columns


def write(path: Path, header: list[str], rows: list[tuple[str, ...]], delimiter: str) -> None:
    """A text file with these cells, quoted where needed."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)


def outcome(path: Path, case: NumberCells, delimiter: str) -> str:
    """ "read", "asked", or what is wrong."""
    rows = [(str((7 * i) % 11), cell, "yn"[i % 2]) for i, cell in enumerate(case.cells)]
    write(path, ["k", "v", "y"], rows, delimiter)
    try:
        table = read(str(path), Selection(targets=("y",)))
    except DataError as error:
        return "asked" if error.column == "v" and error.line is not None and "--" in str(error) else f"{error}"
    column = {column.name: column for column in table.columns}.get("v")
    if column is None or column.kind != "number":
        return f"taken for {[entry.detail for entry in table.understood if entry.name == 'v']}"
    if not np.array_equal(column.values, case.values, equal_nan=True):
        return f"read as {column.values[:4]} from {case.cells[:4]}"
    if case.word and not (isinstance(column, NumberColumn) and column.codes is not None):
        return f"no input for {case.word!r}"
    return "read"


def test_none_of_many_columns_is_silently_wrong(tmp_path: Path) -> None:
    """More than 600 columns with delimiters in turns: each is read to the last digit or asked about, most are read."""
    results = {"read": 0, "asked": 0}
    for i, case in enumerate(columns()):
        delimiter = (",", ";", "\t")[i % 3]
        found = outcome(tmp_path / "rows.csv", case, delimiter)
        assert found in results, f"{case.label}, delimiter {delimiter!r}: {found}"
        results[found] += 1
        if "rare" in case.label:
            assert found == "asked", case.label
    assert sum(results.values()) >= 600
    assert results["read"] >= 0.7 * sum(results.values()), results


def of(path: Path, cells: list[str], delimiter: str = ",", **how: object) -> NumberColumn:
    """The column v of a file with these cells."""
    rows = [(str((7 * i) % 11), cell, "yn"[i % 2]) for i, cell in enumerate(cells)]
    write(path / "rows.csv", ["k", "v", "y"], rows, delimiter)
    column = read(str(path / "rows.csv"), Selection(targets=("y",), **how)).column("v")  # type: ignore[arg-type]
    assert isinstance(column, NumberColumn)
    return column


PEOPLE = {
    "$906.45 $1,906.45": ([906.45, 1906.45], {"prefix": "$", "thousands": ","}),
    "10,658.96 658.96 12.00": ([10658.96, 658.96, 12.0], {"thousands": ","}),
    "4.33% 14.3%": ([4.33, 14.3], {"suffix": "%"}),
    "225,000\uc6d0 30,000\uc6d0": ([225000.0, 30000.0], {"suffix": "\uc6d0", "thousands": ","}),
    "287.825,42 1.825,42": ([287825.42, 1825.42], {"thousands": ".", "decimal": ","}),
    "1_234,5 12_234,5 3,5": ([1234.5, 12234.5, 3.5], {"thousands": " ", "decimal": ","}),
    "(1,234.50) 1,230.10 (3.10)": ([-1234.5, 1230.1, -3.1], {"parentheses": True, "thousands": ","}),
    "46\uc138 53\uc138": ([46.0, 53.0], {"suffix": "\uc138"}),
    "12_kg 12.5_kg 0": ([12.0, 12.5, 0.0], {"suffix": "kg"}),
    "24.7_kmpl 20_kmpl": ([24.7, 20.0], {"suffix": "kmpl"}),
    "796_CC 1200_CC": ([796.0, 1200.0], {"suffix": "CC"}),
    "48_m² 50_m²": ([48.0, 50.0], {"suffix": "m²"}),
    "80_€ 95,5_€": ([80.0, 95.5], {"suffix": "€", "decimal": ","}),
    "95_kWh/(m²*a) 120.5_kWh/(m²*a)": ([95.0, 120.5], {"suffix": "kWh/(m²*a)"}),
    "-$5 $-6 ($7) ($8)": ([-5.0, -6.0, -7.0, -8.0], {"prefix": "$", "parentheses": True}),
    "5- 10- 7": ([-5.0, -10.0, 7.0], {"trailing_minus": True}),
    "−5 12": ([-5.0, 12.0], {}),
    "12,34,567 1,234 999": ([1234567.0, 1234.0, 999.0], {"thousands": ","}),
    "1'234.50 12’345.25": ([1234.5, 12345.25], {"thousands": "'"}),
    "Rs.500 Rs.1,500.5": ([500.0, 1500.5], {"prefix": "Rs.", "thousands": ","}),
    "12.- 15.-": ([12.0, 15.0], {"suffix": ".-"}),
    "7.5_l/100km 6_l/100km": ([7.5, 6.0], {"suffix": "l/100km"}),
    "1.234.567 12": ([1234567.0, 12.0], {"thousands": "."}),
    "4/5 5/5": ([4.0, 5.0], {"suffix": "/5"}),
    "R$_1.234,56 R$_12,00": ([1234.56, 12.0], {"prefix": "R$", "thousands": ".", "decimal": ","}),
}


@pytest.mark.parametrize("cells", PEOPLE, ids=list(PEOPLE))
def test_numbers_as_people_write_them(tmp_path: Path, cells: str) -> None:
    """Marks, units and signs are those all cells agree on; the format is plain data that reads them again."""
    values, wanted = PEOPLE[cells]
    column = of(tmp_path, [cell.replace("_", " ") for cell in cells.split()] * 3, ";")
    assert column.values.tolist() == values * 3
    assert column.format is not None
    for name in ("prefix", "suffix", "thousands", "parentheses", "trailing_minus"):
        assert getattr(column.format, name) == wanted.get(name, type(getattr(column.format, name))()), name
    if any("." in cell or "," in cell for cell in cells.split()) and "decimal" in wanted:
        assert column.format.decimal == wanted["decimal"]
    assert format_of(column.reading) == column.format


def test_a_mark_that_may_mean_two_things_is_a_question(tmp_path: Path) -> None:
    """1.097 is no decimal silently; what the message names makes it one or the other."""
    (tmp_path / "m.csv").write_text("Menge;Name;Preis\n1.097;a;2194\n892;b;1785\n1.656;a;3314\n")
    selection = Selection(targets=("Preis",))
    with pytest.raises(DataError, match=r"--thousands=\. or --decimal=\.") as caught:
        read(str(tmp_path / "m.csv"), selection)
    assert (caught.value.line, caught.value.column) == (2, "Menge")
    for how, first in (({"thousands": "."}, 1097.0), ({"decimal": ","}, 1097.0), ({"decimal": "."}, 1.097)):
        column = read(str(tmp_path / "m.csv"), Selection(targets=("Preis",), **how)).column("Menge")  # type: ignore[arg-type]
        assert column.values.tolist()[:2] == [first, 892.0]
    stated = read(str(tmp_path / "m.csv"), Selection(targets=("Preis",), kinds={"Menge": "number:point"}))
    assert stated.column("Menge").values.tolist() == [1.097, 892.0, 1.656]


def test_other_columns_and_many_cells_answer_the_question(tmp_path: Path) -> None:
    """The decimal mark of another column, or cells below and above a thousand; the note says which mark it is."""
    (tmp_path / "m.csv").write_text("a;b;y\n1.097;0,5;0\n2.892;1,25;1\n1.656;2,75;0\n")
    assert read(str(tmp_path / "m.csv"), Selection(targets=("y",))).column("a").values.tolist() == [1097, 2892, 1656]
    cells = [f"{v:,}".replace(",", ".") for v in range(800, 1400, 20)]
    table = of(tmp_path, cells, ";")
    assert table.values.tolist() == list(range(800, 1400, 20))
    assert table.format is not None
    assert table.format.thousands == "."


@pytest.mark.parametrize("filler", [4, 60, 3_000])
def test_one_point_among_whole_numbers_is_asked_about(tmp_path: Path, filler: int) -> None:
    """1.400 beside 1300 and 1500 is a slip or thousands, never 1.4."""
    cells = [str(1200 + i % 400) for i in range(filler)]
    cells[2] = "1.400"
    with pytest.raises(DataError) as caught:
        of(tmp_path, cells)
    assert (caught.value.line, caught.value.column) == (4, "v")


def test_one_leading_zero_decides_nothing(tmp_path: Path) -> None:
    """042 in a column of ages is 42, of 60 rows and of 20,000; codes of one width stay codes."""
    for n in (60, 20_000):
        ages = [str(18 + (i * 7) % 74) for i in range(n)]
        ages[n // 2] = "042"
        assert of(tmp_path, ages).values[n // 2] == 42.0
    rows = [(str(i % 7), f"{(i * 37) % 50:03d}", "yn"[i % 2]) for i in range(200)]
    write(tmp_path / "c.csv", ["k", "v", "y"], rows, ",")
    column = read(str(tmp_path / "c.csv"), Selection(targets=("y",))).column("v")
    assert column.kind == "category"
    assert (column.levels or ())[:2] == ("000", "001")


def test_words_among_numbers_have_inputs_of_their_own(tmp_path: Path) -> None:
    """1 … 20, >20, <1: a number with two inputs; missing cells are missing still; prediction knows the words."""
    cells = [*map(str, range(1, 21)), ">20", "<1", ">20", ""] * 8
    column = of(tmp_path, cells)
    assert column.levels == ("<1", ">20")
    assert column.values[:20].tolist() == list(range(1, 21))
    assert column.codes is not None
    assert column.codes[20:24].tolist() == [1, 0, 1, -1]
    assert column.missing[20:24].tolist() == [False, False, False, True]
    encoder = NumberEncoder.fit(column, None, scaling="standard", n_bins=0)
    assert encoder.names == ("v", "v missing", "v=<1", "v=>20")
    inputs = encoder.encode(column)
    assert inputs[20:24, 1:].tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1], [1, 0, 0]]
    again = of(tmp_path, ["3", "<1", "7"], kinds={"v": column.reading})
    assert encoder.encode(again)[:, 1:].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(DataError, match=r"'oops'.*'<1', '>20'"):
        of(tmp_path, ["3", "oops"], kinds={"v": column.reading})


@pytest.mark.parametrize("word", ["unknown", "9999-99-99", "k.A."])
def test_a_frequent_word_is_no_error_and_a_rare_one_is(tmp_path: Path, word: str) -> None:
    """A tenth of the cells may be a word; a cell that no other bears out is refused with its line."""
    cells = [str((i * 17) % 61) for i in range(100)]
    frequent = [word if i % 10 == 3 else cell for i, cell in enumerate(cells)]
    assert of(tmp_path, frequent).levels == (word,)
    with pytest.raises(DataError) as caught:
        of(tmp_path, [*frequent[:40], "seven", *frequent[41:]])
    assert (caught.value.line, caught.value.column) == (42, "v")
    missing = missing_cells(["+", "seven"])
    assert of(tmp_path, [*cells[:40], "seven", "NA", *cells[42:]], missing=missing).missing.sum() == 2


def test_a_rare_word_for_unknown_is_a_missing_value(tmp_path: Path) -> None:
    """Three of 400 cells that say unknown are no reason to stop; it is said."""
    cells = [f"{(i * 17) % 61}\uc138" for i in range(400)]
    cells[5] = cells[90] = "\ubd88\uba85"
    column = of(tmp_path, cells)
    assert column.missing.sum() == 2
    assert column.format is not None
    assert column.format.unknown == ("\ubd88\uba85",)


def test_all_columns_in_doubt_are_named_at_once(tmp_path: Path) -> None:
    """One message holds them all, each with its line; the remedies it names work together."""
    lines = [f"{i * 7 % 83},{i * 11 % 97},{i * 13 % 89} kg,{i % 2}" for i in range(90)]
    lines[10], lines[20] = "x?,5,7 kg,0", "5,--5,7 lb,0"
    (tmp_path / "rows.csv").write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError, match="3 columns are in doubt") as caught:
        read(str(tmp_path / "rows.csv"), Selection(targets=("y",)))
    message = str(caught.value)
    assert [line.strip().split(":")[0] for line in message.splitlines()[1:]] == [
        "line 12, column 'a'", "line 22, column 'b'", "line 22, column 'c'",
    ]  # fmt: skip
    missing = missing_cells(["+", "x?", "--5"])
    table = read(str(tmp_path / "rows.csv"), Selection(targets=("y",), missing=missing, kinds={"c": "category"}))
    assert [column.kind for column in table.columns] == ["number", "number", "category"]


def test_what_was_understood_reads_the_same_table_in_another_spelling_or_refuses_it(tmp_path: Path) -> None:
    """A reading is the format of training: cells of another place are refused, or read with marks that are stated."""
    cells = ["1,097.5", "892.25", "12,656.75"] * 4
    reading = of(tmp_path, cells, ";").reading
    european = ["1.097,5", "892,25", "12.656,75"] * 4
    with pytest.raises(DataError, match="--decimal"):
        of(tmp_path, european, ";", kinds={"v": reading})
    column = of(tmp_path, european, ";", kinds={"v": reading}, decimal=",")
    assert column.values.tolist() == [1097.5, 892.25, 12656.75] * 4
    whole = of(tmp_path, ["1097", "892", "12656"] * 4, ";").reading
    with pytest.raises(DataError, match=r"--thousands=\. or --decimal=\."):
        of(tmp_path, ["1.097", "892"], ";", kinds={"v": whole})
    assert of(tmp_path, ["1.097", "892"], ";", kinds={"v": whole}, thousands=".").values.tolist() == [1097, 892]
    assert of(tmp_path, ["10.5", "3"], ";", kinds={"v": whole}).values.tolist() == [10.5, 3]
    unit = of(tmp_path, ["$1,097.50", "$892.00"] * 4, ",").reading
    with pytest.raises(DataError, match=r"'€5\.00'"):
        of(tmp_path, ["$1,097.50", "€5.00"], ",", kinds={"v": unit})


@pytest.mark.parametrize("n", [4, 80])
def test_two_ways_to_write_numbers_are_no_text(tmp_path: Path, n: int) -> None:
    """Half with a decimal comma and half with a point, or pounds among kilograms, is asked about, not made levels."""
    mixed = [f"1,{200 + i}.5" if i % 2 else f"1.{200 + i},5" for i in range(n)] * 3
    with pytest.raises(DataError, match="one way to write numbers") as caught:
        of(tmp_path, mixed, ";")
    assert caught.value.column == "v"
    units = [f"{12 + i} {'kg' if i % 2 else 'lb'}" for i in range(80)]
    with pytest.raises(DataError, match="one unit"):
        of(tmp_path, units)


def test_large_and_small_blocks_agree(tmp_path: Path) -> None:
    """Thousands that begin after many rows of whole numbers, in a file of several blocks."""
    cells = [str(v % 1000) for v in range(60_000)] + ["1.097", "2.345", "1.234.567"] * 100
    column = of(tmp_path, cells, ";")
    assert column.values[-3:].tolist() == [1097, 2345, 1234567]
    assert column.values[:3].tolist() == [0, 1, 2]


def test_decimals_with_three_digits_stay_decimals(tmp_path: Path) -> None:
    """In a file with commas, in every row; beside 0.125; beside decimals of other lengths."""
    fixed = [f"{1 + i / 8:.3f}" for i in range(40)]
    assert of(tmp_path, fixed).values.tolist() == [1 + i / 8 for i in range(40)]
    assert of(tmp_path, ["8.325", "0.125"], "\t").values.tolist() == [8.325, 0.125]
    assert of(tmp_path, ["8.325", "1.5", "2", "3.25", "7.75"], ";").values.tolist() == [8.325, 1.5, 2, 3.25, 7.75]


def test_formats_are_checked_where_they_are_read() -> None:
    """A stored format is plain data of known names and types."""
    made = NumberFormat(decimal=",", thousands=".", suffix="€", words=("<1",))
    assert format_of(made.reading) == made
    assert format_of("number") is None
    for wrong in (
        'number:{"decimal": ";"}',
        'number:{"size": 3}',
        'number:{"words": "abc"}',
        "number:{",
        'number:{"words": [1]}',
    ):
        with pytest.raises(ValueError, match=r"is|are|Expecting"):
            format_of(wrong)
        with pytest.raises(SettingsError):
            check_reading("v", wrong)
    for how in ({"decimal": ";"}, {"thousands": "x"}, {"thousands": ",", "decimal": ","}):
        with pytest.raises(SettingsError, match="must"):
            check_stated(None, None, how.get("decimal"), how.get("thousands"))
