"""What commands print: facts line by line, and the table of measures beside the simplest prediction."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from chainrule.status import suspend
from chainrule.visible import Door, drawing, visible_line


def say(facts: Mapping[str, str], label_width: int = 0) -> None:
    """One aligned entry for each fact, wrapped to the terminal; a path is never broken."""
    indent = max(label_width, *map(len, facts)) + 2
    width = max(shutil.get_terminal_size().columns, indent + 20)
    for name, text in facts.items():
        lines = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False) or [""]
        print("\n".join(f"{label:{indent}}{line}" for label, line in zip_longest([name], lines, fillvalue="")))


def put(text: str, *, is_document: bool) -> None:
    """A result on stdout; a document is true to the character wherever a program reads it."""
    if is_document and isinstance(sys.stdout, Door):
        sys.stdout.document(f"{text}\n")
    else:
        print(text)


def columns_table(columns: Sequence[tuple[str, str, int | None, str]]) -> None:
    """One line for each column: name, what it was taken for, how many inputs it became, why, wrapped at words."""
    rows = [
        (visible_line(name), kind, "" if n is None else f"{n}", visible_line(detail))
        for name, kind, n, detail in columns
    ]
    headings = ("column", "taken for", "inputs", "")
    widths = [max(cell_len(row[k]) for row in (headings, *rows)) for k in range(4)]
    widths[0] = min(widths[0], 28)
    suspend()
    console = Console(file=drawing(sys.stdout), highlight=False, markup=False, emoji=False)
    widths[3] = max(20, min(widths[3], console.width - sum(widths[:3]) - 9))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, width, justify in zip(headings, widths, ("left", "left", "right", "left"), strict=True):
        how: Any = {"no_wrap": True, "overflow": "ellipsis"} if heading else {"overflow": "fold"}
        table.add_column(heading, justify=justify, width=width, **how)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*row)
    console.print(table)


def scores_table(measured: Mapping[str, Mapping[str, float | int | None]], simplest: str) -> None:
    """Rows are measures, columns the parts of the data; the last column is the simplest prediction, dim."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for part, values in measured.items():
        n = values["n_rows"]
        message = simplest if part == "baseline" else f"{part}\n{n:,} row{'s' if n != 1 else ''}"
        table.add_column(message, justify="right", style="dim" if part == "baseline" else "")
    for name in next(iter(measured.values())):
        if name != "n_rows":
            table.add_row(visible_line(name), *(number(values.get(name)) for values in measured.values()))
    suspend()
    Console(file=drawing(sys.stdout), highlight=False, markup=False, emoji=False).print(table)


def number(value: float | int | None) -> str:
    """A measure as text: counts whole, others with four decimals or five digits."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
