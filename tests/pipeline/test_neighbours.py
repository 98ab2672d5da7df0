"""Inputs that tell what the nearest training rows say: never a row's own target, exact, the same after loading."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from chainrule.data.table import Column, Table, column_of
from chainrule.errors import ModelFileError
from chainrule.pipeline import neighbours
from chainrule.pipeline.neighbours import COUNTS
from chainrule.pipeline.table_pipeline import TablePipeline, folds_of
from chainrule.pipeline.target import Classes, Labels, Values

Array = npt.NDArray[Any]


def table_of(X: Array, *targets: Array, weight: Array | None = None) -> Table:
    columns = tuple(column_of(f"x{j}", X[:, j]) for j in range(X.shape[1]))
    return Table(
        path="rows", columns=columns, targets=tuple(column_of(f"y{k}", y) for k, y in enumerate(targets)), weight=weight
    )


def fitted(table: Table, target: Any = None, rows: Array | None = None) -> tuple[TablePipeline, Array]:
    """A pipeline with neighbours, and the inputs of all rows."""
    pipeline, X = TablePipeline.fit_encoded(table, target or Values.fit(table), rows)
    return pipeline.with_neighbours(X, table, rows)


def raw(pipeline: TablePipeline, X: Array) -> Array:
    near = pipeline.neighbours
    assert near is not None
    return X[:, -len(near.names) :] / near.factor + near.center


def test_means_and_distances_by_hand() -> None:
    """Rows 0, 1, 2 … on a line, scaled by a factor; a new row at 3.2 has 3, 4, 2, 5, 1 as its nearest."""
    x = np.arange(12.0)
    y = x**2
    pipeline, _ = fitted(table_of(x[:, None], y))
    new = table_of(np.array([[3.2]]), np.zeros(1))
    found = raw(pipeline, pipeline.features(new))[0]
    target = pipeline.target
    assert isinstance(target, Values)
    means = target.decode(found[:4])
    assert means[0] == pytest.approx(9.0, abs=1e-3) and means[1] == pytest.approx(np.mean([9, 16, 4, 25, 1]), abs=1e-3)
    assert means[2] == means[3] == pytest.approx(y.mean(), abs=1e-3)  # of 15 and 50 all twelve
    (encoder,) = pipeline.encoders
    at = lambda v: encoder.encode(column_of("x0", np.array([v])))[0, 0]  # noqa: E731
    for place, other in ((4, 3.0), (5, 1.0)):
        d = abs(at(3.2) - at(other))
        assert found[place] == pytest.approx(d / (1 + d), abs=2e-3)
    assert pipeline.names[-6:] == (
        *(f"y0, mean of {k} nearest rows" for k in COUNTS), "distance of nearest row 1", "distance of nearest row 5",
    )  # fmt: skip


def test_no_training_row_sees_its_own_target_nor_its_fold() -> None:
    """A change of one target changes no input of the rows of its fold; it changes some of other rows."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 2)), rng.standard_normal(60)
    other = y.copy()
    other[7] += 1.0
    (one, A), (two, B) = fitted(table_of(X, y)), fitted(table_of(X, other))
    assert isinstance(one.target, Values) and isinstance(two.target, Values)
    said = [pipeline.target.decode(raw(pipeline, Z)[:, :1])[:, 0] for pipeline, Z in ((one, A), (two, B))]
    changed = np.abs(said[0] - said[1]) > 1e-3
    fold = folds_of(60, 0)
    assert changed.any() and not changed[fold == fold[7]].any()


def test_rows_held_out_have_neighbours_among_the_training_rows_alone() -> None:
    """Their inputs are those of new rows; the targets of rows held out are nowhere."""
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
    kept, out = np.arange(0, 50, 2), np.arange(1, 50, 2)
    table = table_of(X, y)
    pipeline, Z = fitted(table, rows=kept)
    assert pipeline.neighbours is not None and len(pipeline.neighbours) == 25
    assert np.array_equal(Z[out], pipeline.features(table.take(out)))
    assert np.array_equal(Z, pipeline.training_features(table, kept))
    assert not np.array_equal(Z[kept], pipeline.features(table.take(kept)))  # there each is its own neighbour
    strange = replace(table, targets=(column_of("y0", np.where(np.isin(np.arange(50), out), 1e6, y)),))
    again, W = TablePipeline.fit_encoded(strange, pipeline.target, kept)
    assert np.array_equal(again.with_neighbours(W, strange, kept)[1], Z)
    assert np.array_equal(pipeline.as_new(Z, table), Z)
    assert np.allclose(pipeline.average, Z[kept].mean(axis=0), atol=1e-12)


def test_weights_weigh_the_means_and_rows_of_weight_zero_are_not_held() -> None:
    """The mean of the two nearest, 1 and 3 with weights 3 and 1, is 1.5."""
    table = table_of(np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([1.0, 3.0, 5.0, 7.0]))
    weight = np.array([3.0, 1.0, 0.0, 2.0])
    pipeline, X = TablePipeline.fit_encoded(replace(table, weight=weight), Values.fit(table, standardised=False))
    near, _ = pipeline.hold_neighbours(X, replace(table, weight=weight))
    assert len(near) == 3
    near = replace(near, counts=(1, 2), center=np.zeros(4), factor=np.ones(4))
    found = near.encode(pipeline.features(table.take(np.array([0]))))[0]
    assert found[:2].tolist() == [1.0, 1.5]


