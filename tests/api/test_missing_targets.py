"""A missing target, NaN, has no loss and no error signal, in whatever explains a step too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 2))
SHARE = 1 / 6


def values(output: str = "identity") -> np.ndarray:
    y = np.random.default_rng(2).uniform(0.1, 2, size=(6, 2))
    return (y > 1).astype(float) if output == "sigmoid" else y


CASES: dict[str, tuple[str, str]] = {
    "identity": ("identity", "squared_error"),
    "not fused": ("tanh", "squared_error"),
    "absolute": ("identity", "absolute_error"),
    "huber": ("identity", "huber"),
    "quantile": ("identity", "quantile:0.9"),
    "labels": ("sigmoid", "cross_entropy"),
    "soft labels": ("sigmoid", "huber"),
    "rates": ("exponential", "poisson"),
    "own delta": ("softplus", "poisson"),
}


def trained(case: str, path: Path | None = None, **how: Any) -> cr.Run:
    """One step on six rows, a target missing in row 3."""
    output, loss = CASES[case]
    y = values(output)
    y[3, 0] = np.nan
    network = cr.Network([2, 3, 2], "tanh", output, loss, seed=1, **how)
    return cr.train(network, X, y, epochs=2, batch_size=6, shuffle=False, directory=path, progress=False)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_why_of_a_missing_target(case: str, dtype: str) -> None:
    """delta is 0 and its lines give 0; the loss of the row is that of its other target; all of it is JSON."""
    step = trained(case, dtype=dtype).replay(0)
    answer = step.why("delta2[3,0]")
    assert answer.value == 0 and answer.origin.last == 0 and answer.rounding == 0
    assert all(term.value == 0 for term in answer.origin.terms)
    shown = answer.text() + answer.text("ko") + answer.to_mermaid()
    assert "nan" not in shown.replace("NaN", "")
    namespace: dict[str, Any] = {}
    exec(answer.numpy(), namespace)
    assert namespace["value"] == 0
    for name in ("delta2[3,0]", "delta2[3,1]", "loss", "dW2[0,0]", "delta1[3,0]", "W2[0,0]", "db2[0]", "da1[3,0]"):
        answer = step.why(name)
        assert "nan" not in answer.text() and "NaN" not in json.dumps(answer.to_dict(), allow_nan=False)
    assert step.why("delta2[3,0]").twin.numeric == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("case", CASES)
def test_explain_of_a_missing_target(case: str, language: str) -> None:
    """The row is answer without a nan: the target is missing, the loss sums the others."""
    text = trained(case).replay(0).explain(language, row=3)
    assert "nan" not in text and ("missing" if language == "en" else "없음") in text


@pytest.mark.parametrize("case", CASES)
def test_circuit_of_a_missing_target(case: str) -> None:
    """The circuit holds the loss of the known target, and gradients that sum to those of the batch."""
    step = trained(case, dtype="float64").replay(0)
    circuits = [step.circuit(i) for i in range(6)]
    assert np.isfinite([gate.value for c in circuits for gate in c.gates]).all()
    json.dumps([c.to_dict() for c in circuits], allow_nan=False)
    assert np.mean([c.value for c in circuits]) == pytest.approx(step.backward.loss, rel=1e-12)
    gradient = np.mean([c.gradients["W1[0,1]"] for c in circuits])
    assert gradient == pytest.approx(step.backward.dW[1][0, 1], rel=1e-9)
    assert circuits[3].gradients["W2[0,0]"] == 0


@pytest.mark.parametrize("case", ["identity", "labels", "rates"])
def test_everything_else_takes_it(case: str, tmp_path: Path) -> None:
    """Doctor, vitals, find, the gradient check, evaluate, the diagram and the page: no nan, no error."""
    run = trained(case, tmp_path / "run")
    y = values(CASES[case][0])
    y[3, 0] = np.nan
    assert "nan" not in run.doctor().text() and "nan" not in str(run.vitals())
    assert run.find("non-finite") is None
    assert cr.check_gradients(run.network, X, y).passed
    assert all(value is None or np.isfinite(value) for value in run.evaluate(X, y).values())
    assert "nan" not in run.replay(0).to_mermaid(row=3)
    json.dumps(run.replay(0).to_dict(), allow_nan=False)
    assert (tmp_path / "run" / "report.html").exists()


def test_rows_that_say_nothing_are_named() -> None:
    """A row of missing targets, a missing class of softmax, a missing single value: refused with the row."""
    y = values()
    y[3] = np.nan
    for output, loss, targets, place in (
        ("identity", "squared_error", y, r"y\[3, 0\] is nan \(row 3\)"),
        ("softmax", "cross_entropy", np.where(np.isnan(y), np.nan, [[1.0, 0.0]] * 6), r"y\[3, 0\] is nan"),
        ("softmax", "cross_entropy", np.array([0, 1, 0, np.nan, 1, 0]), r"y\[3\] is nan"),
    ):
        with pytest.raises(cr.DataError, match=place):
            cr.train(cr.Network([2, 3, 2], "tanh", output, loss), X, targets, progress=False)


def test_json_of_a_step_that_went_wrong_is_json() -> None:
    """Numbers that are not finite are words in to_dict, as in every JSON of a run."""
    network = cr.Network([2, 3, 2], "relu", "identity", "squared_error")
    with pytest.warns(cr.DivergenceWarning):
        run = cr.train(network, X, values(), optimizer=cr.SGD(1e30), epochs=9, batch_size=6, progress=False)
    step = run.replay(-1)
    circuit = cr.circuit("sigmoid")
    circuit.gates[-1].gradient = np.inf
    for answer in (step.to_dict(), step.why("loss").to_dict(), step.why("z2[0,0]").to_dict(), circuit.to_dict()):
        assert '"Infinity"' in json.dumps(answer, allow_nan=False) or '"NaN"' in json.dumps(answer, allow_nan=False)


def test_masked_labels_are_missing_labels() -> None:
    """A masked label and a NaN train to the same bits, and are explained alike."""
    y = values("sigmoid")
    masked = np.ma.array(y, mask=np.zeros(y.shape, bool))
    masked[3, 0] = np.ma.masked
    y[3, 0] = np.nan
    runs = [
        cr.train(cr.Network([2, 3, 2], "tanh", "sigmoid", seed=1), X, targets, epochs=2, shuffle=False, progress=False)
        for targets in (masked, y)
    ]
    assert runs[0].result["sha256"] == runs[1].result["sha256"]
    assert runs[0].replay(0).explain(row=3) == runs[1].replay(0).explain(row=3)


def test_learning_rates_and_curvature_take_missing_targets() -> None:
    """The laboratory and the signs of a run: numbers."""
    y = values()
    y[3, 0] = np.nan
    found = cr.learning_rate(cr.Network([2, 3, 2], "tanh", "identity", "squared_error", seed=1), X, y)
    assert np.isfinite(found.suggested) and "nan" not in found.text()
