"""Few rows: folds that know no order and no copies, and a training no longer than the rows can bear."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from chainrule.sklearn import TabularClassifier
from chainrule.sklearn.few_rows import N_FOLDS, cross_validated, folds
from chainrule.sklearn.frames import table_of_frame


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
    found = folds(table_of_frame(rows), 5)
    assert set(found) == set(range(N_FOLDS))
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(90), 2))
    assert (folds(table_of_frame(rows.iloc[order].reset_index(drop=True)), 5) == found[order]).all()
    assert (folds(table_of_frame(rows), 6) != found).any()


def test_the_loss_of_the_folds_is_weighted_and_what_cannot_be_told_is_left_out() -> None:
    """Folds of weights 1, 2 and 3 with losses 1, 2 and 3: (1 + 4 + 9) / 6; rows in one fold alone tell nothing."""
    fold, X = np.array([0, 1, 2]), np.arange(3.0)[:, None]

    def loss_on(kept: Any, held_out: Any) -> float:
        assert len(kept[0]) == 2
        return float(held_out[0][0, 0] + 1)

    assert cross_validated(fold, (X, X, np.array([1.0, 2.0, 3.0])), loss_on) == pytest.approx(14 / 6)
    assert cross_validated(np.zeros(3, np.int64), (X, X, None), loss_on) == float("inf")


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
