"""Tables as plain arrays, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.table import Table
from chainrule.pipeline.target import names_of


def matrix(table: Table) -> npt.NDArray[Any]:
    """The columns of a table of numbers as (n, n_columns)."""
    return np.column_stack([column.values for column in table.columns])


def labels(table: Table) -> npt.NDArray[Any]:
    """The only target as plain values: numbers (whole ones as integers) or strings."""
    names, codes = names_of(table.targets[0])
    return np.array(names)[codes]
