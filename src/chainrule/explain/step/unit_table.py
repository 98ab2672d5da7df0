"""Vectors of a layer as a table, one line a unit; wide layers are folded, and their sums are those of all units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from chainrule.text.tables import WIDTH, Array, aligned, columns, largest, number, total

SHOWN_UNITS = 10


def unit_table(
    names: Sequence[str], vectors: Sequence[Array], text: Mapping[str, str], missing: Array | None = None
) -> list[str]:
    """One line a unit; of a wide layer those with the largest last column, and the true sum of the others.

    Arguments: names: of the vectors, each (n,); missing (n,): units without a target, where what is no number is said
    to be missing and adds nothing to a sum.
    """
    n = len(vectors[0])
    no_target = np.zeros(n, bool) if missing is None else missing
    left_out = [np.isnan(v) & no_target for v in vectors]
    vectors = [np.where(out, 0, v) for out, v in zip(left_out, vectors, strict=True)]
    shown = np.arange(n) if n <= SHOWN_UNITS else largest(vectors[-1], SHOWN_UNITS - 2)
    cells = list(zip(left_out, vectors, strict=True))
    rows = [(text["unit"], *names)]
    rows += [(f"{j:>4}", *(text["missing"] if out[j] else number(v[j]) for out, v in cells)) for j in shown]
    if n > SHOWN_UNITS:
        rest = np.setdiff1d(np.arange(n), shown)
        label = text["more_units"].format(n=len(rest))
        rows.append((label, *(number(total(v[rest])) for v in vectors)))
        rows.append((text["sum"].format(n=n), *(number(total(v)) for v in vectors)))
    return _narrow(rows)


def _narrow(rows: list[tuple[str, ...]]) -> list[str]:
    """The rows as lines; where they are too wide, as two tables below each other."""
    lines, half = aligned(rows), (len(rows[0]) + 1) // 2
    if max(map(columns, lines)) <= WIDTH + 2 or half < 2:
        return lines
    return [*_narrow([row[:half] for row in rows]), "", *_narrow([(row[0], *row[half:]) for row in rows])]
