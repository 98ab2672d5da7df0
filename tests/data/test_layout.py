"""What stands around the rows of a text file: lines above, comments, blanks as delimiter, no header, totals below."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

import chainrule as cr
from chainrule.data.read import read
from chainrule.data.table import Selection, Table
from chainrule.errors import DataError, SettingsError
from tables import labels

ROWS = "a,b,y\n1,red,0\n2,blue,1\n3,red,0\n"


def table(path: Path, text: str, name: str = "rows.csv", target: str = "y", **stated: Any) -> Table:
    (path / name).write_text(text, encoding="utf-8")
    return read(path / name, Selection(targets=(target,), **stated))


def values(found: Table) -> list[Any]:
    """The rows as plain values, the target last."""
    columns = []
    for column in (*found.columns, *found.targets):
        levels = column.levels if column.kind == "category" else None
        columns.append([levels[v] if levels else float(v) for v in column.values])
    return [list(row) for row in zip(*columns, strict=True)]


TRUE = [[1.0, "red", 0.0], [2.0, "blue", 1.0], [3.0, "red", 0.0]]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\n" + ROWS.replace(",", ";"),
        '"sep=;"\n' + ROWS.replace(",", ";"),
        "SEP=|\n" + ROWS.replace(",", "|"),
        "sep=\t\n" + ROWS.replace(",", "\t"),
        "\ufeffsep=;\r\n" + ROWS.replace(",", ";").replace("\n", "\r\n"),
        "# exported 2024-01-01\n" + ROWS,
        "# exported\n#\n\n# by nobody, at all\n" + ROWS,
        "  # indented\n" + ROWS,
        "# one, with commas, here\n# two\n" + ROWS,
        "\n\n" + ROWS,
        "a   b     y\n1   red   0\n2   blue  1\n3   red   0\n",
        " a b y\n 1 red 0\n 2 blue 1\n 3 red 0\n",
        "a  b\ty\n1  red\t0\n2  blue\t1\n3  red\t0\n",
        'a b y\n1 "red" 0\n2 "blue" 1\n3 "red" 0 \n',
    ],
)
def test_found_without_a_word(tmp_path: Path, text: str) -> None:
    """A line for spreadsheets, comments above the header, empty lines, columns set by blanks."""
    found = table(tmp_path, text)
    assert found.names == ("a", "b")
    assert values(found) == TRUE


def test_the_lines_of_faults_stay_right(tmp_path: Path) -> None:
    """Whatever was passed over, an error names the line an editor shows."""
    for text, line in (("sep=;\n" + ROWS.replace(",", ";") + "4;x\n", 6), ("# c\n# d\n" + ROWS + "4,x\n", 7),
                       ("a  b  y\n1  red  0\n2  blue  1\n3  x\n", 4)):  # fmt: skip
        with pytest.raises(DataError) as caught:
            table(tmp_path, text, **({"delimiter": "blanks"} if "  " in text else {}))
        assert caught.value.line == line


def test_a_header_behind_a_comment_mark_stays_the_header(tmp_path: Path) -> None:
    """The last line with # above as many cells is the header, as many tools write it."""
    assert table(tmp_path, "#a,b,y\n1,x,0\n2,z,1\n").names == ("#a", "b")
    assert table(tmp_path, "# made today\n#a\tb\ty\n1\tx\t0\n2\tz\t1\n").names == ("#a", "b")


@pytest.mark.parametrize("mark", ["#", "%", "//", ";"])
def test_stated_comments(tmp_path: Path, mark: str) -> None:
    """Comments anywhere once their mark is stated; in quotes it is text."""
    text = f"{mark} on top\na,b,y\n1,red,0\n{mark} within\n2,blue,1\n  {mark}indented\n3,red,0\n{mark} below"
    assert values(table(tmp_path, text, comment=mark)) == TRUE
    quoted = f'a,b,y\n1,"red\n{mark} x",0\n2,blue,1\n3,blue,0\n'
    assert values(table(tmp_path, quoted, comment=mark))[0][1] == f"red\n{mark} x"
    with pytest.raises(DataError) as caught:
        table(tmp_path, f"a,b,y\n1,red,0\n{mark} within\n2,blue,1\n")
    assert caught.value.line == 3


