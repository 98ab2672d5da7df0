"""The layout of a text file around its rows: lines above the header, comments, runs of blanks, a header or none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chainrule.data.dialect import DELIMITERS, records
from chainrule.data.table import Selection
from chainrule.errors import DataError, SettingsError

SEPARATOR_LINE = re.compile(r'"?sep=(\\t|.)"?', re.IGNORECASE)
"""What a spreadsheet reads as the delimiter of the lines below."""
COMMENT = "#"
BLANKS = ("blanks", "space", "whitespace")
"""Words for runs of blanks as delimiter."""
LOOKED_AT = 500
_NUMBER = re.compile(r"[+-]?[0-9]*[.,]?[0-9]+([eE][+-]?[0-9]+)?|[+-]?[0-9]+[.,]")
_DECIMAL = re.compile(r"[+-].*|.*[.,].*")
_BLANKS = re.compile(r'("[^"]*")|[ \t]+')


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the rows of a text begin, and what else stands among them."""

    n_above: int = 0
    """Lines above the header, or above the first row where there is none."""
    delimiter: str | None = None
    has_header: bool = True
    is_stated: bool = False
    """Whether a user said so."""
    by_blanks: bool = False
    """Whether runs of blanks stand between cells; they are read as tabs."""
    comment: str | None = None
    """What begins a line that is no row."""

    def plain(self, data: bytes) -> bytes:
        """Whole records with empty lines in place of comments and tabs in place of runs of blanks."""
        if self.comment is not None:
            mark = re.escape(self.comment.encode())
            kept, begin = [], 0
            for found in re.finditer(rb"^[ \t]*" + mark + rb"[^\n]*", data, re.MULTILINE):
                kept.append(data[begin : found.start()])
                in_quotes = sum(part.count(b'"') for part in kept) % 2
                kept.append(found.group() if in_quotes else b"")
                begin = found.end()
            data = b"".join([*kept, data[begin:]])
        return "\n".join(map(_by_tabs, data.decode("utf-8", "surrogatepass").split("\n"))).encode(
            "utf-8", "surrogatepass"
        ) if self.by_blanks else data  # fmt: skip

    @property
    def is_plain(self) -> bool:
        """Whether lines are read as they stand."""
        return not self.by_blanks and self.comment is None

    def __str__(self) -> str:
        lines = f"{self.n_above} line{'s' * (self.n_above > 1)} above" if self.n_above else ""
        parts = ["blanks" if self.by_blanks else "", "" if self.has_header else "no header", lines]
        parts += [f"comments {self.comment}"] if self.comment else []
        return ", ".join(part for part in parts if part)


def check_layout(skip: int | None, comment: str | None) -> None:
    """SettingsError for what no file can have."""
    if skip is not None and (type(skip) is not int or skip < 0):
        raise SettingsError(f"skip={skip!r}: must be a number of lines ≥ 0 (got {skip!r}). Try 1.")
    if comment is not None and (not comment.strip() or "\n" in comment):
        raise SettingsError(f"comment={comment!r}: must be what begins a comment (got {comment!r}). Try '#'.")


def find_layout(
    sample: str, path: str, *, delimiter: str | None, skip: int | None, comment: str | None, header: bool | None
) -> Layout:
    """The layout of a text, from its first lines and what a user stated.

    Errors    DataError for a text without rows
    """
    check_layout(skip, comment)
    lines = sample.split("\n")
    first = _after_empty(lines, skip or 0)
    if first < len(lines) and (found := SEPARATOR_LINE.fullmatch(lines[first].strip(" "))):
        delimiter = delimiter or found[1].replace("\\t", "\t")
        first = _after_empty(lines, first + 1)
    first = _after_comments(lines, first, comment)
    if first >= len(lines):
        above = f" below line {skip}" if skip else ""
        raise DataError(f"is empty{above}: must hold a header line and rows.", path=path, line=1 + (skip or 0))
    rows = [line for line in lines[first:] if line.strip() and not (comment and line.lstrip().startswith(comment))]
    by_blanks = delimiter in BLANKS or (delimiter is None and _is_by_blanks(rows[:LOOKED_AT]))
    return Layout(
        n_above=first,
        delimiter="\t" if by_blanks else delimiter,
        has_header=header is not False,
        is_stated=header is not None,
        by_blanks=by_blanks,
        comment=comment,
    )


def _after_empty(lines: list[str], first: int) -> int:
    return next((i for i in range(first, len(lines)) if lines[i].strip()), len(lines))


def _after_comments(lines: list[str], first: int, comment: str | None) -> int:
    """The first line that is no comment; of # that nobody stated the last may be the header, by its cells."""
    mark, last = comment or COMMENT, first
    while first < len(lines) and lines[first].lstrip().startswith(mark):
        last, first = first, _after_empty(lines, first + 1)
    if comment is None and last < first < len(lines):
        for delimiter in DELIMITERS:
            n_cells = lines[first].count(delimiter)
            if n_cells and lines[last].count(delimiter) == n_cells:
                return last
    return first


