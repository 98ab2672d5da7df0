"""Tables of numbers with a target: the built-in sets, NPZ, and numeric CSV with a header."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.data.split import holdout
from chainrule.errors import DataError, SettingsError, unknown_name

BUILT_IN = ("digits", "iris", "wine", "breast_cancer", "diabetes")
BUILT_IN_SEED, BUILT_IN_TEST_SHARE = 20, 0.2
"""One fixed stratified split for every built-in set: train sees 80 %, evaluate and predict the rest."""
CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


@dataclass(frozen=True)
class Table:
    """Rows of features with names, the target where there is one, and where they came from."""

    columns: tuple[str, ...]
    X: npt.NDArray[np.float64]
    target: npt.NDArray[Any] | None
    source: str
    target_name: str | None = None
    weight: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: npt.NDArray[np.int64]) -> Table:
        """Some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            target=None if self.target is None else self.target[rows],
            weight=None if self.weight is None else self.weight[rows],
        )


def read(
    data: str,
    *,
    target: str | None = None,
    part: str = "train",
    drop: Sequence[str] = (),
    weight: str | None = None,
) -> Table:
    """The table of a built-in name, an .npz or a numeric CSV.

    Args      part: "train" or "test" of a built-in set; target, drop, weight: columns of a CSV
    Errors    DataError naming file, line and column of what cannot be used
    """
    if data in BUILT_IN:
        return _built_in(data, part)
    path = Path(data)
    if path.is_dir() or not path.exists():
        near = "" if path.is_dir() else str(unknown_name("data set", data, BUILT_IN)).split(".", 1)[0].split(";", 1)
        hint = f";{near[1]}" if len(near) > 1 else ""
        raise DataError(
            f"{'is a folder' if path.is_dir() else 'no such file'}{hint}; expected a .csv or .npz file, or one of "
            f"{', '.join(BUILT_IN)}.",
            path=data,
        )
    if path.suffix == ".npz":
        return _npz(path)
    if path.name.lower().endswith(CSV_ENDINGS):
        from chainrule.data.csv import read_csv

        return read_csv(path, target=target, drop=drop, weight=weight)
    raise DataError(
        f"the ending {path.suffix!r} is not known; expected .csv, .tsv (also .gz, .zst), .npz, or one of {', '.join(BUILT_IN)}.",
        path=data,
    )


def _built_in(name: str, part: str) -> Table:
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")()
    y = loaded.target
    classes = None if name == "diabetes" else y
    train, test = holdout(len(y), BUILT_IN_TEST_SHARE, BUILT_IN_SEED, classes)
    target = y.astype(np.float64) if classes is None else np.asarray(loaded.target_names).astype(str)[y]
    table = Table(
        tuple(map(str, loaded.feature_names)), np.asarray(loaded.data, dtype=np.float64), target, name, "target"
    )
    return table.take({"train": train, "test": test}[part])


def _npz(path: Path) -> Table:
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DataError(f"cannot be read as .npz ({error}); expected arrays X and y of numbers.", path=str(path)) from None
    except Exception as error:  # zipfile and zlib have their own trees of errors for damaged files
        raise DataError(f"is damaged ({error}); expected arrays X and y of numbers.", path=str(path)) from None
    if "X" not in arrays:
        raise DataError(f"holds {', '.join(arrays) or 'nothing'}; expected arrays X and y.", path=str(path))
    X, y = arrays["X"], arrays.get("y")
    if X.dtype.kind not in "fiub" or X.ndim < 2:
        raise DataError(f"X has shape {X.shape} and dtype {X.dtype}; expected numbers of shape (n, k).", path=str(path))
    if y is not None and (y.ndim > 2 or len(y) != len(X)):
        raise DataError(f"y has shape {y.shape}; expected {len(X)} rows, as many as X.", path=str(path))
    X = np.ascontiguousarray(X.reshape(len(X), -1), dtype=np.float64)
    if not np.isfinite(X).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(X))[0])
        raise DataError(f"X[{row}, {column}] is {X[row, column]}; expected finite numbers.", path=str(path))
    return Table(tuple(f"x{i}" for i in range(X.shape[1])), X, y, str(path), None if y is None else "y")


def is_classification(target: npt.NDArray[Any], task: str) -> bool:
    """Whether a target is classes: strings, booleans, whole numbers with few values; `task` overrides."""
    if task != "auto":
        return task == "classification"
    if target.dtype.kind in "OUSb" or target.ndim == 2:
        return target.ndim == 1 or bool(np.isin(target, (0, 1)).all())
    values = np.unique(target)
    whole = bool((values == np.floor(values)).all()) if target.dtype.kind == "f" else True
    return whole and len(values) <= max(2, min(50, len(target) // 10))


def require_target(table: Table) -> npt.NDArray[Any]:
    """The target, or an error that asks for it."""
    if table.target is None:
        raise SettingsError(f"{table.source}: no target is named; expected --target COLUMN (columns: {', '.join(table.columns[:8])}, …).")
    return table.target
