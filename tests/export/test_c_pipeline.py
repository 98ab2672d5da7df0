"""Columns and targets in exported C: the bits of the pipeline and of predict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.tempered import tempered
from chainrule.data.table import Column, NumberColumn, Table, column_of
from chainrule.export.c_columns import field_names
from chainrule.export.subject import Subject
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Values
from compiled_c import CC, Compiled, cells, mixed, of_inputs, same_bits

pytestmark = pytest.mark.skipif(CC is None, reason="compiling C needs gcc or clang")


@pytest.mark.parametrize(("scaling", "n_bins"), [("robust", 8), ("quantile", 0), ("standard", 0)])
def test_inputs_have_the_bits_of_the_pipeline(tmp_path: Path, scaling: str, n_bins: int) -> None:
    """Every kind of column, missing and unknown values; sines and cosines to an ulp or two of 1."""
    table = mixed(600, 0)
    pipeline = TablePipeline.fit(table, Values.fit(table), scaling=scaling, n_bins=n_bins, codes=not n_bins)
    kinds = {encoder.kind for encoder in pipeline.encoders}
    assert kinds == {"number", "boolean", "category", "time", "ordered", *(() if n_bins else ("code",))}
    assert any(getattr(encoder, "means_of", ()) for encoder in pipeline.encoders)
    model = Compiled(of_inputs(pipeline), tmp_path)
    for seed in range(6):
        new = mixed(60, seed + 1, known=seed == 0)
        expected = pipeline.features(new)
        _, found = model.predict_rows(cells(new, model.fields))
        waves = np.array(["sin" in name or "cos" in name for name in pipeline.names])
        assert np.abs(found[:, waves] - expected[:, waves]).max() <= 4 * np.finfo(float).eps
        assert same_bits(found[:, ~waves] + 0.0, expected[:, ~waves] + 0.0)


def test_names_of_fields_are_taken_once(tmp_path: Path) -> None:
    """Keywords, macros, names that become equal, and that of the field for texts among numbers."""
    names = ["x", "x_text", "int", "Age!", "Age_", "NAN", "c3_Age_", "2nd", "M_PI", "\ub098\uc774", ""]
    assert len(set(field_names(names))) == len(names)
    codes = np.where(np.arange(N) % 4 == 0, 0, -1).astype(np.int32)
    x = NumberColumn("x", "number", np.where(codes < 0, X1, np.nan), (">9",), codes=codes)
    columns = (x, *(column_of(name, X2 * k) for k, name in enumerate(names[1:], start=1)))
    table = Table(path="memory", columns=columns, targets=(column_of("y", X1),))
    pipeline = TablePipeline.fit(table, Values.fit(table))
    model = Compiled(of_inputs(pipeline), tmp_path)
    found = model.predict(*([X1[1], None] + [X2[1] * k for k in range(1, len(names))]))[1]
    assert same_bits(found, pipeline.features(table.take(np.array([1])))[0])


def test_days_and_years_are_those_of_the_calendar(tmp_path: Path) -> None:
    """Cycles at the ends of years, leap years and centuries, before and after 1970."""
    days = [f"{year:04d}-{day}" for year in (1, 400, 1582, 1600, 1899, 1900, 1904, 1969, 1970, 2000, 2023, 2024, 9999)
            for day in ("01-01", "02-28", "03-01", "12-31T23:59:59.999999")]  # fmt: skip
    times = np.array([*days, "1600-02-29", "2000-02-29", "2024-02-29"], "datetime64[us]")
    table = Table(
        path="memory", columns=(Column("t", "time", times),), targets=(column_of("y", np.arange(len(times))),)
    )
    pipeline = TablePipeline.fit(table, Values.fit(table))
    model = Compiled(of_inputs(pipeline), tmp_path)
    _, found = model.predict_rows({"t": list(times)})
    assert np.abs(found - pipeline.features(table)).max() <= 4 * np.finfo(float).eps


# targets ------------------------------------------------------------------------------------------------------

N = 240
X1, X2 = np.random.default_rng(1).normal(size=(2, N))
TARGETS: dict[str, dict[str, Any]] = {
    "two classes": {"y": np.where(X1 > 0, "in", "out")},
    "classes": {"y": np.array(["a", "b", "\u00e7"])[np.arange(N) % 3]},
    "labels": {"y": np.where(X1 > 0, "yes", "no"), "z": np.where(X2 > 0, "yes", "no")},
    "value": {"y": X1 * 3 + X2},
    "values": {"y": X1 * 3 + X2, "z": X2 * 1e4},
}


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("kind", TARGETS)
def test_predictions_of_every_target(tmp_path: Path, kind: str, members: int) -> None:
    """Trained models and ensembles: the probabilities and values of predict, to the bit."""
    columns = {"x1": X1, "x2": X2, "colour": np.array(["red", "green", "blue"])[np.arange(N) % 3]}
    run = cr.train(
        columns | TARGETS[kind], target=list(TARGETS[kind]), epochs=2, members=members, progress=False, neighbours=False
    )
    model = Compiled(run, tmp_path)
    places, found = model.predict_rows({name: list(column) for name, column in columns.items()})
    predicted = run.predict(columns)
    if kind.startswith("value"):
        assert same_bits(found.ravel(), np.ravel(predicted))
    else:
        assert same_bits(found, run.predict_proba(columns))
    if "classes" in kind:
        assert [model.names[place] for place in places] == list(predicted)
    assert model.names == [str(name) for name in (run.classes or TARGETS[kind])]


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c")])
def test_temperature(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Probabilities are those at the temperature of the classes, to the bit; the class is the likeliest."""
    y = np.array(names)[np.arange(N) % len(names)]
    table = Table(path="memory", columns=(column_of("x", X1),), targets=(column_of("y", y),))
    pipeline = TablePipeline.fit(table, Classes(columns=("y",), classes=names, temperature=1.7))
    if len(names) == 2:
        net = cr.Network([1, 8, 1], "tanh", "sigmoid", seed=1)
    else:
        net = cr.Network([1, 8, 3], "tanh", seed=1)
    at = tempered(net, pipeline.target)
    model = Compiled(Subject(networks=(at,), pipeline=pipeline), tmp_path)
    places, found = model.predict_rows({"x": list(X1)})
    inputs = pipeline.features(table, "float32")
    assert same_bits(found, at.predict_proba(inputs)) and not same_bits(found, net.predict_proba(inputs))
    assert places == list(net.predict(inputs)) and model.names == list(names)


