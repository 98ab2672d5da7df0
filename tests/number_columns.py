"""Columns of numbers as people write them: formats, places, mixtures, missing marks, each with its true values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PLACES = {
    "us": (",", "."),
    "de": (".", ","),
    "fr": ("\u202f", ","),
    "ch": ("'", "."),
    "si": (" ", "."),
    "nbsp": ("\u00a0", ","),
    "point": ("", "."),
    "comma": ("", ","),
}
UNITS = (
    "{}", "${}", "{} €", "€{}", "{}%", "{} kg", "{}kg", "{}\uc138", "{} kWh/(m²*a)", "Rs. {}", "{} m2", "CHF {}",
    "{}°C",
)  # fmt: skip
VALUES = ("small", "whole", "prices", "fixed", "trimmed", "signed", "shares")
MIXTURES = ("", "missing", "word", "rare", "zeros")


@dataclass(frozen=True)
class NumberCells:
    """One column: its cells, their numbers (NaN for missing and words), and what else stands in it."""

    label: str
    cells: tuple[str, ...]
    values: tuple[float, ...]
    place: str
    word: str = ""


def numbers(kind: str, n: int, rng: np.random.Generator) -> tuple[list[float], int | None]:
    """Values of a kind, and how many decimals are written; None for as many as there are."""
    if kind == "small":
        return [float(v) for v in rng.integers(0, 100, n)], 0
    if kind == "whole":
        return [float(v) for v in np.round(10 ** rng.uniform(0, 6.5, n))], 0
    if kind == "prices":
        return [float(v) for v in np.round(10 ** rng.uniform(0, 5, n), 2)], 2
    if kind == "fixed":
        return [float(v) for v in np.round(rng.uniform(1, 900, n), 3)], 3
    if kind == "trimmed":
        return [float(v) for v in np.round(rng.uniform(0, 2000, n), 3)], None
    if kind == "signed":
        return [float(v) for v in np.round(rng.normal(size=n) * 2000, 1)], 1
    return [float(v) for v in np.round(rng.random(n), 4)], None


def written(value: float, decimals: int | None, place: str) -> str:
    """A number as the place writes it."""
    thousands, mark = PLACES[place]
    text = f"{abs(value):,.{decimals}f}" if decimals is not None else f"{abs(value):,}"
    text = text.removesuffix(".0") if decimals is None else text
    whole, _, behind = text.partition(".")
    return ("-" if value < 0 else "") + whole.replace(",", thousands) + (mark + behind if behind else "")


def columns(seed: int = 0, n: int = 60) -> Iterator[NumberCells]:
    """Every kind of values in every place, units and mixtures taken in turns."""
    rng = np.random.default_rng(seed)
    turns = itertools.cycle(itertools.product(MIXTURES, UNITS))
    for _, place, kind in itertools.product(range(11), PLACES, VALUES):
        mixture, unit = next(turns)
        values, decimals = numbers(kind, n, rng)
        cells = [unit.format(written(value, decimals, place)) for value in values]
        cells = [f"-{cell.replace('-', '', 1)}" if "-" in cell else cell for cell in cells]
        word = ""
        if mixture == "missing":
            for i, mark in zip(rng.permutation(n)[:8], itertools.cycle(("", "NA", "?", "n/a")), strict=False):
                cells[i], values[i] = mark, np.nan
        elif mixture in ("word", "rare"):
            word = "unknown" if mixture == "word" else "oops"
            for i in rng.permutation(n)[: 7 if mixture == "word" else 1]:
                cells[i], values[i] = word, np.nan
        elif mixture == "zeros" and unit == "{}" and kind == "small":
            cells[7], values[7] = "042", 42.0
        yield NumberCells(f"{place} {kind} {unit} {mixture}", tuple(cells), tuple(values), place, word)
