"""A model leaves as C: compiled without a warning by gcc and clang, and with the bits of the native engine."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.tempered import tempered
from chainrule.cli import main
from chainrule.data.table import Column, NumberColumn, Table, column_of
from chainrule.export.c_columns import field_names
from chainrule.export.c_file import write_c
from chainrule.export.c_network import C
from chainrule.export.subject import Subject
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Classes, Values
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
CC = next((name for name in ("gcc", "clang") if shutil.which(name)), None)
C_TYPES = {"double": ctypes.c_double, "const char *": ctypes.c_char_p, "int64_t": ctypes.c_int64}
NO_TIME = -(2**63)
pytestmark = pytest.mark.skipif(CC is None, reason="compiling C needs gcc or clang")


class Compiled:
    """An exported model, compiled and loaded."""

    def __init__(self, model: Any, folder: Path, compiler: str = str(CC), flags: Sequence[str] = ("-O2",)) -> None:
        subject = model if isinstance(model, Subject) else Subject.of(model)
        source, self.header = write_c(subject, folder / "model.c")
        library = folder / f"{compiler}.so"
        subprocess.run(
            [compiler, *STRICT, *flags, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"], check=True
        )
        text = self.header.read_text(encoding="utf-8")
        self.n_outputs = int(re.findall(r"N_OUTPUTS (\d+)", text)[0])
        body = text.partition("struct row {")[2].partition("};")[0]
        found = re.findall(r"^  (double|const char \*|int64_t) ?(\w+)(?:\[(\d+)\])?;", body, re.M)
        self.fields = [name for _, name, _ in found]
        types = [(name, C_TYPES[kind] * int(n) if n else C_TYPES[kind]) for kind, name, n in found]
        self.Row = type("Row", (ctypes.Structure,), {"_fields_": types})
        self.library = ctypes.CDLL(str(library))

    def predict(self, *values: Any) -> tuple[int, list[float]]:
        """The class, or 0, and the numbers of one row, its fields in their order."""
        out = (ctypes.c_double * self.n_outputs)()
        return self.library.chainrule_predict(ctypes.byref(self.Row(*values)), out), list(out)

    def predict_rows(self, table: Mapping[str, Sequence[Any]]) -> tuple[list[int], np.ndarray]:
        """The same of every row of a table whose columns are in the order of the fields."""
        found = [self.predict(*map(plain, row)) for row in zip(*table.values(), strict=True)]
        return [place for place, _ in found], np.array([out for _, out in found])

    @property
    def names(self) -> list[str]:
        """What the outputs are about."""
        return [name.decode() for name in (ctypes.c_char_p * self.n_outputs).in_dll(self.library, "chainrule_outputs")]


def plain(value: Any) -> Any:
    """A cell as a field of the row has it."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return value.encode()
    return int(value.astype("datetime64[us]").astype(np.int64)) if isinstance(value, np.datetime64) else float(value)


def same_bits(found: Any, expected: Any) -> bool:
    """Whether numbers of float32 or float64 came out as they are."""
    return np.ascontiguousarray(found, np.float64).tobytes() == np.asarray(expected, np.float64).tobytes()


def rows(n: int, n_columns: int, dtype: str) -> Any:
    """Ordinary rows, and rows of tiny, huge and zero numbers."""
    X = np.random.default_rng(0).normal(size=(n, n_columns))
    X[:6] *= np.array([1e-30, 1e-12, 1e3, 1e6, 0.0, -0.0])[:, None]
    return X.astype(dtype)


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"compiling with {request.param} needs it")
    return str(request.param)


# networks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_every_activation(tmp_path: Path, dtype: str) -> None:
    """One network with every activation that acts on each unit alone, residual and normalised layers: equal bits."""
    names = [name for name, entry in ACTIVATIONS.items() if entry.elementwise]
    for k, normalization in enumerate([None, "layer"]):
        net = cr.Network(
            [5, *[17] * len(names), 3],
            names,
            "softmax",
            dtype=dtype,
            residual=True,
            normalization=normalization,
            seed=2,
        )
        (tmp_path / str(k)).mkdir()
        model = Compiled(net, tmp_path / str(k))
        for x in rows(20, 5, dtype):
            place, out = model.predict((ctypes.c_double * 5)(*x.astype(float)))
            assert same_bits(out, net.predict_proba(x[None])[0]) and place == net.predict(x[None])[0]


