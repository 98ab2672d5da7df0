"""Few rows: folds that know no order and no copies, and a training no longer than the rows can bear."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chainrule import Network, train
from chainrule.data.folds import N_FOLDS, folds
from chainrule.planning.clock import Clock
from chainrule.planning.presets import few_rows
from chainrule.sklearn import TabularClassifier
from chainrule.sklearn.frames import table_of_frame
from chainrule.training.update_rules import optimizer_from


def frame(n: int) -> pd.DataFrame:
    """Every kind of column, with gaps."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.standard_normal(n)),
            "text": rng.choice(["seoul", "busan", None], n),
            "truth": rng.random(n) < 0.5,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, n), unit="D"),
        }
    )
    return table


def test_a_fold_follows_from_the_cells_of_a_row() -> None:
    """In another order and beside copies every row stays in its fold; another seed tells others; all folds occur."""
    rows = frame(90)
    found, n_distinct = folds(table_of_frame(rows), 5)
    assert set(found) == set(range(N_FOLDS)) and n_distinct == 90
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(90), 2))
    again, as_many = folds(table_of_frame(rows.iloc[order].reset_index(drop=True)), 5)
    assert (again == found[order]).all() and as_many == 90
    assert (folds(table_of_frame(rows), 6)[0] != found).any()


def test_chance_is_not_believed() -> None:
    """Classes that follow from nothing get probabilities near their share: the log-loss of new rows stays near ln 2."""
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((400, 8)), rng.integers(0, 2, 400)
    proba = TabularClassifier(random_state=0).fit(X[:200], y[:200]).predict_proba(X[200:])
    assert -np.log(proba[np.arange(200), y[200:]]).mean() < 0.8


def test_a_pattern_is_still_learned() -> None:
    """A product of signs, which no linear model sees."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((700, 2))
    y = X[:, 0] * X[:, 1] > 0
    assert TabularClassifier(random_state=0).fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.9


def test_the_linear_model_starts_from_nothing_at_a_rate_for_its_inputs() -> None:
    """2 / (7 inputs and the bias) = 0.25, for classes more; hidden layers start at random, at a rate of their own."""
    for output, rate in (("identity", 0.25), ("softmax", 0.5), ("sigmoid", 1.0)):
        as_they_are = few_rows(60, 60, 7, output)
        chosen = as_they_are.for_inputs(7)
        ridge, freer, binned, *others = chosen.simpler
        assert (ridge.hidden_sizes, ridge.initializer, ridge.optimizer["learning_rate"]) == ((), "zeros", rate)
        assert freer.settings["l2"] < ridge.settings["l2"] == binned.settings["l2"]
        assert {preset.initializer for preset in (*others, chosen)} == {"auto"}
        assert others == list(as_they_are.simpler[3:])


def test_bins_follow_rows_that_differ_and_wide_tables_have_none() -> None:
    """Of 400 rows that are 100 different ones five bins; the same ladder without them where there are many columns."""
    narrow, wide = few_rows(400, 100, 4, "sigmoid"), few_rows(400, 100, 40, "sigmoid")
    assert [preset.n_bins for preset in (*narrow.simpler, narrow)] == [0, 0, 5, 0, 0, 5, 0, 5, 5]
    assert [preset.n_bins for preset in (*wide.simpler, wide)] == [0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("n_inputs", [1, 2, 40, 600])
def test_the_linear_model_is_stable_where_all_columns_say_the_same(n_inputs: int) -> None:
    """Columns of ±1, all equal, have the largest curvature there is, n_inputs and the bias: descent settles."""
    x = np.tile([-1.0, 1.0], 30)
    ridge = few_rows(60, 60, n_inputs, "identity").for_inputs(n_inputs).simpler[0]
    network = Network([n_inputs, 1], "identity", "identity", "squared_error", ridge.initializer, "float64")
    run = train(
        network, np.tile(x[:, None], n_inputs), 3 * x + 1, optimizer=optimizer_from(ridge.optimizer), progress=False,
        **ridge.settings,
    )  # fmt: skip
    assert not run.diverged
    assert run.history["loss"][-1] < 0.01


def test_a_clock_shares_what_is_left() -> None:
    """A part of the seconds that have not passed, a moment where all have, no limit where there is none."""
    assert Clock(None).share(4) == {}
    assert 24.0 < Clock(100.0).share(4)["time_limit"] <= 25.0
    assert Clock(1e-9).share(2)["time_limit"] == 0.0005
