"""Rows are held out once, each pipeline is fitted once and encodes the rows once, one run is written: by counting."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.api.run_writer import RunWriter
from chainrule.cli import main
from chainrule.cli import train as command
from chainrule.data import split
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.sklearn import TabularClassifier


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the costly steps is taken from now on; "encoded" counts tables by their number of rows."""
    assert command.choose  # the modules of the command are there to be counted in
    counts: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **how: Any) -> Any:
            counts[name] += 1
            return function(*given, **how)

        return call

    modules = [module for name, module in sys.modules.items() if name.startswith("chainrule.")]
    for original in (split.holdout, split.repeated_holdout):
        name = original.__name__
        for module in modules:
            if getattr(module, name, None) is original:
                monkeypatch.setattr(module, name, counting(name, original))
    fit = TablePipeline.fit_encoded.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(TablePipeline, "fit_encoded", classmethod(counting("fitted", fit)))
    features = TablePipeline.features

    def encoding(self: TablePipeline, table: Any, *given: Any, **how: Any) -> Any:
        counts[f"encoded {len(table)}"] += 1
        return features(self, table, *given, **how)

    monkeypatch.setattr(TablePipeline, "features", encoding)
    monkeypatch.setattr(RunWriter, "__init__", counting("written", RunWriter.__init__))
    return counts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(n: int) -> pd.DataFrame:
    """Numbers, a text with gaps and one of many levels."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.standard_normal(n), "b": rng.choice(["x", "y", None], n)})
    table["c"] = [f"city {k}" for k in rng.integers(0, 90, n)]
    table["kind"] = np.where(table["a"] + (table["b"] == "x") > 0, "yes", "no")
    return table


def test_a_file_is_held_out_fitted_and_encoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """800 rows: one hold-out, one call for the ways in which candidates are tried, one fit, one encoding, one run."""
    rows(800).to_csv("file.csv", index=False)
    counts = counted(monkeypatch)
    assert main(["train", "file.csv", "--target", "kind", "-o", "run", "--quiet"]) == 0
    assert counts == {"holdout": 1, "repeated_holdout": 1, "fitted": 1, "encoded 800": 1, "written": 1}


def test_files_of_their_own_are_encoded_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is held out where the rows that judge are given; they are encoded once, and so are those of --test."""
    for name, n in (("file", 800), ("valid", 90), ("test", 70)):
        rows(n).to_csv(f"{name}.csv", index=False)
    counts = counted(monkeypatch)
    options = ["--target", "kind", "--valid", "valid.csv", "--test", "test.csv", "-o", "run", "--quiet"]
    assert main(["train", "file.csv", *options]) == 0
    assert counts == {"fitted": 1, "encoded 800": 1, "encoded 90": 1, "encoded 70": 1, "written": 1}


def test_of_few_rows_each_pipeline_is_fitted_and_encodes_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 rows: candidates with bins and without; folds follow from the rows, so nothing is held out."""
    rows(200).to_csv("file.csv", index=False)
    counts = counted(monkeypatch)
    assert main(["train", "file.csv", "--target", "kind", "-o", "run", "--quiet"]) == 0
    assert counts == {"fitted": 2, "encoded 200": 2, "written": 1}


def test_an_estimator_does_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimator of tables plans as the command line does."""
    table = rows(800)
    counts = counted(monkeypatch)
    TabularClassifier(random_state=0).fit(table[["a", "b", "c"]], table["kind"])
    assert counts == {"holdout": 1, "repeated_holdout": 1, "fitted": 1, "encoded 800": 1, "written": 1}
