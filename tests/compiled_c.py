"""An exported model compiled and called from Python, and tables of every kind of column for it."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.data.table import Column, NumberColumn, Table, column_of
from chainrule.export.c_columns import field_names
from chainrule.export.c_file import write_c
from chainrule.export.subject import Subject
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
CC = next((name for name in ("gcc", "clang") if shutil.which(name)), None)
C_TYPES = {"double": ctypes.c_double, "const char *": ctypes.c_char_p, "int64_t": ctypes.c_int64}
NO_TIME = -(2**63)


class Compiled:
    """An exported model, compiled and loaded."""

    def __init__(self, model: Any, folder: Path, compiler: str = str(CC), flags: Sequence[str] = ("-O2",)) -> None:
        subject = model if isinstance(model, Subject) else Subject.of(model)
        source, self.header = write_c(subject, folder / "model.c")
        library = folder / f"{compiler}.so"
        subprocess.run(
            [compiler, *STRICT, *flags, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True
        )
        text = self.header.read_text(encoding="utf-8")
        self.n_outputs = int(re.findall(r"N_OUTPUTS (\d+)", text)[0])
        body = text.partition("struct row {")[2].partition("};")[0]
        found = re.findall(r"^  (double|const char \*|int64_t) ?(\w+)(?:\[(\d+)\])?;", body, re.M)
        self.fields = [name for _, name, _ in found]
        types = [(name, C_TYPES[kind] * int(n) if n else C_TYPES[kind]) for kind, name, n in found]
        self.Row = type("Row", (ctypes.Structure,), {"_fields_": types})
        self.library = ctypes.CDLL(str(library))

    def predict(self, *values: Any) -> tuple[int, list[float]]:
        """The class, or 0, and the numbers of one row, its fields in their order."""
        out = (ctypes.c_double * self.n_outputs)()
        return self.library.chainrule_predict(ctypes.byref(self.Row(*values)), out), list(out)

    def predict_rows(self, table: Mapping[str, Sequence[Any]]) -> tuple[list[int], np.ndarray]:
        """The same of every row of a table whose columns are in the order of the fields."""
        found = [self.predict(*map(plain, row)) for row in zip(*table.values(), strict=True)]
        return [place for place, _ in found], np.array([out for _, out in found])

    @property
    def names(self) -> list[str]:
        """What the outputs are about."""
        return [name.decode() for name in (ctypes.c_char_p * self.n_outputs).in_dll(self.library, "chainrule_outputs")]


def plain(value: Any) -> Any:
    """A cell as a field of the row has it."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return value.encode()
    return int(value.astype("datetime64[us]").astype(np.int64)) if isinstance(value, np.datetime64) else float(value)


def same_bits(found: Any, expected: Any) -> bool:
    """Whether numbers of float32 or float64 came out as they are."""
    return np.ascontiguousarray(found, np.float64).tobytes() == np.asarray(expected, np.float64).tobytes()


def mixed(n: int, seed: int, known: bool = True) -> Table:
    """Every kind of column with missing values; where not known also levels and numbers far from those."""
    rng = np.random.default_rng(seed)
    x, with_words = rng.normal(size=n) * 1e3, rng.integers(0, 50, n).astype(float)
    x[::7] = with_words[::5] = np.nan
    codes = np.where(np.arange(n) % 10 == 0, rng.integers(0, 2, n), -1).astype(np.int32)
    flags = rng.integers(0, 2, n).astype(float)
    flags[::11] = np.nan
    times = np.datetime64("1969-01-01", "us") + rng.integers(0, 3 * 10**15, n).astype("timedelta64[us]")
    times[::13] = np.datetime64("NaT")
    shop = (np.arange(n) % 20).astype(float)
    many, few = np.array([f"m{i}" for i in rng.integers(0, 90, n)]), np.array(TEXTS)[rng.integers(0, len(TEXTS), n)]
    pair = np.array(["no", "yes"])[rng.integers(0, 2, n)]
    size = np.array(["small", "medium", "large", ""])[rng.integers(0, 4, n)]
    if not known:
        x[1::9] = [1e308, -1e308, 1e-300, 1e300][seed % 4]
        shop[::3] = rng.integers(-5, 30, len(shop[::3])) + 0.5 * (seed % 2)
        few[::4], many[::5], pair[::6], size[::8] = "new", "m", "maybe", "huge"
        times[1::9] = [np.datetime64(t, "us") for t in ("0001-01-01", "2100-12-31T23:59:59.999999", "1900-03-01")][
            seed % 3
        ]
    ordered = column_of("size", size)
    columns = (
        column_of("x", x),
        NumberColumn('2nd "x"?*/', "number", with_words, ("> 50", "none"), codes=codes),
        Column("flag", "boolean", flags, ("no", "yes")),
        Column("time", "time", times),
        column_of("int", few),
        column_of("many", many),
        column_of("pair", pair),
        replace(ordered, order=("small", "medium", "large")),
        column_of("shop", shop),
    )
    y = np.array([rng.normal() for _ in range(20)])[np.arange(n) % 20] + np.nan_to_num(x) / 1e3
    return Table(path="memory", columns=columns, targets=(column_of("y", np.abs(y)),))


TEXTS = ("red", "gr\u00fcn", "\ud30c\ub791", 'a "quoted" \\ text??/', "tab\tand\nnewline", "%s%n", "")


def cells(table: Table, fields: Sequence[str]) -> dict[str, list[Any]]:
    """The columns of a table as the fields of a row, texts in place of codes."""
    found: dict[str, list[Any]] = {}
    for column in table.columns:
        levels = (*(column.levels or ()), None)
        name = field_names([c.name for c in table.columns])[[c.name for c in table.columns].index(column.name)]
        if column.kind == "category":
            found[name] = [levels[code] for code in column.values]
        elif column.kind == "time":
            found[name] = [NO_TIME if np.isnat(t) else t for t in column.values]
        else:
            found[name] = list(column.values)
        if isinstance(column, NumberColumn) and column.codes is not None:
            found[f"{name}_text"] = [levels[code] for code in column.codes]
    assert list(found) == list(fields)
    return found


def of_inputs(pipeline: TablePipeline) -> Subject:
    """A model that predicts its inputs: W is 1, in float64."""
    n = len(pipeline.names)
    net = cr.Network([n, n], output="identity", loss="squared_error", dtype="float64")
    net.W[1][:] = np.eye(n)
    zeros, ones = np.zeros(n), np.ones(n)
    target = Values(columns=pipeline.names, mean=zeros, scale=ones, logarithm=False, unit=ones, high=ones)
    return Subject(networks=(net,), pipeline=replace(pipeline, target=target))