@pytest.mark.parametrize("name", [name for name, entry in ACTIVATIONS.items() if entry.elementwise])
def test_bits_of_one_activation(tmp_path: Path, name: str) -> None:
    """Each by itself on small, ordinary and large z, where its branches lie."""
    net = cr.Network([1, 40, 1], name, "identity", "squared_error", seed=1)
    net.W[1][:] = np.linspace(-3, 3, 40, dtype=np.float32)
    model = Compiled(net, tmp_path)
    for x in np.float32([0, 1e-20, 1e-6, 0.1, -0.7, 1, 3, -9, 30, -60, 1e4, -1e9]):
        assert same_bits(model.predict((ctypes.c_double * 1)(float(x)))[1], net.predict([[x]])), x


PAIRS = {
    (output, entry.of_classes): (loss, output)
    for loss, entry in LOSSES.items() if entry.n_heads == 1 for output in entry.pairs
}  # fmt: skip
"""One loss for every output and what it may mean: the loss itself is not exported."""


@pytest.mark.parametrize(("loss", "output"), PAIRS.values())
def test_bits_of_every_output(tmp_path: Path, loss: str, output: str) -> None:
    """Every output as classes, labels and values, with one output and with 19, three of a line of 64 bytes."""
    for n in (1, 19):
        if n == 1 and output == "softmax":
            continue
        net = cr.Network([3, 4, n], "tanh", output, loss, seed=3)
        (tmp_path / str(n)).mkdir()
        model = Compiled(net, tmp_path / str(n))
        for x in rows(8, 3, "float32"):
            place, out = model.predict((ctypes.c_double * 3)(*x.astype(float)))
            expected = net.predict(x[None]) if net.kind == "values" else net.predict_proba(x[None])
            assert same_bits(out, np.ravel(expected))
            assert net.kind != "class" or place == net.predict(x[None])[0]


# pipelines ----------------------------------------------------------------------------------------------------


def mixed(n: int, seed: int, known: bool = True) -> Table:
    """Every kind of column with missing values; where not known also levels and numbers far from those."""
    rng = np.random.default_rng(seed)
    x, with_words = rng.normal(size=n) * 1e3, rng.integers(0, 50, n).astype(float)
    x[::7] = with_words[::5] = np.nan
    codes = np.where(np.arange(n) % 10 == 0, rng.integers(0, 2, n), -1).astype(np.int32)
    flags = rng.integers(0, 2, n).astype(float)
    flags[::11] = np.nan
    times = np.datetime64("1969-01-01", "us") + rng.integers(0, 3 * 10**15, n).astype("timedelta64[us]")
    times[::13] = np.datetime64("NaT")
    shop = (np.arange(n) % 20).astype(float)
    many, few = np.array([f"m{i}" for i in rng.integers(0, 90, n)]), np.array(TEXTS)[rng.integers(0, len(TEXTS), n)]
    pair = np.array(["no", "yes"])[rng.integers(0, 2, n)]
    size = np.array(["small", "medium", "large", ""])[rng.integers(0, 4, n)]
    if not known:
        x[1::9] = [1e308, -1e308, 1e-300, 1e300][seed % 4]
        shop[::3] = rng.integers(-5, 30, len(shop[::3])) + 0.5 * (seed % 2)
        few[::4], many[::5], pair[::6], size[::8] = "new", "m", "maybe", "huge"
        times[1::9] = [np.datetime64(t, "us") for t in ("0001-01-01", "2100-12-31T23:59:59.999999", "1900-03-01")][
            seed % 3
        ]
    ordered = column_of("size", size)
    columns = (
        column_of("x", x),
        NumberColumn('2nd "x"?*/', "number", with_words, ("> 50", "none"), codes=codes),
        Column("flag", "boolean", flags, ("no", "yes")),
        Column("time", "time", times),
        column_of("int", few),
        column_of("many", many),
        column_of("pair", pair),
        replace(ordered, order=("small", "medium", "large")),
        column_of("shop", shop),
    )
    y = np.array([rng.normal() for _ in range(20)])[np.arange(n) % 20] + np.nan_to_num(x) / 1e3
    return Table(path="memory", columns=columns, targets=(column_of("y", np.abs(y)),))


