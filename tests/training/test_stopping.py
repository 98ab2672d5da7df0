"""Rules that stop a training: plain data in, a decision out; and the loop that carries it out."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.api import execute as door
from chainrule.training.checkpoints import Progress
from chainrule.training.events import Event
from chainrule.training.metrics import TRAINING_LOSS
from chainrule.training.rates import Rates
from chainrule.training.settings import Settings
from chainrule.training.stopping import (
    Divergence,
    EpochEnd,
    Interruption,
    NoImprovement,
    Patience,
    Plateau,
    RuleDecision,
    TimeLimit,
)
from chainrule.training.update_rules import SGD

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)


def ended(epoch: int, loss: float, **line: float) -> EpochEnd:
    """The end of an epoch of two steps."""
    losses = np.array([loss, loss])
    return EpochEnd(epoch, 2 * epoch + 2, losses, loss, loss, 0.1, {"loss": loss, **line}, 1.0, None)


def decisions(rule: Any, losses: list[float], **lines: list[float]) -> list[RuleDecision | None]:
    """What a rule decides epoch by epoch; lines: further entries of the history."""
    rows = [{name: values[n] for name, values in lines.items()} for n in range(len(losses))]
    return [rule.epoch_ended(ended(n, loss, **rows[n])) for n, loss in enumerate(losses)]


def test_tol_counts_epochs_in_a_row() -> None:
    """More than n_iter_no_change epochs that did not improve by tol end it; one that did begins anew."""
    rule = NoImprovement(0.1, 2, by_score=False)
    assert rule.least_epochs() == 3
    assert decisions(rule, [1.0, 0.95, 0.8, 0.75, 0.74]) == [None] * 5
    assert rule.least_epochs() == 1
    assert rule.epoch_ended(ended(5, 0.73)) == RuleDecision("converged")
    assert (rule.count, rule.best_loss) == (3, 0.73)


def test_an_adaptive_rate_is_divided_until_it_is_small() -> None:
    """η is divided by 5 instead, and the count begins anew; from 1e-6 on training ends."""
    said: list[str] = []
    rule = NoImprovement(0.0, 1, by_score=False, learning_rate=4e-6, say=said.append)
    found = decisions(rule, [1.0] + 6 * [2.0])
    assert [None if each is None else (each.stop, each.learning_rate) for each in found] == [
        None, None, (None, 4e-6 / 5), None, ("converged", None), ("converged", None), ("converged", None),
    ]  # fmt: skip
    assert ["Learning rate is" in text for text in said] == [True, False, False, False]


def test_a_score_marks_the_best_epoch() -> None:
    """To stop early the score is watched: the more the better, and a tie is not the best."""
    rule = NoImprovement(0.0, 1, by_score=True)
    found = decisions(rule, [1.0] * 4, score=[0.5, 0.7, 0.7, 0.6])
    assert [each is not None and each.is_best for each in found] == [True, True, False, False]
    assert rule.best_score == 0.7


def test_patience_and_plateau_share_their_progress() -> None:
    """Of equal losses the last is the best, but no improvement: patience and plateau both count it."""
    progress = Progress()
    plateau, patience = Plateau(TRAINING_LOSS, progress, 0.5, 2), Patience(TRAINING_LOSS, progress, 3)
    assert patience.least_epochs() == 3
    for epoch, loss in enumerate([1.0, 0.5, 0.5, 0.6]):
        assert plateau.epoch_ended(ended(epoch, loss)) is None
        decision = patience.epoch_ended(ended(epoch, loss))
        assert (decision is not None and decision.is_best) == (epoch < 3)
    assert (progress.best_epoch, progress.plateau_factor, patience.least_epochs()) == (2, 0.5, 1)
    assert patience.epoch_ended(ended(4, 0.7)) == RuleDecision("early_stopping")


@pytest.mark.parametrize(("loss", "penalty"), [(2e3, 0.0), (0.5, np.inf), (np.inf, 0.0)])
def test_divergence_is_named(loss: float, penalty: float) -> None:
    """A loss far above that of a constant output, or a number that is not finite, ends it; the epoch does not count."""
    decision = Divergence(1.0).epoch_ended(ended(3, loss, penalty=penalty))
    assert decision is not None
    assert decision.diverged is not None
    assert decision.diverged.epoch == 3
    assert not decision.counts
    assert Divergence(1.0).epoch_ended(ended(3, 0.5, penalty=0.0)) is None


def test_limits_end_between_steps() -> None:
    """Time and interruption give their reason."""
    assert [TimeLimit(1.0).reached(t) for t in (0.5, 1.5)] == [None, "time_limit"]
    assert TimeLimit(None).reached(1e9) is None
    assert [Interruption(asked).reached(0.0) for asked in (lambda: False, lambda: True)] == [None, "interrupted"]


def test_settings_hold_up_to_the_next_event() -> None:
    """A stretch ends where an event changes what holds, and nowhere behind its own end."""
    events = [Event(10, "set", "learning_rate", 0.5), Event(30, "set", "l2", 0.1), Event(12, "stop", value="callback")]
    rates = Rates(Settings(optimizer=SGD(1.0)), 5, events, None, 0)
    assert [rates.next_change(step, 20) for step in (0, 9, 10, 15)] == [10, 10, 20, 20]
    assert [rates.of(step, step + 2, 1.0).tolist() for step in (8, 10)] == [[1.0, 1.0], [0.5, 0.5]]
    assert [rates.at(step)[1].l2 for step in (29, 30, 31, 5)] == [0.0, 0.1, 0.1, 0.0]
    planned = Rates(Settings(optimizer=SGD(1.0)), 5, [], lambda first, last: np.arange(first, last) // 2 + 1.0, 0)
    assert planned.to_note(4) == [Event(2, "set", "learning_rate", 2.0)]
    assert planned.to_note(6) == [Event(4, "set", "learning_rate", 3.0)]


class DividesAfter:
    """A rule that changes η after some epochs, wherever a stretch ends."""

    needs_parameters = False

    def __init__(self, epochs: set[int]) -> None:
        self._epochs = epochs

    def least_epochs(self) -> float:
        return 1

    def epoch_ended(self, end: EpochEnd) -> RuleDecision | None:
        return RuleDecision(learning_rate=end.learning_rate / 2) if end.epoch in self._epochs else None


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_a_rule_that_changes_the_rate_is_an_event(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    """The steps go on from the end of that epoch with the new η, to the bit as a callback would have it; so replays."""
    given: dict[str, Any] = {"epochs": 30, "batch_size": 7, "progress": False, "engine": engine}

    def halve(control: Any) -> None:
        if control.epoch in (11, 17):
            control.set(learning_rate=control.history["learning_rate"][-1] / 2)

    called = cr.train(cr.Network([4, 8, 3]), X, Y, callbacks=[halve], **given)
    whole = door.trainer_of

    def with_rule(*args: Any, **how: Any) -> Any:
        trainer = whole(*args, **how)
        trainer.rules = [*trainer.rules, DividesAfter({11, 17})]
        return trainer

    monkeypatch.setattr(door, "trainer_of", with_rule)
    ruled = cr.train(cr.Network([4, 8, 3]), X, Y, **given)
    assert ruled.result["sha256"] == called.result["sha256"]
    assert [(event.step, event.value) for event in ruled.events] == [(96, 0.0005), (144, 0.00025)]
    assert ruled.losses.tobytes() == called.losses.tobytes()
    assert ruled.replay(200).backward.loss == ruled.losses[200]


def test_the_stop_of_a_loss_that_ran_away_can_be_moved_and_switched_off() -> None:
    """A loss that rises to 1e5 times its start ends at the factor asked for, or not at all; the run records it."""
    X, y = np.array([[1.0], [-1.0]]), np.array([[1.0], [-1.0]])
    network = cr.Network([1, 1], output="identity", loss="squared_error", dtype="float64")

    def train(**options: Any) -> cr.Run:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", cr.DivergenceWarning)
            how: dict[str, Any] = dict(optimizer=cr.SGD(2.5), batch_size=2, epochs=15, progress=False)
            return cr.train(network, X, y, **how | options)

    free = train(divergence_factor=None)
    assert free.diverged is None and len(free.losses) == 15 and free.settings.divergence_factor is None
    scale = max(free.losses[0], 0.5)  # that of a constant output is ½
    for factor in (30.0, 1000.0):
        run = train(divergence_factor=factor)
        assert run.diverged is not None and run.diverged.epoch == int(np.argmax(free.losses > factor * scale))
        assert f"{factor:g} times" in str(run.diverged) and "divergence_factor=None" in str(run.diverged)
    assert str(train().diverged) == str(run.diverged)


def test_a_run_without_the_setting_is_resumed(tmp_path: Path) -> None:
    """A run.json from before a setting was there means its default."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    how: dict[str, Any] = dict(epochs=4, progress=False, directory=tmp_path / "run", resume=True)
    stop = [lambda control: control.stop() if control.epoch == 1 else None]
    cr.train(cr.Network([2, 2]), X, np.arange(20) % 2, callbacks=stop, **how)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    del record["settings"]["divergence_factor"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert cr.load(tmp_path / "run").settings.divergence_factor == 1000
    assert len(cr.train(cr.Network([2, 2]), X, np.arange(20) % 2, **how).history["loss"]) == 4
