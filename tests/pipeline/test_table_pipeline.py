"""A whole table goes through the pipeline, and comes back from a file with the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from chainrule.data.table import Column, Table, column_of
from chainrule.errors import DataError, ModelFileError
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Labels, Values, names_of
from chainrule.run import files
from tolerances import ALGEBRA, assert_close


def mixed(n: int = 400, seed: int = 0) -> Table:
    """Every kind of column, with missing values in each, and a column of many levels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    x[::7] = np.nan
    flags = rng.integers(0, 2, n).astype(float)
    flags[::11] = np.nan
    times = np.datetime64("2024-01-01", "us") + rng.integers(0, 10**7, n).astype("timedelta64[s]")
    times[::13] = np.datetime64("NaT")
    few = np.array(["red", "green", "blue", ""])[rng.integers(0, 4, n)]
    many = np.array([f"m{i}" for i in rng.integers(0, 90, n)])
    return Table(
        path="memory",
        columns=(
            column_of("x", x),
            Column("flag", "boolean", flags, ("no", "yes")),
            Column("time", "time", times),
            column_of("few", few),
            column_of("many", many),
        ),
        targets=(column_of("y", np.nan_to_num(x) + 0.1 * rng.normal(size=n)),),
    )


def fitted(table: Table, **options) -> TablePipeline:
    return TablePipeline.fit(table, Values.fit(table), **options)


@pytest.mark.parametrize("scaling", ["robust", "quantile", "standard"])
def test_the_same_bits_after_saving(scaling: str, tmp_path: Path) -> None:
    """Arrays and JSON through a file restore a pipeline that gives the same inputs and predictions to the bit."""
    table = mixed()
    before = fitted(table, scaling=scaling, n_bins=8)
    files.write_tensors(tmp_path / "p.safetensors", before.arrays(), before.to_dict())
    arrays, about = files.read_tensors(tmp_path / "p.safetensors")
    after = TablePipeline.from_dict(json.loads(json.dumps(about)), arrays)
    assert (after.columns, after.names, after.widths) == (before.columns, before.names, before.widths)
    for method in ("features", "training_features"):
        assert np.array_equal(getattr(after, method)(mixed(seed=1)), getattr(before, method)(mixed(seed=1)))
    assert np.array_equal(after.target.encode(table), before.target.encode(table))
    assert np.array_equal(after.target.decode(np.arange(3.0)), before.target.decode(np.arange(3.0)))
    assert after.selection(needs_target=True) == before.selection(needs_target=True)


def test_columns_are_matched_by_name() -> None:
    """Order and further columns change nothing; missing columns are named; kinds may not change."""
    table = mixed()
    pipeline, X = fitted(table), fitted(table).features(table)
    other = Table(path="memory", columns=(column_of("new", np.zeros(400)), *reversed(table.columns)))
    assert np.array_equal(pipeline.features(other), X)
    with pytest.raises(DataError, match="2 of 5 columns are missing: 'x', 'many'"):
        pipeline.features(Table(path="memory", columns=table.columns[1:4]))
    wrong = (Column("x", "time", table.column("time").values), *table.columns[1:])
    with pytest.raises(DataError, match="'x': holds a time; training had a number"):
        pipeline.features(Table(path="memory", columns=wrong))


def test_every_row_stands_alone() -> None:
    """Inputs of a block of rows are those of the rows in the whole table: streaming changes no bit."""
    table = mixed()
    pipeline = fitted(table, n_bins=8)
    whole, rows = pipeline.features(table), np.array([3, 13, 200])
    assert np.array_equal(pipeline.features(table.take(rows)), whole[rows])


def test_the_average_input() -> None:
    """The average of the training inputs is kept, weighted."""
    table = mixed()
    pipeline = fitted(table)
    assert_close(pipeline.average, pipeline.training_features(table).mean(axis=0), ALGEBRA)


def test_values_come_back_in_their_unit() -> None:
    """decode undoes encode, with and without the logarithm, and its slope is its derivative."""
    table = Table(path="m", columns=(), targets=(column_of("y", np.array([1.0, 2.0, 40.0, 700.0])),))
    for logarithm in (False, True):
        target = Values.fit(table, logarithm=logarithm)
        coded = target.encode(table)
        assert abs(coded.mean()) < 1e-12
        assert_close(target.decode(coded), table.targets[0].values, ALGEBRA)
        inside, h = coded[:2], 1e-6
        slope = (target.decode(inside + h) - target.decode(inside - h)) / (2 * h)
        assert_close(target.slopes(inside)[:, 0], slope, 1e-7)


def test_class_names_in_other_clothes() -> None:
    """1, 1.0 and "1" are one class; a class that training had not is refused by name."""
    target = Classes(("y",), (0, 1))
    assert target.encode(Table(path="m", columns=(), targets=(column_of("y", np.array(["1", "0", ""])),))).tolist() == [
        1,
        0,
        -1,
    ]
    with pytest.raises(DataError, match="holds the class 2; training had 0, 1"):
        target.encode(Table(path="m", columns=(), targets=(column_of("y", np.array([0, 1, 2])),)))


def test_labels_keep_their_words_and_gaps() -> None:
    """Each label has its own words; a missing one is NaN; decode gives words."""
    columns = (column_of("a", np.array(["no", "yes", ""])), column_of("b", np.array([1.0, np.nan, 0.0])))
    target = Labels(("a", "b"), (("no", "yes"), (0, 1)))
    coded = target.encode(Table(path="m", columns=(), targets=columns))
    assert np.array_equal(coded, [[0, 1], [1, np.nan], [np.nan, 0]], equal_nan=True)
    assert target.decode(np.array([[1, 0]])).tolist() == [["yes", 0]]
    assert names_of(columns[0])[0] == ("no", "yes")


def test_a_damaged_pipeline_is_refused() -> None:
    """Anything that cannot be restored is a ModelFileError."""
    pipeline = fitted(mixed())
    result, arrays = pipeline.to_dict(), pipeline.arrays()
    for damaged in ({**result, "kind": "numeric"}, {"kind": "table"}, {**result, "columns": [{"kind": "pickle"}]}):
        with pytest.raises(ModelFileError):
            TablePipeline.from_dict(damaged, arrays)
    with pytest.raises(ModelFileError):
        TablePipeline.from_dict(result, {**arrays, "average": np.zeros(1)})