TEXTS = ("red", "gr\u00fcn", "\ud30c\ub791", 'a "quoted" \\ text??/', "tab\tand\nnewline", "%s%n", "")


def cells(table: Table, fields: Sequence[str]) -> dict[str, list[Any]]:
    """The columns of a table as the fields of a row, texts in place of codes."""
    found: dict[str, list[Any]] = {}
    for column in table.columns:
        levels = (*(column.levels or ()), None)
        name = field_names([c.name for c in table.columns])[[c.name for c in table.columns].index(column.name)]
        if column.kind == "category":
            found[name] = [levels[code] for code in column.values]
        elif column.kind == "time":
            found[name] = [NO_TIME if np.isnat(t) else t for t in column.values]
        else:
            found[name] = list(column.values)
        if isinstance(column, NumberColumn) and column.codes is not None:
            found[f"{name}_text"] = [levels[code] for code in column.codes]
    assert list(found) == list(fields)
    return found


def of_inputs(pipeline: TablePipeline) -> Subject:
    """A model that predicts its inputs: W is 1, in float64."""
    n = len(pipeline.names)
    net = cr.Network([n, n], output="identity", loss="squared_error", dtype="float64")
    net.W[1][:] = np.eye(n)
    zeros, ones = np.zeros(n), np.ones(n)
    target = Values(columns=pipeline.names, mean=zeros, scale=ones, logarithm=False, unit=ones, high=ones)
    return Subject(networks=(net,), pipeline=replace(pipeline, target=target))


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


# what is refused ----------------------------------------------------------------------------------------------


def test_refused_by_name(tmp_path: Path, unregistered: None) -> None:
    """What has no text for C is named with what to do; nothing is written."""
    from toy_entries import HARD_TANH, SCALE

    cr.register_activation("hard_tanh", HARD_TANH)
    cr.register_layer("scale", SCALE)
    texts = np.array([f"{a} {b} {c}" for a in ("kia", "fiat") for b in "wxyz" for c in range(30)])
    words = replace(column_of("name", texts), order="words")
    by_words = Table(path="memory", columns=(words,), targets=(column_of("y", X1),))
    held, X = TablePipeline.fit_encoded(mixed(200, 0), Values.fit(mixed(200, 0)))
    near, _ = held.with_neighbours(X, mixed(200, 0))
    net = cr.Network([1, 1], output="identity", loss="squared_error")
    nul = Table(
        path="memory", columns=(column_of("t", np.array(["a\0b", "c"] * 60)),), targets=(column_of("y", X1[:120]),)
    )
    for subject, message in (
        (Subject.of(cr.Network([2, 3, 2], "hard_tanh")), "activation 'hard_tanh' of layer 1: has no text for C"),
        (Subject.of(cr.Network([2, 3, 2], normalization="scale")), "layer kind 'scale' of layer 1: has no text for C"),
        (Subject.of(cr.Network([2, 3, 2], "selu", parametric=True)), "layer kind 'parametric_selu' of layer 1"),
        (Subject.of(cr.Network([2, 3, 2], input_scale=True)), "the network has inputs="),
        (Subject.of(cr.Network([2, 2], output="identity", loss="gaussian")), "predicts levels beside each value"),
        (
            Subject(networks=(net,), pipeline=TablePipeline.fit(by_words, Values.fit(by_words))),
            "column 'name': is encoded as words",
        ),
        (Subject(networks=(net,), pipeline=near), "Train with --no-neighbours"),
        (
            Subject(networks=(net,), pipeline=TablePipeline.fit(nul, Values.fit(nul))),
            "column 't' has a text of 3 bytes",
        ),
    ):
        with pytest.raises(cr.SettingsError) as refused:
            write_c(subject, tmp_path / "model.c")
        assert message in str(refused.value)
    with pytest.raises(cr.SettingsError, match="must end with"):
        write_c(Subject.of(cr.Network([2, 2])), tmp_path / "model.cpp")
    assert not list(tmp_path.iterdir())