def test_blanks_are_no_guess(tmp_path: Path) -> None:
    """Texts of two words each are one column; a tab is the delimiter where cells hold single blanks."""
    (tmp_path / "one.csv").write_text("full name\nJohn Smith\nJane Doe\nJohn Smith\n")
    one = read(tmp_path / "one.csv", Selection(needs_target=False))
    assert one.names == ("full name",)
    two = table(tmp_path, "full name\ty\nJohn Smith\t0\nJane Doe\t1\nJane Doe\t1\n")
    assert two.names == ("full name",)
    assert set(two.column("full name").levels or ()) == {"John Smith", "Jane Doe"}
    stated = table(tmp_path, "first last y\nJohn Smith x\nJane Doe z\nJane Doe z\n", delimiter="blanks")
    assert stated.names == ("first", "last")


IRIS = "5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.9,versicolor\n6.0,2.7,versicolor\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (IRIS, "iris.data"),
        ("vhigh,2,small,unacc\nvhigh,4,big,acc\nhigh,2,big,acc\nhigh,2,small,unacc\n", "car.data"),
        ("p,x,s,p\ne,x,s,p\ne,b,y,p\np,b,s,e\n", "rows.csv"),
        ('18.0   8   307.0\t"ford a"\n15.0   6   350.0\t"buick b"\n18.0   8   318.0\t"ford a"\n', "mpg.data"),
        ("1 2 3\n4 5 6\n7 8 9\n", "numbers.txt"),
    ],
)  # fmt: skip
def test_a_first_row_is_no_header(tmp_path: Path, text: str, name: str) -> None:
    """It is asked, never lost as names; --no-header names the columns by their place."""
    n = len(text.splitlines())
    with pytest.raises(DataError, match="--no-header") as caught:
        table(tmp_path, text, name)
    assert caught.value.line == 1
    found = read(tmp_path / name, Selection(targets=("column_1",), header=False))
    assert len(found) == n
    assert found.names[0] == "column_2"
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert len(read(packed, Selection(targets=("column_1",), header=False))) == n


@pytest.mark.parametrize(
    "header",
    ["2019,2020,kind", "1,2,kind", "x 1,x 2,kind", "-1,0,kind", "a,kind,small"],
)
def test_headers_that_are_some(tmp_path: Path, header: str) -> None:
    """Years and other whole numbers are names; one name that is a level too is no evidence."""
    assert table(tmp_path, f"{header}\n5,6,small\n7,8,large\n5,8,large\n", target=header.split(",")[2]).names == tuple(
        header.split(",")[:2]
    )
    stated = table(tmp_path, "5.1,3.5,setosa\n1,2,setosa\n3,4,other\n", target="setosa", header=True)
    assert stated.names == ("5.1", "3.5")


def test_lines_above_the_header(tmp_path: Path) -> None:
    """--skip passes over them; without it the message says which line looks like the header."""
    for above, n in (
        ("Sales report\n", 1),
        ("Report,2024\nmade by,somebody\n", 2),
        ("Title\n\nUnits: EUR\n", 3),
        ("Title\nat\n\n", 3),
    ):
        assert values(table(tmp_path, above + ROWS, skip=n)) == TRUE
        with pytest.raises(DataError, match=f"If line {n + 1} is the header, state --skip {n}"):
            table(tmp_path, above + ROWS)
    with pytest.raises(DataError, match="is empty below line 9"):
        table(tmp_path, ROWS, skip=9)
    for stated in ({"skip": -1}, {"skip": "x"}, {"comment": ""}, {"comment": "a\nb"}):
        with pytest.raises(SettingsError, match="Try"):
            table(tmp_path, ROWS, **stated)
    bare = table(tmp_path, "Title\n" + IRIS, skip=1, header=False, target="column_3")
    assert labels(bare).tolist() == ["setosa", "setosa", "versicolor", "versicolor"]


