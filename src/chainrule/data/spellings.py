"""Spellings of a missing value that are a class all the same: "None", "NA" or "-" among the texts to predict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chainrule.data.arrow_arrays import texts
from chainrule.data.mixed import option

NAMES = ("NA", "N/A", "n/a", "None", "-", "--")
"""Spellings that people give to a class: no disorder, North America, the opposite of +."""
FREQUENT = 0.05
"""The share of the rows from which on such a spelling is a class, where some class has no more rows."""


def add_spelled(spelled: dict[str, int], column: Any, missing: tuple[str, ...]) -> None:
    """Count the spellings of a missing value in cells of text; empty cells have none."""
    import pyarrow.compute as pc

    column = pc.utf8_trim_whitespace(column)
    found = column.filter(pc.is_in(column, value_set=texts([m for m in missing if m], column.type)))
    counts = found.value_counts()
    for text, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
        spelled[text] = spelled.get(text, 0) + count


def classes_among(spelled: Mapping[str, int], counts: Mapping[str, int]) -> tuple[str, ...]:
    """The spellings that are classes beside these, which have so many rows each.

    They are as frequent as a class; where there is only one other class, one of them is the second.

    Examples
    --------
    >>> classes_among({"None": 219}, {"Apnea": 78, "Insomnia": 77})
    ('None',)
    >>> classes_among({"NA": 11}, {"male": 168, "female": 165})
    ()
    >>> classes_among({"-": 3}, {"+": 307})
    ('-',)
    """
    possible = {text: count for text, count in spelled.items() if text in NAMES and counts}
    least = max(FREQUENT * (sum(counts.values()) + sum(spelled.values())), min(counts.values(), default=0))
    kept = tuple(text for text, count in possible.items() if count >= least)
    if not kept and len(counts) == 1 and possible:
        return (max(possible, key=possible.__getitem__),)
    return kept


def remedy(name: str, spelled: Mapping[str, int], counts: Mapping[str, int], are_values: bool) -> str:
    """How spellings that stand for a missing value in this target become classes; nothing where it has none."""
    if are_values:
        return ""
    found = classes_among(spelled, counts)
    if not found:
        return "state the cells that do with --missing if it is a class"
    are = "a class" if len(found) == 1 else "classes"
    return f"{option('kind', f'{name}=category')} makes {' and '.join(map(repr, found))} {are}"


def note(spelled: Mapping[str, int], kept: tuple[str, ...], remedy: str) -> str:
    """What they were taken for, and how to have it otherwise; nothing where there are none."""

    def listed(texts: Iterable[str]) -> str:
        return " and ".join(f"{text!r} ({spelled[text]:,} row{'s' * (spelled[text] != 1)})" for text in texts)

    missing, parts = [text for text in spelled if text not in kept], []
    if kept:
        are, them = ("is a class", "it") if len(kept) == 1 else ("are classes", "them")
        parts.append(f"{listed(kept)} {are}; --missing {','.join(kept)} would take {them} for a missing value")
    if missing:
        stand = "stands" if len(missing) == 1 else "stand"
        parts.append(f"{listed(missing)} {stand} for a missing value{'; ' if remedy else ''}{remedy}")
    return "; ".join(parts)
