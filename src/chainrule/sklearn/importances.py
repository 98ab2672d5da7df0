"""What each column is good for: how much a score falls when the column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.planning.importances import N_REPEATS, shuffled


def importances(
    table: Table, names: Sequence[str], used: Collection[str], score: Callable[[Table], float], seed: int
) -> npt.NDArray[Any]:
    """The score of the table less that with a column shuffled, mean of N_REPEATS; 0 for columns that are not used.

    Arguments: names: the columns in the order of the result; score: of a table's rows, the higher the better.

    Source: Breiman (2001), Random forests, section 10.
    """
    whole = score(table)
    drops = np.zeros(len(names))
    for column in table.columns:
        if column.name not in used:
            continue
        for other in shuffled(table, column.name, seed):
            drops[names.index(column.name)] += (whole - score(other)) / N_REPEATS
    return drops
