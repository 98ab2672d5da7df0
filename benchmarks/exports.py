"""Exported models against `predict` on rows as they come and as they should not, over public tables and target kinds.

    python benchmarks/exports.py FOLDER-OF-TABLES [--only TABLE,…] [--rows 1000]

Each table is trained for three epochs as a plain network and as an ensemble of two, without neighbours, and written to
every format. The rows are drawn from the table; a tenth of the cells becomes a missing value, a level that training had
not, or an extreme number (1e30, −1e30, 1e300, 1e−300, half a unit more). Printed is the largest difference of a
probability, or of a value in standard deviations of the predictions, and how many rows get another class.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.api.tables import blocks
from chainrule.data.table import Column, Table
from chainrule.errors import SettingsError
from chainrule.export.onnx.file import write_onnx
from chainrule.export.subject import Subject
from tables import REGRESSION, TABLES

SHARE = 0.1
EXTREMES = (1e30, -1e30, 1e300, 0.0, -0.0, 1e-300)
OTHER_KINDS: dict[str, dict[str, Any]] = {
    "titanic": {"target": ("survived", "sex"), "drop": ("name",)}, "bike_sharing_hour": {"intervals": (0.1, 0.9)},
    "hitters": {"loss": "poisson"}, "adult": {"dtype": "float64"},
}  # fmt: skip
"""Target kinds beside the table's own: several labels, levels, counts."""


def dirtied(table: Table, n: int, seed: int = 0) -> Table:
    """n rows of a table, a tenth of whose cells are as they should not be."""
    draw = np.random.default_rng(seed)
    table = table.take(draw.choice(len(table), n, replace=len(table) < n))
    return replace(table, columns=tuple(_dirtied(column, draw) for column in table.columns))


def _dirtied(column: Column, draw: np.random.Generator) -> Column:
    n, v = len(column), column.values.copy()
    hit, kind = draw.random(n) < SHARE, draw.integers(0, 3, n)
    if column.kind == "category":
        levels = (*(column.levels or ()), "never seen")
        v[hit & (kind == 0)], v[hit & (kind > 0)] = -1, len(levels) - 1
        return replace(column, values=v, levels=levels)
    if column.kind == "time":
        for k, moment in enumerate(("NaT", "1900-02-28T23:59:59", "2400-02-29T12:00:00")):
            v[hit & (kind == k)] = np.datetime64(moment)
        return replace(column, values=v)
    v = v.astype(np.float64)
    v[hit & (kind == 0)] = np.nan
    if column.kind == "number":
        v[hit & (kind == 1)] = draw.choice(EXTREMES, n)[hit & (kind == 1)]
        v[hit & (kind == 2)] += 0.5
    return replace(column, values=v)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--rows", type=int, default=1_000)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| table | target | model | ONNX: largest difference | other class |\n|---|---|---|---|---|")
    for name, (target, drop) in TABLES.items():
        if asked.only and name not in asked.only.split(","):
            continue
        path = next(asked.folder.glob(f"{name}.csv*"), None)
        if path is None:
            continue
        columns = tuple(filter(None, drop.split(",")))
        how = {"task": "regression"} if name in REGRESSION else {}
        kinds = [{}, *([OTHER_KINDS[name]] if name in OTHER_KINDS else [])]
        for more in kinds:
            for members in (1, 2):
                stated = {"target": target, "drop": columns, "epochs": 3, "progress": False, "members": members}
                run = cr.train(path, **stated | how | more, neighbours=False)
                rows = dirtied(next(iter(blocks(path, run._fitted, needs_target=False))), asked.rows)
                parts = [f", {key}={value}" for key, value in more.items() if key not in ("target", "drop")]
                kind = run._fitted.target.kind + "".join(parts)
                print(
                    f"| {name} | {kind} | {'network' if members == 1 else 'ensemble'} |{_onnx(run, rows)}", flush=True
                )


def _onnx(run: Any, rows: Table) -> str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = write_onnx(Subject.of(run), Path(folder) / "m.onnx", rows)
        except SettingsError as error:
            return f" {error} | – |"
    return f" {found.difference:.1e} | {found.n_other_classes} |"


if __name__ == "__main__":
    main()
