"""Columns of noise are left out where held-out rows say so, and each resample leaves out its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chainrule.api.load import load
from chainrule.api.model_selection import choose, train_candidate
from chainrule.api.run import Run
from chainrule.data.table import Table, column_of
from chainrule.planning import summary
from chainrule.planning.column_trials import columns_worth_a_trial, on_columns
from chainrule.planning.plan import TrainingPlan, plan_table
from chainrule.planning.request import Request
from chainrule.planning.selection import Selected, measure
from chainrule.planning.task import choose_task

Array = npt.NDArray[Any]


def noisy(n: int, n_noise: int = 60, seed: int = 0) -> tuple[Array, Array]:
    """Whether both of two columns, x0 and x1, are large, among columns of noise."""
    X = np.random.default_rng(seed).standard_normal((n, n_noise + 2))
    return X, (np.minimum(X[:, 0], X[:, 1]) > -0.5).astype(np.int64)


def plan_of(X: Array, y: Array, **asked: Any) -> TrainingPlan:
    columns = tuple(column_of(f"x{j}", X[:, j]) for j in range(X.shape[1]))
    table = Table(path="rows", columns=columns, targets=(column_of("y", y),))
    return plan_table(table, Request(**asked), choose_task(table.targets, "auto"), {})


@pytest.fixture(scope="module", params=[400, 900, 1600], ids=["folds", "several splits", "one split"])
def case(request: pytest.FixtureRequest) -> tuple[TrainingPlan, Selected]:
    plan = plan_of(*noisy(request.param))
    return plan, choose(plan, progress=False)


def test_noise_is_left_out_and_the_pattern_found(case: tuple[TrainingPlan, Selected], tmp_path: Path) -> None:
    """The run uses few columns, predicts new rows well, needs no other column, goes on with the same ones."""
    plan, chosen = case
    pipeline = chosen.candidate.pipeline
    assert {"x0", "x1"} <= set(pipeline.columns) and len(pipeline.columns) <= 12
    assert f"{len(pipeline.columns)} of 62 used" in summary.training(chosen.candidate)["columns"]
    run = train_candidate(plan, chosen, directory=tmp_path / "run", progress=False)
    X, y = noisy(500, seed=1)
    table = {name: X[:, int(name[1:])] for name in pipeline.columns}
    assert np.mean(run.predict(table) == y) > 0.8
    loaded = load(tmp_path / "run")
    assert isinstance(loaded, Run) and np.array_equal(loaded.predict(table), run.predict(table))
    assert np.isfinite(loaded.replay(run.n_steps - 1).backward.loss)
    again = choose(plan, begun=tmp_path / "run")
    assert again.index == chosen.index and np.array_equal(again.candidate.rows.X, chosen.candidate.rows.X)
    measured = measure(plan, chosen, run.network)
    judged = "cross-validation" if plan.fold is not None else "validation"
    assert 0.7 < measured[judged]["accuracy"] <= 1  # type: ignore[operator]


def test_each_resample_leaves_out_columns_by_the_rows_it_trains_on() -> None:
    """The targets of rows held out have no say: their change changes no input of a resample."""
    X, y = noisy(400)
    plan = plan_of(X, y)
    kept = columns_worth_a_trial(plan)
    assert kept is not None and plan.fold is not None
    one = list(plan.resamples(on_columns(plan.candidates[0], kept)))
    for k, resample in enumerate(one):
        other = plan_of(X, np.where(plan.fold == k, 1 - y, y))
        changed = columns_worth_a_trial(other)
        assert changed is not None
        same = list(other.resamples(on_columns(other.candidates[0], changed)))[k]
        assert np.array_equal(resample.rows[0], same.rows[0])
        assert resample.outside is not None and resample.outside[0].shape[1] == resample.rows[0].shape[1]


def test_where_it_is_not_tried() -> None:
    """By request; of few columns; where more than half tell something; where none does."""
    X, y = noisy(600)
    assert columns_worth_a_trial(plan_of(X, y)) is not None
    assert columns_worth_a_trial(plan_of(X, y, screening=False)) is None
    assert columns_worth_a_trial(plan_of(X[:, :49], y)) is None
    wide = X[:, :52]
    assert columns_worth_a_trial(plan_of(wide, wide.sum(axis=1))) is None


def test_of_few_rows_and_very_many_inputs_networks_are_tried_on_few_columns_alone() -> None:
    """Without hidden layers a network is tried on all of them; where it is stated to have some, so is that."""
    X = np.random.default_rng(0).standard_normal((60, 1200)).astype(np.float32)
    y = (X[:, 0] > 0).astype(np.int64)
    X[:, 1] = 3 * y + X[:, 1]
    chosen = choose(plan_of(X, y), progress=False)
    widths = [
        (trial.settings["network"]["sizes"][0], len(trial.settings["network"]["sizes"])) for trial in chosen.trials
    ]
    assert (1200, 2) in widths and all(depth == 2 for width, depth in widths if width > 1000)
    assert any(width < 600 and depth > 2 for width, depth in widths)
    stated = choose(plan_of(X, y, hidden_sizes=(4,), screening=False), progress=False)
    assert {trial.settings["network"]["sizes"][0] for trial in stated.trials} == {1200}
    assert all(np.isfinite(trial.loss) for trial in stated.trials)


def test_a_fold_by_which_no_column_tells_anything_has_the_most_important_one() -> None:
    """It is judged as the training will be: on few columns, not on all of them."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((60, 200)), np.arange(60) % 2
    plan = plan_of(X, y)
    found = [plan.columns_of(k, np.arange(60), np.flatnonzero(plan.fold != k)) for k in range(3)]
    assert all(1 <= columns.sum() <= 100 for columns in found)
