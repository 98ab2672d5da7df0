"""The estimators of tables: frames with texts and gaps, weights, importances."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from chainrule.sklearn import TabularClassifier, TabularRegressor


def frame(n: int, seed: int) -> tuple[pa.Table, np.ndarray[Any, Any]]:
    """Rows whose class follows from a text and a number, beside a column of chance; with gaps."""
    generator = np.random.default_rng(seed)
    colour, size = generator.choice(["red", "green", "blue"], n), generator.standard_normal(n)
    y = np.where((colour == "red") | (size > 0.8), "yes", "no")
    gaps = generator.random(n) < 0.05
    table = pa.table(
        {
            "colour": pa.array([None if gap else text for gap, text in zip(gaps, colour, strict=True)]),
            "size": pa.array(size, mask=generator.random(n) < 0.05),
            "chance": generator.standard_normal(n),
        }
    )
    return table, y


@pytest.mark.parametrize("n", [300, 1000])
def test_a_frame_with_texts_and_gaps(n: int) -> None:
    """A pyarrow table is learned as it is; columns may come in another order and with values never seen."""
    X, y = frame(n, 0)
    model = TabularClassifier(random_state=0, max_iter=100).fit(X, y)
    fresh, expected = frame(400, 1)
    assert (model.predict(fresh) == expected).mean() > 0.85
    proba = model.predict_proba(fresh)
    assert np.array_equal(model.predict_proba(fresh.select(["chance", "size", "colour"])), proba)
    unseen = fresh.set_column(0, "colour", pa.array(["violet"] * len(fresh)))
    assert np.isfinite(model.predict_proba(unseen)).all()
    with pytest.raises(ValueError, match="'size'"):
        model.predict(fresh.drop_columns(["size"]))


def test_a_pickle_predicts_the_same_bits() -> None:
    """What is pickled is arrays and settings; the run stays behind."""
    X, y = frame(300, 0)
    model = TabularClassifier(random_state=0, max_iter=30).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X)) and not hasattr(again, "run_")


def test_strong_is_an_ensemble_and_its_pickle_predicts_the_same_bits() -> None:
    """The mean of its members, of classes and of values; nothing but arrays and settings is pickled."""
    X, y = frame(600, 0)
    model = TabularClassifier("strong", random_state=0, max_iter=3).fit(X, y)
    assert len(model.run_.members) == len(model.ensemble_.networks) == 8
    inputs = [network.predict_proba(model._inputs(X)) for network in model.ensemble_.networks]
    assert model.predict_proba(X) == pytest.approx(np.mean(inputs, axis=0), rel=1e-6)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X)) and not hasattr(again, "run_")
    values = TabularRegressor("strong", random_state=0, max_iter=3).fit(X, np.arange(600.0))
    assert np.array_equal(pickle.loads(pickle.dumps(values)).predict(X), values.predict(X))
    decode, rows = values._pipeline.target.decode, values._inputs(X)
    each = [decode(network.predict(rows)) for network in values.ensemble_.networks]
    assert values.predict(X) == pytest.approx(np.mean(each, axis=0), rel=1e-5)


def test_importances_name_the_columns_that_matter() -> None:
    """Shuffling a column that decides costs more than shuffling one of chance."""
    X, y = frame(600, 0)
    model = TabularClassifier(random_state=0, max_iter=60, importances=True).fit(X, y)
    colour, size, chance = model.feature_importances_
    assert colour > size > chance


def test_loss_and_label_smoothing_of_a_classifier() -> None:
    """They are those of the training; both make it less sure, and what is impossible is refused."""
    X, y = frame(300, 0)
    options: dict[str, Any] = {"random_state": 0, "max_iter": 30, "neighbours": False}
    plain = TabularClassifier(**options).fit(X, y)
    focal = TabularClassifier(loss="focal:2", **options).fit(X, y)
    smooth = TabularClassifier(label_smoothing=0.3, **options).fit(X, y)
    assert [m.network_.architecture.loss for m in (plain, focal, smooth)] == [
        "cross_entropy",
        "focal:2",
        "cross_entropy",
    ]
    assert [m.run_.settings.label_smoothing for m in (plain, focal, smooth)] == [0, 0, 0.3]
    sure, *others = (m.predict_proba(X).max(axis=1).mean() for m in (plain, focal, smooth))
    assert max(others) < sure - 0.02
    assert np.array_equal(
        TabularClassifier(loss="cross_entropy", **options).fit(X, y).predict_proba(X), plain.predict_proba(X)
    )
    for wrong in (
        {"label_smoothing": 1.0},
        {"label_smoothing": -0.1},
        {"loss": "focal:-1"},
        {"loss": "poisson"},
        {"loss": 2},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TabularClassifier(**options, **wrong).fit(X, y)


def test_schedules_factors_and_the_scale_of_a_target_are_those_of_the_training() -> None:
    """What is stated is what the run records, the default is what was before, and what is impossible is refused."""
    X, _ = frame(300, 0)
    y = np.exp(np.random.default_rng(0).standard_normal(300))
    options: dict[str, Any] = {"random_state": 0, "max_iter": 20, "neighbours": False}
    stated = {"schedules": {"dropout": "flat_cosine"}, "learning_rate_factors": {"b": 0.0, "W1": 0.5}}
    plain, model = (
        TabularRegressor(**options).fit(X, y),
        TabularRegressor(target_scale="log", **stated, **options).fit(X, y),
    )
    assert model.run_.settings.schedules == stated["schedules"] and plain.run_.settings.schedules == {}
    assert model.run_.settings.learning_rate_factors == stated["learning_rate_factors"]
    assert not model.network_.b[1].any() and plain.network_.b[1].any()  # biases start at 0 and are left there
    assert model.predict(X).mean() < 0.9 * plain.predict(X).mean()  # of a skewed target, exp of the mean logarithm
    labels = np.where(y > 1, "a", "b")
    assert TabularClassifier(**stated, **options).fit(X, labels).run_.settings.schedules == stated["schedules"]
    for wrong in ({"schedules": {"dropout": "never"}}, {"schedules": "cosine"}, {"learning_rate_factors": {"b": -1.0}}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TabularClassifier(**options, **wrong).fit(X, labels)
    with pytest.raises(ValueError, match="target_scale"):
        TabularRegressor(target_scale="root", **options).fit(X, y)


def test_values_in_their_own_unit() -> None:
    """A regressor predicts in the unit of y, from text columns too."""
    X, _ = frame(600, 0)
    y = (
        1000.0
        + 50 * np.nan_to_num(X["size"].to_numpy(zero_copy_only=False))
        + 100 * np.equal(X["colour"].to_pylist(), "red")
    )
    model = TabularRegressor(random_state=0, max_iter=100).fit(X, y)
    assert model.score(X, y) > 0.9
