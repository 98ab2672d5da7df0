"""The built-in sets: real data that needs no download, each with one fixed split.

Training uses 80 % of the rows, judging the other 20 %; for classes every class is split in proportion.
Source    scikit-learn's bundled data sets; the split is chainrule's own (see data/split.py)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from chainrule.data.split import holdout
from chainrule.data.table import Column, Selection, Table, Understood, column_of
from chainrule.errors import DataError

Part: TypeAlias = Literal["train", "test"]

TARGETS = {
    "digits": "digit",
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "diabetes": "progression",
}
"""The built-in names, and what each set is there to predict."""

TEST_SHARE = 0.2
SPLIT_SEED = 1986


def load(name: str, part: Part, selection: Selection) -> Table:
    """The rows of one part of a built-in set, in their original order."""
    import sklearn.datasets

    target_name = TARGETS[name]
    if selection.targets not in (None, ("target",), (target_name,)):
        asked = ", ".join(selection.targets or ())
        raise DataError(f"the built-in set {name!r} predicts {target_name!r}, not {asked!r}; leave --target out.")
    if selection.weight is not None or selection.drop:
        raise DataError(f"the built-in set {name!r} is used as it is; --weight and --drop are for files.")
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    is_class = hasattr(bunch, "target_names")
    rows = holdout(len(bunch.target), TEST_SHARE, SPLIT_SEED, bunch.target if is_class else None)[part == "test"]
    target = bunch.target[rows]
    if is_class and np.asarray(bunch.target_names).dtype.kind == "U":
        target = np.asarray(bunch.target_names)[target]
    X = bunch.data[rows].astype(np.float64)
    columns = tuple(Column(str(column), "number", X[:, j]) for j, column in enumerate(bunch.feature_names))
    predicted = column_of(target_name, target)
    understood = [Understood(column.name, "number", True, "") for column in columns]
    understood.append(Understood(target_name, predicted.kind, True, "to be predicted"))
    return Table(
        path=name,
        columns=columns,
        targets=(predicted,),
        weight=None,
        understood=tuple(understood),
        dialect="built-in set",
    )
