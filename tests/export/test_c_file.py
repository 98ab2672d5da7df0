"""A model leaves as C: compiled without a warning by gcc and clang, and with the bits of the native engine."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.data.table import Table, column_of
from chainrule.export.c_file import write_c
from chainrule.export.c_network import C
from chainrule.export.subject import Subject
from chainrule.pipeline.table_pipeline import TablePipeline
from chainrule.pipeline.target import Values
from chainrule.reference.activations import ACTIVATIONS
from chainrule.reference.losses import LOSSES
from compiled_c import CC, STRICT, Compiled, mixed, same_bits

pytestmark = pytest.mark.skipif(CC is None, reason="compiling C needs gcc or clang")


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


# what is refused ----------------------------------------------------------------------------------------------


def test_refused_by_name(tmp_path: Path, unregistered: None) -> None:
    """What has no text for C is named with what to do; nothing is written."""
    from toy_entries import HARD_TANH, SCALE

    cr.register_activation("hard_tanh", HARD_TANH)
    cr.register_layer("scale", SCALE)
    texts = np.array([f"{a} {b} {c}" for a in ("kia", "fiat") for b in "wxyz" for c in range(30)])
    words = replace(column_of("name", texts), order="words")
    by_words = Table(path="memory", columns=(words,), targets=(column_of("y", np.arange(240.0)),))
    held, X = TablePipeline.fit_encoded(mixed(200, 0), Values.fit(mixed(200, 0)))
    near, _ = held.with_neighbours(X, mixed(200, 0))
    net = cr.Network([1, 1], output="identity", loss="squared_error")
    nul = Table(
        path="memory",
        columns=(column_of("t", np.array(["a\0b", "c"] * 60)),),
        targets=(column_of("y", np.arange(120.0)),),
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

    @dataclass(frozen=True, kw_only=True)
    class Gated(Dense):
        gate: str | None = None

    layer = Gated(n_in=2, n_out=2, activation="identity", gate="swish")
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
