"""Levels beside a prediction: calibrated on rows that were not trained on, ordered, in the unit of the target."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.errors import SettingsError
from chainrule.pipeline.target import Values
from chainrule.planning.intervals import coverage, factors_of, widened
from chainrule.reference.losses import loss_named

HEADS = loss_named("intervals:0.1,0.9").heads
RNG = np.random.default_rng(5)


def table(n: int = 400) -> dict[str, Any]:
    """A column x, and a target whose spread grows with it."""
    x = RNG.uniform(1, 3, n)
    return {"x": x.tolist(), "y": (10 * x + x * RNG.normal(size=n)).tolist()}


def test_the_factor_is_a_conformal_quantile() -> None:
    """Of 9 rows at distances 1 … 9 from a level at distance 2 the ⌈0.9·10⌉ = 9th counts: 9/2 on either side."""
    assert HEADS is not None
    point, levels = np.zeros((18, 1)), np.tile([-2.0, 2.0], (18, 1, 1)).reshape(18, 1, 2)
    y = np.concatenate([np.arange(1.0, 10), -np.arange(1.0, 10)])[:, None]
    found = factors_of((point, levels), y, None, HEADS)
    assert found.tolist() == [[4.5, 4.5]]  # ⌈0.9·19⌉ = 18th of 18 signed distances
    doubled = np.repeat(y, 2, axis=0)
    weighted = factors_of((np.zeros((36, 1)), np.tile(levels, (2, 1, 1))), doubled, np.full(36, 0.5), HEADS)
    assert weighted.tolist() == [[4.0, 4.0]]  # 36 rows: 0.9·37/36 of the weight is reached at ±8
    y[0] = np.nan
    assert np.isfinite(factors_of((point, levels), y, None, HEADS)).all()
    assert (factors_of((point, levels), np.full((18, 1), np.nan), None, HEADS) == 1).all()


def test_levels_stay_in_order_whatever_the_factors() -> None:
    """A level further out is never nearer, and none crosses the prediction."""
    point, levels = np.array([[5.0]]), np.array([[[3.0, 4.0, 6.0, 7.0]]])
    found = widened((point, levels), np.array([[0.1, 2.0, 3.0, 0.0]]), 2)
    assert found.tolist() == [[[3.0, 3.0, 8.0, 8.0]]]
    assert widened((point, levels), None, 2).tolist() == levels.tolist()


def test_coverage_by_hand() -> None:
    """Four rows, one below, one above, one on the edge, which is inside; a missing one does not count."""
    assert HEADS is not None
    target = Values(
        columns=("y",), mean=np.zeros(1), scale=np.ones(1), logarithm=False, unit=np.ones(1), high=np.zeros(1)
    )
    at = (np.zeros((5, 1)), np.tile([-1.0, 1.0], (5, 1, 1)).reshape(5, 1, 2))
    truth = np.array([-2.0, 0.0, 1.0, 3.0, np.nan])
    assert coverage(target, at, HEADS, truth, None) == {"coverage_0.1_0.9": 0.5, "below_0.1": 0.25, "below_0.9": 0.75}
    weight = np.array([0.0, 1.0, 1.0, 2.0, 1.0])
    assert coverage(target, at, HEADS, truth, weight)["coverage_0.1_0.9"] == 0.5


@pytest.mark.parametrize("loss", ["auto", "gaussian", "huber"])
def test_a_table_covers_rows_it_has_not_seen(loss: str) -> None:
    """Within three binomial errors of 600 new rows, and the spread follows the column that it depends on."""
    run = cr.train(table(1200), target="y", intervals=(0.9, 0.1), loss=loss, epochs=15, progress=False)
    new = table(600)
    scores, beside = run.evaluate(new), run.predict_intervals(new)
    error = 3 * np.sqrt(0.8 * 0.2 * (1 / 600 + 1 / 240))  # 240 rows calibrated
    assert abs(scores["coverage_0.1_0.9"] - 0.8) < error
    low, high, point = beside["lower_0.1"], beside["upper_0.9"], run.predict(new)
    assert ((low <= point) & (point <= high)).all()
    wide = high - low
    assert wide[np.array(new["x"]) > 2.5].mean() > 1.2 * wide[np.array(new["x"]) < 1.5].mean()
    assert ("standard_deviation" in beside) == (loss == "gaussian")


@pytest.mark.parametrize("n", [60, 400])
def test_the_command_line(n: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """train, predict and evaluate, of few rows by folds too; the model file holds what was calibrated."""
    rows, run = table(n), tmp_path / "run"
    data = tmp_path / "data.csv"
    data.write_text("\n".join(["x,y,z", *(f"{x},{y},{-y}" for x, y in zip(rows["x"], rows["y"], strict=True))]))
    asked = ["--target", "y,z", "--intervals", "0.9,0.05, 0.25", "--preset", "auto", "-o", str(run), "--quiet"]
    assert main(["train", str(data), *asked, *(["--epochs", "5"] if n > 100 else [])]) == 0
    assert main(["predict", str(run), str(data), "-o", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open() as file:
        found = list(csv.DictReader(file))
    names = [f"{name}_{end}" for end in ("y", "z") for name in ("lower_0.05", "lower_0.25", "prediction", "upper_0.9")]
    assert set(found[0]) == set(names)
    for first in (0, 4):
        columns = np.array([[float(row[name]) for name in names[first : first + 4]] for row in found])
        assert (np.diff(columns, axis=1) >= 0).all()
    capsys.readouterr()
    assert main(["evaluate", str(run), str(data), "--json"]) == 0
    assert '"coverage_0.05_0.9_z"' in capsys.readouterr().out
    model = cr.load(run / "model.safetensors")
    assert model.pipeline is not None and "target.calibration" in model.pipeline_arrays
    loaded = cr.load(run).predict_intervals(str(data))
    assert np.array_equal(loaded["lower_0.05_z"], np.array([float(row["lower_0.05_z"]) for row in found]))


def test_the_logarithm_keeps_the_order() -> None:
    """With a target of orders of magnitude levels are of the logarithm, never negative, and in order."""
    target = Values(
        columns=("y",), mean=np.array([1.0]), scale=np.array([2.0]), logarithm=True, unit=np.array([0.5]),
        high=np.array([100.0]),
    )  # fmt: skip
    z = np.array([-9.0, -1.0, 0.0, 1.0, 9.0])
    y = target.decode(z)
    assert (np.diff(y) >= 0).all() and y[0] == 0 and y[-1] == 100
    draws = np.random.default_rng(0).normal(0.2, 0.3, 400_000)
    spread = target.deviation(np.array([[0.2]]), np.array([[0.3]]))[0, 0]
    assert spread == pytest.approx(target.decode(draws).std(), rel=0.02)


def test_what_has_no_intervals_is_refused() -> None:
    """Classes, a loss of positive rates, and questions to a run that predicts none."""
    with pytest.raises(SettingsError, match="must be left out for task 'classification'"):
        cr.plan("iris", intervals=(0.1, 0.9))
    with pytest.raises(SettingsError, match="has no intervals"):
        cr.plan("diabetes", intervals=0.9, loss="poisson")
    run = cr.train(table(60), target="y", epochs=1, progress=False)
    with pytest.raises(SettingsError, match="predicts no intervals"):
        run.predict_intervals(table(3))


def test_the_estimator() -> None:
    """TabularRegressor has the same columns."""
    from chainrule.sklearn import TabularRegressor

    rows = table(600)
    X, y = np.array(rows["x"])[:, None], np.array(rows["y"])
    model = TabularRegressor(intervals=(0.1, 0.9), loss="gaussian", max_iter=10, random_state=0).fit(X, y)
    beside = model.predict_intervals(X)
    assert set(beside) == {"lower_0.1", "upper_0.9", "standard_deviation"}
    assert (beside["lower_0.1"] <= model.predict(X)).all() and (model.predict(X) <= beside["upper_0.9"]).all()
    plain = TabularRegressor(max_iter=2, random_state=0).fit(X, y)
    assert plain.predict_intervals(X) == {}
