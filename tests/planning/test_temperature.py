"""The temperature of probabilities: the number by hand, when it is kept, and everywhere it counts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

import chainrule as cr
from chainrule.api.tempered import TemperedNetwork
from chainrule.cli import main
from chainrule.pipeline.stored import PIPELINE
from chainrule.planning.temperature import LEAST_ROWS, costs, found_on, temperature
from chainrule.schema import SchemaError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2400, 4))
LABELS = np.array(["low", "middle", "high"], object)[np.digitize(X[:, 0] + 0.3 * RNG.normal(size=2400), [-0.7, 0.7])]
TABLE = {f"x{k}": X[:, k] for k in range(4)} | {"size": LABELS}
TRAIN, TEST = ({name: values[rows] for name, values in TABLE.items()} for rows in (slice(1800), slice(1800, None)))
SMOOTHED: dict[str, Any] = {"hidden_sizes": (32,), "epochs": 30, "label_smoothing": 0.4, "progress": False}


def outputs(z: Any) -> Any:
    """A network whose logits are known."""
    z = np.asarray(z, float)
    architecture = SimpleNamespace(output="softmax", n_outputs=z.shape[1], members=1)
    return SimpleNamespace(architecture=architecture, logits=lambda X: z)


def drawn(T: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and classes drawn from their softmax at a temperature."""
    rng = np.random.default_rng(1)
    z = 3 * rng.normal(size=(n, 3))
    p = np.exp(z / T) / np.exp(z / T).sum(axis=1, keepdims=True)
    return z, (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 2)


def test_by_hand() -> None:
    """Three of four rows right at z = 2: σ(2/T) = ¾ at T = 2/log 3, to four digits; weights count as rows."""
    z = np.array([[0.0, 2.0]] * 4)
    expected = float(f"{2 / np.log(3):.4g}")
    assert found_on(z, np.array([1, 1, 1, 0]), np.ones(4)) == expected
    assert found_on(z[:2], np.array([1, 0]), np.array([3.0, 1.0])) == expected


@pytest.mark.parametrize("T", [0.5, 1.0, 2.5])
def test_the_temperature_of_drawn_classes_is_found(T: float) -> None:
    """Classes drawn at T show T, and it minimises the loss among its neighbours; at 1 nothing is kept."""
    z, y = drawn(T)
    found = found_on(z, y, np.ones(len(y)))
    assert found == pytest.approx(T, rel=0.1)
    assert all(costs(z, y, found).sum() <= costs(z, y, found * by).sum() + 1e-6 for by in (0.98, 1.02))
    kept = temperature(outputs(z), z, y, None)
    assert kept == (None if T == 1.0 else found)


def test_nothing_is_kept_of_few_rows_or_chance() -> None:
    """Below 300 rows, and where the losses of other rows do not fall, the temperature is 1."""
    z, y = drawn(2.5)
    few = slice(LEAST_ROWS - 1)
    assert temperature(outputs(z[few]), z[few], y[few], None) is None
    z = np.where(np.arange(len(z))[:, None] % 2 == 0, z, 0.1 * z)  # every other row tells nothing of the others
    assert temperature(outputs(z), z, np.random.default_rng(2).integers(0, 3, len(z)) * 0 + z.argmax(axis=1), None)


def test_a_run_keeps_it_and_predicts_by_it(tmp_path: Path) -> None:
    """Label smoothing leaves probabilities too cautious: T < 1 is better on new rows, and no class changes."""
    run = cr.train(TRAIN, target="size", directory=tmp_path / "run", **SMOOTHED)
    T = run.pipeline["target"]["temperature"]
    assert 0.1 < T < 0.8
    inputs = run.encode(TEST)
    z = run.network.logits(inputs).astype(float) / T
    p = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(run.predict_proba(TEST), p / p.sum(axis=1, keepdims=True), rtol=2e-5, atol=1e-7)
    classes = np.array(run.classes)
    assert (run.predict(TEST) == classes[run.network.predict(inputs)]).all()
    raw = log_loss(TEST["size"], run.network.predict_proba(inputs), labels=list(run.classes))
    measured = run.evaluate(TEST)
    assert measured["log_loss"] < 0.9 * raw
    assert measured["log_loss"] == pytest.approx(log_loss(TEST["size"], run.predict_proba(TEST), labels=list(classes)))
    for loaded in (cr.load(tmp_path / "run"), cr.load(tmp_path / "run" / "model.safetensors")):
        assert (loaded.predict_proba(TEST) == run.predict_proba(TEST)).all()
    explained = run.explain_row(TEST, row=2)
    assert f"z / {T:.5g}" in explained.text() and "온도" in explained.text(language="ko")
    one = explained.targets[0]
    assert one.score == pytest.approx(np.log(one.probability / (1 - one.probability)), rel=1e-4)
    assert one.score - one.baseline == pytest.approx(sum(entry.contribution for entry in one.found), rel=1e-2)


