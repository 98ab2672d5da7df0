"""A trial that is what the training would be is taken over: the run has the same bits as if it had been done again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api import execute
from chainrule.api.done_before import DoneTrials

SECONDS = {"seconds"}


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    """A noisy line: one of the candidates that are tried is taken."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1600, 3))
    return {"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x[:, 0] - x[:, 1] + rng.standard_normal(1600)}


def trained(table: dict[str, Any], **how: Any) -> cr.Run:
    return cr.plan(table, target="y", threads=1, neighbours=False).train(progress=False, **how)


def again(table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **how: Any) -> cr.Run:
    """The same, trained after the trials."""
    with monkeypatch.context() as patch:
        patch.setattr(DoneTrials, "of", lambda *_: None)
        return trained(table, **how)


def never(*_: Any) -> None:
    raise AssertionError("trained again")


def test_the_run_has_the_bits_of_one_that_was_trained_after_the_trials(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Parameters, losses, history and every replayed step; in the files too."""
    other = again(table, monkeypatch, directory=tmp_path / "again")
    monkeypatch.setattr(execute, "_run", never)
    run = trained(table, directory=tmp_path / "run")
    assert run.network.parameters.flat.tobytes() == other.network.parameters.flat.tobytes()
    assert np.array_equal(run.losses, other.losses)
    assert run.history.keys() == other.history.keys()
    assert all(list(run.history[name]) == list(other.history[name]) for name in run.history if name not in SECONDS)
    for name in ("stopped", "epochs", "steps", "best_epoch", "best_score", "metric", "sha256", "events"):
        assert run.result[name] == other.result[name]
    loaded = cr.load(tmp_path / "run")
    for t in (0, 1, len(run.losses) // 2, len(run.losses) - 1):
        steps = [each.replay(t) for each in (run, other, loaded)]
        assert len({b"".join(dW.tobytes() for dW in step.backward.dW[1:]) for step in steps}) == 1
    model = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("run", "again")]
    assert model[0] == model[1]


def test_it_goes_on_as_one_that_was_trained(
    table: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The way from its last checkpoint leads to the same state: more epochs give the same bits."""
    other = again(table, monkeypatch, directory=tmp_path / "again")
    run = trained(table, directory=tmp_path / "run")
    n_steps = len(run.losses)
    further = [each.extend(2, progress=False) for each in (run, other)]
    assert np.array_equal(further[0].losses, further[1].losses)
    assert len(further[0].losses) > n_steps


def test_without_a_directory_steps_are_replayed_too(table: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoints of the trial stay in memory."""
    monkeypatch.setattr(execute, "_run", never)
    run = trained(table)
    assert run.replay(len(run.losses) - 1).step == len(run.losses) - 1


def test_a_callback_sees_every_epoch(table: dict[str, Any]) -> None:
    """It may change the training, which is therefore done for it."""
    seen = list[int]()
    run = trained(table, callbacks=[lambda control: seen.append(control.epoch)])
    assert seen == list(range(run.result["epochs"]))


def test_the_longest_training_is_taken_over_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was tried after the others, with the same inputs."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (1600, 2))
    table = {"a": x[:, 0], "b": x[:, 1], "y": np.sin(6 * x[:, 0]) * np.cos(5 * x[:, 1])}
    done, inner = list[Any](), execute._run
    monkeypatch.setattr(execute, "_run", lambda *given: done.append(given) or inner(*given))
    plan = cr.plan(table, target="y", threads=1, neighbours=False, hidden_sizes=(16,))
    run = plan.train(progress=False)
    assert not done and run.result["epochs"] == plan.candidates[-1].settings["epochs"]


def test_a_broken_off_trial_is_no_training(table: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial whose time ran out has done fewer steps than the run will."""
    kept = list[Any]()
    monkeypatch.setattr(DoneTrials, "keep", lambda self, done: kept.append(done))
    trained(table, time_limit=0.02)
    assert all(len(done.result.history["loss"]) == done.settings.epochs for done in kept)