def test_logarithms_of_targets(tmp_path: Path) -> None:
    """Amounts come back by libm's expm1, held within the training range; far beyond it they stay there."""
    table = Table(path="memory", columns=(column_of("x", X1),), targets=(column_of("y", np.exp(2 * X1)),))
    pipeline = TablePipeline.fit(table, Values.fit(table, logarithm=True))
    net = cr.Network([1, 8, 1], "tanh", "identity", "squared_error", seed=4)
    net.b[2][:] = 1.5
    model = Compiled(Subject(networks=(net,), pipeline=pipeline), tmp_path)
    new = np.concatenate([np.linspace(-30, 30, 50), [1e300, -1e300]])
    inputs = pipeline.features(replace(table, columns=(column_of("x", new),)), "float32")
    for scale in (1.0, 1e4, -1e4):
        net.W[2][:] *= scale
        (tmp_path / f"{scale:g}").mkdir()
        model = Compiled(Subject(networks=(net,), pipeline=pipeline), tmp_path / f"{scale:g}")
        _, found = model.predict_rows({"x": list(new)})
        expected = pipeline.target.decode(net.predict(inputs))
        assert np.abs(found[:, 0] - expected).max() <= 1e-15 * np.abs(expected).max()
        assert scale == 1 or set(np.round(expected, 9)) == {0.0, round(float(pipeline.target.high[0]), 9)}
