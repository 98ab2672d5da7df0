"""An answer in good time: trials of long trainings are cut, which the text says, and a line says what is being done."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnose.doctor import trials
from chainrule.diagnose.doctor.finding import Diagnosis
from chainrule.diagnose.doctor.held_out_rules import _keys
from chainrule.diagnose.doctor.interface import commands


@pytest.fixture(scope="module")
def slow() -> cr.Run:
    """A rate ten thousand times too small, in a network whose steps take a while."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 20))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    return cr.train(cr.Network([20, 256, 256, 2], seed=0), X, y, optimizer=cr.SGD(1e-5), epochs=12, progress=False)


def test_trials_of_a_long_training_are_cut_and_it_is_said(slow: cr.Run, monkeypatch) -> None:
    """The same first cause by shorter trials; the text names their length and how to have all of them."""
    monkeypatch.setattr(trials, "BUDGET_S", 0.01)
    cut, whole = slow.doctor(), slow.doctor(thorough=True)
    assert cut[0].id == whole[0].id == "learning-rate-too-small"
    assert cut.summary["trial_steps"] < slow.n_steps and "trial_steps" not in whole.summary
    assert cut[0].evidence["steps"] <= cut.summary["trial_steps"] < whole[0].evidence["steps"]
    assert f"{cut.summary['trial_steps']} steps" in cut.text() and "thorough=True" in cut.text()
    assert "--thorough" in cut.for_interface(commands("RUN", None)).text("ko")
    assert "thorough" not in whole.text()


def test_trials_of_a_short_training_are_whole() -> None:
    """Where all steps fit into the budget nothing is cut, and nothing is said."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    run = cr.train(cr.Network([3, 8, 2], seed=0), X, (X[:, 0] > 0).astype(int), optimizer=cr.SGD(1e-5), progress=False)
    assert run.doctor().to_json() == run.doctor(thorough=True).to_json()


def test_a_line_says_what_is_being_done(slow: cr.Run, monkeypatch) -> None:
    """The stages and the trials, in the order in which they are done."""
    said: list[str] = []
    monkeypatch.setattr("chainrule.status.StatusLine.__call__", lambda line, what, *far: said.append(what))
    slow.doctor()
    stages = ["reading the rows", "rows, columns and labels", "loss, outputs and gradients", "the way down"]
    places = [said.index(stage) for stage in stages]
    assert places == sorted(places) and any(what.startswith("trial 1, step 0 of") for what in said)


def test_the_budget_grows_with_the_training(slow: cr.Run) -> None:
    """A tenth of the training or BUDGET_S, whichever is more, over all trials; never less than FEWEST // 3 steps."""
    case = type("Case", (), {})()
    case.task, case.thorough, case.trial_steps = slow._replayer.task(slow.rows), False, None
    case.engine = type("Engine", (), {"step_seconds": staticmethod(lambda flops: 0.01)})()
    case.n_planned = 3_000
    few = trials.n_trial_steps(case)
    assert few == trials.FEWEST // 3 and case.trial_steps == few
    case.n_planned = 30_000  # 300 s: 30 s for all trials
    assert trials.n_trial_steps(case) == int(min(trials.WORK_S, 30 / trials.MANY_TRIALS) / 0.01)
    assert trials.n_trial_steps(case, 5) == 5


def test_equal_rows_have_equal_keys() -> None:
    """Rows that agree in every bit, wherever they stand; a changed or exchanged number changes the key."""
    X = np.random.default_rng(0).normal(size=(4000, 7)).astype(np.float32)
    keys = _keys(X)
    assert len(np.unique(keys)) == len(X)
    assert _keys(X[::-1])[::-1].tolist() == keys.tolist()
    assert (_keys(X[:, ::-1]) != keys).all()
    assert len(np.unique(_keys(np.repeat(X[:9].astype(np.float64), 3, axis=0)))) == 9


def test_a_diagnosis_without_trials_says_nothing_of_samples() -> None:
    """Of a diagnosis from elsewhere."""
    assert "Sampled" not in Diagnosis(findings=(), summary={"steps": 3}).text()
