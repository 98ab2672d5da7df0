"""Which of two classes is the positive one: f1 and metrics are about it, whatever it is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.sklearn import TabularClassifier
from chainrule.training import metrics
from sklearn import metrics as of

A, B = np.random.default_rng(0).normal(size=(2, 800))
RARE = A + 0.5 * B > 1.4


def frame(rare: str, frequent: str) -> pd.DataFrame:
    """About one row in ten is rare."""
    return pd.DataFrame({"a": A, "b": B, "y": np.where(RARE, rare, frequent)})


@pytest.mark.parametrize(("rare", "frequent"), [("fraud", "legit"), ("b_fraud", "a_legit"), ("1", "0"), ("0", "1")])
def test_f1_is_that_of_the_rarer_class(rare: str, frequent: str, tmp_path: Path) -> None:
    table = frame(rare, frequent)
    table.to_csv(tmp_path / "t.csv", index=False)
    run = cr.train(tmp_path / "t.csv", target="y", epochs=2, progress=False, directory=tmp_path / "run")
    found = run.evaluate(tmp_path / "t.csv")
    guess = np.asarray(run.predict(tmp_path / "t.csv")).astype(str) == rare
    assert found[f"f1[{rare}]"] == pytest.approx(of.f1_score(RARE, guess), rel=1e-12)
    assert [key for key in found if key.startswith("f1[")] == [f"f1[{rare}]"]
    for again in (cr.load(tmp_path / "run"), cr.load(tmp_path / "run" / "model.safetensors")):
        assert again.evaluate(tmp_path / "t.csv") == found


def test_the_class_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, run = tmp_path / "t.csv", str(tmp_path / "run")
    frame("fraud", "legit").to_csv(path, index=False)
    asked = ["train", str(path), "--target", "y", "--epochs", "2"]
    assert main([*asked, "-o", run, "--positive", "legit", "--json"]) == 0
    assert "f1[legit]" in json.loads(capsys.readouterr().out)["validation"]
    assert main(["evaluate", run, str(path), "--json"]) == 0
    assert "f1[legit]" in json.loads(capsys.readouterr().out)
    assert main([*asked, "-o", f"{run}2", "--positive", "Fraud"]) == 2
    assert "positive='Fraud': must be 'fraud' or 'legit'" in capsys.readouterr().err
    for target, how in (("a", {}), ("y", {"positive": 3})):
        with pytest.raises(cr.SettingsError, match="positive="):
            cr.plan(path, target=target, **({"positive": "x"} | how))
    texts = np.where(RARE, "True", "False")
    for values, positive, name in ((RARE, False, "false"), (RARE * 1.0, 0, "0"), (texts, True, "True")):
        plan = cr.plan(frame("x", "y").assign(y=values), target="y", positive=positive)
        assert plan.candidates[-1].pipeline.target.positive_class[1] == name
    three = frame("x", "y").assign(y=np.array(["p", "q", "r"])[np.arange(800) % 3])
    with pytest.raises(cr.SettingsError, match="positive='p': must be left out: there are 3 classes"):
        cr.plan(three, target="y", positive="p")


@pytest.mark.parametrize("name", ["f1", "precision", "recall", "average_precision", "roc_auc", "neg_brier_score"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_metrics_of_epochs_are_about_it(name: str, n_outputs: int) -> None:
    y = RARE.astype(int)
    p = 1 / (1 + np.exp(-(A + 0.4 * B - 1)))[:, None]
    scorer: dict[str, Any] = {
        "f1": lambda t, p: of.f1_score(t, p >= 0.5), "precision": lambda t, p: of.precision_score(t, p >= 0.5),
        "recall": lambda t, p: of.recall_score(t, p >= 0.5), "average_precision": of.average_precision_score,
        "roc_auc": of.roc_auc_score, "neg_brier_score": lambda t, p: -of.brier_score_loss(t, p),
    }  # fmt: skip
    output = p if n_outputs == 1 else np.hstack([1 - p, p])
    for positive in (1, 0):
        score = metrics.choose(name, "class", positive=positive).score(y, output, None)
        probability = p[:, 0] if positive else 1 - p[:, 0]
        assert score == pytest.approx(scorer[name](y == positive, probability), rel=1e-9)


def test_epochs_of_a_table_are_chosen_by_the_f1_of_the_rarer_class() -> None:
    table = frame("fraud", "legit")
    run = cr.plan(table, target="y", metric="f1", epochs=4, validation=table[::3]).train()
    probability = run.evaluate(table[::3])["f1[fraud]"]
    assert max(run.history["f1"]) == pytest.approx(probability, rel=1e-12)


def test_a_model_of_an_earlier_version_speaks_of_its_second_class(tmp_path: Path) -> None:
    table = frame("fraud", "legit")
    run = cr.train(table, target="y", epochs=1, progress=False)
    assert run.pipeline is not None
    before = json.loads(json.dumps(run.pipeline))
    assert before["target"].pop("positive") == 0 and before.pop("weight") is None
    run.record.pipeline = before
    run.save(tmp_path / "old.safetensors")
    old = cr.load(tmp_path / "old.safetensors")
    assert "f1[legit]" in old.evaluate(table) and np.array_equal(old.predict(table), run.predict(table))


def test_the_estimator_keeps_to_the_second_class_as_scikit_learn_does() -> None:
    table = frame("0", "1")
    model = TabularClassifier(random_state=0, max_iter=3, metric="f1").fit(table[["a", "b"]], table["y"])
    assert model.run_.history["f1"][-1] > 0.9 and of.f1_score(~RARE, model.predict(table[["a", "b"]]) == "1") > 0.9
