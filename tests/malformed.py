"""Files as they come, well formed and not, each with what must become of it: its values, or the place of the fault.

Reads(columns): numbers as floats, None for missing, texts of categories, times in ISO form; a column that is not
named must have been dropped. Refused(line, column, words): the error has that place and says those words.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow

from chainrule.data.table import Selection


@dataclass(frozen=True)
class Reads:
    columns: dict[str, list[Any]]
    dialect: str = ""


@dataclass(frozen=True)
class Refused:
    line: int | None
    column: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    expected: Reads | Refused
    selection: Selection = field(default_factory=lambda: Selection(targets=("y",)))
    ending: str = ".csv"


ROWS = [["1.5", "red", "0"], ["-2", "green, dark", "1"], ["", "blue", "1"], ["4e2", "red", "0"]]
TRUE = {"a": [1.5, -2.0, None, 400.0], "b": ["red", "green, dark", "blue", "red"], "y": [0.0, 1.0, 1.0, 0.0]}
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
LINE_ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}
WRONG_UTF8 = b"a,b,y\n1,caf\xc3\xa9 na\xc3\xafve,0\n2,\xff,1\n3,\xc3\xa9t\xc3\xa9,0\n"


def written(
    rows: list[list[str]], delimiter: str = ",", end: str = "\n", quote: str = '"', always: bool = False
) -> str:
    """Header a, b, y and rows as a delimited text."""

    def cell(text: str) -> str:
        needed = always or any(mark in text for mark in (delimiter, quote, "\n", "\r"))
        return quote + text.replace(quote, quote * 2) + quote if needed else text

    return "".join(delimiter.join(map(cell, row)) + end for row in [["a", "b", "y"], *rows])


def dialects() -> Iterator[Case]:
    """Every delimiter, line end and manner of quoting gives the same table."""
    for name, delimiter in DELIMITERS.items():
        for end_name, end in LINE_ENDS.items():
            for always in (False, True):
                text = written(ROWS, delimiter, end, always=always)
                yield Case(f"{name} {end_name} {'quoted' if always else 'bare'}", text.encode(), Reads(TRUE, name))
        yield Case(f"{name} without a last line end", written(ROWS, delimiter).rstrip("\n").encode(), Reads(TRUE, name))
        yield Case(f"{name} single quotes", written(ROWS, delimiter, quote="'", always=True).encode(), Reads(TRUE, "'"))
        stated = Selection(targets=("y",), delimiter=delimiter)
        yield Case(f"{name} stated", written(ROWS, delimiter).encode(), Reads(TRUE, name), stated)
    mixed = 'a,b,y\r\n1.5,red,0\n-2,"green, dark",1\r,blue,1\r\n4e2,red,0'
    yield Case("mixed line ends", mixed.encode(), Reads(TRUE))
    yield Case("tsv", written(ROWS, "\t").encode(), Reads(TRUE, "tab"), ending=".tsv")
    yield Case("txt", written(ROWS, "|").encode(), Reads(TRUE, "bar"), ending=".txt")
    spaced = "a , b,y \n 1.5 ,red ,0\n -2, \u00a0green,1\n ,blue, 1\n4e2 ,red,0\n"
    values = TRUE | {"b": ["red", "green", "blue", "red"]}
    yield Case("spaces around cells", spaced.encode(), Reads(values))
    yield Case("empty lines", written(ROWS).replace("\n", "\n\n").encode(), Reads(TRUE))
    yield Case("empty lines before the header", b"\n\n" + written(ROWS).encode(), Reads(TRUE))
    yield Case(
        "two delimiters fit",
        b"a,p;q,y\n1,2;3,0\n",
        Refused(1, None, ("comma and", "--delimiter")),
        Selection(targets=("y",)),
    )
    yield Case("two delimiters, one stated", b"a;p,y\n1;2,0\n3;4,1\n", Reads({"a": [1.0, 3.0], "p,y": ["2,0", "4,1"]}),
               Selection(targets=("a",), delimiter=";", kinds={"p,y": "category"}))  # fmt: skip


def ragged() -> Iterator[Case]:
    """A row with too few or too many cells is named by its line."""
    for name, delimiter in DELIMITERS.items():
        for at in (0, 2, 3):
            for change in ("short", "long"):
                lines = written([[row[0], row[1].replace(",", ""), row[2]] for row in ROWS], delimiter).split("\n")
                cells = lines[1 + at].split(delimiter)
                cells = cells[:2] if change == "short" else [*cells, "9"]
                lines[1 + at] = delimiter.join(cells)
                message = f"{len(cells)} cells: must have 3"
                expected = Refused(2 + at, "y" if change == "short" else None, (message,))
                yield Case(f"{change} row {at} {name}", "\n".join(lines).encode(), expected)
    yield Case("trailing delimiters in rows", b"a,b,y\n1,x,0,\n2,z,1,\n", Refused(2, None, ("4 cells",)))
    yield Case(
        "trailing delimiters everywhere", b"a,b,y,\n1,x,0,\n2,z,1,\n", Refused(1, None, ("column 4 has no name",))
    )
    yield Case("one cell in a row", b"a,b,y\n1,x,0\n2\n", Refused(3, "b", ("1 cell:",)))
    yield Case(
        "a comment on top",
        b"# exported\na,b,y\n1,x,0\n2,z,1\n",
        Reads({"a": [1.0, 2.0], "b": ["x", "z"], "y": [0.0, 1.0]}, "1 line above"),
    )
    yield Case("a total below", b"a,b,y\n1,x,0\n2,z,1\nTotal 3\n", Refused(4, "b", ("1 cell:",)))
    yield Case("ragged after quoted lines", b'a,b,y\n1,"x\n\ny",0\n2,z\n', Refused(5, "y", ("2 cells",)))
    yield Case("spaces for tabs", b"a\tb\ty\n1\tx\t0\n2 z 1\n", Refused(3, "b", ("1 cell:",)))


def quotes() -> Iterator[Case]:
    """Quotes stand around whole cells and are doubled inside, or the place is named."""
    fine = {
        "doubled": ('a,b,y\n1,"say ""hi""",0\n2,x,1\n', 'say "hi"'),
        "only a quote": ('a,b,y\n1,"""",0\n2,x,1\n', '"'),
        "a delimiter inside": ('a,b,y\n1,"p,q",0\n2,x,1\n', "p,q"),
        "a line end inside": ('a,b,y\n1,"p\nq",0\n2,x,1\n', "p\nq"),
        "CRLF inside": ('a,b,y\r\n1,"p\r\nq",0\r\n2,x,1\r\n', "p\nq"),
        "an apostrophe": ("a,b,y\n1,it's,0\n2,x,1\n", "it's"),
        "quoted spaces": ('a,b,y\n1,"  p ",0\n2,x,1\n', "p"),
        "empty quotes": ('a,b,y\n1,"",0\n2,x,1\n3,z,0\n', None),
    }
    for name, (text, value) in fine.items():
        rest = [1.0, 2.0, 3.0] if name == "empty quotes" else [1.0, 2.0]
        texts = [value, "x", "z"] if name == "empty quotes" else [value, "x"]
        yield Case(f"quotes: {name}", text.encode(), Reads({"a": rest, "b": texts, "y": [0.0, 1.0, 0.0][: len(rest)]}))
    faulty = {
        "never closed": ('a,b,y\n1,x,0\n2,"z,1\n3,w,0\n', 3, "b"),
        "never closed at the end": ('a,b,y\n1,x,0\n2,z,"1\n', 3, "y"),
        "opened only": ('a,b,y\n1,x,0\n2,z,"', 3, "y"),
        "closed on a later line": ('a,b,y\n1,"x,0\n2,z,1\n3,"w",0\n', 2, "b"),
        "text after": ('a,b,y\n1,"x"z,0\n2,w,1\n', 2, "b"),
        "text before": ('a,b,y\n1,x"z",0\n2,w,1\n', 2, "b"),
        "inside a bare cell": ('a,b,y\n1,5" pipe,0\n2,w,1\n', 2, "b"),
        "a space before": ('a,b,y\n1, "x",0\n2,w,1\n', 2, "b"),
        "escaped by a backslash": ('a,b,y\n1,"say \\"hi\\"",0\n2,w,1\n', 2, "b"),
        "after a quoted line end": ('a,b,y\n1,"p\nq",0\n2,w"w,1\n', 4, "b"),
    }
    for name, (text, line, where) in faulty.items():
        yield Case(f"quotes: {name}", text.encode(), Refused(line, where, ("quote",)))


