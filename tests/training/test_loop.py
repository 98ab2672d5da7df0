"""The loop: what is done for several epochs together is what would be done after each of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.protocol import StepSettings, Task
from chainrule.engine.select import select
from chainrule.training import loop

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 4)), RNG.integers(0, 3, 50)
ENGINES = ["native", "numpy"]


def trained(
    monkeypatch: pytest.MonkeyPatch, *, ahead: bool, engine: str, labels: bool = True, **settings: Any
) -> cr.Run:
    """A training of many short epochs, in stretches that take in several of them or end with each."""
    monkeypatch.setattr(loop, "AHEAD_BYTES", 2**22 if ahead else 0)
    net = cr.Network([4, 8, 3]) if labels else cr.Network([4, 1], output="identity", loss="squared_error")
    y = Y if labels else X[:, 0] + Y
    return cr.train(net, X, y, **{"batch_size": 7, "epochs": 40, "progress": False, "engine": engine} | settings)


@pytest.mark.filterwarnings("ignore::chainrule.errors.DivergenceWarning")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": cr.Adam(0.01), "l2": 0.01, "schedule": "exponential", "warm_up": 0.1},
        {"sample_weight": np.arange(50.0), "dropout": 0.3},
        {"optimizer": cr.SGD(3.0), "warm_up": 1.0, "labels": False},
        {"optimizer": cr.SGD(1e30), "epochs": 5},
    ],
    ids=["adam", "weights", "explodes", "not finite"],
)
def test_epochs_taken_together_are_told_one_by_one(
    monkeypatch: pytest.MonkeyPatch, engine: str, settings: dict[str, Any]
) -> None:
    """History, best parameters, losses and divergence are the same to the bit, whatever a stretch takes in."""
    together, single = (trained(monkeypatch, ahead=ahead, engine=engine, **settings) for ahead in (True, False))
    assert together.result["sha256"] == single.result["sha256"]
    assert together.losses.tobytes() == single.losses.tobytes()
    for name in ("loss", "penalty", "learning_rate"):
        assert together.history.get(name) == single.history.get(name)
    for name in ("stopped", "epochs", "steps", "best_epoch", "best_score"):
        assert together.result[name] == single.result[name]
    assert str(together.diverged) == str(single.diverged)
    np.testing.assert_equal(together.replay(together.n_steps - 1).backward.loss, together.losses[-1])


def test_an_explosion_within_a_stretch_ends_the_run_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Epochs done behind the one whose loss exploded are no part of the run, and the best before it is kept."""
    settings: dict[str, Any] = {"engine": "native", "labels": False, "optimizer": cr.SGD(3.0), "warm_up": 1.0}
    with pytest.warns(cr.DivergenceWarning, match="more than 1000 times"):
        run = trained(monkeypatch, ahead=True, **settings)
    assert run.diverged is not None
    last = run.diverged.epoch
    assert last > 0
    assert run.n_steps == 8 * (last + 1)
    assert len(run.history["loss"]) == last
    best = int(np.argmin(run.history["loss"]))
    assert run.result["best_epoch"] == best
    kept = run.replay(8 * best + 7).update.new.parameters.flat
    assert kept.tobytes() == run.network.parameters.flat.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_session_tells_the_parameters_at_the_ends_of_epochs(engine: str) -> None:
    """Each row of `thetas` is what store() gives after that epoch; a stretch may begin and end within epochs."""
    net = cr.Network([4, 8, 3])
    task = Task(
        architecture=net.architecture,
        X=X.astype(np.float32),
        targets=Y.astype(np.int32),
        weight=None,
        optimizer="sgd",
        batch_size=7,
        seed=0,
    )
    settings = StepSettings(optimizer={"momentum": 0.0, "nesterov": 0.0})

    def begun() -> Any:
        session = select(engine, net.architecture)[0].start(task, settings)
        session.load(net.parameters.flat, {})
        return session

    result = np.full((3, net.architecture.n_parameters), np.nan, np.float32)
    together, single = begun(), begun()
    together.advance(0, np.full(5, 0.1), settings)
    together.advance(5, np.full(15, 0.1), settings, None, result)  # the ends of epochs 0 and 1, at steps 8 and 16
    for end, row in zip((8, 16), result, strict=False):
        single.advance(end - 8, np.full(8, 0.1), settings)
        assert row.tobytes() == single.theta().tobytes() == single.store()[0].tobytes()
    assert np.isnan(result[2]).all()


def test_seconds_of_epochs_taken_together_add_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every epoch has its share of the time, the history on disk has every line, and the sum is that of the run."""
    run = trained(monkeypatch, ahead=True, engine="native", directory=tmp_path / "run", epochs=200)
    seconds = run.history["seconds"]
    assert min(seconds) > 0 and sum(seconds) <= run.result["seconds"]
    lines = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(200))
    assert [line["seconds"] for line in lines] == seconds
