"""The numeric pipeline: by hand, back again, and to the same bits after it was kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

from chainrule.errors import DataError, ModelFileError
from chainrule.pipeline.numeric import NumericPipeline, class_names, class_text

X = np.array([[1.0, 5.0], [3.0, 5.0]])


def fit(y, X=X, **options) -> NumericPipeline:
    y = np.asarray(y)
    classes = class_names(y) if y.dtype.kind in "USi" else None
    return NumericPipeline.fit(("a", "b"), X, y, target="y", classes=classes, **options)


def test_columns_are_standardised() -> None:
    """Mean 2 and deviation 1; a constant column becomes 0."""
    assert fit([0.0, 1.0]).features(("a", "b"), X, "rows").tolist() == [[-1, 0], [1, 0]]


def test_a_weight_of_two_is_the_row_twice() -> None:
    """Means, scales and the target's scale follow the weights."""
    weighted = fit([1.0, 4.0], weight=np.array([1.0, 2.0]))
    twice = fit([1.0, 4.0, 4.0], X[[0, 1, 1]])
    assert np.allclose(weighted.mean, twice.mean)
    assert np.allclose(weighted.scale, twice.scale)
    assert weighted.target_scale == pytest.approx(twice.target_scale)


def test_columns_are_matched_by_name() -> None:
    """Another order and further columns change nothing; a missing one is named."""
    pipeline = fit([0.0, 1.0])
    wide = np.column_stack([X[:, 1], np.full(2, 9.0), X[:, 0]])
    assert np.array_equal(pipeline.features(("b", "c", "a"), wide, "rows"), pipeline.features(("a", "b"), X, "rows"))
    with pytest.raises(DataError, match="1 of 2 columns are missing: 'b'"):
        pipeline.features(("a", "c"), X, "rows")


def test_values_come_back_in_their_unit() -> None:
    """decode undoes encode; without standardising both leave the values alone."""
    y = np.array([10.0, 30.0])
    pipeline = fit(y)
    assert pipeline.encode(y, "rows").tolist() == [-1, 1]
    assert pipeline.decode(pipeline.encode(y, "rows")).tolist() == [10, 30]
    assert fit(y, standardise_target=False).encode(y, "rows").tolist() == [10, 30]
    with pytest.raises(DataError, match="'x'"):
        pipeline.encode(np.array(["x"]), "rows")


@pytest.mark.parametrize("y", [["no", "yes"], [3, 7]])
def test_classes_come_back_by_name(y) -> None:
    """Names become indices in sorted order, and names again; a foreign one is refused."""
    pipeline = fit(y)
    assert pipeline.encode(np.array(y)[[1, 0, 1]], "rows").tolist() == [1, 0, 1]
    assert pipeline.decode(np.array([1, 0])).tolist() == [y[1], y[0]]
    with pytest.raises(DataError, match="5"):
        pipeline.encode(np.array([5]), "rows")


def test_a_class_is_one_name_in_every_file() -> None:
    """1, 1.0 and "1" are the same class."""
    assert class_text(1) == class_text(1.0) == class_text("1") == "1"
    assert fit([1, 2]).encode(np.array(["2", "1"]), "rows").tolist() == [1, 0]
    assert fit([1, 2]).encode(np.array([2.0, 1.0]), "rows").tolist() == [1, 0]


@pytest.mark.parametrize("y", [[0.1, 0.7], ["no", "yes"]])
def test_kept_and_restored_gives_the_same_bits(y) -> None:
    """Through JSON and arrays, on numbers that have no short decimals."""
    rows = np.random.default_rng(0).normal(size=(50, 2)) * 1e3 + 1e5
    before = fit(np.resize(y, 50), rows)
    after = NumericPipeline.from_dict(json.loads(json.dumps(before.to_dict())), before.arrays())
    assert before.features(("a", "b"), rows, "").tobytes() == after.features(("a", "b"), rows, "").tobytes()
    assert np.array_equal(before.encode(np.array(y), ""), after.encode(np.array(y), ""))
    predictions = np.array([1, 0])
    assert np.array_equal(before.decode(predictions), after.decode(predictions))


def test_a_foreign_record_is_refused() -> None:
    """Another kind, missing arrays, means that do not fit the columns."""
    pipeline = fit([0.0, 1.0])
    good, arrays = pipeline.to_dict(), pipeline.arrays()
    for values, held in (({**good, "kind": "x"}, arrays), (good, {}), ({**good, "columns": ["a"]}, arrays)):
        with pytest.raises(ModelFileError, match="train again"):
            NumericPipeline.from_dict(values, held)


def test_columns_that_overflow_are_named() -> None:
    """A variance beyond float64 is refused, not turned into zeros."""
    with pytest.raises(DataError, match="'a'"):
        fit([0.0, 1.0], np.array([[1e300, 0], [-1e300, 1]]))