def nul_bytes() -> Iterator[Case]:
    for name, text, line, where in (
        ("in a number", "a,b,y\n1\0,x,0\n2,z,1\n", 2, "a"),
        ("in text", "a,b,y\n1,x,0\n2,z\0,1\n", 3, "b"),
        ("at the end", "a,b,y\n1,x,0\n2,z,1\n\0\0\0", 4, "a"),
        ("in quotes", 'a,b,y\n1,x,0\n2,"z,\0",1\n', 3, "b"),
        ("after many rows", "a,b,y\n" + "1,x,0\n2,z,1\n" * 40_000 + "3,w\0,0\n", 80_002, "b"),
    ):
        yield Case(f"NUL {name}", text.encode(), Refused(line, where, ("NUL",)))
    yield Case("NUL in the header", b"a,b\0,y\n1,x,0\n2,z,1\n", Refused(1, None, ("NUL",)))


def encodings() -> Iterator[Case]:
    korean = [["1", "서울 강남구", "0"], ["2", "부산 해운대", "1"], ["3", "제주", "0"]]
    western = [["1", "café", "0"], ["2", "Müller & Söhne", "1"], ["3", "plain", "0"]]
    for label, rows, names in (
        ("korean", korean, ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp949")),
        ("western", western, ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp1252")),
    ):
        values = {"a": [1.0, 2.0, 3.0], "b": [row[1] for row in rows], "y": [0.0, 1.0, 0.0]}
        for name in names:
            mark = b"\xfe\xff" if name == "utf-16-be" else b""
            content = mark + written(rows, end="\r\n").encode(name)
            yield Case(f"{label} {name}", content, Reads(values))
            if not mark:
                yield Case(f"{label} {name} stated", content, Reads(values), Selection(targets=("y",), encoding=name))
    euro = "a,b,y\n1,5 € – “new”,0\n2,plain,1\n"
    yield Case(
        "cp1252 signs", euro.encode("cp1252"), Reads({"a": [1.0, 2.0], "b": ["5 € – “new”", "plain"], "y": [0.0, 1.0]})
    )
    late = "a,b,y\n" + "1,x,0\n2,z,1\n" * 30_000 + "3,강남,0\n"
    values = {"a": [1.0, 2.0] * 30_000 + [3.0], "b": ["x", "z"] * 30_000 + ["강남"], "y": [0.0, 1.0] * 30_000 + [0.0]}
    yield Case("cp949 after a long ASCII part", late.encode("cp949"), Reads(values))
    yield Case("a broken byte in UTF-8", WRONG_UTF8, Refused(3, None, ("0xff", "UTF-8")))
    broken = ("a,b,y\n" + "1,é,0\n2,ö,1\n" * 30_000).encode() + b"3,\xe9,0\n"
    yield Case("a broken byte far down", broken, Refused(60_002, "b", ("0xe9", "UTF-8")))
    yield Case("UTF-8 cut in a character", "a,b,y\n1,x,0\n2,서".encode()[:-1], Refused(3, None, ("UTF-8",)))
    yield Case(
        "UTF-16 without a mark", written(western).encode("utf-16-le"), Refused(1, None, ("UTF-16", "--encoding"))
    )
    yield Case("UTF-16 cut", written(western).encode("utf-16")[:-1], Refused(None, None, ("UTF-16",)))
    wrong = "a,b,y\n1,x,0\n2,서울,1\n".encode("cp949")
    yield Case(
        "stated UTF-8, but is not", wrong, Refused(3, None, ("UTF-8",)), Selection(targets=("y",), encoding="utf-8")
    )
    for name, text in (
        ("gbk", "北京市朝阳区"),
        ("cp1251", "Москва"),
        ("shift-jis", "東京都千代田区"),
        ("big5", "臺北市"),
    ):
        content = f"a,b,y\n1,x,0\n2,{text},1\n".encode(name)
        values = {"a": [1.0, 2.0], "b": ["x", text], "y": [0.0, 1.0]}
        asked = name == "big5"
        yield Case(
            f"{name} by its letters", content, Refused(3, None, (text, "--encoding")) if asked else Reads(values)
        )
        yield Case(f"{name} stated", content, Reads(values), Selection(targets=("y",), encoding=name))


def structure() -> Iterator[Case]:
    yield Case("empty", b"", Refused(1, None, ("empty",)))
    yield Case("blank", b"\n \n\n", Refused(1, None, ("empty",)))
    yield Case("a mark alone", b"\xef\xbb\xbf", Refused(1, None, ("empty",)))
    yield Case("header alone", b"a,b,y\n", Refused(None, None, ("no rows",)))
    yield Case("header alone, no line end", b"a,b,y", Refused(None, None, ("no rows",)))
    yield Case("no header", b"1,2,3\n4,5,6\n", Refused(1, None, ("header",)))
    yield Case("one row", b"a,b,y\n1,x,0\n", Reads({"a": [1.0], "b": ["x"], "y": [0.0]}))
    one = Selection(needs_target=False)
    yield Case("one column", b"a\n1\n2\n\n", Reads({"a": [1.0, 2.0]}), one)
    yield Case("one column, one row", b"a\n7\n", Reads({"a": [7.0]}), one)
    yield Case("one column, an empty line", b"a\n1\n\n2\n", Refused(3, "a", ("empty",)), one)
    yield Case("one column, missing written out", b"a\n1\nNA\n2\n", Reads({"a": [1.0, None, 2.0]}), one)
    yield Case("one quoted column", b'a\n"1"\n""\n"2"\n', Reads({"a": [1.0, None, 2.0]}), one)
    yield Case("the target alone", b"y\n0\n1\n", Refused(None, None, ("no column is left",)))
    yield Case("a name twice", b"a,a,y\n1,2,0\n", Refused(1, "a", ("column 1 and again at column 2",)))
    yield Case("a name twice, spaced", b"a, a,y\n1,2,0\n", Refused(1, "a", ("2 times",)))
    for at, header in enumerate((",b,y", "a,,y", "a,b,")):
        yield Case(
            f"no name at {at + 1}", header.encode() + b"\n1,2,0\n", Refused(1, None, (f"column {at + 1} has no name",))
        )
    yield Case("a quoted empty name", b'a,"",y\n1,2,0\n', Refused(1, None, ("column 2 has no name",)))
    yield Case(
        "names in quotes", b'"a","b c",y\n1,2,0\n3,4,1\n', Reads({"a": [1.0, 3.0], "b c": [2.0, 4.0], "y": [0.0, 1.0]})
    )
    two_lines = b'a,"b\nc",y\n1,2,0\n3,x"x,1\n'
    yield Case("a name of two lines", two_lines, Refused(4, "b\nc", ("quote",)))
    yield Case("no such target", b"a,b,z\n1,2,0\n", Refused(None, None, ("'y'",)))
    wide = ",".join(f"c{i}" for i in range(3000)) + ",y\n"
    rows = "".join(",".join(str((i * r) % 7) for i in range(3000)) + f",{r % 2}\n" for r in (1, 2, 3))
    yield Case(
        "3,000 columns, ragged", (wide + rows + "1,2\n").encode(), Refused(5, "c2", ("2 cells: must have 3001",))
    )
    long = "x" * 3_000_000
    yield Case(
        "a cell of 3 MB",
        f"a,b,y\n1,{long},0\n2,z,1\n".encode(),
        Reads({"a": [1.0, 2.0], "b": [long, "z"], "y": [0.0, 1.0]}),
    )
    yield Case("a quoted cell of 3 MB", f'a,b,y\n1,"{long}\n",0\n2,z,1\n'.encode(),
               Reads({"a": [1.0, 2.0], "b": [long, "z"], "y": [0.0, 1.0]}))  # fmt: skip
    yield Case("a header of 1 MB", f"a,{'b' * 1_000_000},y\n1,2\n".encode(), Refused(2, "y", ("2 cells",)))
    many = "a,b,y\n" + "".join(f"{i % 13},{'pq'[i % 2]},{i % 3}\n" for i in range(70_000))
    yield Case("a text after 70,000 numbers", (many + "oops,p,1\n").encode(), Refused(70_002, "a", ("'oops'",)))
    yield Case("ragged after 70,000 rows", (many + "1,p\n").encode(), Refused(70_002, "y", ("2 cells",)))
    control = "a,b,y\n1,bell\x07,0\n2,esc\x1b[0m,1\n"
    yield Case(
        "control characters",
        control.encode(),
        Reads({"a": [1.0, 2.0], "b": ["bell\x07", "esc\x1b[0m"], "y": [0.0, 1.0]}),
    )
    markup = "a,b,y\n1,<script>,0\n2,\u202eabc 😀,1\n"
    yield Case(
        "markup and marks",
        markup.encode(),
        Reads({"a": [1.0, 2.0], "b": ["<script>", "\u202eabc 😀"], "y": [0.0, 1.0]}),
    )
    yield Case(
        "html", b"<!DOCTYPE html>\n<html><body>Error, sorry; bye</body></html>\n", Refused(None, None, ("no column",))
    )
    yield Case("json", b'{"a": 1,\n "b": [2, 3]}\n', Refused(1, None, ("quote",)))
    yield Case("missing targets", b"a,y\n1,\n2,1\n3,0\n", Reads({"a": [1.0, 2.0, 3.0], "y": [None, 1.0, 0.0]}))


def archives() -> Iterator[Case]:
    plain = written(ROWS).encode()
    packed = gzip.compress(plain, mtime=0)
    long = gzip.compress(written([[str(i), str(i * i), "0"] for i in range(5000)]).encode(), mtime=0)
    zst = pyarrow.compress(plain, "zstd", asbytes=True)
    yield Case("gz", packed, Reads(TRUE), ending=".csv.gz")
    yield Case("gz of two members", packed + gzip.compress(b"7,red,1\n", mtime=0),
               Reads({"a": [*TRUE["a"], 7.0], "b": [*TRUE["b"], "red"], "y": [*TRUE["y"], 1.0]}),
               ending=".csv.gz")  # fmt: skip
    yield Case("gz cut short", long[:-200], Refused(None, None, ("cannot be read",)), ending=".csv.gz")
    yield Case("gz without its end", packed[:-4], Refused(None, None, ("cannot be read",)), ending=".csv.gz")
    flipped = bytearray(long)
    flipped[len(long) // 2] ^= 0x40
    yield Case("gz damaged", bytes(flipped), Refused(None, None, ()), ending=".csv.gz")
    yield Case("gz that is none", plain, Refused(None, None, ("cannot be read",)), ending=".csv.gz")
    yield Case("csv that is gz", packed, Refused(1, None, ()), ending=".csv")
    yield Case("gz of nothing", gzip.compress(b"", mtime=0), Refused(1, None, ("empty",)), ending=".csv.gz")
    yield Case("zst", zst, Reads(TRUE), ending=".csv.zst")
    yield Case("zst cut short", zst[:-6], Refused(None, None, ("cannot be read",)), ending=".csv.zst")
    yield Case("zst that is none", plain, Refused(None, None, ("cannot be read",)), ending=".csv.zst")
    for ending in (".parquet", ".arrow", ".feather", ".npz"):
        yield Case(f"{ending} that is none", plain, Refused(None, None, ("cannot be read",)), ending=ending)


FAMILIES = (dialects, ragged, quotes, nul_bytes, encodings, structure, archives)
CASES = [case for family in FAMILIES for case in family()]
