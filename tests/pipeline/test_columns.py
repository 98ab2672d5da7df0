"""Columns become inputs by statistics that can be redone on paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from chainrule.data.table import Column, column_of
from chainrule.pipeline.columns import BooleanEncoder, NumberEncoder, TimeEncoder
from chainrule.pipeline.levels import CategoryEncoder
from chainrule.pipeline.statistics import quantiles
from tolerances import ALGEBRA, HAND, assert_close


def number(values: list[float], scaling: str = "robust", n_bins: int = 0, weight=None) -> NumberEncoder:
    return NumberEncoder.fit(column_of("x", np.array(values, float)), weight, scaling=scaling, n_bins=n_bins)


def test_robust_scaling_by_hand() -> None:
    """0 … 4: median 2, quartiles 1 and 3, so 8 is x = 3 and becomes 3 / √2."""
    encoder = number([0, 1, 2, 3, 4])
    assert (encoder.center, encoder.factor) == (2.0, 0.5)
    assert_close(encoder.of(np.array([2.0, 8.0]))[:, 0], [0, 3 / np.sqrt(2)], HAND)


def test_a_value_that_half_the_rows_share() -> None:
    """Quartiles fall together: 2 / (max − min) scales instead; a constant becomes 0."""
    assert number([0, 0, 0, 0, 5]).factor == 2 / 5
    assert (number([7, 7, 7]).of(np.array([7.0, 9.0])) == 0).all()


def test_far_numbers_stay_finite() -> None:
    """The largest floats overflow nothing: every input is within ±3."""
    encoder = number([-1.7e308, 0, 1.0, 2.0, 1.7e308], n_bins=4)
    assert (np.abs(encoder.of(np.array([-1.7e308, 1.7e308, 1e-300]))) <= 3).all()


@pytest.mark.parametrize("scaling", ["robust", "quantile", "standard"])
def test_a_missing_number_counts_as_the_median_and_is_told(scaling: str) -> None:
    """NaN has the inputs of the median and an indicator of 1; without NaN in training there is no indicator."""
    encoder = number([1, 2, 3, np.nan, 9], scaling, n_bins=2)
    rows = encoder.of(np.array([np.nan, 2.0]))
    assert encoder.names[-1] == "x missing"
    assert (rows[0, :-1] == encoder.of(np.array([encoder.filled]))[0, :-1]).all()
    assert rows[:, -1].tolist() == [1, 0]
    assert not number([1, 2], scaling).indicator


def test_bins_by_hand() -> None:
    """Edges 0, 1, 2, 4: 3 lies past the first two bins and halfway through the third."""
    encoder = number([0, 1, 2, 4], n_bins=3)
    assert encoder.edges.tolist() == [0, 1, 2, 4]
    assert encoder.of(np.array([3.0]))[0, 1:].tolist() == [1, 1, 0.5]
    assert encoder.of(np.array([-9.0]))[0, 1:].tolist() == [0, 0, 0]


def test_scalings_are_those_of_scikit_learn() -> None:
    """Standard scaling equals StandardScaler; scaling by quantiles is close to QuantileTransformer's."""
    values = np.random.default_rng(0).lognormal(size=3000)
    mine = number(values.tolist(), "standard").of(values)[:, 0]
    assert_close(mine, StandardScaler().fit_transform(values[:, None])[:, 0], ALGEBRA)
    mine = number(values.tolist(), "quantile").of(values)[:, 0]
    theirs = QuantileTransformer(n_quantiles=100, output_distribution="normal").fit_transform(values[:, None])[:, 0]
    middle = np.abs(theirs) < 2
    assert np.abs(mine - theirs)[middle].max() < 0.1  # knots stand at other shares: half a step of 1/100 apart


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(0, 3)), min_size=1, max_size=30))
def test_a_weight_of_two_is_the_row_twice(rows: list[tuple[int, int]]) -> None:
    """Quantiles of weighted rows are those of the rows repeated; weight 0 is no row."""
    values, weight = np.array([v for v, _ in rows], float), np.array([w for _, w in rows], float)
    if weight.sum() == 0:
        return
    shares = [0, 0.1, 0.25, 0.5, 0.75, 1]
    assert (
        quantiles(values, weight, shares).tolist()
        == quantiles(np.repeat(values, weight.astype(int)), None, shares).tolist()
    )