def _is_by_blanks(rows: list[str]) -> bool:
    """Whether runs of blanks cut all lines into equally many cells, numbers at least in one column.

    Where another delimiter stands in the first line, it counts; a tab does not where its cells hold wide blanks.
    """
    if len(rows) < 2 or any(mark in rows[0] for mark in ",;|"):
        return False
    if "\t" in rows[0] and not all(re.search("[^ \t]  +[^ \t]", line) for line in rows):
        return False
    cells = [_by_tabs(line).split("\t") for line in rows]
    width = len(cells[0])
    if width < 2 or any(len(row) != width for row in cells):
        return False
    return any(all(_NUMBER.fullmatch(row[j]) for row in cells[1:]) for j in range(width))


def _by_tabs(line: str) -> str:
    """A line with one tab in place of each run of blanks outside of quotes."""
    return _BLANKS.sub(lambda found: found[1] or "\t", line.strip(" \t"))


def check_first_row(rows: list[list[str]], path: str, line: int) -> None:
    """DataError where the line that is to be the header looks like the rows below it."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return
    n_alike, n_numbers, example = 0, 0, ""
    for j, text in enumerate(cell.strip() for cell in rows[0]):
        below = [row[j].strip() for row in rows[1:] if j < len(row)]
        if _NUMBER.fullmatch(text):
            is_alike = bool(_DECIMAL.fullmatch(text)) and any(_NUMBER.fullmatch(cell) for cell in below)
        else:
            is_alike = bool(text) and text in below
        n_alike, n_numbers = n_alike + is_alike, n_numbers + (is_alike and bool(_NUMBER.fullmatch(text)))
        example = example or (text if is_alike else "")
    if 2 * n_alike >= len(rows[0]) and (n_numbers or n_alike > 1):
        raise DataError(
            f"the first line looks like a row, not like names: it holds {example!r}, as the rows below do. State "
            "--no-header to have the columns named column_1, column_2 …, or write a header above it.",
            path=path,
            line=line,
        )


def check_preamble(rows: list[tuple[list[str], int]], path: str, line: int) -> None:
    """DataError where other lines stand above what looks like the header.

    Args      rows: cells and last line of each record of the sample; line: where the first begins
    """
    widths = [len(cells) for cells, _ in rows]
    start = len(widths)
    while start and widths[start - 1] == widths[-1]:
        start -= 1
    if not 0 < start < len(rows) - 1 or widths[-1] <= widths[0] or widths[0] in widths[start:]:
        return
    cells = rows[start][0]
    if all(cell.strip() and not _NUMBER.fullmatch(cell.strip()) for cell in cells):
        at = line + rows[start][1] - 1
        message = f"has {widths[0]} cell{'s' * (widths[0] > 1)}, and the lines from {at} on have {widths[-1]}"
        raise DataError(f"{message}. If line {at} is the header, state --skip {at - 1}.", path=path, line=line)


def rows_of(sample: str, delimiter: str, quote: str) -> list[tuple[list[str], int]]:
    """The first records with the number of lines up to the end of each."""
    found = []
    for cells, n_lines in records(sample, delimiter, quote):
        found.append((cells, n_lines))
        if len(found) >= LOOKED_AT:
            break
    return found


def names_without_header(n_columns: int) -> tuple[str, ...]:
    """column_1, column_2 …"""
    return tuple(f"column_{i}" for i in range(1, n_columns + 1))


def has_header(selection: Selection) -> bool | None:
    """What a user said of the header, else what the training file had; None where nobody knows."""
    return False if selection.header is None and selection.n_unnamed is not None else selection.header


def check_places(n_columns: int, selection: Selection, path: str) -> None:
    """DataError where columns without names cannot be those of training: some may be missing in front of others.

    A file to predict may lack the targets where they were the last columns.
    """
    n = selection.n_unnamed
    if n is None or has_header(selection) is not False:
        return
    last = {f"column_{i}" for i in range(n_columns + 1, n + 1)}
    if n_columns != n and not (n_columns < n and last <= set(selection.targets or ()) and not selection.needs_target):
        raise DataError(
            f"has {n_columns} columns without names: must have {n}, as in training, or all but targets that were the "
            "last ones. Give each its place, or a header column_1,column_2, …",
            path=path,
        )


def probable_delimiter(sample: str, quote: str) -> str | None:
    """The one that cuts the last lines of a sample evenly, where the first line holds none."""
    if any(mark in sample.split("\n", 1)[0] for mark in DELIMITERS):
        return None
    for delimiter in DELIMITERS:
        widths = [len(cells) for cells, _ in rows_of(sample, delimiter, quote)]
        if len(widths) > 3 and widths[0] == 1 and widths[-1] == widths[-2] == widths[-3] > 1:
            return delimiter
    return None
