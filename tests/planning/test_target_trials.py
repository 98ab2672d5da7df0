"""The logarithm of a target is learned where residuals ask for it and the error in its own unit falls."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.model_selection import choose
from chainrule.cli import main
from chainrule.data.split import HeldOut
from chainrule.errors import DataError, SettingsError
from chainrule.pipeline.target import Values
from chainrule.planning.plan import Resample
from chainrule.planning.target_trials import may_be_logarithm, misfit

RNG = np.random.default_rng(0)
N = 1300
X = RNG.uniform(-1.7, 1.7, size=(N, 3))
SIGNAL = X[:, 0] + 0.5 * X[:, 1]
PRICES = 1000 * np.exp(1.2 * SIGNAL + 0.1 * RNG.normal(size=N))
"""Missed by a share of themselves."""
SKEWED = 3 * np.exp(0.8 * SIGNAL) + RNG.uniform(0, 1, size=N)
"""As skewed, but all missed by as much."""


def table(y: Any, rows: slice = slice(None)) -> dict[str, Any]:
    return {f"x{k}": X[rows, k] for k in range(3)} | {"y": np.asarray(y)[rows]}


def plan_of(y: Any, **asked: Any) -> cr.TablePlan:
    return cr.plan(table(y), target="y", neighbours=False, **{"target_scale": "auto", **asked})


def test_prices_are_learned_by_their_logarithm() -> None:
    """Chosen on held-out rows; better on new ones in the unit of the target; recorded, and predicted in that unit."""
    train, test = table(PRICES, slice(1000)), table(PRICES, slice(1000, None))
    how = {"target": "y", "neighbours": False, "progress": False}
    run, plain = (cr.train(train, target_scale=scale, **how) for scale in ("auto", "linear"))
    assert run.pipeline["target"]["logarithm"] and not plain.pipeline["target"]["logarithm"]
    errors, before = run.evaluate(test), plain.evaluate(test)
    guess = run.predict(test)
    assert errors["rmse"] == pytest.approx(np.sqrt(np.mean((guess - test["y"]) ** 2)))
    assert errors["rmse"] < before["rmse"] and errors["mae"] < 0.9 * before["mae"]
    tried = [trial for trial in run.record.source["trials"] if trial.get("on_logarithm")]
    assert tried and all(trial["error"] > 0 and "logarithm" in trial["name"] for trial in tried)
    assert not any(trial.get("on_logarithm") for trial in plain.record.source["trials"])
    assert (guess >= 0).all() and guess.max() <= np.max(train["y"])


def test_errors_that_do_not_grow_ask_for_no_trial() -> None:
    """As skewed a target, but with residuals alike for small and large predictions: nothing more is tried."""
    chosen = choose(plan_of(SKEWED).details, progress=False)
    assert may_be_logarithm(plan_of(SKEWED).details)
    assert not chosen.candidate.on_logarithm and not any(trial.on_logarithm for trial in chosen.trials)


def test_what_the_logarithm_is_not_asked_about() -> None:
    """Negative, even and few values, classes, several targets, levels, other losses, and what is stated."""
    assert may_be_logarithm(plan_of(PRICES).details)
    assert not may_be_logarithm(plan_of(PRICES - PRICES.mean()).details)
    assert not may_be_logarithm(plan_of(SIGNAL - SIGNAL.min()).details)
    assert not may_be_logarithm(plan_of(np.where(SIGNAL > 2, 100, 1), task="regression").details)
    assert not may_be_logarithm(plan_of(np.where(SIGNAL > 0, "a", "b")).details)
    for asked in ({"intervals": (0.1, 0.9)}, {"loss": "huber"}, {"target_scale": "linear"}):
        assert not may_be_logarithm(plan_of(PRICES, **asked).details)
    several = table(PRICES) | {"z": PRICES}
    assert not may_be_logarithm(cr.plan(several, target=["y", "z"], target_scale="auto").details)


def test_the_misfit_by_hand() -> None:
    """Errors 1, 2 and 4 of the values themselves, the last with weight 2; they grow with the predictions."""
    target = Values(
        columns=("y",), mean=np.zeros(1), scale=np.ones(1), logarithm=True, unit=np.array([2.0]), high=np.array([50.0])
    )
    truth, guess = np.array([10.0, 20.0, 60.0]), np.array([11.0, 22.0, 64.0])
    network = SimpleNamespace(
        architecture=SimpleNamespace(n_outputs=1), predict=lambda X: np.log1p(guess / 2)[X[:, 0].astype(int), None]
    )
    candidate = SimpleNamespace(pipeline=SimpleNamespace(target=target))
    rows = (np.arange(3.0)[:, None], np.log1p(truth / 2), np.array([1.0, 1.0, 2.0]))
    resample = Resample(rows=rows, seed=0, validation=HeldOut(np.arange(0), np.arange(3)))
    found = misfit(candidate, network, resample)
    # predictions are held within the training rows: 64 becomes 50, which misses 60 by 10
    assert found.squares == pytest.approx(1 + 4 + 2 * 100) and found.weight == 4 and found.spreading == pytest.approx(1)


def test_stated_by_hand_and_refused() -> None:
    """target_scale="log" learns it without trials; classes, negative values and unknown names are refused."""
    run = cr.train(table(PRICES), target="y", target_scale="log", epochs=3, progress=False)
    unit = np.median(PRICES[run.index]) / 10
    assert run._fitted.target.unit[0] == pytest.approx(unit)
    with pytest.raises(SettingsError, match="target_scale='log': must be left out for task 'classification'"):
        cr.train(table(np.where(SIGNAL > 0, "a", "b")), target="y", target_scale="log")
    with pytest.raises(SettingsError, match="output 'exponential'"):
        cr.plan(table(PRICES), target="y", target_scale="log", loss="poisson")
    with pytest.raises(DataError, match="logarithm requires values ≥ 0"):
        cr.plan(table(SIGNAL), target="y", target_scale="log")
    with pytest.raises(SettingsError, match="target_scale 'logarithm' is unknown"):
        cr.plan(table(PRICES), target="y", target_scale="logarithm")


def test_few_rows_are_compared_by_folds_in_their_unit() -> None:
    """Below 500 rows the cross-validation of the candidate with the logarithm is what the output shows."""
    few = slice(240)
    plan = cr.plan(table(PRICES, few), target="y", target_scale="auto").details
    chosen = choose(plan, progress=False)
    assert chosen.candidate.on_logarithm
    assert chosen.models == next(
        trial.models for trial in chosen.trials if trial.on_logarithm and trial.candidate == chosen.index
    )
    assert any(model is not None for model in chosen.models)


def test_the_command_line_says_it_and_goes_on_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """train says what is learned; a run that goes on learns the same."""
    lines = ["a,b,c,y", *(",".join(f"{v:.6g}" for v in (*x, y)) for x, y in zip(X, PRICES, strict=True))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    options = ["train", str(tmp_path / "rows.csv"), "--target", "y", "--no-neighbours", "-o", str(tmp_path / "run")]
    options += ["--target-scale", "auto"]
    assert main(options) == 0
    assert "its logarithm is learned, log(1 + y / " in " ".join(capsys.readouterr().out.split())
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["pipeline"]["target"]["logarithm"] is True
    more = str(record["result"]["epochs"] + 2)
    assert main([*options, "--epochs", more, "--resume", "--quiet"]) == 0
    assert cr.load(tmp_path / "run").pipeline["target"]["logarithm"] is True