@pytest.mark.parametrize(
    ("rows", "line", "column"),
    [
        ("id,n,who,p,q,y\n1,10,a,1,2,0\n2,20,b,3,4,1\n3328,3148030,Total,,,\n", 4, "who"),
        ("region,sales,y\nNorth,10,0\nSouth,20,1\nTotal,30,1\n", 4, "region"),
        ("region;sales;y\nNorth;10;0\nSouth;20;1\n\nGRAND TOTAL;30;\n", 5, "region"),
        ("region,sales,y\nNorth,10,0\nSouth,20,1\n\"Total:\",30,1", 4, "region"),
        ("region\tsales\ty\nNorth\t10\t0\nSouth\t20\t1\n\ud569\uacc4\t30\t1\n", 4, "region"),
        ("region,sales,y\nNorth,10,0\nSouth,20,1\nAverage,15,0.5\n", 4, "region"),
    ],
)  # fmt: skip
def test_a_row_of_totals_is_refused(tmp_path: Path, rows: str, line: int, column: str) -> None:
    """The last row alone says Total: it is no row; stated as a category, or elsewhere too, it is one."""
    with pytest.raises(DataError, match="last row alone") as caught:
        table(tmp_path, rows)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert len(table(tmp_path, rows, kinds={column: "category"})) == len([r for r in rows.splitlines() if r]) - 1


def test_totals_elsewhere_are_levels(tmp_path: Path) -> None:
    """A level named Total in several rows, or not in the last, is a level."""
    for rows in ("sex,n,y\nMale,1,0\nTotal,3,1\nFemale,2,0\nTotal,4,1\n", "sex,n,y\nTotal,3,1\nFemale,2,0\nMale,4,1\n",
                 "sex,n,y\nMale,1,0\nFemale,2,0\nTotally,4,1\n"):  # fmt: skip
        assert len(table(tmp_path, rows)) == len(rows.splitlines()) - 1


def test_what_was_dropped_is_said(tmp_path: Path) -> None:
    """Where no column is left, each dropped one stands in the message with its reason, and what helps."""
    rows = "".join(f"u{i},5,{i % 2}\n" for i in range(30))
    with pytest.raises(DataError, match="no column is left to predict from") as caught:
        table(tmp_path, "name,same,y\n" + rows)
    for entry in ("'name' (every row has its own value)", "'same' (every row holds 5)", "--kind=name=category"):
        assert entry in str(caught.value)


def test_places_mean_the_same_at_prediction(tmp_path: Path) -> None:
    """A model of a file without a header reads others so, and refuses one whose columns may have moved."""
    rows = [f"{i % 7}.5,{'red' if i % 3 else 'blue'},5,{i % 2}" for i in range(40)]
    path = tmp_path / "train.data"
    path.write_text("\n".join(rows) + "\n")
    how = {"dialect": {"header": False}, "epochs": 1, "progress": False, "validation": 0.25}
    run = cr.train(path, target="column_4", directory=tmp_path / "run", **how)
    (tmp_path / "new.data").write_text("\n".join(row[:-2] for row in rows) + "\n")
    loaded = cr.load(tmp_path / "run")
    assert loaded.predict(tmp_path / "new.data").tolist() == run.predict(path).tolist()
    (tmp_path / "less.data").write_text("\n".join(row.partition(",")[2] for row in rows[:3]) + "\n")
    assert len(run.predict(path)) == 40
    for name, text in (("two.data", "1.5,red\n2.5,blue\n"), ("five.data", "1.5,red,5,0,9\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match="must have 4, as in training"):
            run.predict(tmp_path / name)
    first = cr.train(path, target="column_1", **how)
    with pytest.raises(DataError, match="must have 4, as in training"):
        first.predict(tmp_path / "less.data")
