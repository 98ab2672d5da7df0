"""A model leaves as an ONNX file: its whole pipeline inside, its predictions those of predict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api.tables import blocks
from chainrule.cli import main
from chainrule.data.table import Table
from chainrule.export.onnx.columns import NO_TIME
from chainrule.export.onnx.file import feed, write_onnx
from chainrule.export.subject import Subject
from chainrule.reference.activations import ACTIVATIONS

onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
runtime = pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
N = 200


def table(n: int = N, seed: int = 0) -> dict[str, Any]:
    """Every kind of column but texts of words; a name in Hangul."""
    r = np.random.default_rng(seed)
    number, code = r.normal(size=n), r.integers(0, 40, n)
    month = (np.datetime64("1999-01-01") + r.integers(0, 9_000, n)).astype("datetime64[s]") + r.integers(0, 86_400, n)
    words = np.where(r.random(n) < 0.2, ">20", r.integers(0, 20, n).astype(str))
    return {
        "number": np.where(r.random(n) < 0.1, np.nan, number), "wide": np.exp(5 * number), "same": np.ones(n),
        "\ub3c4\uc2dc": r.choice(["\uc11c\uc6b8", "busan", ""], n).tolist(), "pair": r.choice(["a", "b"], n).tolist(),
        "many": [f"level {k}" for k in r.integers(0, 90, n)], "flag": r.random(n) < 0.5, "when": month,
        "code": code, "words": words.tolist(), "grade": r.choice(["low", "mid", "high"], n).tolist(),
        "label": r.choice(["yes", "no"], n).tolist(), "other": r.random(n) < 0.3,
        "kind": np.where(number > 0.5, "big", np.where(number < -0.5, "small", "none")).tolist(),
        "two": (number > 0).tolist(), "value": np.exp(number) + (code % 7 == 0),
    }  # fmt: skip


TARGETS = ("label", "other", "kind", "two", "value")


def trained(target: Any = "kind", **how: Any) -> Any:
    wanted = target if isinstance(target, tuple) else (target,)
    kinds = {"grade": "low<mid<high"} | how.pop("kinds", {})
    how = {"epochs": 3, "progress": False, "neighbours": False} | how
    return cr.train(table(), target=list(wanted), drop=tuple(set(TARGETS) - set(wanted)), kinds=kinds, **how)


def rows_of(run: Any, n: int = 300) -> Table:
    """Rows with unknown levels, missing values, extremes and leap days."""
    found = next(iter(blocks(table(n, seed=1), run._fitted, needs_target=False)))
    columns = []
    for column in found.columns:
        v = column.values.copy()
        if column.kind == "category":
            columns.append(replace(column, values=np.where(np.arange(n) % 5 == 0, -1, v)))
        elif column.kind == "time":
            v[::5] = np.datetime64("NaT")
            v[1::5] = np.datetime64("1896-02-29T23:59:59") + np.timedelta64(1461, "D") * np.arange(len(v[1::5]))
            v[2::7] = [np.datetime64(f"{1890 + k}-{'12-31' if k % 2 else '01-01'}") for k in range(len(v[2::7]))]
            columns.append(replace(column, values=v))
        elif column.kind == "number":
            v = v.astype(float)
            v[::6], v[1::6], v[2::6] = np.nan, 1e300, -1e30
            columns.append(replace(column, values=v))
        else:
            columns.append(column)
    return replace(found, columns=tuple(columns))


@pytest.mark.parametrize(
    "how",
    [
        {}, {"members": 2}, {"target": "two"}, {"target": "value"}, {"target": ("label", "other")},
        {"target": "value", "intervals": (0.05, 0.9)}, {"target": "value", "loss": "poisson"},
        {"target": "value", "members": 2, "intervals": (0.1, 0.9)}, {"dtype": "float64"},
        {"target": "two", "members": 2}, {"normalization": "layer", "residual": True, "hidden_sizes": (6, 6, 6)},
        {"hidden_sizes": ()}, {"preset": "plain"}, {"kinds": {"code": "category"}},
    ],
)  # fmt: skip
def test_predictions_are_those_of_predict(tmp_path: Path, how: dict[str, Any]) -> None:
    """Every kind of column, target and layer, of rows as they should not be; write_onnx itself compares."""
    run = trained(**how)
    found = write_onnx(Subject.of(run), tmp_path / "m.onnx", rows_of(run))
    assert found.difference is not None and found.difference < 5e-6 and found.n_rows == 300
    assert found.n_bytes == (tmp_path / "m.onnx").stat().st_size
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    rows = rows_of(run)
    answers = dict(
        zip([one.name for one in session.get_outputs()], session.run(None, feed(Subject.of(run), rows)), strict=True)
    )
    assert set(answers) >= {"prediction"} and answers["prediction"].shape[0] == 300
    assert session.get_modelmeta().custom_metadata_map["largest_difference"] == repr(found.difference)


def test_raw_columns_go_in_by_name(tmp_path: Path) -> None:
    """As the metadata says: NaN, "", the smallest int64; as a user of onnxruntime calls it."""
    run = trained()
    write_onnx(Subject.of(run), tmp_path / "m.onnx", None)
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    types = {one.name: one.type for one in session.get_inputs()}
    assert (types["number"], types["many"], types["when"]) == ("tensor(double)", "tensor(string)", "tensor(int64)")
    row: dict[str, Any] = {name: [[np.nan]] if kind == "tensor(double)" else [[""]] for name, kind in types.items()}
    row["when"] = [[NO_TIME]]
    given = {
        name: np.array(
            value, {"tensor(double)": np.float64, "tensor(string)": object, "tensor(int64)": np.int64}[types[name]]
        )
        for name, value in row.items()
    }
    prediction, probabilities = session.run(["prediction", "probabilities"], given)
    empty = {name: [None] for name in run._fitted.columns} | {"number": [float("nan")]}
    assert prediction[0, 0] == run.predict(empty)[0]
    assert probabilities[0] == pytest.approx(run.predict_proba(empty)[0], abs=1e-6)
    assert "int64 seconds" in session.get_modelmeta().custom_metadata_map["times"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation(tmp_path: Path, name: str, dtype: str) -> None:
    """The text of each entry computes g, also far out; gelu in double is none of ONNX Runtime's."""
    if (name, dtype) == ("gelu", "float64"):
        pytest.skip("ONNX Runtime has no Erf in double")
    if not ACTIVATIONS[name].elementwise:
        net = cr.Network([5, 4], output=name, dtype=dtype, seed=1)
    else:
        net = cr.Network([5, 8, 3], activation=name, output="identity", loss="squared_error", dtype=dtype, seed=1)
    X = (np.random.default_rng(0).normal(size=(40, 5)) * np.geomspace(1e-3, 1e3, 40)[:, None]).astype(dtype)
    found = write_onnx(Subject.of(net), tmp_path / "m.onnx", None)
    assert found.difference is None
    got = runtime.InferenceSession(str(tmp_path / "m.onnx")).run(None, {"X": X})[0]
    expected = net.forward(X).output
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    assert np.abs(got - expected).max() <= tolerance * np.abs(expected).max()


