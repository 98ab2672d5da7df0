"""CSV and TSV with a header: strict, so that a fault is refused with its line and column, never repaired.

The bytes are decoded (encoding.py), held against the header (scan.py), and only then converted by pyarrow,
block by block. Columns of numbers are converted directly; the cells of all others stay text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chainrule.data.cells import parsed, trimmed
from chainrule.data.dialect import Dialect, check_stated, detect, records
from chainrule.data.encoding import Decoder, UndecodableError, chunks
from chainrule.data.layout import (
    BLANKS,
    Layout,
    check_first_row,
    check_places,
    check_preamble,
    find_layout,
    has_header,
    names_without_header,
    probable_delimiter,
    rows_of,
)
from chainrule.data.numbers import OTHER_MARK
from chainrule.data.regular import Standing
from chainrule.data.scan import Scanned, Scanner
from chainrule.data.source import Block
from chainrule.data.table import Selection
from chainrule.data.totals import column_of_total, totals_error
from chainrule.errors import DataError
from chainrule.status import doing

ROWS_AT_ONCE = 64
"""Rows that are converted in one piece at least: of wide tables, what is kept of each column and piece would be more
than the numbers."""
ENDINGS = tuple(
    ending + packed for ending in (".csv", ".tsv", ".txt", ".data", ".dat") for packed in ("", ".gz", ".zst")
)
LONGEST_RECORD = 1 << 24
"""Bytes of a row, or of the header; where a quote opens in a longer one, it is taken for one that is never closed."""
MOST_COLUMNS = 100_000

SAMPLE_BYTES = 1 << 18
MOST_LOOKED_AT = 1 << 26
"""Bytes after the sample that are looked through for one that is not ASCII."""


@dataclass(frozen=True, kw_only=True)
class CsvSource:
    """A delimited text whose header and dialect are known."""

    path: str
    names: tuple[str, ...]
    written: Dialect
    layout: Layout
    missing: tuple[str, ...]
    encoding: str | None
    """The one stated or found; None as long as all bytes are ASCII."""
    encoding_name: str
    detected: bool
    """Whether the encoding was found, and not stated."""
    header_lines: int
    """Lines before the first row."""
    standing: Standing
    """The file when its header was read."""
    categories: frozenset[str] | None
    """Columns a user stated as categories; None where a last row that sums up is no matter."""

    @property
    def kinds(self) -> dict[str, str]:
        """A text file states none."""
        return {}

    @property
    def decimal(self) -> str:
        """The decimal mark."""
        return self.written.decimal

    @property
    def delimiter(self) -> str:
        """What stands between cells."""
        return self.written.delimiter

    def is_number(self, name: str) -> bool:
        """See Source: a text file has no types."""
        return False

    @property
    def dialect(self) -> str:
        """Delimiter, quote, decimal mark, encoding, and what stands around the rows."""
        written = str(self.written).replace("tab", "blanks", 1) if self.layout.by_blanks else str(self.written)
        around = str(replace(self.layout, by_blanks=False))
        return f"{written}, {self.encoding_name}{', ' if around else ''}{around}"

    def blocks(self, names: Collection[str], as_text: Collection[str] = ()) -> Iterator[Block]:
        """See Source."""
        chosen = set(names)
        wanted = [name for name in self.names if name in chosen]
        text = set(as_text)
        first_row, last = 0, (b"", 0)
        for data, scanned in _scanned(self):
            doing("reading row", first_row)
            if len(scanned.lines):
                yield Block(self.path, self._block(data, scanned, wanted, text), first_row, scanned.lines)
                first_row += len(scanned.lines)
                last = data, int(scanned.lines[-1])
        if first_row > 2 and self.categories is not None:
            self._refuse_totals(*last)

    def _refuse_totals(self, data: bytes, line: int) -> None:
        """DataError where the last record holds a word for a sum that no other row has in its column."""
        end = len(data)
        while end and data.endswith(b"\n", 0, end):
            end -= 1
        begin = data.rfind(b"\n", 0, end) + 1
        cells = next(
            iter(records(data[begin:].decode("utf-8", "replace"), self.written.delimiter, self.written.quote))
        )[0]
        found = column_of_total(cells) if len(cells) == len(self.names) else None
        if found is None or self.categories is None or self.names[found] in self.categories:
            return
        word, n = re.escape(cells[found].strip().encode()), 0
        edge = re.escape(f"{self.written.delimiter}{self.written.quote}".encode())
        for block, _ in _scanned(self):
            n += len(re.findall(rb"(?im)(?:^|(?<=[%s]))[ \t]*%s[ \t]*(?=[%s]|$)" % (edge, word, edge), block))
        if n == 1:
            raise totals_error(self.path, line, None, self.names[found], cells[found].strip())

    def _block(self, data: bytes, scanned: Scanned, wanted: list[str], text: set[str]) -> dict[str, Any]:
        """The columns of one block; `text` takes up those that turn out to hold more than numbers."""

        text |= {self.names[i] for i in scanned.codes | scanned.dotted}
        columns = self._if_numbers(data, scanned, wanted, text)
        if columns is None:  # some cell is no number: its column is found, and stays text from here on
            cells = self._convert(data, scanned, wanted, set(wanted))
            text |= {name for name in wanted if name not in text and not _all_numbers(cells[name], self)}
            columns = self._if_numbers(data, scanned, wanted, text) or cells
        return columns

    def _if_numbers(self, data: bytes, scanned: Scanned, wanted: list[str], text: set[str]) -> dict[str, Any] | None:
        """The block with all columns but some as finite numbers; None where that cannot be."""
        import pyarrow
        import pyarrow.compute as pc

        try:
            columns = self._convert(data, scanned, wanted, text)
        except pyarrow.ArrowInvalid:
            return None
        finite = all(pc.all(pc.is_finite(columns[name])).as_py() is not False for name in wanted if name not in text)
        return columns if finite else None

    def _convert(self, data: bytes, scanned: Scanned, wanted: list[str], text: set[str]) -> dict[str, Any]:
        import pyarrow
        from pyarrow import csv as arrow

        table = arrow.read_csv(
            io.BytesIO(data),
            read_options=arrow.ReadOptions(
                column_names=list(self.names), block_size=max(1 << 20, ROWS_AT_ONCE * scanned.longest), use_threads=True
            ),
            parse_options=arrow.ParseOptions(
                delimiter=self.written.delimiter,
                quote_char=self.written.quote if scanned.quoted else False,
                newlines_in_values=scanned.quoted,
            ),
            convert_options=arrow.ConvertOptions(
                column_types={name: pyarrow.string() if name in text else pyarrow.float64() for name in wanted},
                include_columns=wanted,
                null_values=[*self.missing, *(f" {cell}" for cell in self.missing)],
                decimal_point=self.decimal,
                check_utf8=False,
            ),
        )
        if table.num_rows != len(scanned.lines):
            raise DataError(f"{table.num_rows} rows found where {len(scanned.lines)} stand.", path=self.path)
        return {name: table.column(name).combine_chunks() for name in wanted}


def open_csv(path: Path, selection: Selection) -> CsvSource:
    """The header and dialect of a file, found in its first records.

    Errors    DataError for an empty file, missing or double names, an encoding or dialect that is not certain
    """
    named = None if selection.delimiter in BLANKS else selection.delimiter
    check_stated(named, selection.quote, selection.decimal, selection.thousands)
    decoder, standing = Decoder(selection.encoding), Standing.of(path)
    sample = _sample(path, decoder, standing)
    layout = find_layout(
        sample,
        str(path),
        delimiter=selection.delimiter,
        skip=selection.skip,
        comment=selection.comment,
        header=has_header(selection),
    )
    sample = "\n".join(sample.split("\n")[layout.n_above :])
    if not layout.is_plain:
        sample = layout.plain(sample.encode("utf-8", "replace")).decode()
    written = detect(
        sample,
        str(path),
        prefer_tab=".tsv" in path.name.lower(),
        delimiter=layout.delimiter or probable_delimiter(sample, selection.quote or '"'),
        quote=selection.quote,
        decimal=selection.decimal or OTHER_MARK.get(selection.thousands or ""),
    )
    names, header_lines = _header(sample, str(path), written, layout)
    check_places(len(names), selection, str(path))
    plain = decoder.encoding in (None, "utf-8", "utf-8-sig", "utf-16")
    name = f"{decoder.name}{' (detected)' if decoder.detected and not plain else ''}"
    return CsvSource(
        path=str(path),
        names=names,
        written=written,
        layout=layout,
        missing=selection.missing,
        encoding=decoder.encoding,
        encoding_name=name,
        detected=decoder.detected,
        header_lines=header_lines,
        standing=standing,
        categories=None if selection.features else frozenset(n for n, k in selection.kinds.items() if k == "category"),
    )


def _header(sample: str, path: str, written: Dialect, layout: Layout) -> tuple[tuple[str, ...], int]:
    """The names of the columns, and the lines of the file before the first row.

    Errors    DataError where the first lines are no header, or not the header of the rows below
    """
    rows, line = rows_of(sample, written.delimiter, written.quote), layout.n_above + 1
    if not layout.has_header:
        return names_without_header(len(rows[0][0])), layout.n_above
    check_preamble(rows, path, line)
    cells, header_lines = rows[0]
    names = tuple(name.strip() for name in cells)
    header = "".join(line + "\n" for line in sample.split("\n")[:header_lines]).encode()
    scanner = Scanner(path, names, written)
    if scanner.scan(header, line).size == 0:
        raise scanner.unclosed(header, line)
    if not layout.is_stated:
        check_first_row([cells for cells, _ in rows], path, line)
    check_names(names, path, line)
    return names, layout.n_above + header_lines


def _sample(path: Path, decoder: Decoder, standing: Standing) -> str:
    """The first records as text with single line ends, without a last line that is cut.

    As long as all is ASCII, the bytes that follow are searched for bytes that reveal the encoding.
    """
    parts, ended, n_lines, n_looked_at = [], True, 0, 0
    try:
        for chunk in chunks(path, standing):
            if not ended:
                decoder.decode(chunk)
                n_lines, n_looked_at = n_lines + chunk.count(b"\n"), n_looked_at + len(chunk)
            else:
                parts.append(decoder.decode(chunk))
                whole = b"".join(parts)
                ended = len(whole) < SAMPLE_BYTES or whole.count(b"\n") + whole.count(b"\r") < 2
                if ended and len(whole) > max(SAMPLE_BYTES, 2 * LONGEST_RECORD):
                    raise too_long(str(path), 1)
            if not ended and (decoder.encoding is not None or n_looked_at > MOST_LOOKED_AT):
                break
    except UndecodableError as error:
        before = _plain_ends(b"".join(parts) + error.before)
        raise DataError(error.message, path=str(path), line=1 + n_lines + before.count(b"\n")) from None
    text = _plain_ends(b"".join(parts)).decode("utf-8", "replace")
    return text if ended else text[: text.rindex("\n") + 1]


def too_long(path: str, line: int) -> DataError:
    """The error for a row or header that is longer than any is meant to be."""
    message = f"the line is longer than {LONGEST_RECORD:,} bytes: must be a row of cells on a line of its own."
    return DataError(message, path=path, line=line)


def _plain_ends(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def check_names(header: Sequence[str], path: str, line: int) -> None:
    """DataError for names that are missing, double or numbers only."""
    if len(header) > MOST_COLUMNS:
        message = (
            f"the header has {len(header):,} columns: must have at most {MOST_COLUMNS:,}. NPZ with X and y takes more."
        )
        raise DataError(message, path=path, line=line)
    first: dict[str, int] = {}
    for position, name in enumerate(header, start=1):
        if not name:
            raise DataError(f"column {position} has no name: every column must have one.", path=path, line=line)
        if "\0" in name:
            raise DataError("the name holds a NUL byte: must be text. Remove it.", path=path, line=line, column=name)
        if first.setdefault(name, position) < position:
            message = f"the name stands at column {first[name]} and again at column {position}"
            raise DataError(f"{message} ({header.count(name)} times in the header).", path=path, line=line, column=name)
    if all(_is_number(name) for name in header):
        message = "the first line holds only numbers: must be a header of names. State --no-header if it is a row."
        raise DataError(message, path=path, line=line)


def _all_numbers(column: Any, source: CsvSource) -> bool:
    """Whether every cell is a number or missing."""
    return not parsed(trimmed(column, source.missing), source.decimal)[1].any()


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
        return True
    except ValueError:
        return False


def _scanned(source: CsvSource) -> Iterator[tuple[bytes, Scanned]]:
    """Whole records of the file, block by block, each checked; the header is left out."""
    decoder = Decoder(source.encoding, detected=source.detected)
    scanner = Scanner(source.path, source.names, source.written)
    rest, held, line, begun = b"", b"", 1, source.header_lines == 0
    for chunk, last in _and_last(chunks(Path(source.path), source.standing)):
        try:
            data = held + decoder.decode(chunk, last)
        except UndecodableError as error:
            before = rest + _plain_ends(held + error.before)
            raise scanner.error_at(before, len(before), line, error.message) from None
        held = b"\r" if data.endswith(b"\r") and not last else b""  # its "\n" may follow
        rest += _plain_ends(data[: len(data) - len(held)])
        if last and rest and not rest.endswith(b"\n"):
            rest += b"\n"
        if not begun:
            rest, line = _after_header(rest, source.header_lines)
            begun = line > 1
        if not begun or not rest:
            continue
        if not source.layout.is_plain:
            whole = rest.rfind(b"\n") + 1
            rest = source.layout.plain(rest[:whole]) + rest[whole:]
        scanned = scanner.scan(rest, line)
        if scanned.longest > LONGEST_RECORD:
            raise too_long(source.path, line)
        yield rest[: scanned.size], scanned
        rest, line = rest[scanned.size :], line + scanned.n_lines
        if rest and (last or (scanned.size == 0 and len(rest) > LONGEST_RECORD)):
            has_quote = source.written.quote.encode() in rest
            raise scanner.unclosed(rest, line) if has_quote else too_long(source.path, line)


def _and_last(parts: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    for part in parts:
        yield part, False
    yield b"", True


def _after_header(data: bytes, n_lines: int) -> tuple[bytes, int]:
    """What follows the first lines and the line it begins on; (data, 1) while those are not whole."""
    lines = data.split(b"\n", n_lines)
    return (data, 1) if len(lines) <= n_lines else (lines[-1], 1 + n_lines)
