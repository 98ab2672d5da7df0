"""What `train` ends with: a line for a leak, a code, a model below the simplest prediction, the way to the doctor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.data.table import Column, Table
from chainrule.diagnose.doctor.after_training import after_training
from chainrule.run.table_sample import TableSample

N = 300
RNG = np.random.default_rng(0)
X, Z, W = RNG.normal(size=(3, N))
CHURN = np.where(X + Z + W > 0.3, "yes", "no")
USUAL = ["-o", "RUN", "--preset", "plain", "--epochs", "20", "--network", "8"]


def written(**columns: object) -> str:
    """A file of these columns."""
    cells = [
        [f"{cell:.4f}" if isinstance(cell, float) else str(cell) for cell in column] for column in columns.values()
    ]
    Path("table.csv").write_text("\n".join([",".join(columns), *map(",".join, zip(*cells, strict=True))]))
    return "table.csv"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def said(capsys, *options: str) -> str:
    """The lines behind the measures."""
    main(["train", *options, *USUAL])
    out = capsys.readouterr().out
    return out[out.index("stopped") :]


def test_a_column_that_gives_the_target_away(capsys) -> None:
    """closed_reason, filled for those who left: its name, the class, the command."""
    reason = np.where(CHURN == "yes", RNG.choice(["moved", "price"], N), "")
    text = said(capsys, written(x=X, z=Z, closed_reason=reason, churn=CHURN), "--target", "churn")
    assert "closed_reason: filled in for class yes only" in text
    assert "chainrule doctor RUN says more" in text


def test_a_code_for_missing_cells(capsys) -> None:
    """-9999 in the table: the column, the number, the option."""
    coded = np.where(RNG.random(N) < 0.1, -9999.0, X)
    text = said(capsys, written(length=coded, z=Z, y=X + Z), "--target", "y")
    assert "length: contains -9999 repeatedly" in text and "--missing=-9999" in text


def test_a_model_below_the_simplest_prediction(capsys) -> None:
    """A rate that leads nowhere: the measure of the model and that of the mean; in JSON too."""
    data = written(x=X, z=Z, y=X + Z)
    ill = ["--target", "y", "--optimizer", "sgd", "--learning-rate", "1e-9", "--seed", "1"]
    assert "worse than a constant prediction: rmse" in said(capsys, data, *ill)
    main(["train", data, *ill, *USUAL[2:], "-o", "JSON", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in record["look_at"]] == ["below-baseline"]


def test_nothing_is_said_of_a_training_that_went_well(capsys) -> None:
    """A table without faults, and one of a single column that settles the target."""
    assert "look at" not in said(capsys, written(x=X, z=Z, y=X + Z + W), "--target", "y")
    main(["train", written(x=X, y=2 * X + 1), "--target", "y", "-o", "LAW", "--preset", "plain"])
    assert "look at" not in capsys.readouterr().out


def test_measures_are_compared_as_the_training_weighs_them() -> None:
    """Classes that count equally are judged by balanced accuracy; else by accuracy, then by the loss."""
    good = {"n_rows": 200, "accuracy": 0.9, "balanced_accuracy": 0.8, "log_loss": 0.3}
    base = {"n_rows": 200, "accuracy": 0.95, "balanced_accuracy": 0.5, "log_loss": 0.2}
    assert [one.evidence["measure"] for one in after_training(None, "classes", good, base)] == ["accuracy"]
    assert after_training(None, "classes", good, base, weighted=True) == []
    assert after_training(None, "values", {"rmse": 1.0}, {"rmse": 1.0}) == []
    assert [one.id for one in after_training(None, "values", {"rmse": 1.1}, {"rmse": 1.0})] == ["below-baseline"]
    assert after_training(None, "values", {"rmse": None}, {"rmse": 1.0}) == []


def test_a_perfect_score_of_many_columns_is_a_question() -> None:
    """Every row right and surely so, without a column that was made of the target: asked, not accused."""
    values = {"x": X, "z": Z, "y": (X + Z > 0).astype(float)}
    columns = tuple(Column(name, "number", cells) for name, cells in values.items())
    table = Table(path="", columns=columns[:2], targets=columns[2:])
    perfect = {"n_rows": 200, "accuracy": 1.0, "log_loss": 1e-5}
    base = {"n_rows": 200, "accuracy": 0.5, "log_loss": 0.7}
    sample = TableSample.of(table, ["x", "z"], [1, 1])
    (question,) = after_training(sample, "classes", perfect, base)
    assert question.severity == "note" and "known before the target" in question.line()
    alone = TableSample.of(table, ["x"], [1])
    assert after_training(alone, "classes", perfect, base) == []
    assert after_training(sample, "classes", perfect | {"n_rows": 30}, base) == []
