"""cr.plan and cr.train of tables: what the command line does, from Python; runs that take raw columns."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest

import chainrule as cr
from chainrule.cli import main

QUICK: dict[str, Any] = {"epochs": 2, "progress": False}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Numbers, texts with gaps, dates; a class, a truth value and a value to predict."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": range(600), "a": rng.standard_normal(600), "c": rng.choice(["x", "y", None], 600)})
    table["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, 600), unit="D")
    table["price"] = table.a * 3 + (table.c == "x") + rng.standard_normal(600) * 0.1
    table["kind"], table["yes"] = np.where(table.a > 0, "hi", "lo"), table.a > 1
    return table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: pd.DataFrame) -> Path:
    monkeypatch.chdir(tmp_path)
    frame.to_csv("file.csv", index=False)
    return tmp_path


def sha(run: cr.Run) -> str:
    """The weights."""
    return str(run.result["sha256"])


@pytest.mark.parametrize("options", [{}, {"validation": 0.3, "preset": "plain", "epochs": 3}, {"epochs": 2, "l2": 0.1}])
def test_python_does_what_the_command_does(options: dict[str, Any], folder: Path) -> None:
    """The same weights, the same measures, the same record of what was tried, from a file in one call or in two."""
    flags = [f"--{'valid' if name == 'validation' else name}={value}" for name, value in options.items()]
    command = ["train", "file.csv", "--target", "price", "--drop", "id,kind,yes", "--seed", "4", "--quiet", *flags]
    assert main([*command, "-o", "cli"]) == 0
    how = {"target": "price", "drop": ("id", "kind", "yes"), "seed": 4, **options}
    one = cr.train("file.csv", **how, directory="one", progress=False)
    two = cr.plan("file.csv", **how).train(progress=False)
    known = cr.load("cli")
    assert isinstance(known, cr.Run) and sha(known) == sha(one) == sha(two)
    assert one.source is not None and known.source is not None
    for entry in (*one.source.get("trials", ()), *known.source.get("trials", ())):
        assert entry.pop("seconds") >= 0
    assert {**one.source} == {**known.source}


def test_any_table_will_do(frame: pd.DataFrame, folder: Path) -> None:
    """pandas, polars, pyarrow, a mapping of columns, a path, and a file that is mapped from a cache: the same bits."""
    frame.to_parquet("file.parquet")
    arrow = pyarrow.Table.from_pandas(frame, preserve_index=False)
    tables = (frame, polars.from_pandas(frame), arrow, frame.to_dict("list"), "file.parquet", Path("file.csv"))
    how = {"target": "kind", "drop": ["id", "price", "yes"], "kinds": {"day": "time"}, **QUICK}
    runs = [cr.train(table, **how) for table in tables if not isinstance(table, Path)]
    runs += [cr.train(Path("file.csv"), **{**how, "kinds": {}}), cr.train("file.parquet", **how, cache="cache")]
    assert len({sha(run) for run in runs}) == 1
    assert runs[0].source == {**runs[0].source, "weight": None} and "data" not in runs[0].source
    for table in tables:
        assert runs[0].evaluate(table) == runs[1].evaluate(frame)


def test_a_run_takes_raw_columns(frame: pd.DataFrame, folder: Path) -> None:
    """Any order, more columns, no target; its inputs, probabilities and measures; loaded again and as a model alone."""
    run = cr.train(frame, target="kind", drop=["id", "price", "yes"], directory="run", **QUICK)
    shuffled = frame[["yes", "day", "c", "a"]]
    predicted, proba = run.predict(shuffled), run.predict_proba(shuffled)
    assert run.classes == ("hi", "lo") and set(predicted) == {"hi", "lo"} and proba.shape == (600, 2)
    X = run.encode(shuffled)
    assert X.shape == (600, run.network.architecture.n_inputs) and X.dtype == np.float32
    assert np.array_equal(np.array(run.classes)[run.predict(X)], predicted)
    result = run.evaluate(frame)
    assert result["accuracy"] == np.mean(predicted == frame["kind"])
    assert result == run.evaluate(shuffled, frame["kind"]) == run.evaluate(shuffled, frame[["kind"]])
    assert (
        result == run.evaluate(shuffled, frame["kind"].tolist()) == run.evaluate(shuffled, polars.Series(frame["kind"]))
    )
    for kept in (cr.load("run"), cr.load("run/model.safetensors")):
        assert np.array_equal(kept.predict("file.csv"), predicted) and kept.evaluate(frame) == result


def test_labels_values_and_several_targets(frame: pd.DataFrame, folder: Path) -> None:
    """Predictions have the words and units of the table; targets beside the rows are read as those within."""
    several = cr.train(frame, target=["price", "a"], drop="id", **QUICK)
    assert several.predict(frame).shape == (600, 2) and several.classes is None
    beside = several.evaluate(frame.drop(columns=["price", "a"]), frame[["price", "a"]].to_numpy())
    assert beside == several.evaluate(frame)
    with pytest.raises(cr.SettingsError, match="to give probabilities"):
        several.predict_proba(frame)
    truth = cr.train(frame, target="yes", drop="id", **QUICK)
    assert set(truth.predict(frame)) <= {"false", "true"}
    assert truth.evaluate(frame, frame["yes"]) == truth.evaluate(frame)


def test_a_plan_says_what_it_will_do(frame: pd.DataFrame, folder: Path) -> None:
    """Columns, rows, target and candidates in words; nothing is trained yet, and a time limit is kept."""
    plan = cr.plan("file.csv", target="price", drop=("id", "kind", "yes"))
    result = plan.summary()
    for part in ("left out", "480 train, 120 validation", "regression", "compared on the rows held out", "day"):
        assert part in result
    assert len(plan.candidates) == 4 and plan.task.name == "regression"
    assert "cross-validation" in cr.plan(frame[:200], target="kind", drop="id").summary()
    assert cr.plan(frame, target="kind", validation=frame[:50]).details.counts == {"train": 600, "validation": 50}
    run = plan.train(time_limit=0.2, progress=False)
    assert run.result["stopped"] in ("time_limit", "epochs") and len(run.predict(frame)) == 600


def test_a_run_of_a_plan_is_continued(folder: Path) -> None:
    """A finished one is returned as it is with what was tried; without resume the folder is not overwritten."""
    plan = cr.plan("file.csv", target="kind", drop=["id", "price", "yes"])
    first = plan.train("run", progress=False)
    again = plan.train("run", resume=True, progress=False)
    assert sha(first) == sha(again) and again.source == first.source and first.source is not None
    with pytest.raises(cr.SettingsError, match="holds a run already"):
        plan.train("run")


def test_arrays_are_trained_on_as_before() -> None:
    """A network first; its run predicts arrays and measures them where the targets are given."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.integers(0, 2, 60)
    run = cr.train(cr.Network([3, 4, 2]), X, y=y, epochs=2, progress=False)
    assert run.evaluate(X, y)["accuracy"] == np.mean(run.predict(X) == y)
    values = cr.train(cr.Network([3, 1], output="identity", loss="squared_error"), X, X[:, 0], **QUICK)
    assert values.evaluate(X, X[:, 0])["rmse"] == pytest.approx(np.sqrt(np.mean((values.predict(X) - X[:, 0]) ** 2)))
    with pytest.raises(cr.SettingsError, match="must be fitted to encode columns"):
        run.encode({"a": [1.0]})
    with pytest.raises(cr.SettingsError, match="Give y"):
        run.evaluate(X)
    with pytest.raises(TypeError):
        cr.train(cr.Network([3, 4, 2]), X)  # type: ignore[call-overload]