def test_replay_is_that_of_the_network_alone() -> None:
    """The steps, and the network, have the bits of the training: the temperature is beside them."""
    run = cr.train(TRAIN, target="size", **SMOOTHED)
    last = run.replay(run.n_steps - 1)
    z = last.forward.z[-1]
    assert "temperature" in run.pipeline["target"]
    shown = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(last.forward.output, shown / shown.sum(axis=1, keepdims=True), rtol=1e-5)
    more = run.extend(epochs=2, progress=False)
    rows = more._replayer.validation
    assert more.pipeline["target"].get("temperature") == temperature(more.network, rows.X, rows.targets, rows.weight)


def test_an_ensemble_has_none() -> None:
    """The mean of several networks is not rescaled, nor are its members."""
    run = cr.train(TRAIN, target="size", members=2, **SMOOTHED)
    assert "temperature" not in run.pipeline["target"]
    assert all("temperature" not in member.pipeline["target"] for member in run.members)
    inputs = run.encode(TEST)
    mean = sum(member.network.predict_proba(inputs).astype(float) for member in run.members) / 2
    np.testing.assert_allclose(run.predict_proba(TEST), mean, rtol=1e-12)


def test_two_classes_and_the_estimator() -> None:
    """One sigmoid: σ(z/T) and σ(−z/T); TabularClassifier finds it too and keeps it in a pickle."""
    import pickle

    from chainrule.sklearn import TabularClassifier

    y = (LABELS == "high").astype(int)
    made = TabularClassifier(label_smoothing=0.4, max_iter=30, hidden_layer_sizes=(32,), random_state=0)
    made.fit(X[:1800], y[:1800])
    T = made._pipeline.target.temperature
    assert T < 0.8
    proba, again = made.predict_proba(X[1800:]), pickle.loads(pickle.dumps(made))
    assert (again.predict_proba(X[1800:]) == proba).all()
    z = made.network_.logits(made._inputs(X[1800:]))[:, 0] / T
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-4, atol=1e-7)
    raw = made.network_.predict_proba(made._inputs(X[1800:]))
    assert (made.predict(X[1800:]) == made.classes_[raw.argmax(axis=1)]).all()


def test_tempered_networks_are_exact_at_powers_of_two() -> None:
    """At T = 4 every z is a quarter to the bit; the classes are those of the network."""
    net = cr.Network([4, 8, 3], seed=1)
    cool = TemperedNetwork(net, 4.0)
    assert (cool.logits(X) == net.logits(X) / 4).all()
    assert (cool.predict(X) == net.predict(X)).all()


def test_the_command_line_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """train prints the temperature, predict writes its probabilities, and a damaged one is refused by its place."""
    lines = ["x0,x1,size", *(f"{a:.5f},{b:.5f},{c}" for (a, b, *_), c in zip(X[:1800], LABELS, strict=False))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    options = ["--target", "size", "--network", "32", "--epochs", "30", "--label-smoothing", "0.4"]
    assert main(["train", str(tmp_path / "rows.csv"), *options, "-o", str(tmp_path / "run")]) == 0
    assert "probabilities at temperature 0." in " ".join(capsys.readouterr().out.split())
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["pipeline"]["target"]["temperature"] < 0.8
    for wrong in (-1, 0, "warm"):
        record["pipeline"]["target"]["temperature"] = wrong
        with pytest.raises(SchemaError, match=r"target\.temperature"):
            PIPELINE.check(record["pipeline"], "pipeline")