@pytest.mark.parametrize("n_classes", [2, 3, 30])
def test_of_classes_the_inputs_are_shares(n_classes: int) -> None:
    """One of two classes, each of several; of many classes fewer counts, so that there are at most forty."""
    y = np.arange(120) % n_classes
    table = table_of(np.repeat(np.arange(120.0)[:, None], 2, axis=1), y)
    pipeline, X = fitted(table, Classes.fit(table, tuple(range(n_classes))))
    near = pipeline.neighbours
    assert near is not None and len(near.of) == (1 if n_classes == 2 else n_classes)
    shares = raw(pipeline, X)[:, : -len(neighbours.FAR_COUNTS)]
    assert shares.min() >= 0 and shares.max() <= 1 + 1e-6 and shares.shape[1] <= neighbours.MOST_INPUTS
    if n_classes == 3:
        assert np.allclose(shares.reshape(len(X), -1, 3).sum(axis=2), 1)


def test_labels_and_several_values() -> None:
    """One mean for each of them."""
    rng = np.random.default_rng(2)
    X, a, b = rng.standard_normal((40, 2)), np.arange(40) % 2, np.arange(40) // 20
    table = table_of(X, a, b)
    pipeline, _ = fitted(table, Labels.fit(table, ((0, 1), (0, 1))))
    assert pipeline.neighbours is not None and pipeline.neighbours.of == ("y0", "y1")
    assert fitted(table)[0].neighbours is not None


def test_the_distance_sees_every_kind_of_column_but_no_mean_target_and_no_bin() -> None:
    """As many numbers as inputs, none for the bins and for the means of levels, which hold a row's own target."""
    rng = np.random.default_rng(3)
    n = 400
    levels = tuple(f"level {i}" for i in range(80))
    columns = (
        column_of("number", rng.standard_normal(n)),
        Column("many", "category", rng.integers(0, 80, n).astype(np.int32), levels),
        Column("two", "category", rng.integers(0, 2, n).astype(np.int32), ("a", "b")),
        column_of("flag", rng.random(n) < 0.5),
        column_of("when", np.datetime64("2020-01-01", "us") + np.arange(n) * np.timedelta64(36, "h")),
    )
    table = Table(path="rows", columns=columns, targets=(column_of("y", rng.standard_normal(n)),))
    pipeline, X = TablePipeline.fit_encoded(table, Values.fit(table), n_bins=8, codes=True)
    shares = pipeline.proximity
    assert len(shares) == X.shape[1]
    named = dict(zip(pipeline.names, shares, strict=True))
    assert named["number"] == 1 and all(share == 0 for name, share in named.items() if "…" in name or " mean " in name)
    assert named["two=b"] == named["flag"] == 0.25 and named["many=level 3"] == 0.5


def test_what_is_kept_gives_the_same_bits_back() -> None:
    """Rows and targets are arrays, the rest is JSON; old files have none of it."""
    rng = np.random.default_rng(4)
    table = table_of(rng.standard_normal((80, 3)), rng.integers(0, 2, 80), weight=rng.random(80))
    pipeline, _ = fitted(table, Classes.fit(table, (0, 1)))
    state, arrays = pipeline.to_dict(), pipeline.arrays()
    assert (
        all(isinstance(array, np.ndarray) for array in arrays.values()) and arrays["neighbours.rows"].dtype == np.int16
    )
    again = TablePipeline.from_dict(state, arrays)
    assert np.array_equal(again.features(table), pipeline.features(table))
    assert np.array_equal(again.training_features(table), pipeline.training_features(table))
    plain, _ = TablePipeline.fit_encoded(table, Classes.fit(table, (0, 1)))
    assert "neighbours" not in plain.to_dict()


def test_a_pickle_holds_arrays_and_no_search() -> None:
    """What was looked up in before is made again, with the same bits."""
    rng = np.random.default_rng(8)
    table = table_of(rng.standard_normal((300, 2)), rng.standard_normal(300))
    pipeline, _ = fitted(table)
    before, size = pipeline.features(table), len(pickle.dumps(pipeline))
    again = pickle.loads(pickle.dumps(pipeline))
    assert np.array_equal(again.features(table), before) and len(pickle.dumps(again)) == size
    assert size < 20_000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rows", None, "neighbours.rows"),
        ("rows", np.full((80, 3), 20_000, np.int16), "8192"),
        ("places", np.array([0, 1, 9]), "places"),
        ("places", np.array([1, 0, 2]), "ascending"),
        ("targets", np.zeros((80, 2), np.float32), "targets"),
        ("targets", np.full((80, 1), np.nan, np.float32), "finite"),
        ("folds", np.zeros(79, np.int8), "folds"),
        ("spread", np.array([1.0, 1.0, -1.0]), "spread"),
        ("factor", np.ones(5), "factor"),
        ("center", np.zeros(7), "center"),
    ],
)
def test_a_damaged_file_is_refused_by_name(name: str, value: Array | None, message: str) -> None:
    """Sizes, dtypes and ranges of each array are checked."""
    rng = np.random.default_rng(5)
    table = table_of(rng.standard_normal((80, 3)), rng.standard_normal(80))
    pipeline, _ = fitted(table)
    arrays = pipeline.arrays()
    if value is None:
        del arrays[f"neighbours.{name}"]
    else:
        arrays[f"neighbours.{name}"] = value
    with pytest.raises(ModelFileError, match=message):
        TablePipeline.from_dict(pipeline.to_dict(), arrays)


def test_of_many_rows_a_sample_is_held_that_follows_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the cap, and fewer where there are many columns."""
    rng = np.random.default_rng(6)
    table = table_of(rng.standard_normal((90, 3)), rng.standard_normal(90))
    monkeypatch.setattr(neighbours, "MOST_NUMBERS", 120)
    one, two = fitted(table)[0].neighbours, fitted(table)[0].neighbours
    assert one is not None and two is not None and len(one) == 40 and np.array_equal(one.rows, two.rows)
    monkeypatch.setattr(neighbours, "MOST_ROWS", 30)
    fewer = fitted(table)[0].neighbours
    assert fewer is not None and len(fewer) == 30
