"""Spellings of a missing value among texts: a class of a target where it is frequent, a level of its own elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from tests.tables import labels

import chainrule as cr
from chainrule.cli import main
from chainrule.data.read import read
from chainrule.data.table import MISSING, Selection

N = 60


def frame(texts: list[str]) -> pd.DataFrame:
    """A number that tells the texts apart, and the texts in turn."""
    place = np.arange(N) % len(texts)
    return pd.DataFrame({"x": place + np.arange(N) / 1000, "y": np.array(texts, dtype=object)[place]})


def in_file(table: pd.DataFrame, folder: Path) -> Any:
    table.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def in_parquet(table: pd.DataFrame, folder: Path) -> Any:
    table.to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


@pytest.mark.parametrize("source", [in_file, in_parquet, lambda table, folder: table])
@pytest.mark.parametrize(
    "texts", [["None", "Insomnia", "Apnea"], ["NA", "EU", "AS", "AF"], ["-", "+"], ["--", "++"], ["N/A", "no", "yes"]]
)
def test_a_frequent_spelling_is_a_class(source: Any, texts: list[str], tmp_path: Path) -> None:
    given = frame(texts)
    run = cr.train(source(given, tmp_path), target="y", epochs=2, progress=False)
    assert set(run.classes or ()) == set(texts)
    for asked in (run.evaluate(source(given, tmp_path)), run.evaluate(given[["x"]], given["y"])):
        assert asked["n_rows"] == N
    kept = cr.plan(given, target="y").summary()
    assert f"{texts[0]!r} ({N // len(texts)} rows) is a class; --missing {texts[0]} would take it" in kept


def test_it_is_a_class_in_every_later_table(tmp_path: Path) -> None:
    given = frame(["None", "b", "c"])
    run = cr.train(given, target="y", epochs=2, progress=False, validation=given, directory=tmp_path / "run")
    again = cr.load(tmp_path / "run")
    assert run.evaluate(given.iloc[:5])["n_rows"] == again.evaluate(in_file(given.iloc[:5], tmp_path))["n_rows"] == 5
    model = cr.load(tmp_path / "run" / "model.safetensors")
    assert model.evaluate(given.iloc[:5])["n_rows"] == 5


def test_several_labels(tmp_path: Path) -> None:
    given = frame(["-", "+"]).assign(z=np.where(np.arange(N) % 3, "None", "much"))
    run = cr.train(given, target=["y", "z"], epochs=2, progress=False)
    assert run.evaluate(given)["n_rows"] == N
    assert {tuple(row) for row in run.predict(given)} <= {(a, b) for a in "+-" for b in ("None", "much")}


@pytest.mark.parametrize("kinds", [{}, {"y": "category"}])
def test_a_rare_one_is_missing_and_said(kinds: dict[str, str], tmp_path: Path) -> None:
    given = frame(["female", "male"])
    given.loc[[0, 5], "y"] = "NA"
    plan = cr.plan(in_file(given, tmp_path), target="y", kinds=kinds)
    assert plan.details.n_left_out == 2 and plan.task.words == (("female", "male"),)
    assert "'NA' (2 rows) stands for a missing value; state the cells that do with --missing" in plan.summary()


@pytest.mark.parametrize(
    "texts", [["nan", "a", "b"], ["NULL", "a", "b"], ["#N/A", "a", "b"], ["None", "True", "False"], ["None", "1", "2"]]
)
def test_marks_truth_values_and_numbers_are_missing_and_said(texts: list[str], tmp_path: Path) -> None:
    plan = cr.plan(in_file(frame(texts), tmp_path), target="y")
    assert plan.details.n_left_out == N // 3 and f"{texts[0]!r} ({N // 3} rows) stands" in plan.summary()


@pytest.mark.parametrize("source", [in_file, in_parquet, lambda table, folder: table])
@pytest.mark.parametrize(
    "texts", [["None", "1", "2"], ["NA", "1.0", "0.0"], ["-", "7"], ["N/A", "true", "false"], ["--", "0", "1", "2"]]
)
def test_among_whole_numbers_the_kind_that_makes_it_a_class_is_named(
    source: Any, texts: list[str], tmp_path: Path
) -> None:
    given, stated = source(frame(texts), tmp_path), {"y": "category"}
    said = f"{texts[0]!r} ({N // len(texts)} rows) stands for a missing value; --kind=y=category makes {texts[0]!r} a"
    if len(texts) == 2:  # one class is left
        with pytest.raises(cr.DataError) as refused:
            cr.plan(given, target="y")
        assert said in str(refused.value)
    else:
        plan = cr.plan(given, target="y")
        assert plan.details.n_left_out == N // len(texts) and said in " ".join(plan.summary().split())
    run = cr.train(given, target="y", kinds=stated, epochs=1, progress=False)
    assert set(run.classes or ()) == set(texts)
    assert run.evaluate(frame(texts))["n_rows"] == N


def test_several_of_them_among_whole_numbers(tmp_path: Path) -> None:
    plan = cr.plan(in_file(frame(["None", "-", "1", "2"]), tmp_path), target="y")
    assert plan.details.n_left_out == N // 2
    said = "stand for a missing value; --kind=y=category makes 'None' and '-' classes"
    assert said in " ".join(plan.summary().split())


def test_among_values_it_is_missing_whatever_its_share(tmp_path: Path) -> None:
    given = frame(["None", "x"])
    given.loc[given.y == "x", "y"] = [f"{i / 7:.3f}" for i in range(N // 2)]
    said = " ".join(cr.plan(in_file(given, tmp_path), target="y").summary().split())
    assert "'None' (30 rows) stands for a missing value network" in said


def test_missing_as_stated_wins(tmp_path: Path) -> None:
    path = in_file(frame(["None", "b", "c"]), tmp_path)
    plan = cr.plan(path, target="y", missing=["None"])
    assert plan.details.n_left_out == N // 3 and plan.task.words == (("b", "c"),)
    assert cr.plan(path, target="y", missing=["NA"]).task.words == (("None", "b", "c"),)
    assert "None" in cr.plan(in_file(frame(["None", "1", "2"]), tmp_path), target="y", missing=[]).task.words[0]


def test_one_class_left_names_the_spelling(tmp_path: Path) -> None:
    with pytest.raises(cr.DataError, match=r"one class only \('a'\).*'\?' \(30 rows\) stands .* --missing"):
        cr.plan(in_file(frame(["?", "a"]), tmp_path), target="y")
    assert cr.plan(in_file(frame(["+"] * 29 + ["-"]), tmp_path), target="y").task.words == (("+", "-"),)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, run = in_file(frame(["None", "b", "c"]), tmp_path), str(tmp_path / "run")
    assert main(["train", str(path), "--target", "y", "-o", run, "--epochs", "2"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "'None' (20 rows) is a class; --missing None would take it for a missing value" in out
    assert main(["evaluate", run, str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"] == N


@pytest.mark.parametrize("others", [["Grvl", "Pave"], ["Pave"]])
def test_a_missing_value_of_a_feature_is_a_level_of_its_own(others: list[str]) -> None:
    given = frame(["NA", *others]).rename(columns={"y": "alley"}).assign(y=np.arange(N) % 2)
    plan = cr.plan(given, target="y")
    pipeline = plan.candidates[-1].pipeline
    rows = pipeline.features(read(given, pipeline.selection(needs_target=True)))
    alley = rows[:, [i for i, name in enumerate(pipeline.names) if name.startswith("alley")]]
    assert len(np.unique(alley[: 1 + len(others)], axis=0)) == 1 + len(others)


def test_what_is_stated_to_be_kept_is_read_so() -> None:
    table = pyarrow.table({"x": [1.0, 2.0, 3.0], "y": ["NA", "None", "a"]})
    how = Selection(targets=("y",), kinds={"x": "number", "y": "category"}, kept={"y": ("NA",)}, missing=MISSING)
    column = read(table, how).targets[0]
    assert column.missing.tolist() == [False, True, False]
    assert labels(read(table.slice(2), how)).tolist() == ["a"]