def test_fields_that_exporters_do_not_know_are_refused(tmp_path: Path) -> None:
    """A layer with a part of its own, as later versions may have one, is named instead of being left out."""
    from dataclasses import dataclass

    from chainrule.export import subject as subjects
    from chainrule.network.architecture import Dense

    @dataclass(frozen=True)
    class Gated(Dense):
        gate: str | None = None

    layer = Gated(2, 2, "identity", gate="swish")
    with pytest.raises(cr.SettingsError, match="layer 1 is a Gated, which is not exported to C"):
        subjects._refuse_others(layer, "layer 1", C)
    subjects.KNOWN_FIELDS[Gated] = subjects.KNOWN_FIELDS[Dense]
    try:
        with pytest.raises(cr.SettingsError, match="layer 1 has gate='swish', which is not exported to C"):
            subjects._refuse_others(layer, "layer 1", C)
        subjects._refuse_others(replace(layer, gate=None), "layer 1", C)
    finally:
        del subjects.KNOWN_FIELDS[Gated]


# the file -----------------------------------------------------------------------------------------------------

MAIN = """
#include <math.h>
#include <stdio.h>
#include "model.h"
static unsigned long state = 1;
static unsigned draw(unsigned n) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (unsigned)(state >> 33) % n;
}
static double number(void) {
  static const double known[] = {0, -0.0, 1, -1, 1e308, -1e308, 1e-320, 0.5, 17, 2147483648.0};
  const unsigned kind = draw(14);
  return kind == 10 ? NAN : kind == 11 ? INFINITY : kind == 12 ? -INFINITY
         : kind == 13 ? draw(2000) / 7.0 - 90 : known[kind];
}
static const char *text(char *room) {
  static const char *const known[] = {"red", "m17", "yes", "", "small", "\\xff\\xfe", "> 50", "none"};
  unsigned n, j;
  if (draw(2)) return draw(9) ? known[draw(8)] : 0;
  n = draw(40);
  for (j = 0; j < n; ++j) room[j] = (char)(1 + draw(255));
  room[n] = 0;
  return room;
}
static int64_t time_at(void) {
  static const int64_t known[] = {CHAINRULE_NO_TIME, INT64_MIN + 1, INT64_MAX, 0, -1, 951782400000000};
  return draw(2) ? known[draw(6)] : (int64_t)state;
}
int main(void) {
  struct row row;
  double out[CHAINRULE_N_OUTPUTS], sum = 0;
  static char room[64][64];
  int i;
  for (i = 0; i < ROWS; ++i) {
FILL
    sum += chainrule_predict(&row, out) + (out[0] == out[0]);
  }
  printf("%.0f\\n", sum);
  return 0;
}
"""


