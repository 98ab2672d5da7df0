"""What commands print: facts line by line, and the table of measures beside the simplest prediction."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from rich import box
from rich.console import Console
from rich.table import Table


def say(facts: Mapping[str, str]) -> None:
    """One aligned entry for each fact, wrapped to the terminal; a path is never broken."""
    indent = max(map(len, facts)) + 2
    width = max(shutil.get_terminal_size().columns, indent + 20)
    for name, text in facts.items():
        lines = textwrap.wrap(text, width - indent, break_long_words=False, break_on_hyphens=False) or [""]
        print("\n".join(f"{label:{indent}}{line}" for label, line in zip_longest([name], lines, fillvalue="")))


def columns_table(columns: Sequence[tuple[str, str, int | None, str]]) -> None:
    """One line for each column: name, what it was taken for, how many inputs it became, why; long texts are cut."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("column", no_wrap=True, overflow="ellipsis", max_width=28)
    table.add_column("taken for", no_wrap=True)
    table.add_column("inputs", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for name, kind, n_inputs, detail in columns:
        table.add_row(name, kind, "" if n_inputs is None else f"{n_inputs}", detail)
    Console(highlight=False, markup=False, emoji=False).print(table)


def scores_table(measured: Mapping[str, Mapping[str, float | int | None]], simplest: str) -> None:
    """Rows are measures, columns the parts of the data; the last column is the simplest prediction, dim."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("")
    for part, values in measured.items():
        told = simplest if part == "baseline" else f"{part}\n{values['n_rows']:,} rows"
        table.add_column(told, justify="right", style="dim" if part == "baseline" else "")
    for name in next(iter(measured.values())):
        if name != "n_rows":
            table.add_row(name, *(number(values.get(name)) for values in measured.values()))
    Console(highlight=False, markup=False, emoji=False).print(table)


def number(value: float | int | None) -> str:
    """A measure as text: counts whole, others with four decimals or five digits."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"
