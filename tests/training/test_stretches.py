"""Callbacks between stretches of steps: they look on, wait and act, and no bit of the training changes for that."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 5))
Y = (X[:, 0] > 0).astype(int)
HOW: dict[str, Any] = {
    "epochs": 6, "batch_size": 8, "validation": 0.2, "l2": 1e-3, "dropout": 0.1, "schedule": "cosine",
    "progress": False,
}  # fmt: skip


def trained(*callbacks: Any, **how: Any) -> cr.Run:
    return cr.train(cr.Network([5, 7, 2], seed=1), X, Y, callbacks=callbacks, **HOW | how)


def facts(run: cr.Run) -> Any:
    history = {name: column for name, column in run.history.items() if name != "seconds"}
    return run.result["sha256"], run.losses.tobytes(), history


class Led:
    """Bounds every stretch and notes what it saw."""

    def __init__(self, n_steps: int | None, watches: bool = False) -> None:
        self.n_steps, self.watches = n_steps, watches
        self.steps: list[int] = []
        self.records: list[Any] = []
        self.ended: list[Any] = []

    def on_stretch(self, control: Any) -> None:
        control.pace(self.n_steps)
        control.watch(self.watches)
        self.steps.append(control.step)
        self.records.append(control.record)
        assert len(control.losses) == control.step
        assert control.loss == control.losses[-1] if control.step else np.isnan(control.loss)

    def on_training_end(self, run: Any) -> None:
        self.ended.append(run)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(("n_steps", "watches"), [(None, False), (1, False), (3, False), (1, True)])
def test_looking_on_changes_no_bit(n_steps: int | None, watches: bool, engine: str) -> None:
    """However short the stretches are, and whether every step is recorded."""
    led = Led(n_steps, watches)
    run = trained(led, engine=engine)
    assert facts(run) == facts(trained(engine=engine))
    assert led.steps[0] == 0 and led.ended == [run]
    if n_steps == 1:
        assert led.steps == list(range(run.n_steps))
        losses = [None if record is None else record.backward.loss for record in led.records]
        assert losses == ([None, *run.losses[:-1]] if watches else [None] * run.n_steps)
    elif n_steps == 3:
        assert max(np.diff(led.steps)) <= 3


def test_changes_between_stretches_are_replayed() -> None:
    """A rate that is set before step 0 and before step 10 holds from there, in the replay too."""

    class Sets(Led):
        def on_stretch(self, control: Any) -> None:
            super().on_stretch(control)
            if control.step in (0, 10):
                control.set(learning_rate=0.001 if control.step else 0.02)

    run = trained(Sets(1), schedule="constant")
    assert [(event.step, event.value) for event in run.events] == [(0, 0.02), (10, 0.001)]
    assert [step.update.learning_rate for step in run.replay((0, 9, 10))] == [0.02, 0.02, 0.001]
    assert [step.backward.loss for step in run.replay(range(run.n_steps))] == run.losses.tolist()


def test_a_training_can_be_asked_while_it_waits() -> None:
    """`control.run()` is the training up to here: its steps are those of the finished run, and it does not disturb."""
    seen: list[cr.Run] = []

    class Asks(Led):
        def on_stretch(self, control: Any) -> None:
            super().on_stretch(control)
            if control.step == 13:
                seen.append(control.run())
                assert seen[0].replay(12).backward.loss == control.loss
            elif not control.step:
                with pytest.raises(cr.SettingsError, match="at least one step"):
                    control.run()

    run = trained(Asks(1))
    assert facts(run) == facts(trained())
    assert seen[0].n_steps == 13 and seen[0].losses.tobytes() == run.losses[:13].tobytes()
    assert np.array_equal(seen[0].replay(7).backward.dW[1], run.replay(7).backward.dW[1])


def test_waiting_is_no_time_of_the_training() -> None:
    """Neither of its seconds nor of its time limit; another thread may ask meanwhile."""

    class Waits(Led):
        def on_stretch(self, control: Any) -> None:
            super().on_stretch(control)
            if control.step == 12:
                began = time.perf_counter()
                ready = threading.Event()
                threading.Timer(0.3, ready.set).start()
                ready.wait(10)
                control.waited_s += time.perf_counter() - began

    run = trained(Waits(12), time_limit=60)
    assert run.result["stopped"] == "epochs"
    assert sum(run.history["seconds"]) < 0.3 and run.result["seconds"] < 0.3


def test_a_number_that_is_not_finite_ends_a_recorded_training_as_any_other() -> None:
    """The same step, the same weights kept."""
    how: dict[str, Any] = {"optimizer": cr.SGD(1e38), "schedule": "constant", "l2": 0.0, "dropout": 0.0}
    with pytest.warns(cr.DivergenceWarning):
        plain = trained(**how)
    with pytest.warns(cr.DivergenceWarning):
        watched = trained(Led(1, True), **how)
    assert plain.diverged is not None and str(plain.diverged) == str(watched.diverged)
    assert facts(plain)[:2] == facts(watched)[:2]


def test_an_error_between_stretches_ends_the_training() -> None:
    """It comes to the caller; the callback hears that there is no run."""

    class Fails(Led):
        def on_stretch(self, control: Any) -> None:
            raise RuntimeError("no")

    fails = Fails(1)
    with pytest.raises(RuntimeError, match="no"):
        trained(fails)
    assert fails.ended == [None]