def test_no_undefined_behaviour(tmp_path: Path, compiler: str) -> None:
    """Random numbers, times and texts, the extremes among them, under the sanitizers of addresses and of behaviour."""
    table = mixed(600, 0)
    pipeline = TablePipeline.fit(table, Values.fit(table), n_bins=8, codes=True)
    net = cr.Network([len(pipeline.names), 8, 1], "gelu", "identity", "squared_error", normalization="layer")
    _, header = write_c(Subject(networks=(net,), pipeline=pipeline), tmp_path / "model.c")
    body = header.read_text(encoding="utf-8").partition("struct row {")[2].partition("};")[0]
    made = {"double": "number()", "int64_t": "time_at()"}
    fill = [
        f"    row.{name} = {made.get(kind, f'text(room[{i}])')};"
        for i, (kind, name) in enumerate(re.findall(r"^  (double|const char \*|int64_t) ?(\w+);", body, re.M))
    ]
    (tmp_path / "main.c").write_text(MAIN.replace("FILL", "\n".join(fill)))
    command = [compiler, *STRICT, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    command += ["-DROWS=20000", "main.c", "model.c", "-o", "fuzz", "-lm"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if "cannot find" in built.stderr and "san" in built.stderr:
        pytest.skip(f"the sanitizers of {compiler} are not installed")
    assert built.returncode == 0, built.stderr
    ran = subprocess.run(["./fuzz"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("flags", [("-O3", "-march=native"), ("-std=gnu99", "-O3", "-march=native")])
def test_contraction_is_switched_off(tmp_path: Path, compiler: str, flags: tuple[str, ...]) -> None:
    """Where the machine has fused multiply-adds, sums and products that are not fused stay so: equal bits."""
    net = cr.Network([5, 9, 9, 4], ["gelu", "mish"], "softmax", normalization="layer", seed=5)
    model = Compiled(net, tmp_path, compiler, flags)
    for x in rows(20, 5, "float32"):
        assert same_bits(model.predict((ctypes.c_double * 5)(*x.astype(float)))[1], net.predict_proba(x[None])[0])


def test_fast_math_is_refused(tmp_path: Path) -> None:
    """A compiler that may reorder sums says so instead of giving other results."""
    source, _ = write_c(Subject.of(cr.Network([2, 2])), tmp_path / "model.c")
    ran = subprocess.run([str(CC), "-ffast-math", "-c", source, "-o", "/dev/null"], capture_output=True, text=True)
    assert ran.returncode != 0 and "compile without -ffast-math" in ran.stderr


def test_no_state_and_no_allocation(tmp_path: Path) -> None:
    """The object writes to no memory of its own, and calls mathematics and comparisons alone."""
    if shutil.which("nm") is None:
        pytest.skip("listing symbols needs nm (binutils)")
    table = mixed(600, 0)
    pipeline = TablePipeline.fit(table, Values.fit(table, logarithm=True), n_bins=8)
    net = cr.Network([len(pipeline.names), 8, 1], "gelu", "identity", "squared_error", normalization="layer")
    source, _ = write_c(Subject(networks=(net,), pipeline=pipeline), tmp_path / "model.c")
    command = [str(CC), *STRICT, "-O2", "-fno-pic", "-fno-pie", "-c", source, "-o", tmp_path / "model.o"]
    subprocess.run(command, check=True)
    symbols = subprocess.run(["nm", tmp_path / "model.o"], capture_output=True, text=True, check=True).stdout
    wanted = {line.split()[-1] for line in symbols.splitlines() if " U " in line}
    allowed = {
        "fmaf",
        "sqrt",
        "sqrtf",
        "sin",
        "cos",
        "sincos",
        "expm1",
        "strcmp",
        "memcpy",
        "memset",
        "_GLOBAL_OFFSET_TABLE_",
    }
    assert wanted <= allowed | {"__stack_chk_fail"}
    assert not re.findall(r" [BbDdCG] ", symbols)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both files are named, and the C of a run predicts what the run predicts."""
    assert main(["train", "iris", "-o", str(tmp_path / "run"), "--epochs", "2", "--no-neighbours", "--quiet"]) == 0
    capsys.readouterr()
    out = tmp_path / "model.c"
    assert main(["export", str(tmp_path / "run"), "--to", "c", "-o", str(out)]) == 0
    assert capsys.readouterr().out.split() == [str(out), str(out.with_suffix(".h"))]
    run = cr.load(tmp_path / "run")
    place, found = Compiled(run, tmp_path).predict(5.1, 3.5, 1.4, float("nan"))
    row = {
        "sepal length (cm)": [5.1],
        "sepal width (cm)": [3.5],
        "petal length (cm)": [1.4],
        "petal width (cm)": [None],
    }
    assert same_bits(found, run.predict_proba(row)[0]) and run.predict(row)[0] == run.classes[place]
