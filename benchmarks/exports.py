"""Exported models against `predict` on rows as they come and as they should not, over public tables and target kinds.

    python benchmarks/exports.py FOLDER-OF-TABLES [--only TABLE,…] [--rows 1000]

Each table is trained for three epochs as a plain network and as an ensemble of two, without neighbours, and written to
every format. The rows are drawn from the table; a tenth of the cells becomes a missing value, a level that training had
not, or an extreme number (1e30, −1e30, 1e300, 1e−300, half a unit more). Printed is the largest difference of a
probability, or of a value in standard deviations of the predictions, and how many rows get another class.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import re
import subprocess
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import chainrule as cr
from chainrule.api.prediction_columns import prediction_columns
from chainrule.api.tables import blocks
from chainrule.data.table import Column, Table
from chainrule.errors import SettingsError
from chainrule.export.c_file import write_c
from chainrule.export.onnx.file import write_onnx
from chainrule.export.subject import Subject
from chainrule.export.torch_file import write_torch
from chainrule.pipeline.target import class_text
from tables import REGRESSION, TABLES

Array = npt.NDArray[Any]
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
    print("| table | target | model | ONNX | C | PyTorch |\n|---|---|---|---|---|---|")
    for name in TABLES:
        path = next(asked.folder.glob(f"{name}.csv*"), None)
        if path is None or (asked.only and name not in asked.only.split(",")):
            continue
        for more in [{}, *([OTHER_KINDS[name]] if name in OTHER_KINDS else [])]:
            for members in (1, 2):
                run = _trained(path, name, {"members": members, **more})
                rows = dirtied(next(iter(blocks(path, run._fitted, needs_target=False))), asked.rows)
                parts = [f", {key}={value}" for key, value in more.items() if key not in ("target", "drop")]
                model = "network" if members == 1 else "ensemble"
                with tempfile.TemporaryDirectory() as folder:
                    found = [_tried(of, run, rows, Path(folder)) for of in (_onnx, _c, _torch)]
                print(
                    f"| {name} | {run._fitted.target.kind}{''.join(parts)} | {model} | {' | '.join(found)} |",
                    flush=True,
                )


def _trained(path: Path, name: str, more: dict[str, Any]) -> Any:
    target, drop = TABLES[name]
    how = {"target": target, "drop": tuple(filter(None, drop.split(","))), "epochs": 3, "progress": False}
    task = {"task": "regression"} if name in REGRESSION else {}
    return cr.train(path, **how | task | more, neighbours=False)


def _tried(of: Any, run: Any, rows: Table, folder: Path) -> str:
    try:
        return str(of(run, rows, folder))
    except SettingsError as error:
        return f"refused: {str(error).split(': ', 1)[-1]}"


def _onnx(run: Any, rows: Table, folder: Path) -> str:
    found = write_onnx(Subject.of(run), folder / "m.onnx", rows)
    return _said(float(found.difference or 0.0), found.n_other_classes)


def _said(difference: float, n_other: int) -> str:
    return f"{difference:.1e}" + (f", {n_other} other classes" if n_other else "")


def _compared(run: Any, rows: Table, got: Array, classes: list[int] | None) -> str:
    """The largest difference from predict, and how many rows have another class."""
    columns = prediction_columns(run.predictor, run._fitted, rows)
    expected = np.stack([column.astype(np.float64) for column in columns.values() if column.dtype != object], axis=1)
    is_value = run._fitted.target.kind == "values"
    apart = np.abs(got[:, : expected.shape[1]] - expected) / (expected.std(axis=0) + 1e-300 if is_value else 1.0)
    n_other = 0
    if classes is not None:
        names = list(map(class_text, run._fitted.classes))
        n_other = sum(names[k] != text for k, text in zip(classes, columns["prediction"].tolist(), strict=True))
    return _said(float(apart.max()), n_other)


def _c(run: Any, rows: Table, folder: Path) -> str:
    source, header = write_c(Subject.of(run), folder / "model.c")
    library = compiled(source, ("-O2",))
    Row, n_outputs = row_of(header)
    place = {column.name: column for column in rows.columns}
    cells = [cell for encoder in run._fitted.encoders for cell in cells_of(place[encoder.name], encoder)]
    out, classes, got = (ctypes.c_double * n_outputs)(), [], np.empty((len(rows), n_outputs))
    for i, row in enumerate(zip(*cells, strict=True)):
        classes.append(library.chainrule_predict(ctypes.byref(Row(*row)), out))
        got[i] = out
    return _compared(run, rows, got, classes if run._fitted.target.kind == "classes" else None)


def compiled(source: Path, flags: tuple[str, ...]) -> Any:
    """The library of an exported file."""
    library = source.with_suffix(f".{len(flags)}.so")
    strict = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run(["gcc", *strict, *flags, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True)
    return ctypes.CDLL(str(library))


def row_of(header: Path) -> tuple[Any, int]:
    """The struct of a row, as the header declares it, and how many numbers come out."""
    text = header.read_text(encoding="utf-8")
    types = {"double": ctypes.c_double, "const char *": ctypes.c_char_p, "int64_t": ctypes.c_int64}
    body = text.partition("struct row {")[2].partition("};")[0]
    found = re.findall(r"^  (double|const char \*|int64_t) ?(\w+);", body, re.M)
    Row = type("Row", (ctypes.Structure,), {"_fields_": [(name, types[kind]) for kind, name in found]})
    return Row, int(re.findall(r"N_OUTPUTS (\d+)", text)[0])


def cells_of(column: Column, encoder: Any) -> list[list[Any]]:
    """The cells of a column as its fields take them."""
    if encoder.reads == "category":
        texts = [*(level.encode() for level in column.levels or ()), None]
        return [[texts[code] for code in column.values.tolist()]]
    if encoder.reads == "time":
        return [column.values.astype("datetime64[us]").astype(np.int64).tolist()]
    found = [column.values.astype(np.float64).tolist()]
    if getattr(getattr(encoder, "number", encoder), "words", ()):
        codes = getattr(column, "codes", None)
        words = [*(level.encode() for level in column.levels or ()), None]
        found.append([words[-1]] * len(column) if codes is None else [words[code] for code in codes.tolist()])
    return found


def _torch(run: Any, rows: Table, folder: Path) -> str:
    try:
        import torch
    except ImportError:
        return "–"
    subject = Subject.of(run)
    path, _ = write_torch(subject, folder / "net.py")
    spec = importlib.util.spec_from_file_location("net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    X = run._fitted.features(rows, subject.architecture.dtype)
    got = module.network(torch.tensor(X)).detach().numpy().astype(np.float64)
    expected = np.mean([network.forward(X).output.astype(np.float64) for network in subject.networks], axis=0)
    scale = np.maximum(expected.std(axis=0), 1e-30) if run._fitted.target.kind == "values" else 1.0
    return f"{float((np.abs(got - expected) / scale).max()):.1e}"


if __name__ == "__main__":
    main()