@pytest.mark.parametrize("scaling", ["robust", "quantile", "standard"])
def test_encoders_of_weighted_rows(scaling: str) -> None:
    """Encoders fitted to rows of weight 2 are those fitted to the rows twice."""
    rng = np.random.default_rng(1)
    values, weight = rng.normal(size=200).round(1), rng.integers(0, 3, 200).astype(float)
    twice = np.repeat(np.arange(200), weight.astype(int))
    for n_bins in (0, 5):
        one, two = number(values.tolist(), scaling, n_bins, weight), number(values[twice].tolist(), scaling, n_bins)
        assert_close(one.of(values)[:, 1:], two.of(values)[:, 1:], ALGEBRA)
        if scaling != "quantile":  # the number of its knots follows the number of rows
            assert_close(one.of(values), two.of(values), ALGEBRA)
    texts = column_of("c", np.array(list("abcdefgh"))[rng.integers(0, 8, 200)])
    assert CategoryEncoder.fit(texts, weight).names == CategoryEncoder.fit(texts.take(twice), None).names


def texts(*words: str) -> Column:
    return column_of("c", np.array(words))


def test_levels_have_an_input_each() -> None:
    """Known levels are one-hot, whatever their codes in another table; unknown ones are all zero."""
    encoder = CategoryEncoder.fit(texts(*"aabbccaabbcc"), None)
    assert encoder.names == ("c=a", "c=b", "c=c")
    assert encoder.encode(texts("c", "z", "a")).tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]


def test_rare_unknown_and_missing_levels() -> None:
    """Rare levels share an input, unknown ones count among them, missing has its own."""
    encoder = CategoryEncoder.fit(texts(*(["a"] * 50 + ["b"] * 50 + ["r", "s", ""])), None)
    assert encoder.names == ("c=a", "c=b", "c rare", "c missing")
    rows = encoder.encode(texts("r", "unknown", "", "b"))
    assert rows.tolist() == [[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_two_levels_are_one_input() -> None:
    """Two levels without a missing value are −1 and +1, unknown is 0."""
    encoder = CategoryEncoder.fit(texts(*(["no", "yes"] * 9)), None)
    assert encoder.names == ("c=yes",)
    assert encoder.encode(texts("yes", "no", "perhaps")).tolist() == [[1], [-1], [0]]


def test_true_and_false() -> None:
    """True is +1, false −1, missing 0."""
    column = Column("b", "boolean", np.array([1.0, 0.0, np.nan]))
    assert BooleanEncoder.fit(column).encode(column).tolist() == [[1], [-1], [0]]


def test_many_levels_have_the_mean_target_without_their_own_fold() -> None:
    """A training row never sees its own target: with targets of pure noise the means say nothing about them."""
    rng = np.random.default_rng(2)
    n = 2000
    column, y = column_of("c", np.array([f"v{i}" for i in rng.integers(0, 400, n)])), rng.normal(size=(n, 1))
    folds = np.arange(n) % 5
    encoder = CategoryEncoder.fit(column, None, y, folds)
    assert encoder.names[-1] == "c mean 0"
    own, held_out = encoder.encode(column)[:, -1], encoder.encode(column, folds)[:, -1]
    assert np.corrcoef(own, y[:, 0])[0, 1] > 0.3
    assert abs(np.corrcoef(held_out, y[:, 0])[0, 1]) < 0.1


def test_cycles_of_a_time() -> None:
    """Cycles that vary become sines and cosines: midnight is (0, 1), six o'clock (1, 0); missing is 0."""
    hours = np.array(["2024-01-01T00", "2024-01-01T06", "2024-01-01T12", "NaT"], "datetime64[us]")
    encoder = TimeEncoder.fit(Column("t", "time", hours), None)
    assert encoder.cycles == ("day",)
    rows = encoder.encode(Column("t", "time", hours))
    place = encoder.names.index("t sin 1/day")
    assert_close(rows[:, place : place + 2], [[0, 1], [1, 0], [0, -1], [0, 0]], HAND)
    assert rows[3, encoder.names.index("t missing")] == 1
    days = np.array(["2023-01-01", "2024-06-15", "2024-12-31"], "datetime64[us]")
    assert TimeEncoder.fit(Column("t", "time", days), None).cycles == ("year", "week")
