"""Whether a source holds a column, before it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainrule.data.npz import npz_arrays
from chainrule.data.opening import names_of


def has_column(source: object, name: str, **dialect: Any) -> bool:
    """Whether a source holds a column of this name, an NPZ an array; a built-in set has none besides its own.

    Args      dialect: how a text file is written, as far as that is stated
    Errors    DataError where it cannot be opened
    """
    if not isinstance(source, (str, Path)) or Path(source).suffix.lower() != ".npz":
        return name in names_of(source, **dialect)
    return Path(source).exists() and name in npz_arrays(Path(source))
