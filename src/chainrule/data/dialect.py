"""The dialect of a delimited text: delimiter, quote, decimal mark; found strictly in its first records or stated."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from chainrule.data.numbers import THOUSANDS
from chainrule.errors import DataError, SettingsError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_RECORDS = 500
_DECIMAL_COMMA = re.compile(r"\s*[+-]?[0-9]+,[0-9]+\s*")
_DECIMAL_POINT = re.compile(r"\s*[+-]?[0-9]+\.[0-9]+\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}\s*")


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written."""

    delimiter: str
    quote: str
    decimal: str

    def __str__(self) -> str:
        name = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        mark = {".": "decimal point", ",": "decimal comma"}[self.decimal]
        return f"{name}, quote {self.quote}, {mark}"


def check_stated(delimiter: str | None, quote: str | None, decimal: str | None, thousands: str | None) -> None:
    """SettingsError where a stated part of the dialect is not possible."""
    for name, value in (("delimiter", delimiter), ("quote", quote)):
        if value is not None and (len(value) != 1 or not value.isascii() or value in "\r\n\0"):
            raise SettingsError(f"{name}={value!r}: must be one ASCII character.")
    if decimal not in (None, ".", ","):
        raise SettingsError(f"decimal={decimal!r}: must be '.' or ','.")
    if thousands not in (None, "", *THOUSANDS):
        raise SettingsError(
            f"thousands={thousands!r}: must be one of {', '.join(map(repr, THOUSANDS))} (got {thousands!r})."
        )
    if thousands and thousands == decimal:
        raise SettingsError(f"thousands={thousands!r}: must differ from the decimal mark (got {decimal!r}).")
    if delimiter is not None and delimiter in (quote, decimal):
        raise SettingsError(f"delimiter={delimiter!r}: must differ from the quote and the decimal mark.")


def detect(
    sample: str, path: str, *, prefer_tab: bool, delimiter: str | None, quote: str | None, decimal: str | None
) -> Dialect:
    """The dialect of a text from its first records, whole lines.

    Errors    DataError where two delimiters would do
    """
    quote = quote or _quote(sample, delimiter)
    delimiter = delimiter or _delimiter(sample, quote, path, prefer_tab)
    return Dialect(delimiter, quote, decimal or _decimal(sample, delimiter, quote))


def records(sample: str, delimiter: str, quote: str) -> Iterator[tuple[list[str], int]]:
    """Records of a text that are not empty, each with the number of lines up to its end."""
    limit = csv.field_size_limit(1 << 30)
    try:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote)
        for cells in reader:
            if cells:
                yield cells, reader.line_num
    finally:
        csv.field_size_limit(limit)


def _records(sample: str, delimiter: str, quote: str) -> list[list[str]]:
    """The first records; a quote that never closes gives one long record, which suits no delimiter."""
    return [cells for cells, _ in itertools.islice(records(sample, delimiter, quote), SAMPLE_RECORDS)]


def _quote(sample: str, delimiter: str | None) -> str:
    """The double quote, unless there is none and some column stands in single quotes throughout."""
    if '"' in sample or "'" not in sample:
        return '"'
    for candidate in [delimiter] if delimiter else DELIMITERS:
        records = _records(sample, candidate, '"')
        width = len(records[0]) if records else 0
        if width > 1 or delimiter or candidate == ",":
            for j in range(width):
                cells = [record[j] for record in records[1:] if j < len(record)]
                if len(cells) > 1 and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells):
                    return "'"
    return '"'


def _delimiter(sample: str, quote: str, path: str, prefer_tab: bool) -> str:
    widths = {}
    for candidate in DELIMITERS:
        records = _records(sample, candidate, quote)
        if records and len(records[0]) > 1:
            widths[candidate] = [len(record) for record in records]
    even = [candidate for candidate, found in widths.items() if len(set(found)) == 1]
    if prefer_tab and "\t" in widths:
        return "\t"
    if len(even) > 1 and len(widths[even[0]]) > 1:
        names = " and ".join(DELIMITERS[candidate] for candidate in even)
        raise DataError(f"can be cut at each {names}; state the delimiter (--delimiter).", path=path, line=1)
    if even:
        return even[0]
    # No candidate fits every record: the one of the header that fits most is meant, and the misfit is refused.
    agree = {candidate: sum(w == found[0] for w in found) for candidate, found in widths.items()}
    best = max(agree, key=lambda candidate: (agree[candidate], widths[candidate][0]), default="")
    return best or ("\t" if prefer_tab else ",")


def _decimal(sample: str, delimiter: str, quote: str) -> str:
    """A comma where numbers are written with it and the delimiter is another; else the point.

    1.234 and 1,234 are ambiguous: each column decides by its other cells (spellings.py).
    """
    if delimiter == ",":
        return "."
    records = _records(sample, delimiter, quote)[1:]
    cells = {cell for record in records for cell in record if "," in cell or "." in cell}
    commas = {cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell) and not _THOUSANDS.fullmatch(cell)}
    points = any(_DECIMAL_POINT.fullmatch(cell) and not _THOUSANDS.fullmatch(cell) for cell in cells)
    return "," if commas and not points else "."