def test_a_warning_points_at_the_callers_line() -> None:
    """However many functions of the package lie between."""
    network = cr.Network([2, 1], output="identity", loss="squared_error")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cr.train(network, np.ones((40, 2)) * 1e9, np.ones(40) * 1e9, optimizer=cr.SGD(1e9), progress=False)
    assert [entry.filename for entry in caught if entry.category is cr.DivergenceWarning] == [__file__]


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no target": ({"target": None}, cr.SettingsError, "Try target='yes'; columns: id, a, c, day"),
    "another target": ({"target": "prise"}, cr.DataError, "did you mean 'price'"),
    "setting": ({"epoch": 3}, cr.SettingsError, "did you mean 'epochs'"),
    "value": ({"epochs": -1}, cr.SettingsError, "epochs"),
    "share": ({"validation": 2}, cr.SettingsError, "validation=2: must be a share > 0 and < 1"),
    "preset": ({"preset": "autos"}, cr.SettingsError, "did you mean 'auto'"),
    "drop": ({"drop": "zz"}, cr.DataError, "'zz'"),
    "kind of no column": ({"kinds": {"zz": "number"}}, cr.DataError, "'zz'"),
    "kind": ({"kinds": {"a": "nmber"}}, cr.SettingsError, "nmber"),
    "setting of another rule": ({"momentum": 0.5}, cr.SettingsError, "momentum=0.5"),
    "class weight": ({"class_weight": "balanced"}, cr.SettingsError, "class_weight='balanced'"),
    "weight": ({"weight": "c"}, cr.DataError, "c"),
    "network": ({"activation": "rellu"}, cr.SettingsError, "did you mean 'relu'"),
    "seed": ({"seed": -1}, cr.SettingsError, "seed"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_says_what_was_expected(name: str, frame: pd.DataFrame) -> None:
    """The thing, the value found, what was expected, the remedy."""
    stated, kind, result = WRONG[name]
    with pytest.raises(kind) as caught:
        cr.plan(frame, **{"target": "price", **stated})
    assert result in str(caught.value)


@pytest.mark.parametrize(
    "table", [np.ones((3, 3)), None, 5, pd.Series([1.0, 2.0])], ids=["array", "None", "5", "series"]
)
def test_what_is_no_table_is_refused(table: Any) -> None:
    """Neither a network nor named columns."""
    for call in (cr.plan, cr.train):
        with pytest.raises((cr.DataError, cr.SettingsError), match="must be a"):
            call(table, target="a")


def test_missing_columns_and_targets_of_another_length_are_named(frame: pd.DataFrame) -> None:
    """A run asks for the columns of its training."""
    run = cr.train(frame, target="price", drop=["id", "kind", "yes"], **QUICK)
    with pytest.raises(cr.DataError, match="1 of 3 columns are missing: 'a'"):
        run.predict(frame.drop(columns="a"))
    with pytest.raises(cr.ShapeError, match="y has 5 rows; expected 600"):
        run.evaluate(frame, frame["price"][:5])
    with pytest.raises(cr.SettingsError, match="must be omitted"):
        cr.train(frame, "price")
