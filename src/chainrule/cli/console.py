"""What commands print: facts line by line, and the table of measures beside the simplest prediction."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table


def say(facts: Mapping[str, str]) -> None:
    """One aligned line for each fact."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in facts.items():
        grid.add_row(name, text)
    Console(highlight=False, markup=False).print(grid)


def scores_table(measured: Mapping[str, Mapping[str, float]], simplest: Mapping[str, Mapping[str, float]]) -> None:
    """Rows are measures; each part of the data has a column, and one for the simplest prediction."""
    names = dict.fromkeys(name for part in measured.values() for name in part if name != "n_rows")
    table = Table(title=None)
    table.add_column("measure")
    for part, values in measured.items():
        table.add_column(f"{part} ({int(values['n_rows']):,} rows)", justify="right")
        table.add_column("majority or mean", justify="right", style="dim")
    for name in names:
        cells = []
        for part, values in measured.items():
            cells += [_number(values.get(name)), _number(simplest[part].get(name))]
        table.add_row(name, *cells)
    Console(highlight=False).print(table)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"
