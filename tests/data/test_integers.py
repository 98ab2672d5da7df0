"""Whole numbers beyond 2^53: labels, codes and ids stay apart wherever rows come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from tests.tables import labels

import chainrule as cr
from chainrule.data.read import batches, read
from chainrule.data.table import Selection

N = 90
BASE = 1234567890123456784
TWO = np.where(np.arange(N) % 3 == 0, BASE, BASE + 1)
"""Two labels that are one number of float64."""
COLUMNS = {
    "x": np.arange(N) % 7 / 2,
    "account": BASE + 3 * np.arange(N),
    "branch": 2**60 + np.arange(N) % 5,
    "label": TWO,
}


def as_csv(frame: pd.DataFrame, folder: Path) -> Any:
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def as_parquet(frame: pd.DataFrame, folder: Path) -> Any:
    frame.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def as_categorical(frame: pd.DataFrame, folder: Path) -> Any:
    return frame.assign(branch=pd.Categorical(frame["branch"]), label=pd.Categorical(frame["label"]))


def as_decimals(frame: pd.DataFrame, folder: Path) -> Any:
    table = pyarrow.Table.from_pandas(frame)
    for name in ("account", "branch", "label"):
        i = table.column_names.index(name)
        table = table.set_column(i, name, table.column(name).cast(pyarrow.decimal128(19, 0)))
    return table


SOURCES = {
    "csv": as_csv, "parquet": as_parquet, "pandas": lambda frame, folder: frame, "categorical": as_categorical,
    "unsigned": lambda frame, folder: frame.astype({"label": "uint64", "branch": "UInt64"}), "decimal": as_decimals,
    "text": lambda frame, folder: frame.astype({"label": "str"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SOURCES)
def test_labels_levels_and_ids_keep_every_digit(name: str, tmp_path: Path) -> None:
    source = SOURCES[name](pd.DataFrame(COLUMNS), tmp_path)
    for kinds in ({}, {"label": "category"}):
        table = read(source, Selection(targets=("label",), kinds=kinds))
        assert labels(table).tolist() == [str(label) for label in TWO]
        assert table.names == ("x", "branch")  # every row has its own account
        assert table.column("branch").levels == tuple(str(2**60 + k) for k in range(5))
        taken = {entry.name: entry.kind for entry in table.understood}
        assert taken["account"] == "id" and taken["branch"] == "category"


def test_such_labels_are_predicted_and_measured(tmp_path: Path) -> None:
    frame = pd.DataFrame(COLUMNS).assign(x=np.where(TWO == BASE, -1.0, 1.0) + np.arange(N) / 1000)
    run = cr.train(frame[["x", "label"]], target="label", epochs=30, progress=False)
    assert run.classes == (str(BASE), str(BASE + 1))
    assert run.evaluate(frame)["accuracy"] == 1.0
    assert run.evaluate(frame[["x"]], TWO)["accuracy"] == 1.0
    assert run.predict(frame).tolist() == [str(label) for label in TWO]
    saved = tmp_path / "t.parquet"
    frame.to_parquet(saved)
    assert run.evaluate(saved)["accuracy"] == 1.0


def test_npz_labels_keep_every_digit(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", X=np.ones((N, 1)), y=TWO)
    assert labels(read(tmp_path / "t.npz")).tolist() == [str(label) for label in TWO]
    np.savez(tmp_path / "t.npz", X=np.ones((N, 1)), y=TWO - BASE)
    assert read(tmp_path / "t.npz").targets[0].kind == "number"


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_measurements_stay_numbers(name: str, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "nanoseconds": 1_700_000_000_123_456_789 + 1_000_000_007 * np.arange(N),
            "won": 12_345_678_901_234_567 + 10_000_019 * (np.arange(N) ** 2),
            "avogadro": 6.02214076e23 * (1 + np.arange(N) % 4),
            "mixed": np.where(np.arange(N) % 2, 0.5, float(BASE)),
        }
    )
    table = read(SOURCES[name](frame, tmp_path), Selection(targets=("won",)))
    assert [column.kind for column in (*table.columns, *table.targets)] == ["number"] * 4
    for column in (*table.columns, *table.targets):
        assert np.array_equal(column.values, frame[column.name].astype(np.float64))


def test_in_batches_too(tmp_path: Path) -> None:
    path = as_csv(pd.DataFrame(COLUMNS), tmp_path)
    parts = list(batches(path, Selection(targets=("label",)), rows=20))
    assert [text for part in parts for text in labels(part).tolist()] == [str(label) for label in TWO]