def test_a_temperature_goes_along_and_the_network_alone_has_its_bits(tmp_path: Path) -> None:
    """Probabilities at the temperature of the classes; W of --network-only is that of the training."""
    cr.train(table(), target="kind", drop=("label", "other", "two", "value"), epochs=3, progress=False,
             neighbours=False, directory=tmp_path / "run")  # fmt: skip
    run = cr.load(tmp_path / "run")
    run.pipeline["target"]["temperature"] = 2.5
    hot = write_onnx(Subject.of(run), tmp_path / "m.onnx", rows_of(run))
    assert hot.difference is not None and hot.difference < 5e-6
    out = tmp_path / "n.onnx"
    assert main(["export", str(tmp_path / "run"), "--to", "onnx", "-o", str(out), "--network-only"]) == 0
    stored = [onnx.numpy_helper.to_array(one) for one in onnx.load(str(out)).graph.initializer]
    assert any(np.array_equal(one, run.network.W[1]) for one in stored)
    assert any(np.array_equal(one, run.network.W[-1]) for one in stored)


def test_what_has_no_form_is_refused_by_name(tmp_path: Path) -> None:
    """Neighbours, texts of words, a standard deviation, an entry without a text; nothing is written."""
    words = [f"{'red old' if k % 2 else 'blue new'} some more words {k}" for k in range(120)]
    texts = {"text": words, "y": [0.0, 1.0] * 60}
    cases = [
        (
            cr.train(texts, target="y", epochs=1, progress=False, kinds={"text": "category:words"}),
            "'text' is read as words",
        ),
        (trained("value", loss="gaussian"), "standard deviation"),
    ]
    for run, words in cases:
        with pytest.raises(cr.SettingsError, match=words):
            write_onnx(Subject.of(run), tmp_path / "m.onnx", None)
    with pytest.raises(cr.SettingsError, match=r"must end with \.onnx"):
        write_onnx(Subject.of(cases[1][0]), tmp_path / "m.bin", None)
    assert not list(tmp_path.iterdir())


def test_a_file_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another activation in the text of the entry is found on the rows."""
    run = trained(activation="tanh")
    monkeypatch.setitem(ACTIVATIONS, "tanh", replace(ACTIVATIONS["tanh"], onnx="Sigmoid(z)"))
    with pytest.raises(cr.SettingsError, match=r"probability_\w+ of row \d+ .* further apart than 1e-05"):
        write_onnx(Subject.of(run), tmp_path / "m.onnx", rows_of(run))
    monkeypatch.setitem(ACTIVATIONS, "tanh", replace(ACTIVATIONS["tanh"], onnx=None))
    with pytest.raises(cr.SettingsError, match=r"activation 'tanh' of layer 1: has no text for ONNX"):
        write_onnx(Subject.of(run), tmp_path / "m.onnx", None)
    for text in ("z.tanh()", "Tanh(z", "Tanh(y)", "__import__('os')"):
        monkeypatch.setitem(ACTIVATIONS, "tanh", replace(ACTIVATIONS["tanh"], onnx=text))
        with pytest.raises(cr.SettingsError, match=r"nested calls of ONNX operators|numbers and names only"):
            write_onnx(Subject.of(run), tmp_path / "m.onnx", None)
    assert not list(tmp_path.iterdir())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Held-out rows are read again and compared; --data others; --network-only takes encoded inputs."""
    assert main(["train", "iris", "-o", str(tmp_path / "run"), "--epochs", "2", "--quiet"]) == 0
    out = tmp_path / "m.onnx"
    assert main(["export", str(tmp_path / "run"), "--to", "onnx", "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert str(out) in said.out and "compared with predict on " in said.err
    assert main(["export", str(tmp_path / "run"), "--to", "onnx", "-o", str(out), "--network-only"]) == 0
    assert [one.name for one in runtime.InferenceSession(str(out)).get_inputs()] == ["X"]
    assert main(["export", str(tmp_path / "run"), "--to", "torch", "-o", str(tmp_path / "m.py"), "--network-only"]) == 2
